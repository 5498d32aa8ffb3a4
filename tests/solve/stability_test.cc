#include "solve/stability.h"

#include <gtest/gtest.h>

#include <cmath>

#include "testing.h"

namespace sde {
namespace {

using testing::scalar;
using testing::state;

std::optional<StabilityLimit> limit(const SdeDocument& d, const char* method, double h) {
  return stability_limit(parse_document(d), find_method(method), h);
}

TEST(Stability, LimitsOfTheMeanAreThoseOfTheTextbooks) {
  const SdeDocument decay = scalar("3 - 50*x", "0.2", "1");
  const std::vector<std::pair<const char*, double>> limits = {{"euler-maruyama", 2},
                                                              {"heun", 2},
                                                              {"sra1", 2},
                                                              {"rk4", 2.785293563405282},
                                                              {"bosh3", 2.512745326618329}};
  for (const auto& [method, z] : limits) {
    SdeDocument d = decay;
    if (find_method(method).family == MethodFamily::explicit_ode) d = scalar("3 - 50*x", "0", "1");
    EXPECT_FALSE(limit(d, method, 0.99 * z / 50)) << method;
    const auto found = limit(d, method, 1.2 * z / 50);
    ASSERT_TRUE(found) << method;
    EXPECT_FALSE(found->mean_square);
    EXPECT_NEAR(found->limit, z / 50, 1e-6 * z / 50) << method;
  }
  for (const char* method : {"implicit-euler", "trapezoidal", "tamed-euler", "exact"})
    EXPECT_FALSE(limit(decay, method, 10)) << method;
}

TEST(Stability, OfAnOscillatorIsThatOfItsEigenvalues) {
  // lambda = -1 +- 10 i: |1 + h lambda| <= 1 up to h = 2/101.
  SdeDocument d;
  d.states = {state("x", "-x + 10*y", {{"x", "0.1"}}, "1"), state("y", "-10*x - y", {{"y", "0.1"}}, "0")};
  const auto found = limit(d, "euler-maruyama", 0.1);
  ASSERT_TRUE(found);
  EXPECT_NEAR(found->limit, 2.0 / 101, 1e-8);
  EXPECT_FALSE(limit(d, "euler-maruyama", 0.0198));
}

TEST(Stability, OfTheSecondMomentUnderMultiplicativeNoise) {
  // Euler-Maruyama on dX = -a X dt + b X dW: (1 - a h)^2 + b^2 h <= 1 up to h = (2 a - b^2) / a^2.
  const SdeDocument d = scalar("-5*x", "2*x", "1");
  const auto euler = limit(d, "euler-maruyama", 0.3);
  ASSERT_TRUE(euler);
  EXPECT_TRUE(euler->mean_square);
  EXPECT_NEAR(euler->limit, 6.0 / 25, 1e-8);
  EXPECT_FALSE(limit(d, "euler-maruyama", 0.23));
  // Milstein: (1 - a h)^2 + b^2 h + b^4 h^2 / 2 <= 1 up to h = (2 a - b^2) / (a^2 + b^4 / 2).
  const auto milstein = limit(d, "milstein", 0.3);
  ASSERT_TRUE(milstein);
  EXPECT_NEAR(milstein->limit, 6.0 / 33, 1e-8);
}

TEST(Stability, IsNotSpokenOfWhereTheEquationGrowsOrIsNotLinear) {
  EXPECT_FALSE(limit(scalar("x", "0.1", "1"), "euler-maruyama", 10));
  EXPECT_FALSE(limit(scalar("-5*x", "4*x", "1"), "euler-maruyama", 0.35));  // b^2 > 2 a
  EXPECT_FALSE(limit(scalar("-x^3", "0.1", "1"), "euler-maruyama", 10));
  EXPECT_FALSE(limit(scalar("-t*x", "0.1", "1"), "euler-maruyama", 10));
}

}  // namespace
}  // namespace sde
