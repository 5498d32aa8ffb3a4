#include "sde/feller.h"

#include <gtest/gtest.h>

namespace sde {
namespace {

SdeDocument heston(double kappa, double theta, double xi) {
  SdeDocument d;
  d.parameters = {{"kappa", kappa}, {"theta", theta}, {"xi", xi}, {"rho", -0.7}};
  d.states.resize(2);
  d.states[0].name = "s";
  d.states[0].diffusion = {{"w1", "sqrt(v)*s"}};
  d.states[1].name = "v";
  d.states[1].drift = "kappa*theta - kappa*v";
  d.states[1].diffusion = {{"w1", "rho*xi*sqrt(v)"}, {"w2", "sqrt((1 - rho^2)*v)*xi"}};
  d.noises = {"w1", "w2"};
  return d;
}

TEST(Feller, IsThatOfTheVarianceAmongOtherStates) {
  const auto conditions = feller_conditions(parse_document(heston(2, 0.04, 0.3)));
  ASSERT_EQ(conditions.size(), 1u);
  EXPECT_EQ(conditions[0].state, 1u);
  EXPECT_NEAR(conditions[0].twice_drift, 0.16, 1e-15);
  EXPECT_NEAR(conditions[0].variance_rate, 0.09, 1e-15);
  EXPECT_TRUE(conditions[0].holds());
  EXPECT_FALSE(feller_conditions(parse_document(heston(2, 0.04, 0.5)))[0].holds());
}

TEST(Feller, ConcernsSquareRootsAlone) {
  SdeDocument d = heston(1, 1, 1);
  d.states[1].diffusion = {{"w1", "xi*v^0.75"}};
  EXPECT_TRUE(feller_conditions(parse_document(d)).empty());
  d = heston(1, 1, 1);
  d.states[1].drift = "kappa*(s - v)";
  EXPECT_TRUE(feller_conditions(parse_document(d)).empty());
}

}  // namespace
}  // namespace sde
