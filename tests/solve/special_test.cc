// Implicit and splitting methods.
#include "solve/special.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "testing.h"

namespace sde {
namespace {

using testing::run;
using testing::scalar;
using testing::state;

TEST(Implicit, IsStableWhereExplicitEulerIsNot) {
  // dx = -1000 x dt + dW with steps of 1/50: the implicit recursion x' = (x + dW)/(1 + 20) is exact here.
  const SdeDocument d = scalar("-1000*x", "1", "1");
  EnsembleOptions options;
  options.paths = 20000;
  const TimeGrid grid = make_grid(0, 1, {1}, 0.02);
  const auto result = run(d, "implicit-euler", grid, options);
  const double factor = 1.0 / 21, variance = 0.02 * factor * factor / (1 - factor * factor);
  EXPECT_NEAR(result.final[0].mean, 0, 4 * std::sqrt(variance / 20000));
  EXPECT_NEAR(result.final[0].variance(), variance, 5 * variance * std::sqrt(2.0 / 20000));
  EXPECT_GT(run(d, "euler-maruyama", grid, options).final[0].variance(), 1e10);
}

TEST(Implicit, SolvesNonlinearSystems) {
  // Stiff van der Pol oscillator, mu = 100, against the reference of a fine implicit solution.
  SdeDocument d;
  d.states = {state("x", "v", {}, "2"), state("v", "100*(1 - x*x)*v - x", {}, "0")};
  EnsembleOptions options;
  const double coarse = run(d, "trapezoidal", make_grid(0, 1, {1}, 0.01), options).final[0].mean;
  const double fine = run(d, "trapezoidal", make_grid(0, 1, {1}, 0.0005), options).final[0].mean;
  options.adaptive = true;
  options.tolerance.rtol = options.tolerance.atol = 1e-10;
  const double exact = run(d, "dopri5", make_grid(0, 1, {1}), options).final[0].mean;
  EXPECT_NEAR(fine, exact, 1e-6);
  EXPECT_NEAR(coarse, exact, 1e-3);
}

TEST(Implicit, OrdersOnAnOde) {
  const SdeDocument d = scalar("x*cos(t)", "0", "1");
  const double exact = std::exp(std::sin(2.0));
  for (const char* method : {"implicit-euler", "trapezoidal"}) {
    EnsembleOptions options;
    const double coarse = std::abs(run(d, method, make_grid(0, 2, {2}, 0.02), options).final[0].mean - exact);
    const double fine = std::abs(run(d, method, make_grid(0, 2, {2}, 0.01), options).final[0].mean - exact);
    EXPECT_NEAR(std::log2(coarse / fine), find_method(method).ode_order, 0.1) << method;
  }
}

TEST(Implicit, APathWithoutASolutionIsFlagged) {
  // y = x + h (y^2 + 1) has no real root for h = 1.
  const auto result =
      run(scalar("x*x + 1", "0", "1"), "implicit-euler", make_grid(0, 1, {1}, 1), EnsembleOptions{});
  EXPECT_EQ(result.non_finite, 1u);
}

SdeDocument harmonic(double friction, double temperature) {
  SdeDocument d;
  d.parameters = {{"g", friction}, {"s", std::sqrt(2 * friction * temperature)}};
  d.states = {state("q", "p", {}, "1"), state("p", "-q - g*p", {{"p", "s"}}, "0")};
  return d;
}

TEST(Baoab, KeepsTheConfigurationalVarianceOfAnOscillatorAtAnyStep) {
  // For a harmonic force the stationary variance of q is exactly the temperature (Leimkuhler & Matthews
  // 2013).
  EnsembleOptions options;
  options.paths = 40000;
  const auto result = run(harmonic(1, 0.5), "baoab", make_grid(0, 30, {30}, 0.5), options);
  EXPECT_NEAR(result.final[0].variance(), 0.5, 5 * 0.5 * std::sqrt(2.0 / 40000));
  // The kinetic variance is off by the factor 1 - h^2/4.
  EXPECT_NEAR(result.final[1].variance(), 0.5 * (1 - 0.0625), 5 * 0.5 * std::sqrt(2.0 / 40000));
  // Euler-Maruyama at this step is far from it.
  EXPECT_GT(run(harmonic(1, 0.5), "euler-maruyama", make_grid(0, 30, {30}, 0.5), options).final[0].variance(),
            0.6);
}

TEST(Baoab, IsVelocityVerletWithoutFrictionAndNoise) {
  SdeDocument d = harmonic(0, 1);
  d.parameters = {{"g", 0.0}, {"s", 1e-300}};
  const auto result = run(d, "baoab", make_grid(0, 1, {1}, 0.1), EnsembleOptions{});
  double q = 1, p = 0;
  for (int i = 0; i < 10; ++i) {
    p -= 0.05 * q;
    q += 0.1 * p;
    p -= 0.05 * q;
  }
  EXPECT_NEAR(result.final[0].mean, q, 1e-14);
  EXPECT_NEAR(result.final[1].mean, p, 1e-14);
}

TEST(Baoab, RefusesOtherForms) {
  SdeDocument d = harmonic(1, 1);
  d.states[1].drift = "-q - g*p*p";
  try {
    run(d, "baoab", make_grid(0, 1, {1}, 0.1), EnsembleOptions{});
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.status(), Status::usage);
    EXPECT_NE(std::string(e.what()).find("the friction of p is not constant"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace sde
