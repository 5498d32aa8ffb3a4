// Expressions, profiles, tests, constraints and priors, against closed forms.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "base/error.h"
#include "fit/diagnostics.h"
#include "fit/fit.h"
#include "fit/formula.h"
#include "fit/prior.h"
#include "fixtures.h"

namespace sde {
namespace {

using test::equispaced;
using test::scalar_sde;
using test::vasicek;

constexpr double kStep = 0.1;

// Brownian motion with drift: everything about it is known. n increments with mean m and mean square s2 about
// it have the likelihood of a normal sample.
struct Drifting {
  std::vector<double> x = {0};
  double n = 0, mean = 0, variance = 0;  // of increments, the maximum likelihood ones

  explicit Drifting(std::size_t count, double mu = 0.7, double sigma = 0.5) {
    std::mt19937_64 g(11);
    std::normal_distribution<double> normal;
    n = static_cast<double>(count);
    for (std::size_t i = 0; i < count; ++i)
      x.push_back(x.back() + mu * kStep + sigma * std::sqrt(kStep) * normal(g));
    mean = x.back() / n;
    for (std::size_t i = 0; i < count; ++i) variance += std::pow(x[i + 1] - x[i] - mean, 2) / n;
  }
  double mu() const { return mean / kStep; }
  double sigma() const { return std::sqrt(variance / kStep); }
  // Maximum over sigma with mu given.
  double fall(double m) const { return n * std::log1p(std::pow(mean - m * kStep, 2) / variance); }
};

SdeDocument drifting() {
  return scalar_sde("mu", "sigma", {{"mu", 0.2}, {"sigma", 1}});
}

FitResult run(const SdeDocument& document, const std::vector<double>& x, const FitOptions& options = {}) {
  return fit(document, equispaced(x, kStep), options);
}

TEST(Inference, DeltaMethod) {
  const Drifting data(200);
  FitOptions options;
  options.inference.report = {"mu/sigma", "sigma^2", "mu", "2"};
  const FitResult result = run(drifting(), data.x, options);
  ASSERT_TRUE(result.converged);
  const auto& report = result.inference.report;
  ASSERT_EQ(report.size(), 4u);
  const double s = data.sigma(), m = data.mu();
  // mu has variance s^2 / (n h), sigma has s^2 / (2 n), and they are independent.
  const double vm = s * s / (data.n * kStep), vs = s * s / (2 * data.n);
  EXPECT_NEAR(report[0].value, m / s, 1e-8);
  EXPECT_NEAR(report[0].se, std::sqrt(vm / (s * s) + m * m / std::pow(s, 4) * vs), 1e-7);
  EXPECT_NEAR(report[1].se, 2 * s * std::sqrt(vs), 1e-7);
  EXPECT_NEAR(report[2].se, result.estimates[0].se, 1e-12);
  EXPECT_NEAR(report[2].se_robust, result.estimates[0].se_robust, 1e-12);
  EXPECT_NEAR(report[2].high, result.estimates[0].high, 1e-12);
  EXPECT_EQ(report[3].se, 0);
  EXPECT_EQ(result.inference.k, 2);
  EXPECT_NEAR(result.bic - result.aic, 2 * std::log(200.0) - 4, 1e-9);
  options.inference.report = {"mu/sgima"};
  EXPECT_THROW(run(drifting(), data.x, options), Error);
}

// A combination that the data determine though its parts they do not.
TEST(Inference, DeltaMethodOfWhatIsNotDetermined) {
  std::mt19937_64 g(5);
  SdeDocument document = scalar_sde("kappa*(theta + shift - x)", "sigma",
                                    {{"kappa", 1}, {"theta", 0.2}, {"shift", 0.1}, {"sigma", 0.4}});
  FitOptions options;
  options.inference.report = {"theta + shift", "theta", "theta - shift"};
  const auto x = test::ou_path(g, 2000, 1, 0.3, 0.5, kStep, 0.3);
  const FitResult result = run(document, x, options);
  const FitResult plain = run(vasicek(1, 0.3, 0.5), x);
  EXPECT_NEAR(result.inference.report[0].value, plain.estimates[1].value, 1e-6);
  EXPECT_NEAR(result.inference.report[0].se, plain.estimates[1].se, 1e-6 * plain.estimates[1].se);
  EXPECT_TRUE(std::isnan(result.inference.report[1].se));
  EXPECT_TRUE(std::isnan(result.inference.report[2].se));
  // The direction is named: theta up, shift down by as much.
  const auto& weakest = result.inference.spectrum.weakest;
  ASSERT_EQ(weakest.size(), 2u);
  EXPECT_NEAR(weakest[0].second, -weakest[1].second, 1e-6);
}

TEST(Inference, ProfileOfANormalMean) {
  const Drifting data(30);
  FitOptions options;
  options.inference.intervals = "profile";
  const FitResult result = run(drifting(), data.x, options);
  const double q = normal_quantile(0.975);
  // n log(1 + (m - mean)^2 / variance) = q^2.
  const double reach = std::sqrt(data.variance * std::expm1(q * q / data.n)) / kStep;
  EXPECT_NEAR(result.estimates[0].low, data.mu() - reach, 1e-6);
  EXPECT_NEAR(result.estimates[0].high, data.mu() + reach, 1e-6);
  // sigma: n (log(s^2/v) - 1 + v/s^2) = q^2 at both ends, v the estimate.
  for (double end : {result.estimates[1].low, result.estimates[1].high}) {
    const double r = std::pow(data.sigma() / end, 2);
    EXPECT_NEAR(data.n * (r - 1 - std::log(r)), q * q, 1e-5);
  }
  EXPECT_LT(result.estimates[1].low, data.sigma());
  EXPECT_GT(result.estimates[1].high, data.sigma());
  EXPECT_GE(result.inference.profiles[0].value.size(), 5u);
}

TEST(Inference, ProfileEndsAtABound) {
  const Drifting data(30);
  FitOptions options;
  options.inference.intervals = "profile";
  options.bounds["mu"] = {data.mu() - 0.1, 5};
  SdeDocument document = drifting();
  document.parameters[0].second = 0.8;
  const FitResult result = run(document, data.x, options);
  EXPECT_DOUBLE_EQ(result.estimates[0].low, data.mu() - 0.1);
  EXPECT_NE(result.inference.profiles[0].low.note.find("bound"), std::string::npos);
  EXPECT_TRUE(result.inference.profiles[0].high.note.empty());
}

TEST(Inference, LikelihoodRatio) {
  const Drifting data(80);
  FitOptions options;
  options.inference.tests = {"mu = 0.3", "mu = 0.3, sigma = 0.6", "mu == sigma", "sigma = 0"};
  const FitResult result = run(drifting(), data.x, options);
  ASSERT_EQ(result.inference.tests.size(), 4u);
  const LikelihoodRatio& one = result.inference.tests[0];
  EXPECT_EQ(one.degrees, 1);
  EXPECT_NEAR(one.statistic, data.fall(0.3), 1e-6);
  // Chi-squared with one degree is a squared normal.
  EXPECT_NEAR(one.p, std::erfc(std::sqrt(one.statistic / 2)), 1e-9);
  const LikelihoodRatio& two = result.inference.tests[1];
  EXPECT_EQ(two.degrees, 2);
  const double v = data.variance + std::pow(data.mean - 0.3 * kStep, 2), s2 = 0.36 * kStep;
  EXPECT_NEAR(two.statistic, data.n * (std::log(s2 / data.variance) - 1 + v / s2), 1e-5);
  EXPECT_NEAR(two.p, std::exp(-two.statistic / 2), 1e-9);
  // The restricted fit obeys its restriction and is lower.
  const LikelihoodRatio& relation = result.inference.tests[2];
  EXPECT_EQ(relation.degrees, 1);
  EXPECT_TRUE(relation.converged);
  EXPECT_GT(relation.statistic, 0);
  EXPECT_NEAR(relation.estimates[0].second, relation.estimates[1].second, 1e-7);
  EXPECT_TRUE(result.inference.tests[3].boundary);
  EXPECT_FALSE(result.inference.tests[3].note.empty());
  EXPECT_NEAR(likelihood_ratio_p(3.0, 1, true), 0.5 * likelihood_ratio_p(3.0, 1, false), 1e-15);
}

TEST(Inference, EqualityIsElimination) {
  std::mt19937_64 g(7);
  const auto x = test::ou_path(g, 500, 1.5, 0.4, 0.3, kStep, 0.4);
  FitOptions options;
  options.inference.constraints = {"kappa*sigma == theta"};
  const FitResult bound = run(vasicek(1, 0.3, 0.5), x, options);
  const FitResult without =
      run(scalar_sde("kappa*(kappa*sigma - x)", "sigma", {{"kappa", 1}, {"sigma", 0.5}}), x);
  ASSERT_TRUE(bound.converged);
  ASSERT_TRUE(without.converged);
  EXPECT_NEAR(bound.loglik, without.loglik, 1e-6);
  EXPECT_NEAR(bound.estimates[0].value, without.estimates[0].value, 1e-5);
  EXPECT_NEAR(bound.estimates[0].se, without.estimates[0].se, 1e-5 * without.estimates[0].se);
  EXPECT_NEAR(bound.estimates[2].se, without.estimates[1].se, 1e-5 * without.estimates[1].se);
  EXPECT_EQ(bound.inference.k, 2);
  EXPECT_NEAR(bound.aic, without.aic, 1e-5);
}

TEST(Inference, Inequalities) {
  const Drifting data(100);
  FitOptions options;
  // With room to spare it changes nothing.
  options.inference.constraints = {"mu <= 10*sigma"};
  const FitResult loose = run(drifting(), data.x, options);
  EXPECT_NEAR(loose.estimates[0].value, data.mu(), 1e-6);
  EXPECT_FALSE(loose.inference.constraints[0].active);
  EXPECT_GT(loose.estimates[0].se, 0);
  // Where it binds: mu = sigma / 2 and the derivative of the likelihood is the multiplier.
  options.inference.constraints = {"mu <= 0.5*sigma"};
  ASSERT_GT(data.mu(), 0.5 * data.sigma());
  const FitResult tight = run(drifting(), data.x, options);
  ASSERT_TRUE(tight.converged) << tight.end;
  EXPECT_NEAR(tight.estimates[0].value, 0.5 * tight.estimates[1].value, 1e-7);
  EXPECT_TRUE(tight.inference.constraints[0].active);
  const double s = tight.estimates[1].value, m = tight.estimates[0].value;
  EXPECT_NEAR(tight.inference.constraints[0].multiplier, data.n * (data.mean - m * kStep) / (s * s), 1e-4);
  // Relations that exclude one another.
  options.inference.constraints = {"mu >= 2", "mu <= 1"};
  const FitResult none = run(drifting(), data.x, options);
  EXPECT_FALSE(none.converged);
  EXPECT_NE(none.end.find("is not met"), std::string::npos);
}

TEST(Inference, PosteriorModeOfANormalMean) {
  const Drifting data(25);
  FitOptions options;
  options.fix["sigma"] = 0.5;
  options.inference.priors["mu"].normal = {0.1, 0.3};
  const FitResult result = run(drifting(), data.x, options);
  const double precision = data.n * kStep / 0.25, weight = 1 / 0.09;
  EXPECT_NEAR(result.estimates[0].value, (precision * data.mu() + weight * 0.1) / (precision + weight), 1e-8);
  EXPECT_NEAR(result.estimates[0].se, 1 / std::sqrt(precision + weight), 1e-8);
  EXPECT_TRUE(result.inference.posterior_mode);
  EXPECT_TRUE(std::isnan(result.aic));
  // loglik is the likelihood's.
  const double m = result.estimates[0].value, v = 0.25 * kStep;
  EXPECT_NEAR(
      result.loglik,
      -0.5 * data.n * (std::log(2 * M_PI * v) + (data.variance + std::pow(data.mean - m * kStep, 2)) / v),
      1e-7);
}

TEST(Prior, DensitiesAndDerivatives) {
  std::vector<Prior> laws(6);
  laws[0].normal = {0.2, 0.7};
  laws[1].lognormal = {-1, 0.5};
  laws[2].gamma = {3, 4};
  laws[3].beta = {2, 5};
  laws[4].uniform = {0, 2};
  laws[5].half_normal = 0.6;
  for (const Prior& law : laws) {
    const auto [low, high] = prior_support(law);
    double mass = 0;
    const double a = std::max(low, -8.0), b = std::min(high, 12.0);
    constexpr int kPanels = 40000;
    for (int i = 0; i < kPanels; ++i) {
      const double x = a + (b - a) * (i + 0.5) / kPanels;
      mass += std::exp(prior_density(law, x).value) * (b - a) / kPanels;
    }
    EXPECT_NEAR(mass, 1, 1e-5);
    const double h = 1e-5, x = 0.37;
    const PriorDensity at = prior_density(law, x), up = prior_density(law, x + h),
                       down = prior_density(law, x - h);
    EXPECT_NEAR(at.slope, (up.value - down.value) / (2 * h), 1e-6);
    EXPECT_NEAR(at.curvature, (up.slope - down.slope) / (2 * h), 1e-6);
    if (std::isfinite(low)) {
      EXPECT_EQ(prior_density(law, low - 0.1).value, -INFINITY);
    }
  }
}

TEST(Prior, Refusals) {
  const Drifting data(25);
  FitOptions options;
  options.inference.priors["mu"];
  EXPECT_THROW(run(drifting(), data.x, options), Error);  // no law
  options.inference.priors["mu"].normal = {0, 1};
  options.inference.priors["mu"].beta = {1, 1};
  EXPECT_THROW(run(drifting(), data.x, options), Error);  // two
  options.inference.priors["mu"] = {};
  options.inference.priors["mu"].uniform = {1, 2};
  EXPECT_THROW(run(drifting(), data.x, options), Error);  // the start lies outside
  options.inference.priors["mu"].uniform = {0, 2};
  options.inference.tests = {"mu=0"};
  EXPECT_THROW(run(drifting(), data.x, options), Error);
}

TEST(Formula, Relations) {
  const std::vector<std::string> names = {"a", "b"};
  const Relation equal = parse_relation("/x", "a == 2*b", names);
  EXPECT_TRUE(equal.equality);
  const ParameterFormula gap(equal.gap(), names, {0, 1});
  FunctionValue value;
  gap.evaluate(std::vector<double>{5, 2}, 2, value);
  EXPECT_EQ(value.value, 1);
  EXPECT_EQ(value.gradient[1], -2);
  EXPECT_TRUE(value.hessian.isZero());
  FunctionValue below;
  ParameterFormula(parse_relation("/x", "a^2 <= max(a, b)", names).gap(), names, {0, 1})
      .evaluate(std::vector<double>{0.5, 2}, 2, below);
  EXPECT_EQ(below.value, 1.75);
  EXPECT_EQ(below.hessian(0, 0), -2);
  EXPECT_THROW(parse_relation("/x", "a + b", names), Error);
  EXPECT_EQ(hypothesis_parts("a=1, max(a,b)=2").size(), 2u);
}

}  // namespace
}  // namespace sde
