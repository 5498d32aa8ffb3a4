#include "brownian/tree_walk.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "simd/target.h"

namespace sde {
namespace {

constexpr std::uint64_t kTicks = BrownianTree::kTicks;
constexpr std::size_t kLanes = 48;

// Moves the walker over `ticks` and expects the bits of the tree at each.
void expect_the_tree(const BrownianTree& tree, TreeWalker& walker, const std::vector<std::uint64_t>& ticks,
                     std::uint64_t first_id) {
  std::vector<std::uint64_t> ids(kLanes), at(kLanes);
  std::iota(ids.begin(), ids.end(), first_id);
  StateBlock<double> w(tree.noises(), kLanes), h(tree.noises(), kLanes);
  walker.start(first_id);
  for (const std::uint64_t tick : ticks) {
    walker.move(tick);
    std::fill(at.begin(), at.end(), tick);
    tree.at(ids.data(), at.data(), w.view(), h.view());
    for (std::size_t c = 0; c < tree.noises(); ++c) {
      for (std::size_t i = 0; i < kLanes; ++i) {
        ASSERT_EQ(walker.w(c)[i], w.row(c)[i]) << tick << " of component " << c;
        ASSERT_EQ(walker.hbar(c)[i], h.row(c)[i]) << tick << " of component " << c;
      }
    }
  }
}

TEST(TreeWalker, HasTheBitsOfTheTreeInAnyOrderOnAnyTarget) {
  const BrownianTree tree(3, 2, 1.7);
  std::mt19937_64 engine(2);
  std::vector<std::uint64_t> ticks = {0, kTicks, 1, kTicks - 1, 0, kTicks / 2, kTicks / 2 - 1, kTicks};
  for (int i = 0; i < 60; ++i) ticks.push_back(engine() >> 2 >> (i % 20) << (i % 20));
  std::vector<std::uint64_t> forward = ticks, even;
  std::sort(forward.begin(), forward.end());
  for (std::uint64_t i = 0; i <= 37; ++i) even.push_back(kTicks / 37 * i);
  for (const std::string& target : available_targets()) {
    set_target(target);
    TreeWalker walker(tree, kLanes, true);
    expect_the_tree(tree, walker, ticks, 100);
    expect_the_tree(tree, walker, forward, 1ull << 40);
    expect_the_tree(tree, walker, even, 7);
  }
  set_target(available_targets().front());
}

TEST(TreeWalker, WithoutAreasHasTheSamePath) {
  const BrownianTree tree(3, 1, 1.0);
  TreeWalker with(tree, kLanes, true), without(tree, kLanes, false);
  with.start(5);
  without.start(5);
  for (std::uint64_t i = 1; i <= 100; ++i) {
    with.move(kTicks / 100 * i);
    without.move(kTicks / 100 * i);
    for (std::size_t lane = 0; lane < kLanes; ++lane) ASSERT_EQ(with.w(0)[lane], without.w(0)[lane]);
  }
}

TEST(TreeWalker, EvaluatesEveryNodeOnceOverAPowerOfTwoOfSteps) {
  const BrownianTree tree(3, 1, 1.0);
  TreeWalker walker(tree, kLanes, false);
  walker.start(0);
  for (std::uint64_t i = 1; i <= 1024; ++i) walker.move(kTicks / 1024 * i);
  EXPECT_EQ(walker.nodes(), 1024u);  // the span and 1023 middles
}

}  // namespace
}  // namespace sde
