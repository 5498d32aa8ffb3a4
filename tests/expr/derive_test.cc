// Derivatives against central differences, and their size.
#include <gtest/gtest.h>

#include <cmath>

#include "expr/expr.h"
#include "expr/node.h"
#include "random_expr.h"

namespace sde::expr {
namespace {

using testing::Random;

Expr p(std::string_view text) {
  return parse(text, {"x", "y", "s", "v", "kappa", "theta", "sigma", "gamma", "t"});
}

struct Case {
  const char* text;
  const char* derivative;
};

class Derivative : public ::testing::TestWithParam<Case> {};

TEST_P(Derivative, In_x) {
  EXPECT_EQ(to_string(differentiate(p(GetParam().text), "x")), GetParam().derivative);
}

INSTANTIATE_TEST_SUITE_P(
    Table, Derivative,
    ::testing::Values(Case{"kappa*(theta - x)", "-kappa"}, Case{"sigma*x", "sigma"},
                      Case{"sigma*sqrt(x)", "sigma*(0.5/sqrt(x))"},
                      Case{"sigma*x^gamma", "sigma*(gamma*x^(gamma - 1))"}, Case{"x^3 - 3*x", "3*x^2 - 3"},
                      Case{"x*(1 - x^2)", "1 - 3*x^2"}, Case{"1/x", "-1/x^2"},
                      Case{"exp(-x^2/2)", "-exp(-x^2/2)*x"}, Case{"log(x)", "1/x"}, Case{"abs(x)", "sign(x)"},
                      Case{"max(x, 0)", "if(0 < x, 1, 0)"}, Case{"min(x, y)", "if(x < y, 1, 0)"},
                      Case{"if(x < 1, x^2, y)", "if(x < 1, 2*x, 0)"}, Case{"sign(x)", "0"},
                      Case{"x < y", "0"}, Case{"2^x", "2^x*log(2)"}, Case{"tanh(x)", "1 - tanh(x)^2"},
                      Case{"y^2", "0"}, Case{"softplus(x)", "sigmoid(x)"},
                      Case{"sin(x)^2", "2*(sin(x)*cos(x))"}));

TEST(Derivative, MilsteinTermOfASquareRootIsFiniteAtZero) {
  const Expr g = p("sigma*sqrt(x)");
  EXPECT_EQ(to_string(g * differentiate(g, "x")), "0.5*sigma^2");
  const Expr cev = p("sigma*x^gamma");
  EXPECT_EQ(to_string(cev * differentiate(cev, "x")), "sigma^2*x^(2*gamma - 1)*gamma");
}

// (f(x + h) - f(x - h)) / 2h for h and h/2, extrapolated, with the difference as its error.
struct Difference {
  double value, error;
};

Difference central(const Expr& f, testing::Point point, const std::string& symbol) {
  const double x = point[symbol];
  const auto slope = [&](double h) {
    point[symbol] = x + h;
    const double above = evaluate(f, point);
    point[symbol] = x - h;
    return (above - evaluate(f, point)) / (2 * h);
  };
  const double coarse = slope(1e-3), fine = slope(5e-4);
  return {fine + (fine - coarse) / 3, std::fabs(fine - coarse)};
}

// The part of the points at which the differences are good enough to judge by; kinks and poles are not among
// them.
int compare(const Expr& f, const Expr& df, Random& random) {
  int compared = 0;
  for (int k = 0; k < 4; ++k) {
    const auto point = testing::random_point(random, {"x", "y"}, 0.3, 1.7);
    if (!testing::finite(f, point)) continue;
    const Difference d = central(f, point, "x");
    if (!std::isfinite(d.value) || d.error > 1e-4 * (1 + std::fabs(d.value)) || std::fabs(d.value) > 1e6)
      continue;
    const double noise = testing::spread(f, point) / 1e-3;
    if (!(noise < 1e-4)) continue;
    ++compared;
    EXPECT_NEAR(evaluate(df, point), d.value, 2 * d.error + 4 * noise + 1e-9 * (1 + std::fabs(d.value)))
        << "d/dx " << to_string(f) << " = " << to_string(df) << " at x=" << point.at("x")
        << " y=" << point.at("y");
  }
  return compared;
}

TEST(Derivative, OfRandomExpressions) {
  int first = 0, second = 0;
  for (std::uint64_t seed = 0; seed < 1500; ++seed) {
    Random random(seed);
    const Expr f = testing::random_expr(random, {"x", "y"}, 4).simplified;
    const Expr df = differentiate(f, "x");
    first += compare(f, df, random);
    second += compare(df, differentiate(df, "x"), random);
  }
  EXPECT_GT(first, 3000);
  EXPECT_GT(second, 2500);
}

TEST(Derivative, OfEveryFunction) {
  Random random(7);
  for (const Function& f : functions()) {
    if (f.arity != 1) continue;
    // Arguments of x inside every domain, on both sides of 0 where there are two.
    const Expr inside = f.op == Op::acos || f.op == Op::asin ? p("x/2") : p("x");
    const Expr e = call(f.name, {inside});
    EXPECT_EQ(compare(e, differentiate(e, "x"), random), 4) << f.name;
    const Expr d = differentiate(e, "x");
    EXPECT_EQ(compare(d, differentiate(d, "x"), random), 4) << f.name;
    if (f.op == Op::log || f.op == Op::sqrt || f.op == Op::log1p) continue;
    const Expr mirrored = call(f.name, {-inside});
    EXPECT_EQ(compare(mirrored, differentiate(mirrored, "x"), random), 4) << f.name;
  }
}

TEST(Derivative, MixedPartialsAgree) {
  for (const char* text :
       {"exp(x*y)*sin(x/y)", "x^y + y^x", "log(x + y^2)/(1 + x*y)", "sqrt(x^2 + y^2)*erf(x - y)"}) {
    const Expr e = p(text);
    EXPECT_TRUE(
        probably_equal(differentiate(differentiate(e, "x"), "y"), differentiate(differentiate(e, "y"), "x")))
        << text;
  }
}

TEST(Derivative, StaysSmallWhereTheTreeExplodes) {
  // As a tree this doubles with each step; distinct nodes grow by a few.
  Expr e = p("x");
  for (int i = 0; i < 200; ++i) e = call("sin", {e * e + Expr(0.5)}) + e;
  const Expr d = differentiate(e, "x");
  const Expr dd = differentiate(d, "x");
  const auto size = [](const Expr& f) { return postorder({&f, 1}).size(); };
  EXPECT_LT(size(d), 12 * size(e));
  EXPECT_LT(size(dd), 60 * size(e));
}

TEST(Derivative, OfALongProduct) {
  Expr e = p("x");
  for (int i = 1; i < 300; ++i) e = e * (p("x") + Expr(i));
  EXPECT_LT(postorder(std::vector<Expr>{differentiate(e, "x")}).size(), 3000u);
}

}  // namespace
}  // namespace sde::expr
