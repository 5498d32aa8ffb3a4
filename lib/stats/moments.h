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

  double variance() const { return count > 1 ? squares / (count - 1) : 0; }
  double stderr_of_mean() const;
};

Moments merged(const Moments& a, const Moments& b);

// Moments of at most kLeafPaths values; those that are not finite are left out of the count. Fixed order of
// summation.
Moments leaf_moments(const double* values, std::size_t n);

// Moments of several quantities.
using MomentTree = LeafTree<Moments>;

}  // namespace sde
