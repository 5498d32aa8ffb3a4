// Simplification, sharing, substitution, evaluation.
#include "expr/expr.h"

#include <gtest/gtest.h>

#include <cmath>
#include <thread>

#include "expr/node.h"
#include "random_expr.h"

namespace sde::expr {
namespace {

using testing::Random;

const std::vector<std::string> kNames = {"x", "y", "z", "a", "b"};

Expr p(std::string_view text) {
  return parse(text, kNames);
}

struct Case {
  const char* text;
  const char* simplified;
};

class Simplify : public ::testing::TestWithParam<Case> {};

TEST_P(Simplify, PrintsAs) {
  EXPECT_EQ(to_string(p(GetParam().text)), GetParam().simplified);
  EXPECT_TRUE(structurally_equal(p(GetParam().text), p(GetParam().simplified)));
}

INSTANTIATE_TEST_SUITE_P(
    Table, Simplify,
    ::testing::Values(Case{"0 + x", "x"}, Case{"x - 0", "x"}, Case{"1*x", "x"}, Case{"x*0", "0"},
                      Case{"0/x", "0"}, Case{"-(-x)", "x"}, Case{"x - x", "0"}, Case{"x + x", "2*x"},
                      Case{"2*x + y - x", "x + y"}, Case{"3*x - 5*x", "-2*x"}, Case{"x + 1 + 2", "x + 3"},
                      Case{"1 - x - 1", "-x"}, Case{"x + -y", "x - y"}, Case{"x - -y", "x + y"},
                      Case{"-x + y", "y - x"}, Case{"-(x - y)", "y - x"}, Case{"-x - y", "-(x + y)"},
                      Case{"x*2*3", "6*x"}, Case{"(2*x)*(3*y)", "6*(x*y)"}, Case{"(-x)*y", "-x*y"},
                      Case{"(-x)*(-y)", "x*y"}, Case{"-1*x", "-x"}, Case{"x*x", "x^2"},
                      Case{"x*y*x", "x^2*y"}, Case{"x^2*x^3", "x^5"}, Case{"sqrt(x)*sqrt(x)", "x"},
                      Case{"a*sqrt(x)*(b/sqrt(x))", "a*b"}, Case{"x/sqrt(x)", "sqrt(x)"},
                      Case{"sqrt(x)^3", "x^1.5"}, Case{"x^a*x^(a - 1)", "x^(2*a - 1)"}, Case{"x^0", "1"},
                      Case{"x^1", "x"}, Case{"x^0.5", "sqrt(x)"}, Case{"x^-2", "1/x^2"},
                      Case{"(-x)^2", "x^2"}, Case{"(-x)^3", "-x^3"}, Case{"(x^2)^3", "x^6"},
                      Case{"sqrt(x^2)", "abs(x)"}, Case{"x/y/z", "x/(y*z)"}, Case{"x/(y/z)", "x*z/y"},
                      Case{"exp(log(x))", "x"}, Case{"log(exp(x))", "x"}, Case{"exp(0)", "1"},
                      Case{"log(1)", "0"}, Case{"sqrt(4)", "2"}, Case{"abs(-3)", "3"}, Case{"min(2, 3)", "2"},
                      Case{"min(x, x)", "x"}, Case{"if(1 < 2, x, y)", "x"}, Case{"if(x < 0, y, y)", "y"},
                      Case{"2^10", "1024"}, Case{"1 - 0.7^2", "0.51"}));

// What would change where a formula has a value, or hide an error of its author, stays.
INSTANTIATE_TEST_SUITE_P(Kept, Simplify,
                         ::testing::Values(Case{"x/x", "x/x"}, Case{"x^2/x", "x^2/x"}, Case{"1/0", "1/0"},
                                           Case{"0/0", "0/0"}, Case{"sqrt(-1)", "sqrt(-1)"},
                                           Case{"log(0)", "log(0)"}, Case{"exp(1)", "exp(1)"},
                                           Case{"(x^2)^0.5*0 + x^0.3", "x^0.3"},
                                           Case{"x*(y + z)", "x*(y + z)"}, Case{"(x + y)^2", "(x + y)^2"}));

TEST(Expr, EqualExpressionsAreTheSameNode) {
  EXPECT_EQ(p("exp(x*y) + 1").handle(), p("exp( x * y )+1.0").handle());
  EXPECT_NE(p("x - y").handle(), p("y - x").handle());
}

TEST(Expr, SimplificationKeepsValues) {
  int compared = 0;
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    Random random(seed);
    const testing::Pair e = testing::random_expr(random, {"x", "y"}, 5);
    for (int k = 0; k < 3; ++k) {
      const auto point = testing::random_point(random, {"x", "y"}, k == 0 ? -2 : 0.2, 2);
      if (!testing::finite(e.written, point)) continue;
      const double written = evaluate(e.written, point);
      const double error = testing::spread(e.written, point) + testing::spread(e.simplified, point);
      if (!std::isfinite(error)) continue;
      ++compared;
      EXPECT_NEAR(evaluate(e.simplified, point), written, 4 * error + 1e-300)
          << to_string(e.written) << "  ->  " << to_string(e.simplified) << " at x=" << point.at("x")
          << " y=" << point.at("y");
    }
  }
  EXPECT_GT(compared, 5000);
}

TEST(Expr, LongSumsNeedNoStack) {
  constexpr int kTerms = 20000;
  std::string text = "0";
  for (int i = 1; i <= kTerms; ++i) text += " + sin(" + std::to_string(i) + "*x)";
  const Expr sum = p(text);
  double expected = 0, slope = 0;
  for (int i = 1; i <= kTerms; ++i) {
    expected += std::sin(i * 0.7);
    slope += i * std::cos(i * 0.7);
  }
  EXPECT_NEAR(evaluate(sum, {{"x", 0.7}}), expected, 1e-9);
  EXPECT_NEAR(evaluate(differentiate(sum, "x"), {{"x", 0.7}}), slope, 1e-5);
  EXPECT_TRUE(structurally_equal(p(to_string(sum)), sum));
  EXPECT_NEAR(evaluate(substitute(sum, {{"x", p("y/2")}}), {{"y", 1.4}}), expected, 1e-9);
  Expr nested = p("x");  // and a right-deep one, which no text may be
  for (int i = 0; i < 200000; ++i) nested = call("sin", {nested});
  EXPECT_LT(std::fabs(evaluate(nested, {{"x", 1.0}})), 0.01);
}

TEST(Expr, ThreadsShareNodes) {
  std::vector<std::thread> threads;
  std::vector<Expr> results(4);
  for (std::size_t t = 0; t < results.size(); ++t) {
    threads.emplace_back([&results, t] {
      for (int i = 0; i < 300; ++i) {
        Expr e = p("x*exp(y)");
        for (int k = 1; k < 20; ++k) e = differentiate(e * p("x + y"), "x") + Expr(k);
        results[t] = e;
      }
    });
  }
  for (std::thread& t : threads) t.join();
  for (const Expr& e : results) EXPECT_EQ(e.handle(), results[0].handle());
}

TEST(Expr, Substitutes) {
  EXPECT_EQ(to_string(substitute(p("a*x + y"), {{"a", Expr(0)}})), "y");
  EXPECT_EQ(to_string(substitute(p("x + y"), {{"x", p("y")}, {"y", p("x")}})),
            "y + x");  // at once, not in turn
  EXPECT_EQ(to_string(substitute(p("sqrt(1 - a^2)*x"), {{"a", Expr(0.6)}})), "0.8*x");
}

TEST(Expr, KnowsItsSymbols) {
  EXPECT_EQ(symbols(p("a*x + exp(a) - pi")), (std::set<std::string>{"a", "x"}));
  EXPECT_TRUE(depends_on(p("a*x"), "x"));
  EXPECT_FALSE(depends_on(p("a*x - x*0"), "y"));
}

TEST(Expr, EvaluatesEveryOperation) {
  const std::map<std::string, double, std::less<>> at = {{"x", 0.4}, {"y", -1.5}};
  const std::map<const char*, double> expected = {
      {"x + y", -1.1},
      {"x - y", 1.9},
      {"x*y", -0.6},
      {"x/y", 0.4 / -1.5},
      {"-x", -0.4},
      {"x^y", std::pow(0.4, -1.5)},
      {"exp(x)", std::exp(0.4)},
      {"log(x)", std::log(0.4)},
      {"sqrt(x)", std::sqrt(0.4)},
      {"abs(y)", 1.5},
      {"sin(y)", std::sin(-1.5)},
      {"cos(y)", std::cos(-1.5)},
      {"tan(x)", std::tan(0.4)},
      {"tanh(x)", std::tanh(0.4)},
      {"sinh(x)", std::sinh(0.4)},
      {"cosh(x)", std::cosh(0.4)},
      {"asin(x)", std::asin(0.4)},
      {"acos(x)", std::acos(0.4)},
      {"atan(y)", std::atan(-1.5)},
      {"sigmoid(y)", 1 / (1 + std::exp(1.5))},
      {"softplus(y)", std::log(1 + std::exp(-1.5))},
      {"erf(x)", std::erf(0.4)},
      {"expm1(x)", std::expm1(0.4)},
      {"log1p(x)", std::log1p(0.4)},
      {"sign(y)", -1},
      {"min(x, y)", -1.5},
      {"max(x, y)", 0.4},
      {"pow(x, 3)", 0.064},
      {"x < y", 0},
      {"x <= 0.4", 1},
      {"x > y", 1},
      {"y >= x", 0},
      {"x == x + 0", 1},
      {"x != y", 1},
      {"if(x > y, 2, 3)", 2},
      {"if(x < y, 2, 3)", 3},
      {"pi", 3.14159265358979323846},
  };
  for (const auto& [text, value] : expected) EXPECT_NEAR(evaluate(p(text), at), value, 1e-15) << text;
  EXPECT_EQ(evaluate(p("softplus(x)"), {{"x", 800.0}}), 800);
  EXPECT_EQ(evaluate(p("sigmoid(x)"), {{"x", -800.0}}), 0);
  EXPECT_TRUE(std::isnan(evaluate(p("min(x, y)"), {{"x", NAN}, {"y", 1.0}})));
  EXPECT_TRUE(std::isnan(evaluate(p("max(x, y)"), {{"x", 1.0}, {"y", NAN}})));
}

}  // namespace
}  // namespace sde::expr
