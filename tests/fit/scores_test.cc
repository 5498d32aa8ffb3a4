#include "fit/scores.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <random>

#include "fixtures.h"

namespace sde {
namespace {

// Of a normal law: sd [z (2 Phi(z) - 1) + 2 phi(z) - 1/sqrt(pi)] (Gneiting & Raftery 2007, eq. 23).
double normal_crps(double x, double mean, double deviation) {
  const double z = (x - mean) / deviation;
  return deviation *
         (z * std::erf(z / std::numbers::sqrt2) +
          2 * std::exp(-0.5 * z * z) / std::sqrt(2 * std::numbers::pi) - 1 / std::sqrt(std::numbers::pi));
}

TEST(Crps, IsThatOfTheNormalLaw) {
  std::mt19937_64 g(2);
  const double kappa = 0.8, theta = 0.3, sigma = 0.5, step = 0.25;
  const Observations data = test::equispaced(test::ou_path(g, 60, kappa, theta, sigma, step, 0.3), step);
  const auto found = crps(test::vasicek(kappa, theta, sigma), data, 4000, 10, 5);
  ASSERT_EQ(found.size(), data.transitions());
  const double deviation = sigma * std::sqrt(-std::expm1(-2 * kappa * step) / (2 * kappa));
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double mean = theta + (data.column(0)[i] - theta) * std::exp(-kappa * step);
    const double expected = normal_crps(data.column(0)[i + 1], mean, deviation);
    EXPECT_NEAR(found[i], expected, 0.03 * deviation + 0.01 * expected);
  }
}

TEST(Crps, IsWorseForAWrongModel) {
  std::mt19937_64 g(3);
  const Observations data = test::equispaced(test::ou_path(g, 400, 0.8, 0.3, 0.5, 0.25, 0.3), 0.25);
  const auto mean = [&](const SdeDocument& document) {
    double sum = 0;
    for (double score : crps(document, data, 100, 5, 1)) sum += score;
    return sum / static_cast<double>(data.transitions());
  };
  const double right = mean(test::vasicek(0.8, 0.3, 0.5));
  EXPECT_GT(mean(test::vasicek(0.8, 0.3, 1.0)), 1.05 * right);
  EXPECT_GT(mean(test::vasicek(4, 1.0, 0.5)), 1.05 * right);
}

}  // namespace
}  // namespace sde
