#include "solve/multilevel.h"

#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include <cmath>

#include "base/error.h"
#include "testing.h"

namespace sde {
namespace {

using testing::scalar;
using testing::state;

SdeDocument gbm() {
  return scalar("0.05*x", "0.2*x", "1");
}

constexpr const char* kCall = "exp(-0.05)*max(x - 1, 0)";
constexpr double kBlackScholes = 0.104505835721856;

MultilevelOptions options_for(const char* method, const char* expression, double target) {
  MultilevelOptions o;
  o.method = &find_method(method);
  o.target = target;
  o.expect = {expr::parse(expression, {"x", "s", "v", "t"})};
  return o;
}

MultilevelResult run(const SdeDocument& d, const MultilevelOptions& o) {
  return run_multilevel(parse_document(d), InitialStates(d), o);
}

TEST(Multilevel, PricesACallToTheErrorAskedFor) {
  const MultilevelResult r = run(gbm(), options_for("milstein", kCall, 2e-4));
  ASSERT_TRUE(r.reached);
  const MultilevelEstimate& e = r.expect[0];
  EXPECT_LE(e.standard_error, 2e-4);
  EXPECT_GT(e.standard_error, 1e-4);
  EXPECT_LE(e.bias, 2e-4);
  EXPECT_NEAR(e.value, kBlackScholes, 4 * e.standard_error + 2 * e.bias);
  EXPECT_NEAR(e.beta.value, 2, 0.3);
  EXPECT_NEAR(e.alpha.value, 1, 0.3);
  EXPECT_GT(r.gamma, 0.9);
  EXPECT_LT(r.gamma, 1.3);
  double work = 0;
  for (const MultilevelLevel& level : r.levels) work += static_cast<double>(level.paths * level.cost);
  EXPECT_EQ(r.work, work);
  EXPECT_GT(r.plain_work, 10 * r.work);
}

TEST(Multilevel, HasTheBiasOfItsFinestLevel) {
  // Euler's mean of x is (1 + 0.05 h)^n in closed form, off by 3e-4 with 4 steps.
  MultilevelOptions o = options_for("euler-maruyama", "x", 5e-5);
  o.finest = 2;
  const MultilevelResult r = run(gbm(), o);
  ASSERT_EQ(r.levels.size(), 3u);
  EXPECT_EQ(r.levels[2].steps, 4u);
  EXPECT_NEAR(r.expect[0].value, std::pow(1 + 0.05 / 4, 4), 4 * r.expect[0].standard_error);
  EXPECT_GT(std::abs(std::exp(0.05) - r.expect[0].value), 2e-4);
  EXPECT_NEAR(r.expect[0].bias, std::exp(0.05) - std::pow(1 + 0.05 / 4, 4), 1.5e-4);
}

TEST(Multilevel, LevelZeroIsAPlainRun) {
  MultilevelOptions o = options_for("euler-maruyama", kCall, 1e-2);
  o.finest = 0;
  o.coarsest = 8;
  o.seed = 4;
  const MultilevelResult r = run(gbm(), o);
  EnsembleOptions plain;
  plain.paths = r.levels[0].paths;
  plain.seed = 4;
  plain.expect = o.expect;
  const EnsembleResult expected = testing::run(gbm(), "euler-maruyama", make_grid(0, 1, {1}, 0.125), plain);
  EXPECT_EQ(r.expect[0].value, expected.expect[0].value);
  EXPECT_NEAR(r.plain_work / r.work, 1, 1e-12);
}

TEST(Multilevel, CouplesWhateverAMethodTakesOfThePath) {
  // Variances of the differences fall by twice the strong order: increments alone (Euler 1), Levy areas
  // (Milstein on noise that does not commute, 2), space-time areas (1.5 strong: 3).
  SdeDocument heston;
  heston.noises = {"w1", "w2"};
  heston.states = {state("s", "0.05*s", {{"w1", "sqrt(v)*s"}}, "1"),
                   state("v", "2*(0.04 - v)", {{"w1", "-0.07*sqrt(v)"}, {"w2", "0.07*sqrt(v)"}}, "0.04")};
  struct Case {
    SdeDocument document;
    const char* method;
    const char* expression;
    double beta;
  };
  for (const Case& c : {Case{gbm(), "euler-maruyama", "x", 1}, Case{heston, "euler-maruyama", "s", 1},
                        Case{heston, "milstein", "s", 2}, Case{gbm(), "sri2w1", "x", 3}}) {
    MultilevelOptions o = options_for(c.method, c.expression, 1);
    o.coarsest = 4;
    o.finest = 4;
    o.pilot = 2048;
    const MultilevelResult r = run(c.document, o);
    EXPECT_NEAR(r.expect[0].beta.value, c.beta, 0.25) << c.method << ' ' << c.beta;
  }
}

TEST(Multilevel, HasTheSameBitsForAnyNumberOfThreads) {
  const MultilevelOptions o = options_for("milstein", kCall, 5e-4);
  const MultilevelResult many = run(gbm(), o);
  const tbb::global_control one(tbb::global_control::max_allowed_parallelism, 1);
  const MultilevelResult single = run(gbm(), o);
  EXPECT_EQ(many.expect[0].value, single.expect[0].value);
  EXPECT_EQ(many.expect[0].standard_error, single.expect[0].standard_error);
  EXPECT_EQ(many.work, single.work);
}

TEST(Multilevel, SaysWhereTheTargetIsOutOfReach) {
  MultilevelOptions o = options_for("milstein", kCall, 1e-4);
  o.most_paths = 5000;
  const MultilevelResult r = run(gbm(), o);
  EXPECT_FALSE(r.reached);
  EXPECT_GT(r.expect[0].standard_error, 1e-4);
  std::uint64_t paths = 0;
  for (const MultilevelLevel& level : r.levels) paths += level.paths;
  EXPECT_LE(paths, 5000u);
  EXPECT_GE(paths, 4000u);
}

TEST(Multilevel, RefusesWhatDoesNotCouple) {
  EXPECT_THROW(run(gbm(), options_for("exact", kCall, 1e-3)), Error);
  EXPECT_THROW(run(scalar("-x", "0", "1"), options_for("euler", "x", 1e-3)), Error);
  EXPECT_THROW(run(gbm(), options_for("milstein", kCall, 0)), Error);
  const MultilevelResult r = run(gbm(), options_for("milstein", "log(x - 1)", 1e-3));
  EXPECT_GT(r.expect[0].undefined, 0u);
  EXPECT_TRUE(std::isnan(r.expect[0].value));
  EXPECT_FALSE(r.reached);
}

}  // namespace
}  // namespace sde
