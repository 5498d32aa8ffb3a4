#include "stats/moments.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "random/stream.h"

namespace sde {
namespace {

std::vector<double> sample(std::size_t n) {
  const Stream stream = make_stream(3, Purpose::test);
  std::vector<double> values;
  for (std::size_t i = 0; i < n; ++i) values.push_back(1e6 + normal_pair(stream, i, 0)[0]);
  return values;
}

std::vector<Moments> leaf_of(const std::vector<double>& values, std::size_t leaf) {
  const std::size_t first = leaf * kLeafPaths;
  return {leaf_moments(values.data() + first, std::min(kLeafPaths, values.size() - first))};
}

TEST(Moments, AgreeWithTwoPassesInLongDouble) {
  const std::vector<double> values = sample(1000);
  MomentTree tree(1);
  for (std::size_t leaf = 0; leaf * kLeafPaths < values.size(); ++leaf) tree.add(leaf, leaf_of(values, leaf));
  long double mean = 0, squares = 0;
  for (double x : values) mean += x;
  mean /= static_cast<long double>(values.size());
  for (double x : values) squares += (x - mean) * (x - mean);
  const Moments total = tree.total()[0];
  EXPECT_EQ(total.count, 1000);
  EXPECT_NEAR(total.mean, static_cast<double>(mean), 1e-9);
  EXPECT_NEAR(total.variance(), static_cast<double>(squares / 999), 1e-9);
}

TEST(Moments, DoNotDependOnTheOrderInWhichLeavesCome) {
  const std::vector<double> values = sample(kLeafPaths * 37 + 11);
  std::vector<std::size_t> order(38);
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::vector<Moments> first;
  std::mt19937 shuffle(1);
  for (int trial = 0; trial < 20; ++trial) {
    MomentTree tree(1);
    for (std::size_t leaf : order) tree.add(leaf, leaf_of(values, leaf));
    if (trial == 0) first = tree.total();
    EXPECT_EQ(tree.total()[0].mean, first[0].mean);
    EXPECT_EQ(tree.total()[0].squares, first[0].squares);
    std::shuffle(order.begin(), order.end(), shuffle);
  }
}

TEST(Moments, OfShardsJoinToTheBitsOfTheWhole) {
  const std::vector<double> values = sample(kLeafPaths * 29);
  MomentTree whole(1), a(1), b(1), c(1);
  for (std::size_t leaf = 0; leaf < 29; ++leaf) {
    whole.add(leaf, leaf_of(values, leaf));
    (leaf < 7 ? a : leaf < 18 ? b : c).add(leaf, leaf_of(values, leaf));
  }
  c.merge(a);
  c.merge(b);
  EXPECT_EQ(whole.total()[0].mean, c.total()[0].mean);
  EXPECT_EQ(whole.total()[0].squares, c.total()[0].squares);
}

TEST(Moments, OfSubtreesJoinToTheBitsOfTheWhole) {
  const std::vector<double> values = sample(kLeafPaths * 45 + 7);
  MomentTree whole(1);
  for (std::size_t leaf = 0; leaf < 46; ++leaf) whole.add(leaf, leaf_of(values, leaf));
  for (const int highest : {0, 2, 58}) {
    MomentTree parts(1);
    for (const auto& [first, count] : {std::pair{19, 27}, std::pair{0, 8}, std::pair{8, 11}}) {
      std::uint64_t next = static_cast<std::uint64_t>(first);
      for (const LeafNode& node : leaf_nodes(next, static_cast<std::uint64_t>(count), highest)) {
        EXPECT_EQ(node.first(), next);
        EXPECT_LE(node.level, highest);
        std::vector<Moments> leaves;
        for (; next < node.first() + node.leaves(); ++next) leaves.push_back(leaf_of(values, next)[0]);
        parts.insert(node.level, node.index, {join_leaves(leaves.data(), leaves.size())});
      }
      EXPECT_EQ(next, static_cast<std::uint64_t>(first + count));
    }
    EXPECT_EQ(whole.total()[0].mean, parts.total()[0].mean);
    EXPECT_EQ(whole.total()[0].squares, parts.total()[0].squares);
  }
}

TEST(Moments, LeaveOutWhatIsNotFinite) {
  const double values[] = {1, std::nan(""), 3, std::numeric_limits<double>::infinity()};
  const Moments m = leaf_moments(values, 4);
  EXPECT_EQ(m.count, 2);
  EXPECT_EQ(m.mean, 2);
  EXPECT_EQ(m.variance(), 2);
  EXPECT_EQ(leaf_moments(values + 1, 1).count, 0);
}

}  // namespace
}  // namespace sde
