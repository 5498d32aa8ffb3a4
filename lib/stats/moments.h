// Mean and variance of an ensemble that come out the same for any block size, thread count and shard.
//
// Path ids are cut into leaves of kLeafPaths neighbours; leaves are merged along a binary tree over their
// numbers, so the order of every addition is a function of the ids alone, whatever finishes first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

namespace sde {

inline constexpr std::size_t kLeafPaths = 64;

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

// Moments of several quantities over all leaves seen so far. Not thread-safe: callers lock.
class MomentTree {
 public:
  explicit MomentTree(std::size_t quantities = 0) : quantities_(quantities) {}

  // The moments of leaf number `leaf` (path ids leaf * kLeafPaths ...); each leaf is added once.
  void add(std::uint64_t leaf, std::vector<Moments> moments);
  // Joins another tree over other leaves (a shard).
  void merge(MomentTree other);
  // All leaves merged, from the left.
  std::vector<Moments> total() const;

  std::size_t quantities() const { return quantities_; }
  // The maximal complete subtrees, (level, index) -> moments: what a shard has to store.
  using Nodes = std::map<std::pair<int, std::uint64_t>, std::vector<Moments>>;
  const Nodes& nodes() const { return nodes_; }

 private:
  void insert(int level, std::uint64_t index, std::vector<Moments> moments);

  std::size_t quantities_;
  Nodes nodes_;
};

}  // namespace sde
