#include "score/coupling.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "random/stream.h"
#include "score/batch.h"
#include "score/transport.h"

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

// A whole batch: partners are a permutation, and its cost is the least in groups of one and of many rows.
TEST(Transport, CouplesTheWholeBatchOrGroups) {
  const std::size_t n = 96, D = 2;
  std::vector<float> data(n * D);
  const Stream stream = make_stream(4, Purpose::test);
  for (std::size_t k = 0; k < n * D; ++k) data[k] = static_cast<float>(normal_pair(stream, k, 0)[0]);
  std::vector<std::uint32_t> rows(n);
  std::iota(rows.begin(), rows.end(), 0u);
  const std::vector<float> none;
  const std::vector<std::int32_t> labels;
  const BatchData from{data, none, rows, labels, none};
  BatchOptions options;
  options.coupling = Coupling::ot;
  const BatchStreams streams(7, D, 0);
  AlignedVector<double> u(n), v(n);
  fill_uniforms(streams.times, 0, n, 3, u.data(), v.data());
  AlignedVector<float> z0(n), z1(n), z2(n), z3(n);
  fill_normals(streams.noise[0], 0, n, 3, {z0.data(), z1.data(), z2.data(), z3.data()});
  double before = 1e300;
  for (const std::size_t group : {16, 32, 96, 4096}) {
    Transport transport(options, D, 0, n, group);
    for (std::size_t g = 0; g < transport.groups(); ++g) transport.couple(g, streams, 3, from);
    double sum = 0;
    std::vector<char> taken(n);
    for (std::size_t l = 0; l < n; ++l) {
      const auto row = static_cast<std::size_t>(u[l] * static_cast<double>(n));
      const float a = transport.noise(0, l), b = transport.noise(1, l);
      const auto partner = static_cast<std::size_t>(std::find(z0.begin(), z0.end(), a) - z0.begin());
      ASSERT_LT(partner, n);
      EXPECT_EQ(z1[partner], b);
      EXPECT_FALSE(taken[partner]);
      taken[partner] = 1;
      EXPECT_EQ(partner / group, l / group);
      sum += std::pow(data[row * D] - a, 2) + std::pow(data[row * D + 1] - b, 2);
    }
    // Larger groups are less bound; the whole batch has the least cost of all permutations.
    EXPECT_LE(sum, before * (1 + 1e-6));
    before = sum;
    if (group < n) continue;
    std::vector<double> cost(n * n);
    for (std::size_t i = 0; i < n; ++i) {
      const auto row = static_cast<std::size_t>(u[i] * static_cast<double>(n));
      for (std::size_t j = 0; j < n; ++j)
        cost[i * n + j] = std::pow(data[row * D] - z0[j], 2) + std::pow(data[row * D + 1] - z1[j], 2);
    }
    EXPECT_NEAR(sum, total(cost, assign(cost, n)), 1e-4 * sum);
  }
  EXPECT_THROW(Transport(options, D, 0, 10000, 10000), Error);
}

// scipy.optimize.linear_sum_assignment (SciPy 1.10.1) on cost[i][j] = (i + 1) (j + 3) mod 17, n = 16, and
// fractions of (i sqrt(2) + j sqrt(3))^2, n = 40.
TEST(Assignment, AgreesWithScipy) {
  const auto least = [](std::size_t n, auto cost_of) {
    std::vector<double> cost(n * n);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j)
        cost[i * n + j] = cost_of(static_cast<double>(i), static_cast<double>(j));
    }
    return total(cost, assign(cost, n));
  };
  EXPECT_NEAR(least(16, [](double i, double j) { return std::fmod((i + 1) * (j + 3), 17); }), 15.0, 1e-9);
  EXPECT_NEAR(least(40,
                    [](double i, double j) {
                      const double x = i * std::sqrt(2.0) + j * std::sqrt(3.0);
                      return std::fmod(x * x, 1.0);
                    }),
              3.4587002495032095, 1e-9);
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
