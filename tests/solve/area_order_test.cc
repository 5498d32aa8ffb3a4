// Levy areas in a solver: Milstein keeps strong order 1 where the noise does not commute.
#include <gtest/gtest.h>

#include "solve/convergence.h"
#include "testing.h"

namespace sde {
namespace {

// dX = (cos a, sin a) (c sin x1 dU + c cos x1 dU') + (-sin a, cos a) (s sin x2 dV + s cos x2 dV'), c = cos a,
// s = sin a, a = 1/2.
SdeDocument noncommutative() {
  SdeDocument d;
  d.parameters = {{"a", 0.5}};
  d.noises = {"u", "v", "w", "z"};
  d.states = {
      testing::state(
          "x", "0",
          {{"u", "cos(a)*sin(x)"}, {"v", "cos(a)*cos(x)"}, {"w", "-sin(a)*sin(y)"}, {"z", "-sin(a)*cos(y)"}},
          "2"),
      testing::state(
          "y", "0",
          {{"u", "sin(a)*sin(x)"}, {"v", "sin(a)*cos(x)"}, {"w", "cos(a)*sin(y)"}, {"z", "cos(a)*cos(y)"}},
          "2")};
  return d;
}

TEST(AreaOrder, MilsteinHasStrongOrderOneWithEveryLaw) {
  const SdeDocument d = noncommutative();
  const SdeExpressions e = parse_document(d);
  ASSERT_EQ(e.noise_kind, NoiseKind::general);
  for (const AreaLaw law : {AreaLaw::davie, AreaLaw::foster, AreaLaw::wiktorsson, AreaLaw::mrongowius}) {
    ConvergenceOptions options;
    options.method = &find_method("milstein");
    options.end = 0.5;
    options.steps = {4, 8, 16, 32};
    options.refinement = 8;
    options.paths = 1 << 12;
    options.areas = law;
    const ConvergenceResult result = measure_convergence(d, e, {}, options);
    ASSERT_TRUE(result.strong_slope);
    EXPECT_NEAR(result.strong_slope->value, 1, 0.1) << static_cast<int>(law);
    EXPECT_TRUE(result.strong_ok());
    // Without areas the order is one half.
    options.method = &find_method("euler-maruyama");
    if (law != AreaLaw::davie) continue;
    EXPECT_LT(measure_convergence(d, e, {}, options).strong_slope->value, 0.65);
  }
}

}  // namespace
}  // namespace sde
