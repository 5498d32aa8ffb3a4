// A virtual Brownian tree read part by part, for paths that are all at the same time: the parts on the way to
// the last one are kept, so that going on from it costs the nodes between and not a descent from the root.
// Walking forward over 2^k equal steps evaluates every node once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/aligned.h"
#include "base/block.h"
#include "brownian/tree.h"

namespace sde {

// A dyadic part of the span, [k 2^j, (k + 1) 2^j) ticks.
struct TreePart {
  std::uint64_t start = 0;  // in ticks
  int depth = 0;            // of 2^(62 - depth) ticks

  std::uint64_t ticks() const { return std::uint64_t{1} << (BrownianTree::kLevels - depth); }
  // Its place in the tree: 1 for the span, those of its halves are twice that and one more.
  std::uint64_t node() const {
    return (std::uint64_t{1} << depth) | start >> (BrownianTree::kLevels - depth);
  }
};

// The longest part that begins at `from`, ends no later than `to` > from and is of 2^longest ticks at most.
TreePart longest_part(std::uint64_t from, std::uint64_t to, int longest = BrownianTree::kLevels);

// One thread's.
class TreeWalker {
 public:
  // `lanes` is a multiple of kLaneQuantum. The tree must outlive the walker.
  TreeWalker(const BrownianTree& tree, std::size_t lanes);

  // Moves to the paths first_id, first_id + 1 ...
  void start(std::uint64_t first_id);

  // To any part; near the last one is fast.
  void move(const TreePart& part);

  // [component][lane] of the part moved to: 0, its W; 1, -2 sqrt(3) H; 2, where the tree has K, 12 sqrt(5) K.
  // Valid until a move to a part that does not lie in it.
  ConstBlock coordinate(std::size_t i) const;

  // Nodes evaluated since the start, of one path.
  std::uint64_t nodes() const { return nodes_; }

 private:
  double* row(int level, std::size_t r, std::size_t c);
  void evaluate();

  struct Step {
    std::uint64_t start = 0;
    bool right = false;   // half of its parent
    bool halved = false;  // whether the rows of this level hold its halves
  };

  const BrownianTree& tree_;
  std::size_t lanes_, coordinates_;
  std::uint64_t first_id_ = 0, nodes_ = 0;
  int depth_ = 0;
  std::array<Step, BrownianTree::kLevels + 1> path_;
  AlignedVector<double> root_;                 // [coordinate][component][lane] of the span
  std::vector<AlignedVector<double>> levels_;  // [level] -> [left, right][coordinate][component][lane]
};

}  // namespace sde
