#include "sde/correlation.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "sde/expressions.h"

namespace sde {
namespace {

using expr::Expr;

SdeDocument noises(std::vector<CorrelationDocument> correlation,
                   std::vector<std::pair<std::string, double>> parameters = {}) {
  SdeDocument d;
  d.parameters = std::move(parameters);
  for (const char* name : {"x", "y", "z"}) {
    StateDocument s;
    s.name = name;
    s.diffusion = {{name, "1"}};
    d.states.push_back(s);
    d.noises.push_back(name);
  }
  d.correlation = std::move(correlation);
  return d;
}

std::string error_of(const SdeDocument& document) {
  try {
    parse_document(document);
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), Status::usage);
    return error.what();
  }
  return "no error";
}

// L L' is the matrix, whatever the values of the parameters.
TEST(Correlation, FactorIsThatOfTheMatrix) {
  const SdeDocument d = noises({{"x", "y", "a"}, {"z", "x", "b*b"}, {"y", "z", "-0.25"}, {"z", "z", "1"}},
                               {{"a", 0.5}, {"b", 0.25}});
  const auto l = correlation_factor(d, d.noises);
  const Expr a = Expr::symbol("a"), b = Expr::symbol("b");
  const Expr expected[3][3] = {{1, a, b * b}, {a, 1, -0.25}, {b * b, -0.25, 1}};
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = 0; j < 3; ++j) {
      EXPECT_TRUE(j <= i || l[i][j].is_zero());
      Expr product = 0;
      for (std::size_t k = 0; k < 3; ++k) product = product + l[i][k] * l[j][k];
      for (const double at : {0.1, 0.5, -0.6}) {
        const std::map<std::string, double, std::less<>> values = {{"a", at}, {"b", at / 2}};
        EXPECT_NEAR(expr::evaluate(product, values), expr::evaluate(expected[i][j], values), 1e-15);
      }
    }
}

TEST(Correlation, DiffusionIsThatWrittenByHand) {
  SdeDocument d;
  d.parameters = {{"rho", -0.7}, {"xi", 0.3}};
  d.states.resize(2);
  d.states[0].name = "s";
  d.states[0].diffusion = {{"w1", "sqrt(v)*s"}};
  d.states[1].name = "v";
  d.states[1].diffusion = {{"w2", "xi*sqrt(v)"}};
  d.noises = {"w1", "w2"};
  SdeDocument by_hand = d;
  d.correlation = {{"w1", "w2", "rho"}};
  by_hand.states[1].diffusion = {{"w1", "rho*xi*sqrt(v)"}, {"w2", "sqrt(1 - rho^2)*xi*sqrt(v)"}};
  const SdeExpressions folded = parse_document(d), written = parse_document(by_hand);
  EXPECT_EQ(folded.noise_kind, written.noise_kind);
  EXPECT_EQ(folded.noises, written.noises);
  for (std::size_t i = 0; i < 2; ++i)
    for (std::size_t k = 0; k < 2; ++k)
      EXPECT_TRUE(expr::probably_equal(folded.diffusion[i][k], written.diffusion[i][k])) << i << k;
}

TEST(Correlation, NoisesThatAreIndependentStayAsTheyAre) {
  const SdeExpressions plain = parse_document(noises({}));
  const SdeExpressions one = parse_document(noises({{"x", "y", "0.5"}}));
  EXPECT_TRUE(expr::structurally_equal(one.diffusion[2][2], plain.diffusion[2][2]));
  EXPECT_TRUE(one.diffusion[2][0].is_zero());
  EXPECT_EQ(one.noise_kind, NoiseKind::additive);
}

TEST(Correlation, Refusals) {
  EXPECT_EQ(error_of(noises({{"x", "q", "0"}})), "/correlation/x: unknown noise \"q\"; did you mean \"x\"?");
  EXPECT_EQ(error_of(noises({{"x", "y", "r"}}, {{"rho", 0.5}})).substr(0, 44),
            "/correlation/x/y: column 1: unknown name \"r\"");
  EXPECT_EQ(error_of(noises({{"x", "y", "rho"}}, {{"rho", 1.5}})),
            "/correlation/x/y: a correlation is between -1 and 1 (got rho = 1.5)");
  EXPECT_EQ(error_of(noises({{"x", "x", "0.9"}})),
            "/correlation/x/x: a noise has the correlation 1 with itself (got 0.9)");
  EXPECT_EQ(
      error_of(noises({{"x", "y", "0.5"}, {"y", "x", "0.4"}})),
      "/correlation/y/x: the matrix is not symmetric: x with y is 0.5, and y with x is 0.4; give one of "
      "them, or the same");
  EXPECT_EQ(error_of(noises({{"x", "y", "-1"}})),
            "/correlation: the matrix is singular: each of x, y is a combination of the others; write one of "
            "them as "
            "that in the diffusion, and leave it out");
  const std::string indefinite = error_of(noises({{"x", "y", "0.9"}, {"y", "z", "0.9"}, {"x", "z", "-0.9"}}));
  EXPECT_EQ(indefinite,
            "/correlation: no noises have such correlations: the matrix of x, y, z has the negative "
            "eigenvalue -0.8");
}

}  // namespace
}  // namespace sde
