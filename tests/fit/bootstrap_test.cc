#include "fit/bootstrap.h"

#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include <cmath>

#include "base/error.h"
#include "fixtures.h"

namespace sde {
namespace {

// The binomial error of 500 refits is .97 %; what is asked for is coverage in [92, 98] %.
void expect_nominal_coverage(const BootstrapResult& b) {
  EXPECT_EQ(b.replicas, 500u);
  EXPECT_EQ(b.failed, 0u) << (b.failures.empty() ? "" : b.failures[0].first);
  EXPECT_EQ(b.method, "exact");
  for (const BootstrapEstimate& e : b.estimates) {
    EXPECT_GE(e.coverage, 0.92) << e.name;
    EXPECT_LE(e.coverage, 0.98) << e.name;
  }
}

// The document's values stand for estimates: replicas are drawn with the true parameters.
FitResult at_truth(const SdeDocument& document, const Observations& data) {
  FitOptions options;
  options.describe = false;
  FitResult result = fit(document, data, options);
  result.sde = document;
  for (Estimate& e : result.estimates) e.value = *document.find_parameter(e.name);
  return result;
}

TEST(Bootstrap, CoverageOrnsteinUhlenbeck) {
  std::mt19937_64 g(11);
  const SdeDocument ou = test::vasicek(5, 0.1, 0.05);
  const Observations data = test::equispaced(test::ou_path(g, 300, 5, 0.1, 0.05, 0.1, 0.1), 0.1);
  const BootstrapResult b = bootstrap(at_truth(ou, data), data, {}, 500);
  expect_nominal_coverage(b);
  // Asymptotic deviation of the mean: sigma / (kappa sqrt(T)).
  EXPECT_NEAR(b.estimates[1].se, 0.05 / (5 * std::sqrt(30.0)), 0.12 * b.estimates[1].se);
  // The known bias of the rate, about 4/T (Tang & Chen, J. Econometrics 149, 2009).
  EXPECT_NEAR(b.estimates[0].bias, 4 / 30.0, 4 * b.estimates[0].bias_stderr + 0.02);
  EXPECT_GT(b.estimates[0].bias, 2 * b.estimates[0].bias_stderr);
}

TEST(Bootstrap, CoverageCoxIngersollRoss) {
  std::mt19937_64 g(12);
  const SdeDocument cir = test::cir(5, 0.1, 0.2);
  const Observations data = test::equispaced(test::cir_path(g, 300, 5, 0.1, 0.2, 0.1, 0.1), 0.1);
  const BootstrapResult b = bootstrap(at_truth(cir, data), data, {}, 500);
  expect_nominal_coverage(b);
  EXPECT_NEAR(b.estimates[1].bias, 0, 4 * b.estimates[1].bias_stderr);
}

// Euler on a coarse grid: the refits, drawn by the law, show the bias, and the intervals miss.
TEST(Bootstrap, ShowsTheBiasOfADensity) {
  std::mt19937_64 g(13);
  const SdeDocument ou = test::vasicek(5, 0.1, 0.05);
  const Observations data = test::equispaced(test::ou_path(g, 300, 5, 0.1, 0.05, 0.2, 0.1), 0.2);
  FitOptions options;
  options.density = "euler";
  FitResult truth = at_truth(ou, data);
  truth.density = "euler";
  const BootstrapResult b = bootstrap(truth, data, options, 100);
  // (1 - e^{-kappa D}) / D in place of kappa.
  const double expected = (1 - std::exp(-1.0)) / 0.2 - 5;
  EXPECT_NEAR(b.estimates[0].bias, expected, 4 * b.estimates[0].bias_stderr + 0.05);
  EXPECT_LT(b.estimates[0].coverage, 0.2);
}

TEST(Bootstrap, IsAFunctionOfTheSeed) {
  std::mt19937_64 g(14);
  const Observations data = test::equispaced(test::cir_path(g, 60, 5, 0.1, 0.2, 0.1, 0.1), 0.1);
  const FitResult fitted = fit(test::cir(5, 0.1, 0.2), data, {});
  FitOptions options;
  options.seed = 5;
  const BootstrapResult first = bootstrap(fitted, data, options, 40);
  {
    const tbb::global_control one(tbb::global_control::max_allowed_parallelism, 1);
    EXPECT_EQ(first.value, bootstrap(fitted, data, options, 40).value);
  }
  // More replicas begin with the same ones.
  const BootstrapResult more = bootstrap(fitted, data, options, 50);
  EXPECT_TRUE(std::equal(first.value.begin(), first.value.end(), more.value.begin()));
  options.seed = 6;
  EXPECT_NE(first.value, bootstrap(fitted, data, options, 40).value);
}

// Irregular times, two series, a law that is not known.
TEST(Bootstrap, DrawsAtTheTimesOfTheData) {
  std::mt19937_64 g(15);
  SdeDocument ckls = test::scalar_sde("kappa*(theta - x)", "sigma*x^gamma",
                                      {{"kappa", 5}, {"theta", 0.1}, {"sigma", 0.5}, {"gamma", 0.8}});
  Observations data({"x"});
  for (const char* name : {"a", "b"}) {
    const std::vector<double> x = test::cir_path(g, 150, 5, 0.1, 0.15, 0.05, 0.1);
    std::vector<double> time;
    for (std::size_t i = 0; i < x.size(); ++i)
      time.push_back(0.05 * static_cast<double>(i) + (i % 2 ? 0.01 : 0));
    data.add(name, time, x);
  }
  FitOptions options;
  options.fix = {{"gamma", 0.8}};
  options.density = "euler";
  const FitResult fitted = fit(ckls, data, options);
  const BootstrapResult b = bootstrap(fitted, data, options, 48);
  EXPECT_EQ(b.method, "milstein");
  EXPECT_EQ(b.pieces, 20);
  EXPECT_EQ(b.used, 48u);
  ASSERT_EQ(b.estimates.size(), 3u);
  for (std::size_t j = 0; j < 3; ++j) {
    EXPECT_GT(b.estimates[j].se / fitted.estimates[j].se, 0.6) << b.estimates[j].name;
    EXPECT_LT(b.estimates[j].se / fitted.estimates[j].se, 1.6) << b.estimates[j].name;
    EXPECT_LT(b.estimates[j].low, b.estimates[j].high);
  }
}

// A state seen with noise, some values missing: bootstrap and information agree on the standard errors.
TEST(Bootstrap, OfAStateSpaceModel) {
  std::mt19937_64 g(16);
  std::normal_distribution<double> normal;
  const std::vector<double> x = test::ou_path(g, 400, 2, 1, 0.8, 0.1, 1);
  std::vector<double> time, y;
  for (std::size_t i = 0; i < x.size(); ++i) {
    time.push_back(0.1 * static_cast<double>(i));
    y.push_back(i % 7 == 3 ? std::nan("") : x[i] + 0.2 * normal(g));
  }
  SeriesTable data({"x"});
  data.add("", time, y);
  FitOptions options;
  ObservationModel seen;
  seen.noise = {{"x", "eta"}};
  seen.parameters = {{"eta", 0.2}};
  options.observation = seen;
  const FitResult fitted = fit(test::vasicek(2, 1, 0.8), data, options);
  ASSERT_TRUE(fitted.converged);
  const BootstrapResult b = bootstrap(fitted, data, options, 40);
  EXPECT_GE(b.used, 38u);
  for (std::size_t j = 1; j < 4; ++j) {
    EXPECT_GT(b.estimates[j].se / fitted.estimates[j].se, 0.6) << b.estimates[j].name;
    EXPECT_LT(b.estimates[j].se / fitted.estimates[j].se, 1.7) << b.estimates[j].name;
  }
}

TEST(Bootstrap, CountsFailures) {
  std::mt19937_64 g(17);
  const Observations data = test::equispaced(test::ou_path(g, 50, 5, 0.1, 0.05, 0.1, 0.1), 0.1);
  FitOptions options;
  const FitResult fitted = fit(test::vasicek(5, 0.1, 0.05), data, options);
  options.tolerance = 1e-300;
  const BootstrapResult b = bootstrap(fitted, data, options, 16);
  EXPECT_GT(b.failed, 8u);
  EXPECT_EQ(b.used + b.failed, 16u);
  ASSERT_FALSE(b.failures.empty());
  EXPECT_NE(b.failures[0].first.find("Newton decrement"), std::string::npos) << b.failures[0].first;
  EXPECT_THROW(bootstrap(fitted, data, options, 1), Error);
}

}  // namespace
}  // namespace sde
