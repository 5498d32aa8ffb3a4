// A virtual Brownian tree read from one time to the next, for paths that are all at the same time: the
// intervals that hold the last time are kept, so that a step costs the nodes between two neighbouring times
// and not a descent from the root. Walking forward over 2^k equal steps evaluates every node once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/aligned.h"
#include "brownian/tree.h"

namespace sde {

// One thread's. The values are those of BrownianTree::at, bit for bit.
class TreeWalker {
 public:
  // `lanes` is a multiple of kLaneQuantum. Without `areas`, hbar() is not served and costs nothing. The tree
  // must outlive the walker.
  TreeWalker(const BrownianTree& tree, std::size_t lanes, bool areas);

  // Moves to the paths first_id, first_id + 1 ...
  void start(std::uint64_t first_id);

  // To any tick <= BrownianTree::kTicks; near the last one is fast.
  void move(std::uint64_t tick);

  // [lane]: W of component c at the tick, and t H_{0,t}; valid until the next move.
  const double* w(std::size_t c) const { return result(c, 0); }
  const double* hbar(std::size_t c) const { return result(c, 1); }

  // Nodes evaluated since the start, of one path.
  std::uint64_t nodes() const { return nodes_; }

 private:
  enum Row { left_w, left_h, right_w, right_h, middle_w, middle_h, kRows };

  double* row(int level, std::size_t c, int r);
  const double* row(int level, std::size_t c, int r) const;
  const double* result(std::size_t c, int which) const;
  void evaluate();

  // An interval on the way down, of 2^(62 - depth) ticks.
  struct Interval {
    std::uint64_t start = 0;
    double time = 0;       // of its start, summed as BrownianTree sums it
    int value_level = -1;  // W and Hbar at its start stand in the middle rows of this level; -1: they are 0
    bool right = false;    // half of its parent
    bool halved = false;   // whether the rows of this level hold its halves
  };

  const BrownianTree& tree_;
  std::size_t lanes_;
  bool areas_;
  std::uint64_t first_id_ = 0, nodes_ = 0;
  int depth_ = 0, result_level_ = -1;
  bool at_end_ = false;
  std::array<Interval, BrownianTree::kLevels + 1> path_;
  AlignedVector<double> root_, zero_;          // [component][W, Hbar][lane] of the span; [lane]
  std::vector<AlignedVector<double>> levels_;  // [level] -> [component][row][lane]
};

}  // namespace sde
