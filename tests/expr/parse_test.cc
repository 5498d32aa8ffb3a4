// The language: what it means, and what the user is told.
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "expr/expr.h"
#include "random_expr.h"

namespace sde::expr {
namespace {

const std::vector<std::string> kKnown = {"x", "y", "kappa", "theta", "t", "σ"};

TEST(Parse, Precedence) {
  const std::map<std::string, double, std::less<>> at = {{"x", 3.0}, {"y", 2.0}, {"t", 0.5}, {"σ", 0.25}};
  const std::map<std::string, double> expected = {
      {"-x^2", -9},
      {"(-x)^2", 9},
      {"2^3^2", 512},
      {"x^-y", 1.0 / 9},
      {"-x^-y", -1.0 / 9},
      {"2^-x^2", std::pow(2, -9)},
      {"x - y - 1", 0},
      {"x / y / 2", 0.75},
      {"x / y * 2", 3},
      {"x * -y", -6},
      {"--x", 3},
      {"-+-x", 3},
      {"x + y * 2 ^ 2", 11},
      {"x < y + 2", 1},
      {"(x < y) + 2", 2},
      {"1e3 + 1.5E-1 + .5 + 2.", 1002.65},
      {"\tx\n+ y ", 5},
      {"σ*4", 1},
      {"if(x > y, min(x, 10), max(1, y)) + pow(y, 3)", 11},
      {"((((x))))", 3},
      {"2*pi", 6.283185307179586},
  };
  for (const auto& [text, value] : expected) {
    EXPECT_DOUBLE_EQ(evaluate(parse(text, kKnown), at), value) << text;
  }
}

TEST(Parse, NamesOfTheUserComeFirst) {
  EXPECT_TRUE(depends_on(parse("pi + 1", {"pi"}), "pi"));
  EXPECT_EQ(to_string(parse("exp*exp(exp)", {"exp"})), "exp*exp(exp)");
}

struct Bad {
  std::string text;
  const char* sentence;
};

class ParseError : public ::testing::TestWithParam<Bad> {};

TEST_P(ParseError, Says) {
  try {
    const Expr e = parse(GetParam().text, kKnown);
    FAIL() << "accepted as " << to_string(e);
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), GetParam().sentence);
    EXPECT_EQ(error.status(), Status::usage);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Table, ParseError,
    ::testing::Values(Bad{"", "the expression is empty; write a number or a formula"},
                      Bad{"  \n", "the expression is empty; write a number or a formula"},
                      Bad{"kapa*x", "column 1: unknown name \"kapa\"; did you mean \"kappa\"?"},
                      Bad{"1 + thta", "column 5: unknown name \"thta\"; did you mean \"theta\"?"},
                      Bad{"volatility",
                          "column 1: unknown name \"volatility\" (known: x, y, kappa, theta, t, σ, pi)"},
                      Bad{"σ*q_9", "column 3: unknown name \"q_9\" (known: x, y, kappa, theta, t, σ, pi)"},
                      Bad{"sqr(x)", "column 1: unknown function \"sqr\"; did you mean \"sqrt\"?"},
                      Bad{"x(2)", "column 1: \"x\" is not a function; write * between factors"},
                      Bad{"sin x", "column 1: function sin needs arguments; write sin(...)"},
                      Bad{"if(x < 1, 2)", "column 1: if takes 3 arguments (got 2)"},
                      Bad{"exp(x, y)", "column 1: exp takes 1 argument (got 2)"},
                      Bad{"exp()", "column 1: exp takes 1 argument (got 0)"},
                      Bad{"2x", "column 2: expected an operator (got name \"x\"); write * between factors"},
                      Bad{"x y", "column 3: expected an operator (got name \"y\"); write * between factors"},
                      Bad{"(x)(y)", "column 4: expected an operator (got \"(\"); write * between factors"},
                      Bad{"x 3", "column 3: expected an operator (got number 3); write * between factors"},
                      Bad{"(x + y", "column 1: \"(\" is never closed"},
                      Bad{"1 + exp(x", "column 5: \"exp(\" is never closed"},
                      Bad{"x + y)", "column 6: \")\" without \"(\""},
                      Bad{"(x, y)", "column 3: expected \")\" (got \",\")"},
                      Bad{"x, y", "column 2: \",\" outside the arguments of a function"},
                      Bad{"x +", "column 4: expected a number, a name or \"(\" (got the end)"},
                      Bad{"*x", "column 1: expected a number, a name or \"(\" (got \"*\")"},
                      Bad{"x * / y", "column 5: expected a number, a name or \"(\" (got \"/\")"},
                      Bad{"()", "column 2: expected a number, a name or \"(\" (got \")\")"},
                      Bad{"max(x,)", "column 7: expected a number, a name or \"(\" (got \")\")"},
                      Bad{"x ** 2", "column 3: \"**\" is not an operator; write ^ for a power"},
                      Bad{"x && y", "column 3: \"&&\" is not an operator; multiply the conditions"},
                      Bad{"x || y", "column 3: \"||\" is not an operator; use max(a, b) of the conditions"},
                      Bad{"x = y", "column 3: \"=\" is not an operator; write == to compare"},
                      Bad{"!x", "column 1: \"!\" is not an operator; compare with 0, as in x == 0"},
                      Bad{"x < y < t", "column 7: comparisons do not chain; write (a < b)*(b < c)"},
                      Bad{"[x]", "column 1: expected \"(\" (got \"[\")"},
                      Bad{"x ; y", "column 3: unexpected character \";\""},
                      Bad{std::string("x\x01"), "column 2: unexpected character (got code 1)"},
                      Bad{std::string("x\0y", 3), "column 2: unexpected character (got code 0)"},
                      Bad{"nan", "column 1: \"nan\" is not a number an expression may contain"},
                      Bad{"x + inf", "column 5: \"inf\" is not a number an expression may contain"},
                      Bad{"1e999", "column 1: number 1e999 is out of range (1e-308 to 1e308)"},
                      Bad{"1.2.3", "column 4: a number has one decimal point"},
                      Bad{"1e", "column 2: expected an operator (got name \"e\"); write * between factors"},
                      Bad{".", "column 1: unexpected character \".\""}));

TEST(Parse, DeepNestingIsAnErrorNotACrash) {
  const auto sentence = [](const std::string& text) -> std::string {
    try {
      parse(text, kKnown);
    } catch (const Error& error) {
      return error.what();
    }
    return "accepted";
  };
  const std::string deep = "nested more than 500 levels deep";
  EXPECT_EQ(sentence(std::string(100000, '(') + "x" + std::string(100000, ')')), "column 501: " + deep);
  std::string powers = "x", calls = "x", unclosed;
  for (int i = 0; i < 100000; ++i) {
    powers += "^x";
    unclosed += "exp(";
  }
  EXPECT_EQ(sentence(powers), "column 1002: " + deep);
  EXPECT_EQ(sentence(unclosed), "column 2001: " + deep);
  EXPECT_EQ(sentence(std::string(100000, '-') + "x"), "accepted");
  EXPECT_EQ(sentence(std::string(500, '(') + "x" + std::string(500, ')')), "accepted");
}

TEST(Parse, ReadsBackWhatIsPrinted) {
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    testing::Random random(seed);
    const testing::Pair pair = testing::random_expr(random, {"x", "y"}, 5);
    const Expr e = pair.simplified;
    const std::string text = to_string(e);
    EXPECT_TRUE(structurally_equal(parse(text, kKnown), e))
        << text << "  ->  " << to_string(parse(text, kKnown)) << "  from  " << to_string(pair.written);
  }
}

TEST(Parse, PrintedNumbersAreExact) {
  for (const double value :
       {0.1, 1.0 / 3, 1e-300, -2.5e17, 4.9406564584124654e-324, 0x1.fffffffffffffp+1023}) {
    if (std::fabs(value) < 2.3e-308) continue;  // subnormal numbers cannot be written
    EXPECT_EQ(parse(to_string(Expr(value)), {}).number(), value);
  }
}

}  // namespace
}  // namespace sde::expr
