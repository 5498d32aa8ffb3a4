#include "score/coupling.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "random/stream.h"

namespace sde {
namespace {

std::vector<double> costs(std::size_t n, std::uint64_t seed, bool ties) {
  const Stream stream = make_stream(seed, Purpose::test);
  std::vector<double> cost(n * n);
  for (std::size_t k = 0; k < cost.size(); ++k) {
    const double u = uniform_pair(stream, k, 0)[0];
    cost[k] = ties ? std::floor(4 * u) : u;
  }
  return cost;
}

double total(const std::vector<double>& cost, const std::vector<std::uint32_t>& p) {
  double sum = 0;
  for (std::size_t i = 0; i < p.size(); ++i) sum += cost[i * p.size() + p[i]];
  return sum;
}

TEST(Assignment, IsTheBestOfAllPermutations) {
  for (const bool ties : {false, true}) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      const std::size_t n = 1 + seed % 7;
      const std::vector<double> cost = costs(n, seed, ties);
      std::vector<std::uint32_t> p(n);
      std::iota(p.begin(), p.end(), 0u);
      double best = total(cost, p);
      while (std::next_permutation(p.begin(), p.end())) best = std::min(best, total(cost, p));
      const std::vector<std::uint32_t> got = assign(cost, n);
      std::vector<std::uint32_t> sorted = got;
      std::sort(sorted.begin(), sorted.end());
      for (std::size_t i = 0; i < n; ++i) ASSERT_EQ(sorted[i], i);  // without replacement
      EXPECT_NEAR(total(cost, got), best, 1e-12) << n << " " << seed;
    }
  }
}

// On a line the best plan for squared distances keeps the order.
TEST(Assignment, KeepsTheOrderOnALine) {
  const std::size_t n = 200;
  const Stream stream = make_stream(1, Purpose::test);
  std::vector<double> x(n), y(n), cost(n * n);
  for (std::size_t i = 0; i < n; ++i) {
    x[i] = normal_pair(stream, i, 0)[0];
    y[i] = 3 * normal_pair(stream, i, 1)[0] + 1;
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) cost[i * n + j] = std::pow(x[i] - y[j], 2);
  }
  const std::vector<std::uint32_t> p = assign(cost, n);
  for (std::size_t i = 0; i < n; ++i) {
    const auto rank = [n](const std::vector<double>& v, double at) {
      return std::count_if(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(n),
                           [&](double other) { return other < at; });
    };
    EXPECT_EQ(rank(x, x[i]), rank(y, y[p[i]]));
  }
}

TEST(Sinkhorn, HasItsMarginsAndTendsToTheAssignment) {
  const std::size_t n = 12;
  const std::vector<double> cost = costs(n, 3, false);
  const double best = total(cost, assign(cost, n)) / static_cast<double>(n);
  double before = 1e300;
  for (const double regularization : {1.0, 0.1, 0.01}) {
    const std::vector<double> plan = sinkhorn_plan(cost, n, regularization);
    double mean = 0;
    for (std::size_t i = 0; i < n; ++i) {
      double row = 0, column = 0;
      for (std::size_t j = 0; j < n; ++j) {
        row += plan[i * n + j];
        column += plan[j * n + i];
        mean += plan[i * n + j] * cost[i * n + j];
      }
      EXPECT_NEAR(row, 1.0 / 12, 1e-12);
      EXPECT_NEAR(column, 1.0 / 12, regularization < 0.05 ? 1e-3 : 1e-7);  // a thousand rounds
    }
    EXPECT_LT(mean, before);
    EXPECT_GT(mean, best - 1e-4);
    before = mean;
    // The plan is a scaling of the kernel: its cross ratios are those of exp(-cost / r).
    const double r = regularization * std::accumulate(cost.begin(), cost.end(), 0.0) / (n * n);
    if (regularization < 0.05) continue;
    EXPECT_NEAR(std::log(plan[0] * plan[n + 1] / (plan[1] * plan[n])),
                -(cost[0] + cost[n + 1] - cost[1] - cost[n]) / r, 1e-9);
  }
  EXPECT_NEAR(before, best, 0.01 * best);
}

}  // namespace
}  // namespace sde
