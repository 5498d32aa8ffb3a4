#include "stats/comoments.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "random/stream.h"

namespace sde {
namespace {

// Correlated and skew: x = exp(z / 2), y = x z + z'.
struct Pairs {
  std::vector<double> x, y;
};

Pairs sample(std::size_t n, std::uint32_t component = 0) {
  const Stream stream = make_stream(8, Purpose::test, component);
  Pairs p;
  for (std::size_t i = 0; i < n; ++i) {
    const auto z = normal_pair(stream, i, 0);
    p.x.push_back(1e3 + std::exp(0.5 * z[0]));
    p.y.push_back(std::exp(0.5 * z[0]) * z[0] + z[1]);
  }
  return p;
}

CoMoments reduce(const Pairs& p) {
  LeafTree<CoMoments> tree(1);
  for (std::size_t first = 0; first < p.x.size(); first += kLeafPaths)
    tree.add(first / kLeafPaths, {leaf_comoments(p.x.data() + first, p.y.data() + first,
                                                 std::min(kLeafPaths, p.x.size() - first))});
  return tree.total()[0];
}

TEST(CoMoments, AgreeWithTwoPassesInLongDouble) {
  const Pairs p = sample(1000);
  long double mx = 0, my = 0, xy = 0, xx = 0, yy = 0;
  for (std::size_t i = 0; i < 1000; ++i) {
    mx += p.x[i] / 1000.0L;
    my += p.y[i] / 1000.0L;
  }
  for (std::size_t i = 0; i < 1000; ++i) {
    xx += (p.x[i] - mx) * (p.x[i] - mx);
    yy += (p.y[i] - my) * (p.y[i] - my);
    xy += (p.x[i] - mx) * (p.y[i] - my);
  }
  const CoMoments c = reduce(p);
  EXPECT_NEAR(c.covariance(), static_cast<double>(xy / 999), 1e-12);
  EXPECT_NEAR(c.xx / 999, static_cast<double>(xx / 999), 1e-12);
  EXPECT_NEAR(c.correlation(), static_cast<double>(xy / std::sqrt(xx * yy)), 1e-12);
  EXPECT_EQ(c.leaves.count, 15);
}

TEST(CoMoments, OfShardsJoinToTheBitsOfTheWhole) {
  const Pairs p = sample(kLeafPaths * 21 + 7);
  const auto leaf = [&](std::size_t l) {
    const std::size_t first = l * kLeafPaths;
    return std::vector{
        leaf_comoments(p.x.data() + first, p.y.data() + first, std::min(kLeafPaths, p.x.size() - first))};
  };
  LeafTree<CoMoments> whole(1), a(1), b(1);
  for (std::size_t l = 0; l < 22; ++l) whole.add(l, leaf(l));
  std::vector<std::size_t> order(22);
  for (std::size_t l = 0; l < 22; ++l) order[l] = l;
  std::shuffle(order.begin(), order.end(), std::mt19937(1));
  for (std::size_t l : order) (l < 9 ? a : b).add(l, leaf(l));
  b.merge(a);
  EXPECT_EQ(whole.total()[0].xy, b.total()[0].xy);
  EXPECT_EQ(whole.total()[0].mean_y, b.total()[0].mean_y);
  EXPECT_EQ(whole.total()[0].covariance_stderr(), b.total()[0].covariance_stderr());
}

TEST(CoMoments, LeaveOutPairsThatAreNotFinite) {
  const double nan = std::nan("");
  const double x[] = {1, 2, nan, 3, 1e9}, y[] = {2, 4, 5, 6, std::numeric_limits<double>::infinity()};
  const CoMoments c = leaf_comoments(x, y, 5);
  EXPECT_EQ(c.count, 3);
  EXPECT_EQ(c.covariance(), 2);
  EXPECT_EQ(c.correlation(), 1);
}

TEST(CoMoments, CarryTheStandardErrorThatTheyPromise) {
  // Of 400 estimates from 2048 pairs each, those further than two standard errors from the truth: 4.6 percent
  // where the errors are right. Cov(x, y) = E[e^z z] - E[e^{z/2}] E[e^{z/2} z] = e^{1/2} - e^{1/4} / 2.
  const double truth = std::exp(0.5) - 0.5 * std::exp(0.25);
  int outside = 0;
  double squares = 0;
  for (std::uint32_t i = 0; i < 400; ++i) {
    const CoMoments c = reduce(sample(2048, i + 1));
    const double z = (c.covariance() - truth) / c.covariance_stderr();
    outside += std::abs(z) > 2;
    squares += z * z;
  }
  EXPECT_NEAR(outside / 400.0, 0.0455, 4 * std::sqrt(0.0455 * 0.9545 / 400));
  EXPECT_NEAR(squares / 400, 1, 0.35);
}

TEST(ControlledMean, IsThatOfARegression) {
  // y = 3 x_1 - x_2 + noise: what is left of the variance is the noise's.
  const Stream a = make_stream(8, Purpose::test, 1000), b = make_stream(8, Purpose::test, 1001);
  constexpr std::size_t n = 6400;
  std::vector<double> x1, x2, y;
  for (std::size_t i = 0; i < n; ++i) {
    const auto z = normal_pair(a, i, 0), e = normal_pair(b, i, 0);
    x1.push_back(5 + z[0]);
    x2.push_back(z[1]);
    y.push_back(2 + 3 * z[0] - z[1] + 0.1 * e[0]);
  }
  const std::vector<double>* rows[] = {&y, &x1, &x2};
  const auto pair = [&](int i, int j) { return reduce({*rows[i], *rows[j]}); };
  const std::vector<CoMoments> pairs = {pair(0, 1), pair(0, 2), pair(1, 1), pair(1, 2), pair(2, 2)};
  const ControlledMean m = controlled_mean(pairs, std::vector<double>{5, 0});
  EXPECT_NEAR(m.standard_error, 0.1 / std::sqrt(n), 0.05 * 0.1 / std::sqrt(n));
  EXPECT_NEAR(m.value, 2, 4 * m.standard_error);
  EXPECT_NEAR(m.variance_reduction, 10.01 / 0.01, 100);
  // A control twice changes nothing.
  const std::vector<CoMoments> doubled = {pair(0, 1), pair(0, 1), pair(1, 1), pair(1, 1), pair(1, 1)};
  const std::vector<CoMoments> once = {pair(0, 1), pair(1, 1)};
  EXPECT_NEAR(controlled_mean(doubled, std::vector<double>{5, 5}).value,
              controlled_mean(once, std::vector<double>{5}).value, 1e-12);
}

}  // namespace
}  // namespace sde
