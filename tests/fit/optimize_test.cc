#include "fit/optimize.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/hooks.h"

namespace sde {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

Box open_box(Eigen::Index n) {
  return {VectorXd::Constant(n, -INFINITY), VectorXd::Constant(n, INFINITY)};
}

void rosenbrock(const VectorXd& y, int order, FunctionValue& out) {
  const double a = 1 - y[0], b = y[1] - y[0] * y[0];
  out.value = a * a + 100 * b * b;
  if (order < 1) return;
  out.gradient = VectorXd(2);
  out.gradient << -2 * a - 400 * y[0] * b, 200 * b;
  if (order < 2) return;
  out.hessian = MatrixXd(2, 2);
  out.hessian << 2 - 400 * b + 800 * y[0] * y[0], -400 * y[0], -400 * y[0], 200;
}

TEST(Newton, FindsTheEndOfACurvedValley) {
  for (const VectorXd& start : {VectorXd{{-1.2, 1.0}}, VectorXd{{5.0, -3.0}}, VectorXd{{0.0, 0.0}}}) {
    const auto result = minimize_newton(rosenbrock, start, open_box(2), {});
    EXPECT_EQ(result.end, MinimizeResult::End::converged);
    EXPECT_NEAR(result.y[0], 1, 1e-8);
    EXPECT_NEAR(result.y[1], 1, 1e-8);
    EXPECT_LT(result.decrement, 1e-8);
  }
}

TEST(Newton, LeavesASaddle) {
  // cos x + cos y has negative curvature around the start; any of its minima will do.
  const SmoothFunction f = [](const VectorXd& y, int order, FunctionValue& out) {
    out.value = std::cos(y[0]) + std::cos(y[1]);
    if (order >= 1) out.gradient = -y.array().sin();
    if (order >= 2) out.hessian = (-y.array().cos()).matrix().asDiagonal();
  };
  const auto result = minimize_newton(f, VectorXd{{0.1, 2.0}}, open_box(2), {});
  EXPECT_EQ(result.end, MinimizeResult::End::converged);
  EXPECT_NEAR(result.at.value, -2, 1e-14);
}

TEST(Newton, StopsOnABound) {
  Box box = open_box(2);
  box.upper[0] = 0.5;
  const auto result = minimize_newton(rosenbrock, VectorXd{{-1.0, 1.0}}, box, {});
  EXPECT_EQ(result.end, MinimizeResult::End::converged);
  EXPECT_EQ(result.y[0], 0.5);
  EXPECT_NEAR(result.y[1], 0.25, 1e-9);
  const auto held = held_at_bounds(result.y, result.at.gradient, box);
  EXPECT_TRUE(held[0]);
  EXPECT_FALSE(held[1]);
}

TEST(Newton, LeavesABoundThatDoesNotHold) {
  Box box = open_box(2);
  box.lower[0] = -3;
  const auto result = minimize_newton(rosenbrock, VectorXd{{-3.0, 2.0}}, box, {});
  EXPECT_EQ(result.end, MinimizeResult::End::converged);
  EXPECT_NEAR(result.y[0], 1, 1e-8);
}

TEST(Newton, StaysInTheDomain) {
  // -log x + x has its minimum at 1 and no value for x <= 0; full steps from 40 would land there.
  const SmoothFunction f = [](const VectorXd& y, int order, FunctionValue& out) {
    out.value = y[0] - std::log(y[0]);
    if (order >= 1) out.gradient = VectorXd{{1 - 1 / y[0]}};
    if (order >= 2) out.hessian = MatrixXd::Constant(1, 1, 1 / (y[0] * y[0]));
  };
  const auto result = minimize_newton(f, VectorXd{{40.0}}, open_box(1), {});
  EXPECT_EQ(result.end, MinimizeResult::End::converged);
  EXPECT_NEAR(result.y[0], 1, 1e-8);
}

TEST(Newton, AcceptsAFlatDirection) {
  const SmoothFunction f = [](const VectorXd& y, int order, FunctionValue& out) {
    const double s = y[0] + y[1] - 3;
    out.value = s * s;
    if (order >= 1) out.gradient = VectorXd::Constant(2, 2 * s);
    if (order >= 2) out.hessian = MatrixXd::Constant(2, 2, 2);
  };
  const auto result = minimize_newton(f, VectorXd{{0.3, 0.1}}, open_box(2), {});
  EXPECT_EQ(result.end, MinimizeResult::End::converged);
  EXPECT_NEAR(result.y.sum(), 3, 1e-8);
}

TEST(Newton, SaysWhyItStopped) {
  MinimizeOptions few;
  few.max_iterations = 2;
  EXPECT_EQ(minimize_newton(rosenbrock, VectorXd{{-1.2, 1.0}}, open_box(2), few).end,
            MinimizeResult::End::iterations);
  StopToken token;
  token.request();
  MinimizeOptions stopped;
  stopped.stop = &token;
  EXPECT_EQ(minimize_newton(rosenbrock, VectorXd{{-1.2, 1.0}}, open_box(2), stopped).end,
            MinimizeResult::End::stopped);
}

TEST(Nlopt, EveryAlgorithmFindsTheValley) {
  for (const char* name : {"lbfgs", "slsqp", "bobyqa", "subplex"}) {
    const auto result = minimize_nlopt(name, rosenbrock, VectorXd{{-1.2, 1.0}}, open_box(2), {});
    EXPECT_NEAR(result.y[0], 1, 1e-3) << name;
    EXPECT_NEAR(result.y[1], 1, 1e-3) << name;
  }
  EXPECT_THROW(minimize_nlopt("simplex", rosenbrock, VectorXd{{-1.2, 1.0}}, open_box(2), {}), Error);
}

}  // namespace
}  // namespace sde
