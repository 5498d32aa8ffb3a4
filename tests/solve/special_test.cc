// Implicit and splitting methods.
#include "solve/special.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "solve/convergence.h"
#include "solve/one_step.h"
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

TEST(Implicit, ThetaMethodsFollowTheirLinearRecursion) {
  // dx = a x dt + b x dW: x' = x (1 + (1 - theta) a h + b dW [+ b^2 (dW^2 - h)/2]) / (1 - theta a h), whose
  // first two moments are known.
  const double a = -3, b = 0.7, h = 0.1;
  const SdeExpressions e = parse_document(scalar("a*x", "b*x", "1", {{"a", a}, {"b", b}}));
  for (const char* name : {"theta", "implicit-milstein"}) {
    const bool milstein = std::string(name) == "implicit-milstein";
    for (const double theta : {0.0, 0.25, 0.5, 1.0}) {
      MethodOptions options;
      options.theta = theta;
      const auto stepper = make_stepper(e, find_method(name), false, Precision::f64, options);
      StateBlock<double> x(1, 16), next(1, 16), dW(1, 16);
      for (std::size_t i = 0; i < 16; ++i) {
        x.row(0)[i] = 1 + static_cast<double>(i);
        dW.row(0)[i] = 0.1 * (static_cast<double>(i) - 7);
      }
      StepInput input;
      input.h.value = h;
      input.x = x.view();
      input.dW = dW.row(0);
      StepWorkspace w;
      stepper->step(input, next, nullptr, w);
      for (std::size_t i = 0; i < 16; ++i) {
        const double dw = dW.row(0)[i];
        const double known = 1 + (1 - theta) * a * h + b * dw + (milstein ? b * b * (dw * dw - h) / 2 : 0);
        EXPECT_NEAR(next.row(0)[i], x.row(0)[i] * known / (1 - theta * a * h), 1e-12) << name << " " << theta;
      }
    }
  }
}

TEST(Implicit, OptionsAreChecked) {
  const auto check = [](const char* method, double theta, double radius = 4) {
    MethodOptions options;
    options.theta = theta;
    options.radius = radius;
    check_options(find_method(method), options);
  };
  EXPECT_NO_THROW(check("theta", 0.7));
  EXPECT_NO_THROW(check("implicit-milstein", 0.5));
  EXPECT_THROW(check("theta", 1.5), Error);
  EXPECT_THROW(check("theta", std::nan("")), Error);
  EXPECT_THROW(check("implicit-euler", 0.5), Error);
  EXPECT_THROW(check("theta", 0.5, 0), Error);
}

TEST(Implicit, TellsWhereNewtonDidNotConverge) {
  // x' = x + h (x'^2 + u) has a root while 4 h (x + h u) <= 1: with h = .1 and u = 1 until x > 2.4.
  const SdeDocument d = scalar("x*x + 1", "0", "0.5");
  EnsembleOptions options;
  options.paths = 70;
  std::vector<int> status;
  const TimeGrid grid = make_grid(0, 2, {1, 2}, 0.1);
  const auto result = run(d, "implicit-euler", grid, options, [&](const PathBlock& block) {
    for (std::size_t p = 0; p < block.paths; ++p) status.push_back(static_cast<int>(block.status[p]));
  });
  double x = 0.5;
  std::uint64_t step = 0;
  while (4 * 0.1 * (x + 0.1) <= 1) {
    x = (1 - std::sqrt(1 - 0.4 * (x + 0.1))) / 0.2;
    ++step;
  }
  EXPECT_EQ(result.non_finite, 70u);
  EXPECT_EQ(result.unsolved.paths, 70u);
  EXPECT_EQ(result.unsolved.path_id, 0u);
  EXPECT_EQ(result.unsolved.step, step);
  EXPECT_NEAR(grid.step_start(result.unsolved.step), 0.1 * static_cast<double>(step), 1e-12);
  EXPECT_EQ(status, std::vector<int>(70, 3));
}

TEST(Implicit, UnsolvedStatesCarryTheirStep) {
  EXPECT_TRUE(std::isnan(unsolved_state(0)));
  EXPECT_EQ(unsolved_step(unsolved_state(0)), 0u);
  EXPECT_EQ(unsolved_step(unsolved_state(123456789012)), 123456789012u);
  EXPECT_FALSE(unsolved_step(std::nan("")));
  EXPECT_FALSE(unsolved_step(1.5));
  EXPECT_FALSE(unsolved_step(-std::numeric_limits<double>::infinity()));
}

TEST(Truncated, StaysBoundedWhereEulerExplodes) {
  // The moments stay bounded; Euler-Maruyama's do not (Hutzenthaler, Jentzen & Kloeden 2011).
  const SdeDocument d = scalar("-10*x^3", "3*x", "2");
  EnsembleOptions options;
  options.paths = 4096;
  options.tuning.radius = 1.5;  // within which a step of this length leads inwards
  const TimeGrid grid = make_grid(0, 4, {4}, 0.05);
  EXPECT_GT(run(d, "euler-maruyama", grid, options).non_finite, 100u);
  for (const char* method : {"truncated-euler", "tamed-euler", "implicit-euler"}) {
    const auto result = run(d, method, grid, options);
    EXPECT_EQ(result.non_finite, 0u) << method;
    EXPECT_LT(result.final[0].variance(), 4) << method;
  }
}

TEST(Truncated, IsEulerWithinTheRadiusAndHoldsTheCoefficientsBeyondIt) {
  const SdeExpressions e = parse_document(scalar("-x^3", "0.5*x^2", "1"));
  EXPECT_NEAR(growth_power(e), 3, 1e-3);
  MethodOptions options;
  options.radius = 2;
  const double h = 0.01, radius = 2 * std::pow(h, -1.0 / 12);
  const auto stepper = make_stepper(e, find_method("truncated-euler"), false, Precision::f64, options);
  StateBlock<double> x(1, 16), next(1, 16), dW(1, 16);
  for (std::size_t i = 0; i < 16; ++i) {
    x.row(0)[i] = static_cast<double>(i) - 8;
    dW.row(0)[i] = 0.1;
  }
  StepInput input;
  input.h.value = h;
  input.x = x.view();
  input.dW = dW.row(0);
  StepWorkspace w;
  stepper->step(input, next, nullptr, w);
  for (std::size_t i = 0; i < 16; ++i) {
    const double y = std::clamp(x.row(0)[i], -radius, radius);
    EXPECT_NEAR(next.row(0)[i], x.row(0)[i] - h * y * y * y + 0.05 * y * y, 1e-11);
  }
}

TEST(Truncated, FindsHowCoefficientsGrow) {
  const auto power = [](const char* drift, const char* diffusion) {
    return growth_power(parse_document(scalar(drift, diffusion, "1")));
  };
  EXPECT_NEAR(power("x - x^3", "x"), 3, 1e-3);
  EXPECT_NEAR(power("-x", "x^2"), 2, 1e-3);
  EXPECT_NEAR(power("sin(x)", "1 + sqrt(x)"), 0.5, 2e-3);
  EXPECT_NEAR(power("1 - x", "0.5*x"), 1, 1e-3);
  EXPECT_THROW(power("-sinh(x)", "1"), Error);
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

// A particle in a double well, for which nothing is linear.
SdeDocument double_well(const char* friction) {
  SdeDocument d;
  d.states = {
      state("q", "2*p", {}, "1"),
      state("p", (std::string("q - q^3 + cos(t)/2 - ") + friction + "*p").c_str(), {{"p", "0.8"}}, "0.3")};
  return d;
}

TEST(Langevin, StrongOrdersAreThoseClaimed) {
  for (const char* friction : {"0.7", "0", "30"}) {
    const SdeDocument d = double_well(friction);
    ConvergenceOptions options;
    options.steps = std::string(friction) == "30" ? std::vector<std::uint64_t>{64, 128, 256}
                                                  : std::vector<std::uint64_t>{8, 16, 32, 64};
    options.refinement = 32;
    options.paths = 4096;
    for (const char* method : {"align", "baoab", "should", "quicsort"}) {
      options.method = &find_method(method);
      const ConvergenceResult result = measure_convergence(d, parse_document(d), {}, options);
      const double claim = find_method(method).strong_additive;
      EXPECT_TRUE(result.strong_ok()) << method << " " << friction;
      EXPECT_NEAR(result.strong_slope->value, claim, 0.15) << method << " " << friction;
    }
  }
}

// Moments of a step are looked at up to h^2: the orders are 2, or more where there is nothing to see.
TEST(Langevin, WeakOrdersAreTwoAtLeast) {
  const SdeDocument d = double_well("0.7");
  for (const char* method : {"align", "baoab", "should", "quicsort"}) {
    OneStepOptions options;
    options.method = &find_method(method);
    const OneStepResult result = measure_one_step(d, parse_document(d), options);
    ASSERT_TRUE(result.order) << method;
    EXPECT_GT(result.order->low, 1.9) << method;
    EXPECT_LT(result.order->low, 2.1) << method;
  }
}

TEST(Langevin, OrdersWithoutNoise) {
  SdeDocument d = double_well("0.7");
  d.states[1].diffusion[0].second = "1e-300";
  for (const auto& [method, order] : {std::pair("align", 2.0), {"should", 3.0}, {"quicsort", 3.0}}) {
    const auto end = [&, name = method](double h) {
      return run(d, name, make_grid(0, 1, {1}, h), EnsembleOptions{}).final[0].mean;
    };
    const double coarse = end(0.05), middle = end(0.025), fine = end(0.0125);
    EXPECT_NEAR(std::log2((coarse - middle) / (middle - fine)), order, 0.15) << method;
  }
}

TEST(Langevin, ShiftedMethodsAgreeWithOneAnotherOnATree) {
  const SdeDocument d = double_well("0.7");
  EnsembleOptions options;
  options.paths = 256;
  options.brownian = BrownianSource::tree;
  const auto mean = [&](const char* method, double h) {
    return run(d, method, make_grid(0, 1, {1}, h), options).final[0].mean;
  };
  // The same path, whose K both read: they differ by their errors, which fall eightfold a halving.
  const double coarse = mean("should", 1.0 / 8) - mean("should", 1.0 / 64);
  const double fine = mean("should", 1.0 / 16) - mean("should", 1.0 / 64);
  EXPECT_NEAR(mean("quicsort", 1.0 / 64), mean("should", 1.0 / 64), 2e-6);
  EXPECT_NEAR(coarse / fine, 8, 2);
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
