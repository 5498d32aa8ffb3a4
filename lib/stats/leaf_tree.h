// Statistics of an ensemble that come out the same for any block size, thread count and shard.
//
// Path ids are cut into leaves of kLeafPaths neighbours; leaves are merged along a binary tree over their
// numbers, so the order of every addition is a function of the ids alone, whatever finishes first.
#pragma once

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace sde {

inline constexpr std::size_t kLeafPaths = 64;

// What n = 2^k neighbouring leaves of one quantity come to; in the place of the first.
template <class T>
const T& join_leaves(T* leaves, std::size_t n) {
  for (std::size_t step = 1; step < n; step *= 2)
    for (std::size_t i = 0; i < n; i += 2 * step) leaves[i] = merged(leaves[i], leaves[i + step]);
  return leaves[0];
}

// A subtree that is whole: leaves index * 2^level to (index + 1) * 2^level.
struct LeafNode {
  static constexpr int kHighest = 58;  // of 64 bits of ids

  int level = 0;
  std::uint64_t index = 0;

  std::uint64_t first() const { return index << level; }
  std::size_t leaves() const { return std::size_t{1} << level; }
};

// The fewest nodes, none above `highest`, of which leaves `first` to `first + count` are made.
inline std::vector<LeafNode> leaf_nodes(std::uint64_t first, std::uint64_t count, int highest) {
  std::vector<LeafNode> nodes;
  for (const std::uint64_t end = first + count; first < end;) {
    const int level =
        std::min({highest, std::countr_zero(first), static_cast<int>(std::bit_width(end - first)) - 1});
    nodes.push_back({level, first >> level});
    first += std::uint64_t{1} << level;
  }
  return nodes;
}

// Several quantities T over all leaves seen so far. `merged(a, b)`, found by argument-dependent lookup, joins
// two neighbours; a default T is empty and changes nothing. Not thread-safe: callers lock.
template <class T>
class LeafTree {
 public:
  explicit LeafTree(std::size_t quantities = 0) : quantities_(quantities) {}

  // Leaf number `leaf` (path ids leaf * kLeafPaths ...); each leaf is added once.
  void add(std::uint64_t leaf, std::vector<T> values) { insert(0, leaf, std::move(values)); }
  // Joins another tree over other leaves (a shard).
  void merge(LeafTree other) {
    for (auto& [place, values] : other.nodes_) insert(place.first, place.second, std::move(values));
  }
  // All leaves merged, from the left.
  std::vector<T> total() const {
    std::vector<std::pair<std::uint64_t, const std::vector<T>*>> ordered;
    for (const auto& [place, values] : nodes_) ordered.emplace_back(place.second << place.first, &values);
    std::sort(ordered.begin(), ordered.end());
    std::vector<T> result(quantities_);
    for (const auto& [first, values] : ordered) join(result, *values, result);
    return result;
  }

  std::size_t quantities() const { return quantities_; }
  // The maximal complete subtrees, (level, index) -> values: what a shard has to store.
  using Nodes = std::map<std::pair<int, std::uint64_t>, std::vector<T>>;
  const Nodes& nodes() const { return nodes_; }
  // A node as nodes() had it.
  void insert(int level, std::uint64_t index, std::vector<T> values) {
    assert(values.size() == quantities_);
    for (auto sibling = nodes_.find({level, index ^ 1}); sibling != nodes_.end();
         sibling = nodes_.find({level, index ^ 1})) {
      if (index & 1)
        join(sibling->second, values, values);
      else
        join(values, sibling->second, values);
      nodes_.erase(sibling);
      ++level;
      index >>= 1;
    }
    nodes_.emplace(std::pair{level, index}, std::move(values));
  }

 private:
  static void join(const std::vector<T>& a, const std::vector<T>& b, std::vector<T>& into) {
    for (std::size_t i = 0; i < a.size(); ++i) into[i] = merged(a[i], b[i]);
  }

  std::size_t quantities_;
  Nodes nodes_;
};

}  // namespace sde
