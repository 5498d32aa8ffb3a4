#include "brownian/tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "base/error.h"
#include "simd/target.h"

namespace sde {
namespace {

constexpr std::uint64_t kTicks = BrownianTree::kTicks;

// One noise, many paths, all asked at one tick.
struct Paths {
  explicit Paths(const BrownianTree& t, std::size_t lanes) : tree(t), ids(lanes), ticks(lanes) {
    std::iota(ids.begin(), ids.end(), 1000);
  }
  // W and Hbar
  std::pair<StateBlock<double>, StateBlock<double>> at(std::uint64_t tick) {
    std::fill(ticks.begin(), ticks.end(), tick);
    StateBlock<double> w(tree.noises(), ids.size()), h(tree.noises(), ids.size());
    tree.at(ids.data(), ticks.data(), w.view(), h.view());
    return {w, h};
  }

  const BrownianTree& tree;
  std::vector<std::uint64_t> ids, ticks;
};

double mean_product(const double* a, const double* b, std::size_t n) {
  return std::inner_product(a, a + n, b, 0.0) / static_cast<double>(n);
}

TEST(BrownianTree, CovarianceIsTheEarlierTime) {
  const BrownianTree tree(3, 1, 2.0);
  constexpr std::size_t kLanes = 40000;
  Paths paths(tree, kLanes);
  const std::vector<std::uint64_t> ticks = {
      1, kTicks / 7, kTicks / 3, kTicks / 2, kTicks / 2 + 1, kTicks / 8 * 7, kTicks};
  std::vector<StateBlock<double>> w;
  for (const std::uint64_t t : ticks) w.push_back(paths.at(t).first);
  for (std::size_t a = 0; a < ticks.size(); ++a) {
    for (std::size_t b = 0; b <= a; ++b) {
      const double ta = tree.time(ticks[a]), tb = tree.time(ticks[b]);
      // Var(W_a W_b) = ta tb + min^2
      const double bound = 4.5 * std::sqrt((ta * tb + std::min(ta, tb) * std::min(ta, tb)) / kLanes);
      EXPECT_NEAR(mean_product(w[a].row(0), w[b].row(0), kLanes), std::min(ta, tb), bound) << a << ' ' << b;
    }
  }
}

// Given both ends, a time between has variance (te - t) (t - ts) / (te - ts) about the straight line.
TEST(BrownianTree, BridgeVariance) {
  const BrownianTree tree(4, 1, 1.0);
  constexpr std::size_t kLanes = 40000;
  Paths paths(tree, kLanes);
  const std::uint64_t unit = kTicks / 1000;
  for (const auto& [s, t, e] :
       std::vector<std::array<std::uint64_t, 3>>{{0, 500, 1000}, {100, 130, 700}, {499, 501, 502}}) {
    const auto ws = paths.at(s * unit).first, wt = paths.at(t * unit).first, we = paths.at(e * unit).first;
    const double ts = static_cast<double>(s) / 1000, tt = static_cast<double>(t) / 1000,
                 te = static_cast<double>(e) / 1000;
    std::vector<double> deviation(kLanes), increment(kLanes);
    for (std::size_t i = 0; i < kLanes; ++i) {
      increment[i] = we.row(0)[i] - ws.row(0)[i];
      deviation[i] = wt.row(0)[i] - ws.row(0)[i] - (tt - ts) / (te - ts) * increment[i];
    }
    const double variance = (te - tt) * (tt - ts) / (te - ts);
    EXPECT_NEAR(mean_product(deviation.data(), deviation.data(), kLanes), variance,
                4.5 * variance * std::sqrt(2.0 / kLanes));
    EXPECT_NEAR(mean_product(deviation.data(), increment.data(), kLanes), 0,
                4.5 * std::sqrt(variance * (te - ts) / kLanes));
    EXPECT_NEAR(mean_product(deviation.data(), ws.row(0), kLanes), 0,
                4.5 * std::sqrt(variance * std::max(ts, 1e-9) / kLanes));
  }
}

// H of any interval: variance a twelfth of its length, independent of the increment and of the past.
TEST(BrownianTree, AreasBetweenQueries) {
  const BrownianTree tree(5, 1, 3.0);
  constexpr std::size_t kLanes = 40000;
  Paths paths(tree, kLanes);
  for (const auto& [s, t] :
       std::vector<std::array<std::uint64_t, 2>>{{0, kTicks},
                                                 {0, kTicks / 2},
                                                 {kTicks / 3, kTicks / 3 * 2},
                                                 {kTicks / 5 * 4, kTicks / 5 * 4 + kTicks / 1000}}) {
    const auto [ws, hs] = paths.at(s);
    const std::vector<std::uint64_t> from = paths.ticks;
    const auto [wt, ht] = paths.at(t);
    StateBlock<double> dw(1, kLanes), h(1, kLanes);
    tree_increments(tree, from.data(), paths.ticks.data(), ws.view(), wt.view(), hs.view(), ht.view(),
                    dw.view(), h.view());
    const double length = tree.time(t - s), root = std::sqrt(static_cast<double>(kLanes));
    EXPECT_NEAR(mean_product(dw.row(0), dw.row(0), kLanes), length, 4.5 * length * std::sqrt(2.0) / root);
    EXPECT_NEAR(mean_product(h.row(0), h.row(0), kLanes), length / 12,
                4.5 * length / 12 * std::sqrt(2.0) / root);
    EXPECT_NEAR(mean_product(h.row(0), dw.row(0), kLanes), 0, 4.5 * length / std::sqrt(12.0) / root);
    EXPECT_NEAR(mean_product(h.row(0), ws.row(0), kLanes), 0,
                4.5 * std::sqrt(length / 12 * std::max(tree.time(s), 1e-9)) / root);
  }
}

// The area against the integral of the very path, by the trapezoidal rule on 2^12 points.
TEST(BrownianTree, AreasAreIntegralsOfThePath) {
  const BrownianTree tree(6, 1, 1.0);
  constexpr std::size_t kLanes = 64;
  Paths paths(tree, kLanes);
  const std::uint64_t s = kTicks / 8 * 3, t = kTicks / 8 * 5;
  constexpr std::uint64_t kPoints = 4096;
  std::vector<double> integral(kLanes);
  for (std::uint64_t k = 0; k <= kPoints; ++k) {
    const auto w = paths.at(s + (t - s) / kPoints * k).first;
    for (std::size_t i = 0; i < kLanes; ++i)
      integral[i] += w.row(0)[i] * (k == 0 || k == kPoints ? 0.5 : 1.0) / kPoints;
  }
  const auto [ws, hs] = paths.at(s);
  const std::vector<std::uint64_t> from = paths.ticks;
  const auto [wt, ht] = paths.at(t);
  StateBlock<double> dw(1, kLanes), h(1, kLanes);
  tree_increments(tree, from.data(), paths.ticks.data(), ws.view(), wt.view(), hs.view(), ht.view(),
                  dw.view(), h.view());
  // What the rule misses: the sum of the small areas, sd sqrt(length / 12) / points.
  const double sd = std::sqrt(0.25 / 12) / kPoints;
  double square = 0;
  for (std::size_t i = 0; i < kLanes; ++i) {
    const double miss = integral[i] - ws.row(0)[i] - 0.5 * dw.row(0)[i] - h.row(0)[i];
    EXPECT_NEAR(miss, 0, 5 * sd);
    square += miss * miss / kLanes;
  }
  EXPECT_NEAR(square, sd * sd, 4.5 * sd * sd * std::sqrt(2.0 / kLanes));
}

// Any order, any block, any target: the same bits; and increments over neighbours add up.
TEST(BrownianTree, QueriesAreAPureFunction) {
  const BrownianTree tree(7, 2, 10.0);
  std::mt19937_64 engine(1);
  constexpr std::size_t kLanes = 96;
  std::vector<std::uint64_t> ids(kLanes), ticks(kLanes);
  for (std::size_t i = 0; i < kLanes; ++i) {
    ids[i] = engine() >> (i % 2 ? 0 : 40);
    ticks[i] =
        i < 8 ? std::array<std::uint64_t, 8>{0,          1, kTicks, kTicks - 1, kTicks / 2, kTicks / 2 - 1,
                                             kTicks / 4, 3}[i]
              : engine() >> 2 >> (i % 30);
  }
  StateBlock<double> w(2, kLanes), h(2, kLanes);
  tree.at(ids.data(), ticks.data(), w.view(), h.view());
  EXPECT_EQ(w.row(0)[0], 0);
  for (const std::string& target : available_targets()) {
    set_target(target);
    for (int repeat = 0; repeat < 3; ++repeat) {
      std::vector<std::size_t> order(kLanes);
      std::iota(order.begin(), order.end(), 0u);
      std::shuffle(order.begin(), order.end(), engine);
      const std::size_t lanes = repeat == 0 ? kLanes : 16;
      for (std::size_t start = 0; start < kLanes; start += lanes) {
        std::vector<std::uint64_t> some_ids(lanes), some_ticks(lanes);
        for (std::size_t i = 0; i < lanes; ++i) {
          some_ids[i] = ids[order[start + i]];
          some_ticks[i] = ticks[order[start + i]];
        }
        StateBlock<double> v(2, lanes), g(2, lanes);
        tree.at(some_ids.data(), some_ticks.data(), v.view(), g.view());
        for (std::size_t c = 0; c < 2; ++c) {
          for (std::size_t i = 0; i < lanes; ++i) {
            ASSERT_EQ(v.row(c)[i], w.row(c)[order[start + i]]) << target;
            ASSERT_EQ(g.row(c)[i], h.row(c)[order[start + i]]) << target;
          }
        }
      }
    }
  }
  set_target(available_targets().front());
}

TEST(BrownianTree, NeighbouringTicksAreClose) {
  const BrownianTree tree(8, 1, 1.0);
  Paths paths(tree, 1024);
  for (const std::uint64_t tick : {kTicks / 2 - 1, kTicks / 3, kTicks - 1, std::uint64_t{0}}) {
    const auto a = paths.at(tick).first, b = paths.at(tick + 1).first;
    for (std::size_t i = 0; i < 1024; ++i)
      ASSERT_NEAR(a.row(0)[i], b.row(0)[i], 6 * std::sqrt(0x1p-62) + 1e-14);
  }
}

TEST(BrownianTree, TicksOfTimes) {
  const BrownianTree tree(1, 1, 8.0);
  EXPECT_EQ(tree.ticks(0), 0u);
  EXPECT_EQ(tree.ticks(8), kTicks);
  EXPECT_EQ(tree.ticks(9), kTicks);
  EXPECT_EQ(tree.ticks(3), kTicks / 8 * 3);
  EXPECT_EQ(tree.ticks(1.0 / 3, 30) % (1ull << 30), 0u);
  EXPECT_NEAR(tree.time(tree.ticks(1.0 / 3, 30)), 1.0 / 3, 8 * 0x1p-33);
  EXPECT_THROW(BrownianTree(1, 1, 0), Error);
  EXPECT_THROW(BrownianTree(1, 1, -2), Error);
}

}  // namespace
}  // namespace sde
