// Draws from posterior laws that are known, and what tells chains apart that have not mixed.
#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include <Eigen/LU>

#include <cmath>
#include <random>

#include "base/error.h"
#include "fit/chains.h"
#include "fit/nuts.h"
#include "fit/posterior.h"
#include "fixtures.h"

namespace sde {
namespace {

using test::equispaced;
using test::scalar_sde;

constexpr double kStep = 0.1;

std::vector<double> drifting_path(std::mt19937_64& g, std::size_t n, double mu, double sigma) {
  std::normal_distribution<double> normal;
  std::vector<double> x = {0};
  for (std::size_t i = 0; i < n; ++i)
    x.push_back(x.back() + mu * kStep + sigma * std::sqrt(kStep) * normal(g));
  return x;
}

SdeDocument drifting() {
  return scalar_sde("mu", "sigma", {{"mu", 0.2}, {"sigma", 0.5}});
}

Posterior sample(const SdeDocument& document, const std::vector<double>& x, const FitOptions& options) {
  const Observations data = equispaced(x, kStep);
  return sample_posterior(fit(document, data, options), data, options);
}

// With sigma known and a normal prior the posterior of mu is normal.
TEST(Posterior, ConjugateNormal) {
  std::mt19937_64 g(3);
  const auto x = drifting_path(g, 60, 0.7, 0.5);
  FitOptions options;
  options.fix["sigma"] = 0.5;
  options.inference.priors["mu"].normal = {0.1, 0.4};
  options.inference.posterior.emplace();
  const Posterior posterior = sample(drifting(), x, options);
  const double precision = 60 * kStep / 0.25 + 1 / 0.16;
  const double mean = (x.back() / 0.25 + 0.1 / 0.16) / precision, deviation = 1 / std::sqrt(precision);
  const ParameterDraws& mu = posterior.parameters[0];
  EXPECT_LT(mu.r_hat, 1.01);
  EXPECT_GT(mu.ess_bulk, 1000);
  EXPECT_NEAR(mu.mean, mean, 4.5 * mu.error);
  EXPECT_NEAR(mu.error, deviation / std::sqrt(mu.ess_bulk), 0.3 * mu.error);
  EXPECT_NEAR(mu.deviation, deviation, 4.5 * deviation / std::sqrt(2 * mu.ess_tail));
  // A normal law's density at its 97.5 % quantile is .0584.
  EXPECT_NEAR(mu.high, mean + 1.959964 * deviation,
              4.5 * deviation * std::sqrt(0.025 * 0.975 / mu.ess_tail) / 0.0584);
  EXPECT_EQ(posterior.divergences, 0u);
}

// A scale with a flat prior: sigma^2 has an inverse gamma law, the Jacobian of its logarithm included.
// Without it the shape would be another: mean off by 1.4 %.
TEST(Posterior, ScaleWithoutPrior) {
  std::mt19937_64 g(4);
  const auto x = drifting_path(g, 40, 0.7, 0.5);
  FitOptions options;
  options.fix["mu"] = 0.7;
  options.inference.posterior.emplace();
  options.inference.posterior->draws = 4000;
  const Posterior posterior = sample(drifting(), x, options);
  double sum = 0;
  for (std::size_t i = 0; i < 40; ++i) sum += std::pow(x[i + 1] - x[i] - 0.7 * kStep, 2) / kStep;
  // p(sigma) ~ sigma^-n exp(-sum / 2 sigma^2), so E sigma = sqrt(sum/2) Gamma((n-2)/2) / Gamma((n-1)/2).
  const double mean = std::sqrt(0.5 * sum) * std::exp(std::lgamma(19) - std::lgamma(19.5));
  const ParameterDraws& sigma = posterior.parameters[0];
  EXPECT_NEAR(sigma.mean, mean, 4.5 * sigma.error);
  EXPECT_LT(sigma.error, 0.002 * mean);
}

// Between two bounds the coordinate is a logit: a flat likelihood would leave the uniform law. Here a
// truncated normal law.
TEST(Posterior, BetweenBounds) {
  std::mt19937_64 g(5);
  const auto x = drifting_path(g, 30, 0.1, 0.5);
  FitOptions options;
  options.fix["sigma"] = 0.5;
  options.bounds["mu"] = {0, 0.3};
  options.inference.posterior.emplace();
  const Posterior posterior = sample(drifting(), x, options);
  double mass = 0, first = 0;
  const double centre = x.back() / (30 * kStep), spread = std::sqrt(0.25 / (30 * kStep));
  for (int i = 0; i < 10000; ++i) {
    const double m = 0.3 * (i + 0.5) / 10000, w = std::exp(-0.5 * std::pow((m - centre) / spread, 2));
    mass += w;
    first += w * m;
  }
  EXPECT_NEAR(posterior.parameters[0].mean, first / mass, 4.5 * posterior.parameters[0].error);
  for (double v : posterior.value) {
    ASSERT_GE(v, 0);
    ASSERT_LE(v, 0.3);
  }
}

TEST(Posterior, ThreadsChangeNothing) {
  std::mt19937_64 g(6);
  const auto x = test::ou_path(g, 300, 1, 0.3, 0.5, kStep, 0.3);
  FitOptions options;
  options.inference.priors["kappa"].gamma = {2, 2};
  options.inference.posterior.emplace();
  options.inference.posterior->draws = 40;
  options.inference.posterior->warmup = 60;
  options.seed = 9;
  std::vector<double> first;
  for (std::size_t threads : {1u, 3u}) {
    const tbb::global_control control(tbb::global_control::max_allowed_parallelism, threads);
    const Posterior posterior = sample(test::vasicek(1, 0.3, 0.5), x, options);
    if (first.empty())
      first = posterior.value;
    else
      EXPECT_EQ(first, posterior.value);
  }
  options.seed = 10;
  EXPECT_NE(first, sample(test::vasicek(1, 0.3, 0.5), x, options).value);
}

// Parameters from the prior, data from them: the rank of the truth among the draws is uniform (Talts et al.,
// arXiv:1804.06788).
TEST(Posterior, SimulationBasedCalibration) {
  std::mt19937_64 g(7);
  std::normal_distribution<double> normal;
  constexpr int kReplicas = 120, kBins = 6, kDraws = 250, kThinned = 59;
  std::vector<std::vector<int>> count(2, std::vector<int>(kBins));
  for (int r = 0; r < kReplicas; ++r) {
    const double mu = 0.2 + 0.5 * normal(g), sigma = std::exp(-0.7 + 0.3 * normal(g));
    FitOptions options;
    options.inference.priors["mu"].normal = {0.2, 0.5};
    options.inference.priors["sigma"].lognormal = {-0.7, 0.3};
    options.inference.posterior.emplace();
    options.inference.posterior->chains = 1;
    options.inference.posterior->draws = kDraws;
    options.inference.posterior->warmup = 100;
    options.seed = static_cast<std::uint64_t>(r);
    const Posterior posterior = sample(drifting(), drifting_path(g, 25, mu, sigma), options);
    for (std::size_t p = 0; p < 2; ++p) {
      int rank = 0;
      for (int d = 0; d < kThinned; ++d)
        rank += posterior.value[static_cast<std::size_t>(4 * d) * 2 + p] < (p == 0 ? mu : sigma) ? 1 : 0;
      ++count[p][static_cast<std::size_t>(rank * kBins / (kThinned + 1))];
    }
  }
  for (const auto& bins : count) {
    double statistic = 0;
    const double expected = static_cast<double>(kReplicas) / kBins;
    for (int c : bins) statistic += (c - expected) * (c - expected) / expected;
    EXPECT_LT(statistic, 18.4);  // 99.75 % of chi-squared with 5 degrees
  }
}

// An inequality cuts the law off: half of a normal one.
TEST(Posterior, Constraint) {
  std::mt19937_64 g(8);
  const auto x = drifting_path(g, 60, 0.3, 0.5);
  const double centre = x.back() / 6, spread = std::sqrt(0.25 / 6);
  FitOptions options;
  options.fix["sigma"] = 0.5;
  SdeDocument document = drifting();
  document.parameters[0].second = centre - 0.1;
  options.inference.constraints = {fmt::format("mu <= {:.17g}", centre)};
  options.inference.posterior.emplace();
  options.inference.posterior->draws = 4000;
  const Posterior posterior = sample(document, x, options);
  for (double v : posterior.value) ASSERT_LE(v, centre);
  EXPECT_NEAR(posterior.parameters[0].mean, centre - spread * std::sqrt(2 / M_PI),
              5 * posterior.parameters[0].error);
  options.inference.constraints = {"mu == sigma"};
  options.fix.clear();
  EXPECT_THROW(sample(document, x, options), Error);
}

// A strongly correlated normal law in three dimensions, from a start far out.
TEST(Nuts, CorrelatedNormal) {
  Eigen::Matrix3d precision;
  precision << 50, -45, 0, -45, 50, 3, 0, 3, 1;
  const LogDensity density = [&](const Eigen::VectorXd& x, Eigen::VectorXd& gradient) {
    gradient = -precision * x;
    return 0.5 * x.dot(gradient);
  };
  const Eigen::Matrix3d covariance = precision.inverse();
  PosteriorOptions options;
  NutsChain chain(density, Eigen::Vector3d(3, 3, -3), 1, 0, options);
  constexpr int kDraws = 4000;
  Eigen::Matrix3d second = Eigen::Matrix3d::Zero();
  std::vector<std::vector<double>> x(3);
  int divergent = 0;
  for (int i = 0; i < options.warmup + kDraws; ++i) {
    const ChainDraw draw = chain.next();
    if (i < options.warmup) continue;
    divergent += draw.divergent ? 1 : 0;
    second += chain.position() * chain.position().transpose() / kDraws;
    for (std::size_t d = 0; d < 3; ++d) x[d].push_back(chain.position()[static_cast<Eigen::Index>(d)]);
  }
  EXPECT_EQ(divergent, 0);
  for (std::size_t d = 0; d < 3; ++d) {
    const ChainDiagnostics c = diagnose_chains(x[d], 1, kDraws);
    double mean = 0;
    for (double v : x[d]) mean += v / kDraws;
    EXPECT_NEAR(mean, 0, 4.5 * c.error);
    EXPECT_GT(c.ess_bulk, 800);
    for (int e = 0; e < 3; ++e) {
      const auto i = static_cast<Eigen::Index>(d);
      EXPECT_NEAR(second(i, e), covariance(i, e), 0.12 * std::sqrt(covariance(i, i) * covariance(e, e)));
    }
  }
}

TEST(Chains, IndependentDraws) {
  std::mt19937_64 g(1);
  std::normal_distribution<double> normal;
  std::vector<double> x(4000);
  for (double& v : x) v = normal(g);
  const ChainDiagnostics d = diagnose_chains(x, 4, 1000);
  EXPECT_NEAR(d.r_hat, 1, 0.005);
  EXPECT_NEAR(d.ess_bulk, 4000, 600);
  EXPECT_NEAR(d.ess_tail, 4000, 900);
  EXPECT_NEAR(d.error, 1 / std::sqrt(4000.0), 0.002);
}

// Of an autoregression with coefficient rho n draws are worth n (1 - rho) / (1 + rho).
TEST(Chains, Autoregression) {
  std::mt19937_64 g(2);
  std::normal_distribution<double> normal;
  std::vector<double> x;
  for (int c = 0; c < 4; ++c) {
    double v = normal(g);
    for (int i = 0; i < 5000; ++i) x.push_back(v = 0.8 * v + 0.6 * normal(g));
  }
  EXPECT_NEAR(diagnose_chains(x, 4, 5000).ess_bulk, 20000.0 / 9, 350);
}

TEST(Chains, UnmixedChainsAreFound) {
  std::mt19937_64 g(3);
  std::normal_distribution<double> normal;
  std::vector<double> place, scale, trend;
  for (int c = 0; c < 4; ++c)
    for (int i = 0; i < 500; ++i) {
      place.push_back((c == 3 ? 1.5 : 0) + normal(g));
      scale.push_back((c == 3 ? 4 : 1) * normal(g));  // found by the folded draws alone
      trend.push_back(0.004 * i + normal(g));         // by the halves alone
    }
  for (const auto& x : {place, scale, trend}) EXPECT_GT(diagnose_chains(x, 4, 500).r_hat, 1.05);
  EXPECT_LT(diagnose_chains(place, 4, 500).ess_bulk, 40);
  EXPECT_TRUE(std::isnan(diagnose_chains(std::vector<double>(400, 1.0), 4, 100).r_hat));
}

}  // namespace
}  // namespace sde
