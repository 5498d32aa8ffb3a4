#include "fit/diagnostics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace sde {
namespace {

TEST(Kolmogorov, MatchesTheLimitLaw) {
  // scipy.special.kolmogorov at sqrt(n) D, whose correction for finite n vanishes here.
  const std::size_t n = 100000000;
  const auto p = [&](double x) { return kolmogorov_p(x / (1e4 + 0.12 + 0.11e-4), n); };
  EXPECT_NEAR(p(0.5), 0.9639452436648751, 1e-12);
  EXPECT_NEAR(p(0.9), 0.3927307079406543, 1e-12);
  EXPECT_NEAR(p(1.18), 0.1234538094297657, 1e-12);
  EXPECT_NEAR(p(1.3581), 0.0499996304316674, 1e-12);
  EXPECT_NEAR(p(2.0), 0.0006709252557796953, 1e-15);
  EXPECT_EQ(kolmogorov_p(0, 10), 1);
}

TEST(PitDistance, OfEvenlySpacedQuantilesIsHalfAStep) {
  std::vector<double> z;
  for (int i = 0; i < 50; ++i) z.push_back(normal_quantile((i + 0.5) / 50));
  EXPECT_NEAR(pit_distance(z), 0.01, 1e-12);
  for (double& x : z) x += 1;
  EXPECT_NEAR(pit_distance(z), std::erf(0.5 / std::sqrt(2.0)), 0.011);  // Phi(1/2) - Phi(-1/2)
}

TEST(LjungBox, MatchesAHandComputation) {
  const std::vector<double> z = {1, -1, 2, 0, -2};
  const std::vector<std::size_t> series = {0};
  // Mean 0, sum of squares 10; lag 1: -1 - 2 + 0 + 0 = -3; lag 2: 2 + 0 - 4 = -2.
  const auto rho = autocorrelations(z, series, 2);
  EXPECT_NEAR(rho[0], -0.3, 1e-15);
  EXPECT_NEAR(rho[1], -0.2, 1e-15);
  EXPECT_NEAR(ljung_box(z, series, 2), 5 * 7 * (0.09 / 4 + 0.04 / 3), 1e-13);
  // Products do not reach from one series into the next.
  const std::vector<std::size_t> two = {0, 2};
  EXPECT_NEAR(autocorrelations(z, two, 1)[0], -0.1, 1e-15);
}

TEST(LjungBox, IsChiSquaredUnderIndependence) {
  std::mt19937_64 g(1);
  std::normal_distribution<double> normal;
  const std::vector<std::size_t> series = {0};
  int rejected = 0;
  for (int i = 0; i < 400; ++i) {
    std::vector<double> z(300);
    for (double& x : z) x = normal(g);
    rejected += chi_squared_p(ljung_box(z, series, 10), 10) < 0.1;
  }
  EXPECT_NEAR(rejected / 400.0, 0.1, 4 * std::sqrt(0.09 / 400));
}

TEST(ChiSquared, MatchesTables) {
  EXPECT_NEAR(chi_squared_p(18.307038053275146, 10), 0.05, 1e-12);
  EXPECT_EQ(chi_squared_p(0, 3), 1);
}

}  // namespace
}  // namespace sde
