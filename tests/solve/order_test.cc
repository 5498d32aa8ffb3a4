// Every strong order that the table of methods claims, on a problem of every kind of noise.
#include <gtest/gtest.h>

#include "solve/convergence.h"
#include "testing.h"

namespace sde {
namespace {

using testing::scalar;
using testing::state;

SdeDocument problem_of(NoiseKind kind) {
  SdeDocument d;
  switch (kind) {
    case NoiseKind::additive:
      d.states = {state("x", "sin(y) - x", {{"x", "0.4"}}, "1"),
                  state("y", "x - y*y*y/4", {{"y", "0.3 + 0.2*t"}}, "0.5")};
      break;
    case NoiseKind::scalar:
      d.noises = {"w"};
      d.states = {state("x", "y - x", {{"w", "0.5*sin(x)"}}, "1"),
                  state("y", "-x*y", {{"w", "0.3*x"}}, "0.5")};
      break;
    case NoiseKind::diagonal:
      d.states = {state("x", "y - x", {{"x", "0.5*x"}}, "1"),
                  state("y", "-x*y", {{"y", "0.4*cos(y)"}}, "0.5")};
      break;
    case NoiseKind::commutative:
      d.noises = {"a", "b"};
      d.states = {state("x", "-x + y/4", {{"a", "0.4*x"}, {"b", "0.3*x"}}, "1"),
                  state("y", "-y + x/4", {{"a", "0.4*y"}, {"b", "0.5*y"}}, "0.7")};
      break;
    default:  // truly noncommutative: columns along (cos 1/2, sin 1/2) and (-sin 1/2, cos 1/2)
      d.noises = {"a", "b"};
      d.states = {state("x", "0", {{"a", "cos(0.5)*sin(x)"}, {"b", "-sin(0.5)*sin(y)"}}, "2"),
                  state("y", "0", {{"a", "sin(0.5)*sin(x)"}, {"b", "cos(0.5)*sin(y)"}}, "2")};
  }
  return d;
}

TEST(StrongOrder, HoldsForEveryMethodAndNoiseClaimed) {
  for (const Method& method : methods()) {
    if (method.family != MethodFamily::explicit_sde && method.family != MethodFamily::implicit) continue;
    for (NoiseKind kind : {NoiseKind::additive, NoiseKind::scalar, NoiseKind::diagonal,
                           NoiseKind::commutative, NoiseKind::general}) {
      const SdeDocument document = problem_of(kind);
      const SdeExpressions sde = parse_document(document);
      ASSERT_EQ(sde.noise_kind, kind);
      const Calculus calculus = method.ito ? Calculus::ito : Calculus::stratonovich;
      if (!refusal(method, calculus, kind).empty()) continue;
      ConvergenceOptions options;
      options.method = &method;
      options.end = 0.5;
      options.steps = {16, 32, 64, 128};
      options.paths = 4096;
      options.refinement = 8;
      options.confidence = 0.999;  // some eighty intervals, which are all to hold
      const ConvergenceResult result = measure_convergence(document, sde, {}, options);
      ASSERT_TRUE(result.strong_slope);
      EXPECT_TRUE(result.strong_ok())
          << method.name << " on " << to_string(kind) << " noise: " << result.strong_slope->value << " +- "
          << result.strong_slope->standard_error << ", claimed " << result.strong_claim;
      // The interval must be tight enough to mean something.
      EXPECT_LT(result.strong_slope->standard_error, 0.2) << method.name << " " << to_string(kind);
    }
  }
}

TEST(StrongOrder, IsLostWithoutTheLevyAreas) {
  // Milstein's double integrals with the areas left out have order 1/2 on noise that does not commute.
  SdeDocument document = problem_of(NoiseKind::general);
  SdeExpressions sde = parse_document(document);
  ConvergenceOptions options;
  options.method = &find_method("milstein");
  options.end = 0.5;
  options.steps = {16, 32, 64, 128};
  options.paths = 4096;
  const ConvergenceResult with = measure_convergence(document, sde, {}, options);
  EXPECT_NEAR(with.strong_slope->value, 1.0, 0.1);
  options.method = &find_method("heun");
  const ConvergenceResult without = measure_convergence(document, sde, {}, options);
  EXPECT_NEAR(without.strong_slope->value, 0.5, 0.1);
}

}  // namespace
}  // namespace sde
