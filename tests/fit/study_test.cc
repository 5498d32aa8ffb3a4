// A simulation study: which densities are unbiased at a coarse step, and how far off the others are.
#include <gtest/gtest.h>

#include <cmath>

#include "fit/bootstrap.h"
#include "fixtures.h"

namespace sde {
namespace {

constexpr int kReplicas = 40;
constexpr double kKappa = 1, kTheta = 0.1, kSigma = 0.15, kStep = 0.25;
constexpr std::size_t kTransitions = 1000;

// The same replicas, drawn by the law with the true values, fitted by `density`.
BootstrapResult study(const SdeDocument& truth, const Observations& shape, const std::string& density) {
  FitOptions options;
  options.seed = 99;
  FitResult drawn;
  drawn.sde = truth;
  drawn.density = density;
  for (const auto& [name, value] : truth.parameters) {
    Estimate e;
    e.name = name;
    e.value = value;
    drawn.estimates.push_back(e);
  }
  return bootstrap(drawn, shape, options, kReplicas);
}

struct Difference {
  double mean = 0, error = 0;  // of the estimates less those of another density on the same data
};

Difference difference(const BootstrapResult& a, const BootstrapResult& b, std::size_t parameter) {
  Difference d;
  const double n = kReplicas;
  double squares = 0;
  for (std::size_t i = 0; i < kReplicas; ++i) {
    const double x = a.value[i * 3 + parameter] - b.value[i * 3 + parameter];
    d.mean += x / n;
    squares += x * x / n;
  }
  d.error = std::sqrt(std::max(0.0, squares - d.mean * d.mean) / n);
  return d;
}

Observations start_at(double x) {
  return test::equispaced(std::vector<double>(kTransitions + 1, x), kStep);
}

TEST(Study, DensitiesOfASquareRootProcess) {
  const SdeDocument truth = test::cir(kKappa, kTheta, kSigma);
  const Observations shape = start_at(kTheta);
  const BootstrapResult exact = study(truth, shape, "exact");
  ASSERT_EQ(exact.used, static_cast<std::size_t>(kReplicas));
  // Unbiased but for the rate, whose bias is of the order 4/T.
  const double T = kStep * kTransitions;
  EXPECT_NEAR(exact.estimates[0].bias, 2 / T, 4 * exact.estimates[0].bias_stderr + 2 / T);
  EXPECT_NEAR(exact.estimates[1].bias, 0, 4 * exact.estimates[1].bias_stderr);
  EXPECT_NEAR(exact.estimates[2].bias, 0, 4 * exact.estimates[2].bias_stderr);

  // Where the error of the density is of second order or better, it is lost in the standard error of one fit.
  for (const char* density : {"ait-sahalia", "shoji-ozaki", "kessler"}) {
    const BootstrapResult other = study(truth, shape, density);
    EXPECT_EQ(other.failed, 0u) << density;
    for (std::size_t j = 0; j < 3; ++j) {
      const Difference d = difference(other, exact, j);
      EXPECT_LT(std::fabs(d.mean), 0.35 * exact.estimates[j].se + 3 * d.error)
          << density << ", " << exact.estimates[j].name;
    }
  }

  // Euler's limits: the conditional mean is linear with the slope e^{-a}, a = kappa h, and the variance of a
  // step, c1 x + c2 theta, is weighed by 1/x, whose mean under the stationary gamma law of shape
  // 2 kappa theta / sigma^2 is shape / ((shape - 1) theta).
  const BootstrapResult euler = study(truth, shape, "euler");
  const double a = kKappa * kStep, decay = std::exp(-a),
               shape_of_law = 2 * kKappa * kTheta / (kSigma * kSigma);
  const double inverse = shape_of_law / (shape_of_law - 1);
  const double variance =
      kSigma * kSigma * (decay * (1 - decay) + 0.5 * inverse * (1 - decay) * (1 - decay)) / a;
  EXPECT_NEAR(euler.estimates[0].bias - exact.estimates[0].bias * decay, (1 - decay) / kStep - kKappa,
              4 * euler.estimates[0].bias_stderr);
  EXPECT_NEAR(euler.estimates[1].bias, 0, 4 * euler.estimates[1].bias_stderr);
  EXPECT_NEAR(euler.estimates[2].bias, std::sqrt(variance) - kSigma, 4 * euler.estimates[2].bias_stderr);
  // And they are biases, not noise.
  EXPECT_LT(difference(euler, exact, 0).mean, -8 * difference(euler, exact, 0).error);
  EXPECT_LT(difference(euler, exact, 2).mean, -8 * difference(euler, exact, 2).error);
}

TEST(Study, DensitiesOfAnOrnsteinUhlenbeckProcess) {
  const SdeDocument truth = test::vasicek(kKappa, kTheta, 0.05);
  const Observations shape = start_at(kTheta);
  const BootstrapResult exact = study(truth, shape, "exact");
  EXPECT_NEAR(exact.estimates[2].bias, 0, 4 * exact.estimates[2].bias_stderr);
  // Local linearisation is the law itself; Euler's optimum is an expression of the exact one, path by path.
  const BootstrapResult linear = study(truth, shape, "shoji-ozaki"), euler = study(truth, shape, "euler");
  for (std::size_t i = 0; i < kReplicas; ++i) {
    const double* const e = &exact.value[i * 3];
    const double a = e[0] * kStep;
    for (std::size_t j = 0; j < 3; ++j) EXPECT_NEAR(linear.value[i * 3 + j], e[j], 1e-6 * e[j]);
    EXPECT_NEAR(euler.value[i * 3], -std::expm1(-a) / kStep, 1e-6);
    EXPECT_NEAR(euler.value[i * 3 + 2], e[2] * std::sqrt(-std::expm1(-2 * a) / (2 * a)), 1e-7);
  }
}

// The square of the mean in full, as the formula has it, lets the variance grow with the distance from the
// mean (terms of third order in the step), which these data, restless when rates are high, reward. The values
// are those of scipy's Nelder-Mead on the formula written out.
TEST(Study, KesslerOnTreasuryBills) {
  FitOptions options;
  options.density = "kessler";
  const FitResult result = fit(test::vasicek(0.3, 0.08, 0.02), test::treasury_bills(), options);
  EXPECT_NEAR(result.estimates[0].value, 0.40025353, 1e-6);
  EXPECT_NEAR(result.estimates[1].value, 0.07247989, 1e-7);
  EXPECT_NEAR(result.estimates[2].value, 0.02141963, 1e-7);
  EXPECT_NEAR(result.loglik, 1126.92290922, 1e-6);
}

// A million transitions from 0.1 down to 1e-12, by steps down to a billionth: nothing but numbers, and the
// sum is that of the pieces.
TEST(Study, AMillionTransitionsNearZero) {
  std::mt19937_64 g(5);
  std::normal_distribution<double> normal;
  const SdeDocument document = test::cir(0.5, 0.1, 0.3);
  std::vector<double> time = {0}, value = {0.1};
  for (int i = 0; i < 1000000; ++i) {
    const double h = std::pow(10.0, -9 + 8.0 * ((i * 7) % 1000) / 999);
    time.push_back(time.back() + h);
    const double x =
        value.back() + 0.5 * (0.1 - value.back()) * h + 0.3 * std::sqrt(value.back() * h) * normal(g);
    value.push_back(i % 997 == 0 ? 1e-12 : std::max(x, 1e-12));
  }
  Observations data({"x"});
  data.add("", time, value);
  const std::vector<double> each = per_transition_loglik(document, "exact", data);
  double sum = 0;
  for (double l : each) {
    ASSERT_FALSE(std::isnan(l));
    sum += l;
  }
  EXPECT_TRUE(std::isfinite(sum));
}

}  // namespace
}  // namespace sde
