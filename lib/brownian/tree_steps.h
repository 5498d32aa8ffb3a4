// Steps along a virtual Brownian tree: what the path does between any two of its ticks.
#pragma once

#include <cstdint>
#include <optional>

#include "brownian/area.h"
#include "brownian/chen.h"
#include "brownian/tree.h"
#include "brownian/tree_walk.h"

namespace sde {

// A step is the longest dyadic parts of the span that make it up, from the first to the last, joined by
// Chen's relation: a function of its two ends alone, and where it is one part, that part itself. Levy areas
// are drawn by `law` for parts of at most `area_length`, each addressed by its place in the tree, and joined
// likewise: steps of different lengths have the areas of one path where they agree on area_length. One
// thread's.
class TreeSteps {
 public:
  // The tree must outlive this object, and have K where `needs` does.
  TreeSteps(const BrownianTree& tree, std::uint64_t seed, BrownianNeeds needs, AreaLaw law,
            double area_length, std::size_t lanes);

  void start(std::uint64_t first_id);

  // From tick to tick, from < to; valid until the next call. One after the other is fast.
  const PathPiece& serve(std::uint64_t from, std::uint64_t to);

  std::uint64_t nodes() const { return walker_.nodes(); }

 private:
  PathPiece piece(const TreePart& part);

  const BrownianTree& tree_;
  BrownianNeeds needs_;
  std::size_t lanes_;
  std::uint64_t first_id_ = 0;
  int area_ticks_;  // log2 of
  TreeWalker walker_;
  std::optional<AreaSource> areas_;
  PathSum sum_, area_sum_;
  StateBlock<double> area_, part_H_;  // of a part
  StateBlock<double> H_, K_;          // of a step
  PathPiece step_;
};

}  // namespace sde
