// Coupled components: exact linear laws and local linearisation, by the recursion that carries derivatives.
#include "fit/local_linear.h"

#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <cmath>
#include <numbers>
#include <random>
#include <unsupported/Eigen/MatrixFunctions>

#include "base/error.h"
#include "fit/fit.h"
#include "fit/likelihood.h"
#include "fixtures.h"

namespace sde {
namespace {

// Two states named x and y with noises w1 and w2.
SdeDocument pair(const std::string& fx, const std::string& fy,
                 const std::vector<std::pair<std::string, std::string>>& gx,
                 const std::vector<std::pair<std::string, std::string>>& gy,
                 const test::Parameters& parameters) {
  SdeDocument document;
  document.parameters = parameters;
  document.noises = {"w1", "w2"};
  document.states.resize(2);
  document.states[0].name = "x";
  document.states[1].name = "y";
  document.states[0].drift = fx;
  document.states[1].drift = fy;
  for (const auto& entry : gx) document.states[0].diffusion.push_back(entry);
  for (const auto& entry : gy) document.states[1].diffusion.push_back(entry);
  return document;
}

SdeDocument linear_pair() {
  return pair(
      "k*(m - x) + c*y", "b*x - a*y", {{"w1", "s"}}, {{"w1", "r*s"}, {"w2", "q"}},
      {{"k", 0.8}, {"m", 0.3}, {"c", 0.5}, {"b", -0.9}, {"a", 1.4}, {"s", 0.4}, {"r", -0.6}, {"q", 0.2}});
}

Observations wavy_pair(std::size_t n, double step, bool regular = true) {
  std::vector<double> time, value;
  double t = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double u = static_cast<double>(i);
    time.push_back(t);
    t += step * (regular ? 1 : 1 + 0.5 * std::sin(u));
    value.push_back(0.7 + 0.2 * std::sin(1.3 * u) + 0.1 * std::cos(0.1 * u * u));
    value.push_back(0.6 + 0.2 * std::cos(0.9 * u) + 0.1 * std::sin(0.2 * u * u));
  }
  Observations data({"x", "y"});
  data.add("", time, value);
  return data;
}

// The transition of dX = (A X + b) dt + G dW by Van Loan's block exponential.
double linear_log_density(const Eigen::Matrix2d& a, const Eigen::Vector2d& b, const Eigen::Matrix2d& g,
                          const Eigen::Vector2d& before, const Eigen::Vector2d& after, double step) {
  Eigen::Matrix4d block = Eigen::Matrix4d::Zero();
  block.topLeftCorner<2, 2>() = -a * step;
  block.topRightCorner<2, 2>() = g * g.transpose() * step;
  block.bottomRightCorner<2, 2>() = a.transpose() * step;
  const Eigen::Matrix4d e = block.exp();
  const Eigen::Matrix2d phi = e.bottomRightCorner<2, 2>().transpose();
  const Eigen::Matrix2d covariance = phi * e.topRightCorner<2, 2>();
  Eigen::Matrix3d affine = Eigen::Matrix3d::Zero();
  affine.topLeftCorner<2, 2>() = a * step;
  affine.topRightCorner<2, 1>() = b * step;
  const Eigen::Vector2d mean = phi * before + affine.exp().topRightCorner<2, 1>();
  const Eigen::Vector2d rest = after - mean;
  return -0.5 * (2 * std::log(2 * std::numbers::pi) + std::log(covariance.determinant()) +
                 rest.dot(covariance.inverse() * rest));
}

TEST(LinearDensity, IsTheLawOfCoupledComponents) {
  for (double step : {0.01, 0.3, 2.5}) {
    const Observations data = wavy_pair(12, step);
    std::string chosen;
    const auto found = per_transition_loglik(linear_pair(), "auto", data, &chosen);
    EXPECT_EQ(chosen, "exact");
    Eigen::Matrix2d a, g;
    a << -0.8, 0.5, -0.9, -1.4;
    g << 0.4, 0, -0.24, 0.2;
    for (std::size_t i = 0; i < found.size(); ++i) {
      const Eigen::Vector2d before(data.column(0)[i], data.column(1)[i]);
      const Eigen::Vector2d after(data.column(0)[i + 1], data.column(1)[i + 1]);
      const double expected =
          linear_log_density(a, {0.24, 0}, g, before, after, data.time()[i + 1] - data.time()[i]);
      EXPECT_NEAR(found[i], expected, 1e-11 * std::max(1.0, std::fabs(expected)));
    }
    // Local linearisation of a linear equation.
    const auto local = per_transition_loglik(linear_pair(), "shoji-ozaki", data);
    for (std::size_t i = 0; i < found.size(); ++i) EXPECT_EQ(local[i], found[i]);
  }
}

// Position and velocity of a noisy oscillator: the position has no noise of its own.
TEST(LinearDensity, TakesNoiseThatReachesAComponentThroughTheDrift) {
  const auto oscillator = pair("y", "-w*x - 2*z*y", {}, {{"w1", "s"}}, {{"w", 2}, {"z", 0.3}, {"s", 0.5}});
  const Observations data = wavy_pair(6, 0.2);
  const auto found = per_transition_loglik(oscillator, "exact", data);
  Eigen::Matrix2d a, g = Eigen::Matrix2d::Zero();
  a << 0, 1, -2, -0.6;
  g(1, 0) = 0.5;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double expected = linear_log_density(a, {0, 0}, g, {data.column(0)[i], data.column(1)[i]},
                                               {data.column(0)[i + 1], data.column(1)[i + 1]}, 0.2);
    EXPECT_NEAR(found[i], expected, 1e-9 * std::fabs(expected));
  }
}

TEST(LinearDensity, IsTheProductWhereComponentsAreIndependent) {
  // Coupled with strength 0, against the closed form of each component.
  const auto apart = pair("k*(m - x) + c*y", "-a*y", {{"w1", "s"}}, {{"w2", "q"}},
                          {{"k", 0.8}, {"m", 0.3}, {"c", 0}, {"a", 1.4}, {"s", 0.4}, {"q", 0.2}});
  auto closed = apart;
  closed.states[0].drift = "k*(m - x)";
  const Observations data = wavy_pair(9, 0.4);
  const auto a = per_transition_loglik(apart, "exact", data),
             b = per_transition_loglik(closed, "exact", data);
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-12);
}

TEST(ExactDensity, KnowsCorrelatedGeometricMotions) {
  const auto stocks = pair("a*x", "b*y", {{"w1", "s*x"}}, {{"w1", "r*q*y"}, {"w2", "sqrt(1 - r^2)*q*y"}},
                           {{"a", 0.1}, {"b", 0.05}, {"s", 0.3}, {"q", 0.2}, {"r", -0.5}});
  const Observations data = wavy_pair(8, 0.5);
  std::string chosen;
  const auto found = per_transition_loglik(stocks, "auto", data, &chosen);
  EXPECT_EQ(chosen, "exact");
  Eigen::Matrix2d covariance;
  covariance << 0.09, -0.03, -0.03, 0.04;
  covariance *= 0.5;
  for (std::size_t i = 0; i < found.size(); ++i) {
    Eigen::Vector2d rest(0.5 * -(0.1 - 0.045), 0.5 * -(0.05 - 0.02));
    double expected = -std::log(2 * std::numbers::pi) - 0.5 * std::log(covariance.determinant());
    for (std::size_t c = 0; c < 2; ++c) {
      rest[static_cast<Eigen::Index>(c)] += std::log(data.column(c)[i + 1] / data.column(c)[i]);
      expected -= std::log(data.column(c)[i + 1]);
    }
    expected -= 0.5 * rest.dot(covariance.inverse() * rest);
    EXPECT_NEAR(found[i], expected, 1e-11);
  }
}

TEST(LocalLinearLikelihood, GradientAndHessianMatchDifferences) {
  const auto predator = pair("x*(a - b*y)", "y*(c*x - d)", {{"w1", "s*x"}}, {{"w2", "q*y"}},
                             {{"a", 1.1}, {"b", 0.9}, {"c", 0.8}, {"d", 0.7}, {"s", 0.3}, {"q", 0.2}});
  auto frozen = predator;
  frozen.states[0].diffusion = {{"w1", "s*x"}, {"w2", "0.1*y"}};
  auto timed = linear_pair();
  timed.states[0].drift = "k*(m + 0.1*sin(t) - x) + c*y";
  for (const SdeDocument& document : {linear_pair(), predator, frozen, timed})
    for (bool regular : {true, false}) {
      const Observations data = wavy_pair(30, 0.1, regular);
      const SdeExpressions sde = parse_document(document);
      const TransitionDensity density = make_density(sde, "shoji-ozaki");
      ASSERT_TRUE(density.linear);
      std::vector<std::size_t> free;
      for (std::size_t i = 0; i < sde.parameters.size(); ++i) free.push_back(i);
      const auto likelihood = make_likelihood(density, data, free);
      LikelihoodValue at, ahead, behind;
      likelihood->evaluate(sde.parameter_values, 2, at);
      ASSERT_TRUE(at.finite());
      for (std::size_t p = 0; p < free.size(); ++p) {
        const double h = 1e-4 * std::max(0.05, std::fabs(sde.parameter_values[p]));
        std::vector<double> moved = sde.parameter_values;
        moved[p] += h;
        likelihood->evaluate(moved, 1, ahead);
        moved[p] -= 2 * h;
        likelihood->evaluate(moved, 1, behind);
        const auto row = static_cast<Eigen::Index>(p);
        EXPECT_NEAR(at.gradient[row], (ahead.value - behind.value) / (2 * h), 1e-5 * at.gradient.norm());
        const Eigen::VectorXd slope = (ahead.gradient - behind.gradient) / (2 * h);
        EXPECT_LT((at.hessian.col(row) - slope).norm(), 1e-5 * at.hessian.norm());
      }
      std::vector<double> terms(likelihood->terms());
      likelihood->per_term(sde.parameter_values, terms.data());
      double sum = 0;
      for (double l : terms) sum += l;
      EXPECT_NEAR(sum, at.value, 1e-10 * std::fabs(sum));
    }
}

// Euler's error in the covariance is of order D; the linearised law's is smaller by another power.
TEST(LocalLinearDensity, ConvergesFasterThanEulerForCoupledComponents) {
  const auto duffing =
      pair("y + 0.2*x", "x - x^3 - d*y", {{"w1", "0.3"}}, {{"w2", "s"}}, {{"d", 0.5}, {"s", 0.4}});
  // The reference: many small Euler steps of the moments' equations, by the same density at a tiny step, is
  // what both tend to; the difference between the two shows the lower order.
  const auto difference = [&](double step) {
    Observations data({"x", "y"});
    const double time[] = {0, step};
    const double value[] = {0.6, 0.2, 0.6 + 0.32 * step + 0.3 * std::sqrt(step),
                            0.2 + 0.284 * step - 0.4 * std::sqrt(step)};
    data.add("", time, value);
    return std::fabs(per_transition_loglik(duffing, "shoji-ozaki", data)[0] -
                     per_transition_loglik(duffing, "euler", data)[0]);
  };
  EXPECT_NEAR(std::log(difference(1e-3) / difference(2.5e-4)) / std::log(4.0), 1, 0.15);
}

TEST(Fit, CoupledComponentsFromTheirOwnPath) {
  // An exact path of linear_pair by its own recursion in numbers.
  std::mt19937_64 g(11);
  std::normal_distribution<double> normal;
  Eigen::Matrix2d a, noise;
  a << -0.8, 0.5, -0.9, -1.4;
  noise << 0.4, 0, -0.24, 0.2;
  const double step = 0.25;
  Eigen::Matrix4d block = Eigen::Matrix4d::Zero();
  block.topLeftCorner<2, 2>() = -a * step;
  block.topRightCorner<2, 2>() = noise * noise.transpose() * step;
  block.bottomRightCorner<2, 2>() = a.transpose() * step;
  const Eigen::Matrix4d e = block.exp();
  const Eigen::Matrix2d phi = e.bottomRightCorner<2, 2>().transpose();
  const Eigen::Matrix2d root = (phi * e.topRightCorner<2, 2>()).llt().matrixL();
  const Eigen::Vector2d rest = -a.inverse() * Eigen::Vector2d(0.24, 0);
  Eigen::Vector2d x = rest;
  std::vector<double> time, value;
  for (int i = 0; i < 2000; ++i) {
    time.push_back(i * step);
    value.insert(value.end(), {x[0], x[1]});
    x = rest + phi * (x - rest) + root * Eigen::Vector2d(normal(g), normal(g));
  }
  Observations data({"x", "y"});
  data.add("", time, value);
  const FitResult result = fit(linear_pair(), data, {});
  EXPECT_TRUE(result.converged) << result.end;
  EXPECT_EQ(result.density, "exact");
  const auto truth = linear_pair().parameters;
  for (std::size_t i = 0; i < result.estimates.size(); ++i) {
    const Estimate& estimate = result.estimates[i];
    EXPECT_LT(std::fabs(estimate.value - truth[i].second), 4 * estimate.se) << estimate.name;
    EXPECT_NEAR(estimate.se_robust / estimate.se, 1, 0.25) << estimate.name;
  }
  EXPECT_GT(result.diagnostics.pit_p, 1e-3);
  EXPECT_GT(result.diagnostics.ljung_box_p, 1e-3);
}

}  // namespace
}  // namespace sde
