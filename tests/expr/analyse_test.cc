// Affine forms, degrees, equality.
#include <gtest/gtest.h>

#include "expr/expr.h"

namespace sde::expr {
namespace {

Expr p(std::string_view text) {
  return parse(text, {"x", "y", "kappa", "theta", "sigma", "t"});
}

TEST(Affine, ReadsOrnsteinUhlenbeck) {
  const auto form = affine(p("kappa*(theta - x)"), {"x"});
  ASSERT_TRUE(form);
  EXPECT_EQ(to_string(form->constant), "kappa*theta");
  EXPECT_EQ(to_string(form->coefficients[0]), "-kappa");
}

TEST(Affine, FindsSeveralCoefficients) {
  const auto form = affine(p("exp(t)*(2*x - y/kappa) + if(t < 1, x, 3) - sin(t)"), {"x", "y"});
  ASSERT_TRUE(form);
  EXPECT_TRUE(probably_equal(form->coefficients[0], p("2*exp(t) + if(t < 1, 1, 0)")));
  EXPECT_TRUE(probably_equal(form->coefficients[1], p("-exp(t)/kappa")));
  EXPECT_TRUE(probably_equal(form->constant, p("if(t < 1, 0, 3) - sin(t)")));
}

TEST(Affine, RefusesTheRest) {
  for (const char* text :
       {"x^2", "x*y", "sqrt(x)", "1/x", "abs(x)", "if(x < 1, x, 2)", "max(x, 0)", "x < 1"}) {
    EXPECT_FALSE(affine(p(text), {"x", "y"})) << text;
  }
  EXPECT_TRUE(affine(p("x*y"), {"x"}));
  EXPECT_TRUE(affine(p("sigma"), {"x"}));
  EXPECT_TRUE(affine(p("sigma*x*0 + x - x"), {"x"})->coefficients[0].is_zero());
}

TEST(PolynomialDegree, Of) {
  EXPECT_EQ(polynomial_degree(p("3"), "x"), 0);
  EXPECT_EQ(polynomial_degree(p("exp(y)"), "x"), 0);
  EXPECT_EQ(polynomial_degree(p("kappa*(theta - x)"), "x"), 1);
  EXPECT_EQ(polynomial_degree(p("x*(1 - x^2)*y/kappa"), "x"), 3);
  EXPECT_EQ(polynomial_degree(p("(x^2 + 1)^5"), "x"), 10);
  EXPECT_EQ(polynomial_degree(p("if(t < 1, x^2, 3)"), "x"), 2);
  for (const char* text :
       {"sqrt(x)", "x^y", "2^x", "1/x", "sin(x)", "if(x < 1, x, 0)", "x^0.3", "(x^1000000)^1000000"}) {
    EXPECT_FALSE(polynomial_degree(p(text), "x")) << text;
  }
}

TEST(ProbablyEqual, SeesIdentities) {
  EXPECT_TRUE(probably_equal(p("(x + y)^2"), p("x^2 + 2*x*y + y^2")));
  EXPECT_TRUE(probably_equal(p("sin(x)^2 + cos(x)^2"), p("1")));
  EXPECT_TRUE(probably_equal(p("x*(y - t) - x*y + x*t"), p("0")));  // cancels up to rounding
  EXPECT_TRUE(probably_equal(p("exp(log(abs(x)))"), p("abs(x)")));
  EXPECT_TRUE(probably_equal(p("sqrt(x)^2/x"), p("1")));  // negative x have no value on one side
}

TEST(ProbablyEqual, SeesDifferences) {
  EXPECT_FALSE(probably_equal(p("x"), p("y")));
  EXPECT_FALSE(probably_equal(p("x"), p("abs(x)")));
  EXPECT_FALSE(probably_equal(p("x + 1e-9"), p("x")));
  EXPECT_FALSE(probably_equal(p("x*y"), p("x*y*(1 + 1e-12)")));
  EXPECT_FALSE(probably_equal(p("1e-30*x"), p("0")));
  EXPECT_FALSE(probably_equal(p("log(-1 - x^2)"), p("x")));  // no value anywhere to compare
}

}  // namespace
}  // namespace sde::expr
