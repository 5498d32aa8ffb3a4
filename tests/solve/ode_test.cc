#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "testing.h"

namespace sde {
namespace {

using testing::run;
using testing::scalar;

// x' = 1/(t+1) - x/10, x(0) = 0: x(5) = 1.31313837, x(10) = 1.26164502.
SdeDocument wind_tunnel() {
  return scalar("1/(t + 1) - x/10", "0", "0");
}

double end_value(const SdeDocument& d, const char* method, double end, double dt) {
  EnsembleOptions options;
  options.statistics.moments = false;
  return run(d, method, make_grid(0, end, {}, dt), options).final[0].mean;
}

TEST(Ode, WindTunnelReachesItsKnownValues) {
  EXPECT_NEAR(end_value(wind_tunnel(), "rk4", 5, 0.01), 1.31313837, 5e-9);
  EXPECT_NEAR(end_value(wind_tunnel(), "dopri5", 10, 0.01), 1.26164502, 5e-9);
  // With step 1 Heun is about as far off as Euler with step .1.
  EXPECT_NEAR(std::abs(end_value(wind_tunnel(), "heun", 10, 1) - 1.26164502), 2.31e-2, 5e-5);
  EXPECT_NEAR(std::abs(end_value(wind_tunnel(), "euler", 10, 0.1) - 1.26164502), 2.3e-2, 3e-3);
}

TEST(Ode, OrdersAreWhatTheTableSays) {
  // x' = x cos t, x = exp(sin t): nonlinear in time, exact everywhere.
  const SdeDocument d = scalar("x*cos(t)", "0", "1");
  const double exact = std::exp(std::sin(2.0));
  for (const char* method : {"euler", "heun", "rk4", "bosh3", "dopri5", "tsit5", "rodas4"}) {
    const double h = std::string(method) == "rodas4" ? 0.025 : 0.1;
    const double coarse = std::abs(end_value(d, method, 2, h) - exact);
    const double fine = std::abs(end_value(d, method, 2, h / 2) - exact);
    const double order = std::log2(coarse / fine);
    EXPECT_GT(order, find_method(method).ode_order - 0.35) << method;
    EXPECT_LT(order, find_method(method).ode_order + 0.75) << method;
  }
}

TEST(Ode, OrderEight) {
  // Steps long enough that rounding does not show.
  const SdeDocument d = scalar("x*cos(t)", "0", "1");
  const double exact = std::exp(std::sin(4.0));
  const double coarse = std::abs(end_value(d, "dop853", 4, 1) - exact);
  const double fine = std::abs(end_value(d, "dop853", 4, 0.5) - exact);
  EXPECT_NEAR(std::log2(coarse / fine), 8, 0.9);
}

// Save times do not cut the steps of an adaptive run, and what stands there is as good as the steps are.
TEST(Ode, SaveTimesComeFromTheContinuousExtension) {
  SdeDocument d;
  d.states = {testing::state("x", "y", {}, "1"), testing::state("y", "-x", {}, "0")};
  std::vector<double> many;
  for (int i = 1; i <= 500; ++i) many.push_back(0.02 * i);
  for (const char* method : {"bosh3", "dopri5", "tsit5", "dop853", "rodas4"}) {
    EnsembleOptions options;
    options.adaptive = true;
    options.tolerance.rtol = options.tolerance.atol = 1e-6;
    double worst = 0, end_of_many = 0, end_alone = 0;
    const auto with = run(d, method, make_grid(0, 10, many), options, [&](const PathBlock& block) {
      for (std::size_t s = 0; s < many.size(); ++s)
        worst = std::max(worst, std::abs(block.at(0, s, 0) - std::cos(many[s])));
      end_of_many = block.at(0, many.size() - 1, 0);
    });
    const auto without = run(d, method, make_grid(0, 10, {10}), options,
                             [&](const PathBlock& block) { end_alone = block.at(0, 0, 0); });
    EXPECT_EQ(with.path_steps, without.path_steps) << method;
    EXPECT_EQ(end_of_many, end_alone) << method;
    EXPECT_LT(with.path_steps, std::string(method) == "bosh3" ? 1000u : 200u) << method;
    EXPECT_LT(worst, 1e-4) << method;
  }
}

// Of what the continuous extension misses inside one step, the order: of bosh3 and rodas4 3, of dopri5 and
// tsit5 4, of dop853 7 (one more for the local error).
TEST(Ode, OrdersOfTheContinuousExtensions) {
  const SdeExpressions sde = parse_document(scalar("x*cos(t)", "0", "1"));
  const std::vector<std::pair<const char*, double>> orders = {
      {"bosh3", 3}, {"rodas4", 3}, {"dopri5", 4}, {"tsit5", 4}, {"dop853", 7}};
  for (const auto& [method, order] : orders) {
    const auto stepper = make_stepper(sde, find_method(method), true);
    const auto error = [&](double length) {
      StateBlock<double> x(1, kLaneQuantum), powers(stepper->dense_degree(), kLaneQuantum);
      AlignedVector<double> t(kLaneQuantum, 0.3), h(kLaneQuantum, length);
      for (std::size_t i = 0; i < kLaneQuantum; ++i) x.row(0)[i] = std::exp(std::sin(0.3));
      StepWorkspace workspace;
      StepInput input;
      input.t.lanes = t.data();
      input.h.lanes = h.data();
      input.x = x.view();
      stepper->dense(input, powers, workspace);
      double worst = 0;
      for (double theta : {0.2, 0.45, 0.8}) {
        double value = x.row(0)[0];
        for (std::size_t j = 0; j < powers.rows(); ++j)
          value += powers.row(j)[0] * std::pow(theta, static_cast<double>(j + 1));
        worst = std::max(worst, std::abs(value - std::exp(std::sin(0.3 + theta * length))));
      }
      return worst;
    };
    const double length = order > 5 ? 0.8 : 0.1;
    EXPECT_NEAR(std::log2(error(length) / error(length / 2)), order + 1, 0.7) << method;
  }
}

constexpr double kRobertson40[] = {0.7158270687194, 9.185534764558e-06, 0.2841637457458};
constexpr double kVanDerPol2000[] = {1.706167732170, -8.928097010248e-04};

// Stiff problems of Hairer & Wanner 1996, with values that Radau of order 5 gives at tolerances of 1e-12.
TEST(Ode, StiffProblemsByTheRosenbrockMethod) {
  EnsembleOptions options;
  options.adaptive = true;
  options.method = &find_method("rodas4");
  options.tolerance.rtol = 1e-6;
  options.tolerance.atol = 1e-10;
  SdeDocument robertson;
  robertson.states = {testing::state("x", "-0.04*x + 1e4*y*z", {}, "1"),
                      testing::state("y", "0.04*x - 1e4*y*z - 3e7*y^2", {}, "0"),
                      testing::state("z", "3e7*y^2", {}, "0")};
  const auto r = run(robertson, "rodas4", make_grid(0, 40, {}), options);
  EXPECT_NEAR(r.final[0].mean, kRobertson40[0], 2e-5);
  EXPECT_NEAR(r.final[1].mean, kRobertson40[1], 2e-9);
  EXPECT_NEAR(r.final[2].mean, kRobertson40[2], 2e-5);
  EXPECT_LT(r.path_steps, 200u);

  SdeDocument oscillator;
  oscillator.states = {testing::state("x", "y", {}, "2"),
                       testing::state("y", "1000*(1 - x^2)*y - x", {}, "0")};
  const auto v = run(oscillator, "rodas4", make_grid(0, 2000, {}), options);
  EXPECT_NEAR(v.final[0].mean, kVanDerPol2000[0], 1e-4);
  EXPECT_NEAR(v.final[1].mean, kVanDerPol2000[1], 1e-6);
  EXPECT_LT(v.path_steps, 2000u);
  // An explicit method gets there only by a thousand times as many.
  options.tolerance.max_steps = 20 * v.path_steps;
  EXPECT_EQ(run(oscillator, "dopri5", make_grid(0, 2000, {}), options).non_finite, 1u);
}

TEST(Ode, TheRosenbrockMethodIsLStable) {
  // One step of x' = -k x multiplies by R(-k h), which goes to 0.
  EXPECT_LT(std::abs(end_value(scalar("-1e8*x", "0", "1"), "rodas4", 1, 1)), 1e-6);
  EXPECT_LT(std::abs(end_value(scalar("-1e3*x", "0", "1"), "rodas4", 1, 1)), 2e-2);
}

TEST(Ode, AdaptiveStepsKeepTheToleranceOfEveryPath) {
  // Paths of very different stiffness in one block: x' = -rate (x - cos t), with the rate a second state.
  SdeDocument d;
  d.states = {testing::state("x", "-k*(x - cos(t)) - sin(t)", {}, "1"), testing::state("k", "0", {}, "0")};
  d.states[1].initial.kind = InitialLaw::Kind::uniform;
  d.states[1].initial.first = "0.5";
  d.states[1].initial.second = "200";
  for (const char* method : {"bosh3", "dopri5", "tsit5", "dop853", "rodas4"})
    for (double tolerance : {1e-5, 1e-8}) {
      EnsembleOptions options;
      options.adaptive = true;
      options.paths = 100;
      options.tolerance.rtol = options.tolerance.atol = tolerance;
      double worst = 0;
      const auto result = run(d, method, make_grid(0, 3, {1.5, 3}), options, [&](const PathBlock& block) {
        for (std::size_t p = 0; p < block.paths; ++p)
          for (std::size_t s = 0; s < 2; ++s)
            worst = std::max(worst, std::abs(block.at(p, s, 0) - std::cos(s == 0 ? 1.5 : 3.0)));
      });
      EXPECT_EQ(result.ok, 100u);
      EXPECT_LT(worst, 100 * tolerance) << method;
    }
}

TEST(Ode, ABlockDoesNotTieItsLanesTogether) {
  // The same path alone and beside a much stiffer one.
  const SdeDocument d = [] {
    SdeDocument e;
    e.states = {testing::state("x", "-k*x", {}, "1"), testing::state("k", "0", {}, "0")};
    e.states[1].initial.kind = InitialLaw::Kind::data;
    return e;
  }();
  const auto end_of_first = [&](double other) {
    EnsembleOptions options;
    options.adaptive = true;
    options.paths = 2;
    options.method = &find_method("dopri5");
    double value = 0;
    simulate(parse_document(d), InitialStates(d, {{0, 1}, {0, other}}), make_grid(0, 1, {1}), options,
             [&](const PathBlock& block) { value = block.at(0, 0, 0); });
    return value;
  };
  EXPECT_EQ(end_of_first(1), end_of_first(500));
}

TEST(Ode, WhatExplodesIsFlagged) {
  const SdeDocument d = scalar("x*x", "0", "1");  // 1/(1 - t)
  EnsembleOptions options;
  options.adaptive = true;
  options.tolerance.max_steps = 2000;
  const auto result = run(d, "dopri5", make_grid(0, 2, {2}), options);
  EXPECT_EQ(result.non_finite, 1u);
  EXPECT_EQ(result.final[0].count, 0);
}

TEST(Grid, StepsThatDoNotDivideTheTimeEndInAShorterOne) {
  const TimeGrid even = make_grid(0, 1, {0, 0.5, 1}, 0.1);
  EXPECT_FALSE(even.shortened);
  EXPECT_EQ(even.steps, 10u);
  EXPECT_TRUE(even.saves_start);
  const TimeGrid odd = make_grid(0, 1, {1}, 0.3);
  EXPECT_TRUE(odd.shortened);
  EXPECT_EQ(odd.steps, 4u);
  EXPECT_NEAR(odd.segments[0].last, 0.1, 1e-15);
  // The end is reached even where it is not saved.
  EXPECT_EQ(make_grid(0, 2, {1}, 0.5).segments.size(), 2u);
  // Times far from zero are rounded to more than a billionth of a step.
  const double start = 1e6;
  const TimeGrid far = make_grid(start, start + 1, equispaced(start, start + 1, 1001), 1e-3);
  EXPECT_FALSE(far.shortened);
  EXPECT_EQ(far.steps, 1000u);
}

TEST(Grid, RefusesWhatCannotBe) {
  const auto sentence = [](auto f) -> std::string {
    try {
      f();
    } catch (const Error& e) {
      EXPECT_EQ(e.status(), Status::usage);
      return e.what();
    }
    return "";
  };
  EXPECT_EQ(sentence([] { make_grid(0, 1, {}, -0.1); }), "/solver/dt: must be > 0 (got -0.1)");
  EXPECT_EQ(sentence([] { make_grid(0, 1, {}, 0); }), "/solver/dt: must be > 0 (got 0)");
  EXPECT_EQ(sentence([] { make_grid(0, 1, {}, 1e-19); }),
            "/solver/dt: 1e-19 asks for 1e+19 steps, more than 2^62; use a larger dt or a shorter time span");
  EXPECT_EQ(sentence([] { make_grid(1, 1, {}, 0.1); }),
            "/time: end must be greater than start (got start 1, end 1)");
  EXPECT_EQ(sentence([] {
              make_grid(0, 1, {0.5, 1.5}, 0.1);
            }),
            "/time/save/1: must lie between start 0 and end 1 (got 1.5)");
  EXPECT_EQ(sentence([] {
              make_grid(0, 1, {0.5, 0.5}, 0.1);
            }),
            "/time/save/1: save times must increase (got 0.5 after 0.5)");
}

}  // namespace
}  // namespace sde
