// Mean and variance of an ensemble that come out the same for any block size, thread count and shard: see
// leaf_tree.h.
#pragma once

#include <cstddef>

#include "stats/leaf_tree.h"

namespace sde {

// Count, mean and centred sum of squares of one quantity (Chan, Golub & LeVeque 1983 for the merge).
struct Moments {
  double count = 0;
  double mean = 0;
  double squares = 0;  // sum (x - mean)^2

  double variance() const { return count > 1 ? squares / (count - 1) : squares; }
  double stderr_of_mean() const;
};

inline Moments merged(const Moments& a, const Moments& b) {
  if (a.count == 0) return b;
  if (b.count == 0) return a;
  const double count = a.count + b.count;
  const double difference = b.mean - a.mean;
  // Of leaves that are whole, without a division.
  const double share = a.count == b.count ? 0.5 : b.count / count;
  const double weight = a.count == b.count ? 0.5 * a.count : a.count * b.count / count;
  return {count, a.mean + difference * share, a.squares + b.squares + difference * difference * weight};
}

// Moments of at most kLeafPaths values; those that are not finite are left out of the count. Fixed order of
// summation.
Moments leaf_moments(const double* values, std::size_t n);

// Moments of several quantities.
using MomentTree = LeafTree<Moments>;

}  // namespace sde
