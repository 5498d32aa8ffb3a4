#include "brownian/tree_walk.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <numeric>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "brownian/chen.h"
#include "simd/target.h"

namespace sde {
namespace {

constexpr std::uint64_t kTicks = BrownianTree::kTicks;
constexpr std::size_t kLanes = 48;

TEST(TreePart, IsTheLongestThatFits) {
  EXPECT_EQ(longest_part(0, kTicks).depth, 0);
  EXPECT_EQ(longest_part(0, kTicks - 1).depth, 1);
  EXPECT_EQ(longest_part(kTicks / 2, kTicks).depth, 1);
  EXPECT_EQ(longest_part(1, kTicks).ticks(), 1u);
  EXPECT_EQ(longest_part(6, 1024).ticks(), 2u);
  EXPECT_EQ(longest_part(8, 11).ticks(), 2u);
  EXPECT_EQ(longest_part(0, kTicks, 50).ticks(), std::uint64_t{1} << 50);
  const TreePart part{kTicks / 4 * 3, 2};
  EXPECT_EQ(part.node(), 7u);
}

std::vector<double> values(const TreeWalker& walker, std::size_t coordinates, std::size_t noises) {
  std::vector<double> all;
  for (std::size_t i = 0; i < coordinates; ++i)
    for (std::size_t c = 0; c < noises; ++c)
      all.insert(all.end(), walker.coordinate(i).row(c), walker.coordinate(i).row(c) + kLanes);
  return all;
}

// Any order of parts, any target, by way of others or not: the same bits.
TEST(TreeWalker, PartsAreAPureFunction) {
  for (const bool third : {false, true}) {
    const BrownianTree tree(3, 2, 1.7, third);
    const std::size_t coordinates = third ? 3 : 2;
    std::mt19937_64 engine(2);
    std::vector<TreePart> parts = {{0, 0}, {0, 1}, {kTicks / 2, 1}, {0, 62}, {kTicks - 1, 62}, {6, 61}};
    for (int i = 0; i < 50; ++i) {
      const int depth = static_cast<int>(engine() % 63);
      const std::uint64_t index = depth == 0 ? 0 : engine() >> (64 - depth);
      parts.push_back({index << (62 - depth), depth});
    }
    std::vector<std::vector<double>> expected;
    for (const std::string& target : available_targets()) {
      set_target(target);
      for (std::size_t i = 0; i < parts.size(); ++i) {
        TreeWalker alone(tree, kLanes);
        alone.start(100);
        alone.move(parts[i]);
        if (expected.size() == i) expected.push_back(values(alone, coordinates, 2));
        ASSERT_EQ(values(alone, coordinates, 2), expected[i]) << target;
      }
      TreeWalker walker(tree, kLanes);
      walker.start(100);
      std::vector<std::size_t> order(parts.size());
      std::iota(order.begin(), order.end(), 0u);
      for (int repeat = 0; repeat < 5; ++repeat) {
        std::shuffle(order.begin(), order.end(), engine);
        for (std::size_t i : order) {
          walker.move(parts[i]);
          ASSERT_EQ(values(walker, coordinates, 2), expected[i]) << target << " part " << i;
        }
      }
    }
    set_target(available_targets().front());
  }
}

TEST(TreeWalker, PartsAreThoseOfTheTree) {
  const BrownianTree tree(3, 1, 1.7);
  TreeWalker walker(tree, kLanes);
  walker.start(5);
  std::vector<std::uint64_t> ids(kLanes), ticks(kLanes);
  std::iota(ids.begin(), ids.end(), 5);
  StateBlock<double> w(1, kLanes), h(1, kLanes);
  for (const int depth : {0, 1, 2, 7}) {
    walker.move({0, depth});
    std::fill(ticks.begin(), ticks.end(), kTicks >> depth);
    tree.at(ids.data(), ticks.data(), w.view(), h.view());
    const double length = std::ldexp(1.7, -depth);
    for (std::size_t i = 0; i < kLanes; ++i) {
      EXPECT_EQ(walker.coordinate(0).row(0)[i], w.row(0)[i]);
      EXPECT_NEAR(walker.coordinate(1).row(0)[i] * kAreaOfCoordinate * length, h.row(0)[i], 1e-15);
    }
  }
}

// A part is the sum of its halves.
TEST(TreeWalker, HalvesMakeUpTheirPart) {
  const BrownianTree tree(3, 2, 3.0, true);
  const BrownianNeeds needs = {.space_time = true, .space_time_time = true};
  TreeWalker walker(tree, kLanes);
  walker.start(0);
  for (const TreePart& part :
       {TreePart{0, 0}, {kTicks / 2, 1}, {kTicks / 8 * 5, 3}, {kTicks / 1024 * 77, 10}}) {
    PathSum sum(2, needs, kLanes);
    sum.clear();
    const double length = std::ldexp(3.0, -part.depth);
    const auto piece = [&](const TreePart& at) {
      walker.move(at);
      return PathPiece{
          std::ldexp(3.0, -at.depth), walker.coordinate(0), walker.coordinate(1), walker.coordinate(2), {},
          kAreaOfCoordinate,          kThirdOfCoordinate};
    };
    sum.add(piece({part.start, part.depth + 1}));
    sum.add(piece({part.start + part.ticks() / 2, part.depth + 1}));
    const PathPiece total = sum.total(), whole = piece(part);
    for (std::size_t c = 0; c < 2; ++c)
      for (std::size_t i = 0; i < kLanes; ++i) {
        const double unit = 1e-15 * std::sqrt(length);
        EXPECT_NEAR(total.dW.row(c)[i], whole.dW.row(c)[i], 4 * unit);
        EXPECT_NEAR(total.H.row(c)[i], whole.H.row(c)[i] * kAreaOfCoordinate, 4 * unit);
        EXPECT_NEAR(total.K.row(c)[i], whole.K.row(c)[i] * kThirdOfCoordinate, unit);
      }
  }
}

TEST(TreeWalker, EvaluatesEveryNodeOnceOverAPowerOfTwoOfParts) {
  const BrownianTree tree(3, 1, 1.0);
  TreeWalker walker(tree, kLanes);
  walker.start(0);
  for (std::uint64_t i = 0; i < 1024; ++i) walker.move({kTicks / 1024 * i, 10});
  EXPECT_EQ(walker.nodes(), 1024u);  // the span and 1023 middles
}

}  // namespace
}  // namespace sde
