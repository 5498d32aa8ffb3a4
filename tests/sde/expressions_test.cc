#include "sde/expressions.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "sde/expression_sde.h"

namespace sde {
namespace {

StateDocument state(const char* name, const char* drift,
                    std::vector<std::pair<std::string, std::string>> diffusion) {
  StateDocument s;
  s.name = name;
  s.drift = drift;
  s.diffusion = std::move(diffusion);
  return s;
}

SdeDocument heston() {
  SdeDocument d;
  d.parameters = {{"mu", 0.05}, {"kappa", 2.0}, {"theta", 0.04}, {"xi", 0.3}, {"rho", -0.7}};
  d.noises = {"w1", "w2"};
  d.states = {
      state("s", "mu*s", {{"w1", "sqrt(v)*s"}}),
      state("v", "kappa*(theta - v)", {{"w1", "rho*xi*sqrt(v)"}, {"w2", "sqrt(1 - rho^2)*xi*sqrt(v)"}})};
  return d;
}

NoiseKind kind_of(std::vector<StateDocument> states, std::vector<std::string> noises = {}) {
  SdeDocument d;
  d.states = std::move(states);
  d.noises = std::move(noises);
  return parse_document(d).noise_kind;
}

std::string error_of(SdeDocument document) {
  try {
    parse_document(document);
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), Status::usage);
    return error.what();
  }
  return "";
}

TEST(Classify, TellsTheKindsApart) {
  EXPECT_EQ(kind_of({state("x", "-x", {})}), NoiseKind::none);
  EXPECT_EQ(kind_of({state("x", "-x", {{"x", "0*x"}})}), NoiseKind::none);
  EXPECT_EQ(kind_of({state("x", "-x", {{"x", "0.3*cos(t)"}})}), NoiseKind::additive);
  EXPECT_EQ(kind_of({state("x", "-x", {{"x", "0.3*x"}})}), NoiseKind::diagonal);
  EXPECT_EQ(kind_of({state("x", "y", {{"x", "x"}}), state("y", "x", {{"y", "y^2"}})}), NoiseKind::diagonal);
  EXPECT_EQ(kind_of({state("x", "y", {{"w", "x"}}), state("y", "x", {{"w", "y"}})}, {"w"}),
            NoiseKind::scalar);
  EXPECT_EQ(
      kind_of({state("x", "0", {{"a", "x"}, {"b", "2*x"}}), state("y", "0", {{"a", "y"}, {"b", "3*y"}})},
              {"a", "b"}),
      NoiseKind::commutative);
  // Noises of their own, but each depends on the other state.
  EXPECT_EQ(kind_of({state("x", "0", {{"x", "y"}}), state("y", "0", {{"y", "x"}})}), NoiseKind::general);
  EXPECT_EQ(parse_document(heston()).noise_kind, NoiseKind::general);
  // The test problem whose columns do not commute (Kloeden & Platen style, angle 1/2).
  EXPECT_EQ(kind_of({state("x", "0", {{"a", "cos(0.5)*sin(x)"}, {"b", "-sin(0.5)*sin(y)"}}),
                     state("y", "0", {{"a", "sin(0.5)*sin(x)"}, {"b", "cos(0.5)*sin(y)"}})},
                    {"a", "b"}),
            NoiseKind::general);
}

TEST(Convert, StratonovichDriftOfGeometricBrownianMotion) {
  SdeDocument d;
  d.parameters = {{"a", 1.5}, {"b", 0.4}};
  d.states = {state("x", "a*x", {{"x", "b*x"}})};
  const SdeExpressions ito = parse_document(d), strat = converted(ito, Calculus::stratonovich);
  EXPECT_TRUE(expr::probably_equal(strat.drift[0], expr::parse("a*x - b^2*x/2", {"a", "b", "x"})));
  EXPECT_TRUE(expr::probably_equal(converted(strat, Calculus::ito).drift[0], ito.drift[0]));
}

TEST(Convert, StratonovichDriftOfHeston) {
  // f_i - 1/2 sum_jk G_jk dG_ik/dx_j, by hand: s: mu s - s v/2 - rho xi s/4; v: kappa (theta - v) - xi^2/4.
  const SdeExpressions strat = converted(parse_document(heston()), Calculus::stratonovich);
  const std::vector<std::string> names = {"mu", "kappa", "theta", "xi", "rho", "s", "v"};
  EXPECT_TRUE(expr::probably_equal(strat.drift[0], expr::parse("mu*s - s*v/2 - rho*xi*s/4", names)));
  EXPECT_TRUE(expr::probably_equal(strat.drift[1], expr::parse("kappa*(theta - v) - xi^2/4", names)));
}

TEST(Convert, StaysFiniteWhereASquareRootVanishes) {
  const SdeExpressions strat = converted(parse_document(heston()), Calculus::stratonovich);
  const std::map<std::string, double, std::less<>> at = {
      {"mu", 0.05}, {"kappa", 2}, {"theta", 0.04}, {"xi", 0.3}, {"rho", -0.7}, {"s", 100}, {"v", 0}};
  EXPECT_DOUBLE_EQ(expr::evaluate(strat.drift[0], at), 0.05 * 100 + 0.7 * 0.3 * 100 / 4);
  EXPECT_DOUBLE_EQ(expr::evaluate(strat.drift[1], at), 2 * 0.04 - 0.09 / 4);
}

TEST(ParseDocument, SaysWhereAndWhat) {
  SdeDocument d = heston();
  d.states[1].drift = "kapa*(theta - v)";
  EXPECT_EQ(error_of(d), "/drift/v: column 1: unknown name \"kapa\"; did you mean \"kappa\"?");
  d = heston();
  d.states[0].diffusion[0].first = "w3";
  EXPECT_EQ(error_of(d).substr(0, 38), "/diffusion/s: unknown noise \"w3\"; did ");
  d = heston();
  d.parameters.push_back({"v", 1});
  EXPECT_EQ(error_of(d), "/parameters: the name \"v\" is used twice");
  d = heston();
  d.states[0].name = "exp";
  EXPECT_EQ(error_of(d), "/state: \"exp\" is a word of the expression language; choose another name");
  d = heston();
  d.calculus = "itoh";
  EXPECT_EQ(error_of(d), "/calculus: must be \"ito\" or \"stratonovich\" (got \"itoh\")");
  EXPECT_EQ(error_of(SdeDocument{}), "/state: an SDE needs at least one state");
}

TEST(ExpressionSde, EvaluatesOnBlocksAndAtTimesThatDiffer) {
  SdeDocument d;
  d.parameters = {{"k", 3}};
  d.states = {state("x", "k*t - x", {{"x", "x*x"}}), state("y", "x*y", {{"y", "2*y"}})};
  const ExpressionSde sde(parse_document(d));
  ASSERT_TRUE(sde.diagonal_storage());
  StateBlock<double> x(2, 16), f(2, 16), g(2, 16), m(2, 16);
  AlignedVector<double> times(16);
  for (std::size_t i = 0; i < 16; ++i) {
    x.row(0)[i] = 0.5 + static_cast<double>(i);
    x.row(1)[i] = 1.25 * static_cast<double>(i);
    times[i] = 0.1 * static_cast<double>(i);
  }
  SdeWorkspace w;
  sde.coefficients_and_milstein({0, times.data()}, x, f, g, m, w);
  for (std::size_t i = 0; i < 16; ++i) {
    const double u = x.row(0)[i], v = x.row(1)[i];
    EXPECT_NEAR(f.row(0)[i], 3 * times[i] - u, 1e-14);
    EXPECT_NEAR(f.row(1)[i], u * v, 1e-12);
    EXPECT_NEAR(g.row(0)[i], u * u, 1e-12);
    EXPECT_NEAR(m.row(0)[i], 2 * u * u * u, 1e-9);  // x^2 * d(x^2)/dx
    EXPECT_NEAR(m.row(1)[i], 4 * v, 1e-12);
  }
  StateBlock<double> drift(2, 16);
  sde.drift({0.3, nullptr}, x, drift, w);
  EXPECT_NEAR(drift.row(0)[3], 3 * 0.3 - x.row(0)[3], 1e-14);
}

TEST(ExpressionSde, FullTruncationSeesOnlyWhatIsInTheDomain) {
  SdeDocument d = heston();
  d.states[1].domain = {0.0, {}, Boundary::full_truncation};
  const ExpressionSde sde(parse_document(d));
  StateBlock<double> x(2, 16), f(2, 16), g(4, 16);
  std::fill_n(x.row(0), 16, 100.0);
  std::fill_n(x.row(1), 16, -0.01);
  SdeWorkspace w;
  sde.coefficients({0, nullptr}, x, f, g, w);
  EXPECT_EQ(f.row(0)[0], 5);
  EXPECT_EQ(f.row(1)[0], 0.08);
  for (std::size_t r = 0; r < 4; ++r) EXPECT_EQ(g.row(r)[0], 0);
}

}  // namespace
}  // namespace sde
