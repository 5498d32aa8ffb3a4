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
  for (const char* method : {"euler", "heun", "rk4", "bosh3", "dopri5", "tsit5"}) {
    const double coarse = std::abs(end_value(d, method, 2, 0.1) - exact);
    const double fine = std::abs(end_value(d, method, 2, 0.05) - exact);
    const double order = std::log2(coarse / fine);
    EXPECT_GT(order, find_method(method).ode_order - 0.35) << method;
    EXPECT_LT(order, find_method(method).ode_order + 0.75) << method;
  }
}

TEST(Ode, AdaptiveStepsKeepTheToleranceOfEveryPath) {
  // Paths of very different stiffness in one block: x' = -rate (x - cos t), with the rate a second state.
  SdeDocument d;
  d.states = {testing::state("x", "-k*(x - cos(t)) - sin(t)", {}, "1"), testing::state("k", "0", {}, "0")};
  d.states[1].initial.kind = InitialLaw::Kind::uniform;
  d.states[1].initial.first = "0.5";
  d.states[1].initial.second = "200";
  for (const char* method : {"bosh3", "dopri5", "tsit5"})
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
