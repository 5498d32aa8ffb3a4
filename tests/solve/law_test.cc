// Paths against the laws they must have.
#include <gtest/gtest.h>

#include <boost/math/distributions/non_central_chi_squared.hpp>
#include <boost/math/distributions/normal.hpp>

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "sde/law.h"
#include "sde/transition.h"
#include "testing.h"

namespace sde {
namespace {

using testing::run;
using testing::scalar;

std::vector<double> end_values(const SdeDocument& d, const char* method, const TimeGrid& grid,
                               std::uint64_t paths) {
  EnsembleOptions options;
  options.paths = paths;
  options.seed = 17;
  std::vector<double> values(paths);
  run(d, method, grid, options, [&](const PathBlock& block) {
    for (std::size_t p = 0; p < block.paths; ++p)
      values[block.first_id + p] = block.at(p, block.saves - 1, 0);
  });
  return values;
}

// Kolmogorov-Smirnov: sqrt(n) D exceeds 1.95 with probability .001 under the law.
template <class Cdf>
double kolmogorov(std::vector<double> values, const Cdf& cdf) {
  std::sort(values.begin(), values.end());
  double d = 0;
  const double n = static_cast<double>(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double f = cdf(values[i]);
    d = std::max({d, f - static_cast<double>(i) / n, (static_cast<double>(i) + 1) / n - f});
  }
  return std::sqrt(n) * d;
}

constexpr std::uint64_t kPaths = 20000;

TEST(Law, ExactOrnsteinUhlenbeck) {
  const SdeDocument d = scalar("k*(m - x)", "s", "2", {{"k", 1.3}, {"m", 0.4}, {"s", 0.7}});
  const double t = 1.5, decay = std::exp(-1.3 * t);
  const boost::math::normal law(0.4 + 1.6 * decay, std::sqrt(0.49 * (1 - decay * decay) / 2.6));
  const auto cdf = [&](double x) { return boost::math::cdf(law, x); };
  // In one step and in several: the transitions compose.
  EXPECT_LT(kolmogorov(end_values(d, "exact", make_grid(0, t, {t}), kPaths), cdf), 1.95);
  EXPECT_LT(kolmogorov(end_values(d, "exact", make_grid(0, t, {0.2, 0.9, t}), kPaths), cdf), 1.95);
  // And Euler-Maruyama with a small step; a step of 1/4 is told from the law.
  EXPECT_LT(kolmogorov(end_values(d, "euler-maruyama", make_grid(0, t, {t}, 0.002), kPaths), cdf), 1.95);
  EXPECT_GT(kolmogorov(end_values(d, "euler-maruyama", make_grid(0, t, {t}, 0.25), kPaths), cdf), 1.95);
}

TEST(Law, ExactBrownianMotionWithDriftIsTheLimitOfNoPull) {
  const SdeDocument d = scalar("m - k*x", "s", "1", {{"k", 0}, {"m", 0.5}, {"s", 0.3}});
  const boost::math::normal law(1 + 0.5 * 2, 0.3 * std::sqrt(2.0));
  EXPECT_LT(kolmogorov(end_values(d, "exact", make_grid(0, 2, {2}), kPaths),
                       [&](double x) { return boost::math::cdf(law, x); }),
            1.95);
}

TEST(Law, GeometricBrownianMotion) {
  const SdeDocument d = scalar("mu*x", "sigma*x", "3", {{"mu", 0.2}, {"sigma", 0.5}});
  const boost::math::normal law(std::log(3.0) + (0.2 - 0.125) * 2, 0.5 * std::sqrt(2.0));
  const auto cdf = [&](double x) { return boost::math::cdf(law, std::log(x)); };
  EXPECT_LT(kolmogorov(end_values(d, "exact", make_grid(0, 2, {0.5, 2}), kPaths), cdf), 1.95);
  EXPECT_LT(kolmogorov(end_values(d, "milstein", make_grid(0, 2, {2}, 0.004), kPaths), cdf), 1.95);
}

TEST(Law, CoxIngersollRoss) {
  // Twice: well above zero, and with fewer than one degree of freedom, where paths touch it.
  for (const double mean : {0.3, 0.005}) {
    const double k = 3, s = 0.2, t = 0.8, x0 = mean > 0.1 ? 0.4 : 0.01;
    SdeDocument d =
        scalar("k*(m - x)", "s*sqrt(x)", mean > 0.1 ? "0.4" : "0.01", {{"k", k}, {"m", mean}, {"s", s}});
    const double scale = s * s * (1 - std::exp(-k * t)) / (4 * k);
    const boost::math::non_central_chi_squared law(4 * k * mean / (s * s), x0 * std::exp(-k * t) / scale);
    const auto cdf = [&](double x) { return x > 0 ? boost::math::cdf(law, x / scale) : 0; };
    EXPECT_LT(kolmogorov(end_values(d, "exact", make_grid(0, t, {t}), kPaths), cdf), 1.95) << mean;
    EXPECT_LT(kolmogorov(end_values(d, "exact", make_grid(0, t, {0.1, 0.3, t}), kPaths), cdf), 1.95) << mean;
  }
}

// [path][state] at the end.
std::vector<std::vector<double>> end_states(const SdeDocument& d, const char* method, const TimeGrid& grid,
                                            std::uint64_t paths) {
  EnsembleOptions options;
  options.paths = paths;
  options.seed = 23;
  std::vector<std::vector<double>> values(paths, std::vector<double>(d.states.size()));
  run(d, method, grid, options, [&](const PathBlock& block) {
    for (std::size_t p = 0; p < block.paths; ++p)
      for (std::size_t i = 0; i < d.states.size(); ++i)
        values[block.first_id + p][i] = block.at(p, block.saves - 1, i);
  });
  return values;
}

// Components of the standardised end states are standard normals where the law is N(mean, covariance), and
// so is every other direction: sqrt(n) D of each, the largest.
double gaussian_misfit(const std::vector<std::vector<double>>& states, const StateMoments& law) {
  const Eigen::MatrixXd factor = law.covariance.llt().matrixL();
  const Eigen::Index n = law.mean.size();
  double worst = 0;
  for (int direction = 0; direction < 5; ++direction) {
    Eigen::VectorXd w(n);
    for (Eigen::Index i = 0; i < n; ++i) w[i] = std::cos(1.7 * direction + 2.3 * static_cast<double>(i));
    if (direction < n) w = Eigen::VectorXd::Unit(n, direction);
    w.normalize();
    std::vector<double> values;
    for (const std::vector<double>& x : states) {
      const Eigen::VectorXd z = factor.triangularView<Eigen::Lower>().solve(
          Eigen::Map<const Eigen::VectorXd>(x.data(), n) - law.mean);
      values.push_back(w.dot(z));
    }
    worst = std::max(worst, kolmogorov(std::move(values),
                                       [](double z) { return boost::math::cdf(boost::math::normal(), z); }));
  }
  return worst;
}

StateMoments law_at(const SdeDocument& d, double start, double end, const std::vector<double>& from) {
  const SdeExpressions sde = parse_document(d);
  const auto n = static_cast<Eigen::Index>(from.size());
  return propagate(sde, recognise_law(sde), start, end,
                   {Eigen::Map<const Eigen::VectorXd>(from.data(), n), Eigen::MatrixXd::Zero(n, n)});
}

// Shared noise and coupled drifts; slopes that are stable, defective and singular.
TEST(Law, ExactOrnsteinUhlenbeckInSeveralDimensions) {
  const char* const drifts[][3] = {{"-x + 0.5*y", "1 - 0.3*x - y + z", "0.2*y - 2*z"},
                                   {"-x + y", "-y + z", "-z"},
                                   {"x - y", "2*x - 2*y + 1", "0"}};
  for (const auto& drift : drifts) {
    SdeDocument d;
    d.noises = {"u", "v", "w"};
    d.states = {testing::state("x", drift[0], {{"u", "0.5"}, {"v", "0.2"}}, "1"),
                testing::state("y", drift[1], {{"v", "0.4"}}, "-0.5"),
                testing::state("z", drift[2], {{"u", "-0.3"}, {"w", "0.6"}}, "0.3")};
    const StateMoments law = law_at(d, 0, 1.2, {1, -0.5, 0.3});
    EXPECT_LT(gaussian_misfit(end_states(d, "exact", make_grid(0, 1.2, {1.2}), kPaths), law), 2.1)
        << drift[0];
    EXPECT_LT(gaussian_misfit(end_states(d, "exact", make_grid(0, 1.2, {0.1, 0.35, 1.2}), kPaths), law), 2.1);
    EXPECT_LT(gaussian_misfit(end_states(d, "sra1", make_grid(0, 1.2, {1.2}, 0.02), kPaths), law), 2.1);
    EXPECT_GT(gaussian_misfit(end_states(d, "euler-maruyama", make_grid(0, 1.2, {1.2}, 0.3), kPaths), law),
              2.1);
  }
}

// One noise for two states: with a long step the law is not singular, though the increments alone would be.
TEST(Law, ExactLangevinDynamics) {
  SdeDocument d;
  d.states = {testing::state("q", "p", {}, "1"), testing::state("p", "-4*q - 0.5*p", {{"p", "0.8"}}, "0")};
  const StateMoments law = law_at(d, 0, 2, {1, 0});
  EXPECT_LT(gaussian_misfit(end_states(d, "exact", make_grid(0, 2, {2}), kPaths), law), 2.1);
  EXPECT_LT(gaussian_misfit(end_states(d, "exact", make_grid(0, 2, {0.5, 2}), kPaths), law), 2.1);
}

// The joint draw keeps the increments: a fine method on the same path ends close by.
TEST(Law, ExactFollowsTheIncrements) {
  SdeDocument d;
  d.states = {testing::state("q", "p", {}, "1"), testing::state("p", "-4*q - 0.5*p", {{"p", "0.8"}}, "0")};
  const TimeGrid grid = make_grid(0, 1, {1}, 1.0 / 256);
  const auto exact = end_states(d, "exact", grid, 256), near = end_states(d, "sra1", grid, 256);
  for (std::size_t p = 0; p < 256; ++p)
    for (std::size_t i = 0; i < 2; ++i) EXPECT_NEAR(exact[p][i], near[p][i], 0.01);
}

TEST(Law, BrownianBridge) {
  SdeDocument d = scalar("(b - x)/(T - t)", "s", "1", {{"b", -0.5}, {"T", 2}, {"s", 0.7}});
  const StateMoments law = law_at(d, 0, 1.5, {1});
  EXPECT_NEAR(law.mean[0], 1 - 1.5 * 0.75, 1e-14);
  EXPECT_NEAR(law.covariance(0, 0), 0.49 * 1.5 * 0.25, 1e-14);
  EXPECT_LT(gaussian_misfit(end_states(d, "exact", make_grid(0, 1.5, {1.5}), kPaths), law), 1.95);
  EXPECT_LT(gaussian_misfit(end_states(d, "exact", make_grid(0, 1.5, {0.3, 1.1, 1.5}), kPaths), law), 1.95);
  EXPECT_LT(gaussian_misfit(end_states(d, "euler-maruyama", make_grid(0, 1.5, {1.5}, 0.005), kPaths), law),
            1.95);
  // It ends where it must, also where the times before are rounded.
  for (const auto& x : end_states(d, "exact", make_grid(0, 2, equispaced(0, 2, 14)), 500))
    EXPECT_EQ(x[0], -0.5);
  for (const auto& x : end_states(d, "exact", make_grid(0, 2, {2}, 0.3), 500)) EXPECT_EQ(x[0], -0.5);
}

TEST(Law, CorrelatedGeometricMotion) {
  SdeDocument d;
  d.noises = {"u", "w"};
  d.states = {testing::state("x", "0.1*x", {{"u", "0.4*x"}}, "2"),
              testing::state("y", "0.2*y", {{"u", "0.3*y"}, {"w", "0.5*y"}}, "3")};
  auto logs = end_states(d, "exact", make_grid(0, 1.5, {0.5, 1.5}), kPaths);
  for (auto& x : logs)
    for (double& value : x) value = std::log(value);
  StateMoments law{Eigen::Vector2d(std::log(2.0) + (0.1 - 0.08) * 1.5, std::log(3.0) + (0.2 - 0.17) * 1.5),
                   Eigen::Matrix2d{{0.16 * 1.5, 0.12 * 1.5}, {0.12 * 1.5, 0.34 * 1.5}}};
  EXPECT_LT(gaussian_misfit(logs, law), 2.1);
}

TEST(Law, OfIndependentComponentsOfDifferentKinds) {
  SdeDocument d;
  d.states = {testing::state("a", "-a", {{"a", "0.5"}}, "1"),
              testing::state("b", "0.1*b", {{"b", "0.2*b"}}, "1"),
              testing::state("c", "2*(1 - c)", {{"c", "0.3*sqrt(c)"}}, "1")};
  EnsembleOptions options;
  options.paths = 40000;
  const auto result = run(d, "exact", make_grid(0, 1, {1}), options);
  const double mean[] = {std::exp(-1.0), std::exp(0.1), 1};
  const double variance[] = {0.125 * (1 - std::exp(-2.0)), std::exp(0.2) * std::expm1(0.04),
                             0.0225 * (1 - std::exp(-4.0))};
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(result.final[i].mean, mean[i], 4 * std::sqrt(variance[i] / 40000)) << i;
    EXPECT_NEAR(result.final[i].variance(), variance[i], 5 * variance[i] * std::sqrt(2.0 / 40000)) << i;
  }
}

TEST(Law, ExactRefusesWhatItDoesNotKnow) {
  try {
    EnsembleOptions options;
    run(scalar("x - x^3", "0.5", "0"), "exact", make_grid(0, 1, {1}), options);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.status(), Status::usage);
    EXPECT_NE(std::string(e.what()).find("not affine"), std::string::npos) << e.what();
  }
}

TEST(Law, WindTunnelWithNoiseHasItsVariance) {
  SdeDocument d = scalar("1/(t + 1) - x/10", "s", "0", {{"s", 0.3}});
  EnsembleOptions options;
  options.paths = 40000;
  const auto result = run(d, "euler-maruyama", make_grid(0, 10, {}, 0.01), options);
  const double variance = 5 * 0.09 * (1 - std::exp(-2.0));
  EXPECT_NEAR(result.final[0].mean, 1.26164502, 4 * std::sqrt(variance / 40000) + 3e-3);
  EXPECT_NEAR(result.final[0].variance(), variance, 5 * variance * std::sqrt(2.0 / 40000));
}

TEST(Law, InitialLaws) {
  SdeDocument d = scalar("0", "0", "0");
  d.states[0].drift = "0*x";
  d.parameters = {{"m", 2}};
  d.states[0].initial = {InitialLaw::Kind::normal, "m", "m/4", ""};
  EnsembleOptions options;
  options.paths = 50000;
  auto result = run(d, "euler", make_grid(0, 1, {}, 1), options);
  EXPECT_NEAR(result.final[0].mean, 2, 4 * 0.5 / std::sqrt(50000.0));
  EXPECT_NEAR(result.final[0].variance(), 0.25, 5 * 0.25 * std::sqrt(2.0 / 50000));
  d.states[0].initial = {InitialLaw::Kind::uniform, "-m", "m", ""};
  result = run(d, "euler", make_grid(0, 1, {}, 1), options);
  EXPECT_NEAR(result.final[0].mean, 0, 4 * 1.155 / std::sqrt(50000.0));
  EXPECT_NEAR(result.final[0].variance(), 16.0 / 12, 0.03);
}

}  // namespace
}  // namespace sde
