#include "solve/ensemble.h"

#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include <cmath>
#include <mutex>

#include "base/error.h"
#include "sde/expression_sde.h"
#include "simd/target.h"
#include "solve/stepper.h"
#include "testing.h"

namespace sde {
namespace {

using testing::run;
using testing::scalar;

SdeDocument heston() {
  SdeDocument d;
  d.parameters = {{"mu", 0.05}, {"kappa", 2.0}, {"theta", 0.04}, {"xi", 0.9}, {"rho", -0.7}};
  d.noises = {"w1", "w2"};
  d.states = {testing::state("s", "mu*s", {{"w1", "sqrt(v)*s"}}, "100"),
              testing::state("v", "kappa*(theta - v)",
                             {{"w1", "rho*xi*sqrt(v)"}, {"w2", "sqrt(1 - rho^2)*xi*sqrt(v)"}}, "0.04")};
  d.states[1].domain = {0.0, {}, Boundary::full_truncation};
  return d;
}

struct Everything {
  std::vector<double> values;  // [path][save][state]
  EnsembleResult result;
};

Everything run_all(const SdeDocument& d, const char* method, const TimeGrid& grid, EnsembleOptions options) {
  Everything all;
  const std::size_t width = grid.save.size() * d.states.size();
  all.values.resize(options.paths * width);
  options.statistics.quantiles = true;
  all.result = run(d, method, grid, options, [&](const PathBlock& block) {
    for (std::size_t p = 0; p < block.paths; ++p)
      for (std::size_t s = 0; s < block.saves; ++s)
        for (std::size_t i = 0; i < block.dimension; ++i)
          all.values[(block.first_id + p) * width + s * block.dimension + i] = block.at(p, s, i);
  });
  return all;
}

void expect_same_bits(const Everything& a, const Everything& b) {
  EXPECT_EQ(a.values, b.values);
  for (std::size_t q = 0; q < a.result.moments.size(); ++q) {
    EXPECT_EQ(a.result.moments[q].mean, b.result.moments[q].mean);
    EXPECT_EQ(a.result.moments[q].squares, b.result.moments[q].squares);
    EXPECT_EQ(a.result.sketches[q].quantile(0.3), b.result.sketches[q].quantile(0.3));
  }
}

TEST(Ensemble, HasTheSameBitsForAnyBlockSizeThreadCountAndInstructionSet) {
  const TimeGrid grid = make_grid(0, 1, {0, 0.37, 1}, 0.01);
  EnsembleOptions options;
  options.paths = 1000;  // not a multiple of any block
  options.seed = 5;
  options.lanes = 64;
  const Everything reference = run_all(heston(), "euler-maruyama", grid, options);
  for (std::size_t lanes : {128, 512, 1024}) {
    options.lanes = lanes;
    expect_same_bits(reference, run_all(heston(), "euler-maruyama", grid, options));
  }
  {
    const tbb::global_control one(tbb::global_control::max_allowed_parallelism, 1);
    expect_same_bits(reference, run_all(heston(), "euler-maruyama", grid, options));
  }
  const std::string best = current_target();
  for (const std::string& target : available_targets()) {
    set_target(target);
    expect_same_bits(reference, run_all(heston(), "euler-maruyama", grid, options));
  }
  set_target(best);
}

TEST(Ensemble, APathDependsOnItsIdAlone) {
  const TimeGrid grid = make_grid(0, 1, {1}, 0.01);
  EnsembleOptions options;
  options.paths = 512;
  const Everything all = run_all(heston(), "euler-maruyama", grid, options);
  options.first_path = 256;
  options.paths = 256;
  std::vector<double> part(256);
  run(heston(), "euler-maruyama", grid, options, [&](const PathBlock& block) {
    for (std::size_t p = 0; p < block.paths; ++p) part[block.first_id - 256 + p] = block.at(p, 0, 0);
  });
  for (std::size_t p = 0; p < 256; ++p) EXPECT_EQ(part[p], all.values[(256 + p) * 2]);
  EXPECT_NE(all.values[0], all.values[2]);
}

TEST(Ensemble, SaveTimesDoNotChangeThePaths) {
  EnsembleOptions options;
  options.paths = 64;
  const Everything few = run_all(heston(), "euler-maruyama", make_grid(0, 1, {1}, 0.125), options);
  const Everything many =
      run_all(heston(), "euler-maruyama", make_grid(0, 1, {0.25, 0.5, 1}, 0.125), options);
  for (std::size_t p = 0; p < 64; ++p) EXPECT_EQ(few.values[p * 2], many.values[p * 6 + 4]);
}

TEST(Ensemble, StatisticsAgreeWithThePaths) {
  EnsembleOptions options;
  options.paths = 777;
  const auto expressions = parse_document(heston());
  options.expect = {expr::parse("max(s - 100, 0)", {"s", "v"})};
  const Everything all = run_all(heston(), "euler-maruyama", make_grid(0, 1, {0.5, 1}, 0.01), options);
  double mean = 0, payoff = 0;
  for (std::size_t p = 0; p < 777; ++p) {
    mean += all.values[p * 4 + 2] / 777;
    payoff += std::max(all.values[p * 4 + 2] - 100, 0.0) / 777;
  }
  EXPECT_NEAR(all.result.moments[2].mean, mean, 1e-10);
  EXPECT_NEAR(all.result.final[0].mean, mean, 1e-10);
  EXPECT_NEAR(all.result.expect[0].value, payoff, 1e-10);
}

TEST(Ensemble, FlagsPathsThatExplodeAndLeavesThemOut) {
  // x' = x^3 with noise: Euler steps overflow for those that start high.
  SdeDocument d = scalar("x^3", "0.1", "0");
  d.states[0].initial = {InitialLaw::Kind::uniform, "0", "3", ""};
  EnsembleOptions options;
  options.paths = 1000;
  const auto result = run(d, "euler-maruyama", make_grid(0, 1, {1}, 0.01), options);
  EXPECT_GT(result.non_finite, 500u);
  EXPECT_EQ(result.ok + result.non_finite, 1000u);
  EXPECT_EQ(result.final[0].count, static_cast<double>(result.ok));
  EXPECT_TRUE(std::isfinite(result.final[0].mean));
}

TEST(Ensemble, StopsWhenAsked) {
  StopToken stop;
  stop.request();
  Hooks hooks;
  hooks.stop = &stop;
  EnsembleOptions options;
  options.method = &find_method("euler-maruyama");
  const SdeDocument d = scalar("-x", "1", "0");
  const auto result =
      simulate(parse_document(d), InitialStates(d), make_grid(0, 1, {1}, 1e-6), options, {}, hooks);
  EXPECT_TRUE(result.interrupted);
}

TEST(Domain, ReflectedBrownianMotionIsTheAbsoluteValue) {
  SdeDocument d = scalar("0", "1", "0");
  d.states[0].domain = {0.0, {}, Boundary::reflect};
  EnsembleOptions options;
  options.paths = 40000;
  const auto result = run(d, "euler-maruyama", make_grid(0, 1, {1}, 0.01), options);
  EXPECT_NEAR(result.final[0].mean, std::sqrt(2 / M_PI), 4 * 0.6 / 200);
  EXPECT_EQ(result.ok, 40000u);
}

TEST(Domain, AbsorbedPathsStayWhereTheyAre) {
  SdeDocument d;
  d.states = {testing::state("x", "0", {{"x", "1"}}, "0.5"), testing::state("clock", "1", {}, "0")};
  d.states[0].domain = {0.0, {}, Boundary::absorb};
  EnsembleOptions options;
  options.paths = 20000;
  std::uint64_t at_zero = 0, stopped = 0;
  const auto result =
      run(d, "euler-maruyama", make_grid(0, 1, {1}, 1e-3), options, [&](const PathBlock& block) {
        static std::mutex mutex;
        const std::scoped_lock lock(mutex);
        for (std::size_t p = 0; p < block.paths; ++p) {
          at_zero += block.at(p, 0, 0) == 0;
          stopped += block.at(p, 0, 1) < 0.9995;
        }
      });
  EXPECT_EQ(result.absorbed, at_zero);
  EXPECT_NEAR(static_cast<double>(stopped), static_cast<double>(at_zero),
              40);  // but for those of the last step
  // P(absorbed by 1) = 2 Phi(-1/2): crossings between the ends of a step are found too.
  const double p = std::erfc(0.5 / std::sqrt(2.0));
  EXPECT_NEAR(static_cast<double>(at_zero) / 20000, p, 4 * std::sqrt(p * (1 - p) / 20000));
}

TEST(Stepper, SymbolicAndBlockStepsAgree) {
  struct Case {
    SdeDocument document;
    const char* method;
  };
  SdeDocument stratonovich = heston();
  stratonovich.calculus = "stratonovich";
  const std::vector<Case> cases = {{heston(), "euler-maruyama"},
                                   {stratonovich, "heun"},
                                   {stratonovich, "euler-heun"},
                                   {stratonovich, "midpoint"},
                                   {stratonovich, "ralston"},
                                   {stratonovich, "reversible-heun"},
                                   {heston(), "tamed-euler"},
                                   {stratonovich, "spark"},
                                   {stratonovich, "slowrk"},
                                   {stratonovich, "general-shark"},
                                   {heston(), "dri1"},
                                   {heston(), "ri6"},
                                   {heston(), "w2ito1"},
                                   {heston(), "pl1wm"},
                                   {stratonovich, "rs1"},
                                   {stratonovich, "rs2"},
                                   {scalar("sin(x) + t", "0.3*x + 0.1", "1"), "dri1"},
                                   {scalar("sin(x) + t", "0.3*x + 0.1", "1"), "w2ito1"},
                                   {scalar("sin(x) + t", "0.3*x + 0.1", "1"), "sri1w1"},
                                   {scalar("sin(x) + t", "0.3*x + 0.1", "1"), "sosri"},
                                   {scalar("sin(x) + t", "0.3*x + 0.1", "1"), "srk"},
                                   {scalar("sin(x) + t", "0.3 + t", "1"), "srk"},
                                   {scalar("sin(x) + t", "0.3 + t", "1"), "sosra"},
                                   {scalar("sin(x) + t", "0.3 + t", "1"), "shark"},
                                   {scalar("sin(x) + t", "0.3 + t", "1"), "sea"},
                                   {scalar("x*cos(t)", "0", "1"), "tsit5"},
                                   {scalar("sin(x) + t", "0.3*x + 0.1", "1"), "milstein"},
                                   {scalar("x*cos(t)", "0", "1"), "rk4"},
                                   {scalar("x*cos(t)", "0", "1"), "dopri5"}};
  for (const Case& c : cases) {
    const SdeExpressions e = parse_document(c.document);
    const Method& method = find_method(c.method);
    const auto symbolic = make_stepper(e, method);
    const auto blocks = make_stepper(std::make_shared<ExpressionSde>(e), method);
    const std::size_t rows = e.dimension() + symbolic->memory();
    ASSERT_EQ(symbolic->memory(), blocks->memory());
    EXPECT_EQ(symbolic->evaluations(), blocks->evaluations()) << c.method;
    StateBlock<double> x(rows, 16), a(rows, 16), b(rows, 16), dW(2, 16), H(2, 16);
    for (std::size_t i = 0; i < 16; ++i) {
      for (std::size_t r = 0; r < rows; ++r) x.row(r)[i] = 0.2 + 0.1 * static_cast<double>(i + r);
      for (std::size_t r = 0; r < 2; ++r)
        H.row(r)[i] = 0.02 * (static_cast<double>(i % 5) - 2 + static_cast<double>(r));
      for (std::size_t r = 0; r < 2; ++r)
        dW.row(r)[i] = 0.05 * (static_cast<double>(i) - 7) + 0.01 * static_cast<double>(r);
    }
    StepInput input;
    input.t.value = 0.4;
    input.h.value = 0.02;
    input.x = x.view();
    input.dW = dW.row(0);
    input.H = H.row(0);
    StepWorkspace w;
    symbolic->step(input, a, nullptr, w);
    blocks->step(input, b, nullptr, w);
    for (std::size_t r = 0; r < rows; ++r)
      for (std::size_t i = 0; i < 16; ++i) EXPECT_NEAR(a.row(r)[i], b.row(r)[i], 1e-13) << c.method;
  }
}

TEST(Method, IsRefusedOutsideItsClaim) {
  const auto refusal_of = [](const SdeDocument& d, const char* method) {
    const SdeExpressions e = parse_document(d);
    return refusal(find_method(method), e.calculus, e.noise_kind);
  };
  EXPECT_EQ(refusal_of(heston(), "milstein"), "");
  EXPECT_EQ(refusal_of(scalar("x", "x", "1"), "heun"),
            "heun does not converge to the Ito solution of an SDE with diagonal noise; use euler-maruyama, "
            "tamed-euler, truncated-euler, milstein, srk, sri1w1, sri2w1, sosri, dri1, ri6, w2ito1, pl1wm, "
            "implicit-euler, "
            "trapezoidal, theta, implicit-milstein");
  EXPECT_EQ(refusal_of(heston(), "sri1w1"),
            "sri1w1 is for noise up to diagonal and this SDE has general noise; use euler-maruyama, "
            "tamed-euler, truncated-euler, milstein, dri1, ri6, w2ito1, pl1wm, implicit-euler, trapezoidal, "
            "theta");
  EXPECT_EQ(refusal_of(scalar("x", "x", "1"), "rk4").substr(0, 50),
            "rk4 is for ODEs and this SDE has diagonal noise; u");
  EXPECT_EQ(refusal_of(scalar("x", "1", "1"), "heun"), "");  // the calculi agree on additive noise
  EXPECT_THROW(find_method("milstien"), Error);
}

}  // namespace
}  // namespace sde
