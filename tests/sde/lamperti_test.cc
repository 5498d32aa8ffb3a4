#include "sde/lamperti.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"

namespace sde {
namespace {

SdeDocument scalar(const std::string& drift, const std::string& diffusion) {
  SdeDocument document;
  document.parameters = {{"a", 0.7}, {"b", 1.3}, {"c", 0.4}};
  StateDocument state;
  state.name = "x";
  state.drift = drift;
  state.diffusion = {{"x", diffusion}};
  document.states = {state};
  return document;
}

struct Case {
  const char* diffusion;
  std::vector<double> points;  // that it takes
};

const std::vector<Case>& cases() {
  static const std::vector<Case> table = {
      {"c", {-2, 0.3, 4}},
      {"-c", {-2, 0.3, 4}},
      {"c*x", {0.2, 3}},
      {"c*x", {-0.2, -3}},
      {"c*sqrt(x)", {0.2, 3}},
      {"c*x^b", {0.2, 3}},
      {"x^(2/3)", {0.2, 3}},
      {"x^2", {0.2, 3}},
      {"a + b*x", {-0.3, 2}},
      {"a + b*x", {-3, -1}},
      {"sqrt(a + b*x)", {-0.3, 2}},
      {"c*sqrt(1 - x)", {-3, 0.5}},
      {"(a + b*x)^1.5", {-0.3, 2}},
      {"(2 - x)^0.75", {-3, 1.2}},
      {"(1 - x^2)/2", {-0.7, 0.4}},
      {"b*x*(1 - x)", {0.2, 0.9}},
      {"a*(1 + x^2)", {-2, 0.1, 3}},
      {"c + b*x + a*x^2", {-2, 0.1, 3}},
      {"(x + a)^2", {0.1, 3}},
      {"sqrt(x*(1 - x))", {0.2, 0.9}},
      {"c*sqrt(a - x^2)", {-0.6, 0.5}},
      {"sqrt(x^2 + 1)", {-2, 0.1, 3}},
      {"b*sqrt(x^2 + c*x + a)", {-2, 0.1, 3}},
      {"sqrt(x^2 - 1)", {1.2, 3}},
      {"sqrt(x^2 - 1)", {-3, -1.2}},
      {"c*exp(-a*x)", {-2, 0.5}},
      {"0.1*cos(x)^2", {-1, 0.2, 1.2}},
      {"c*cos(a*x)", {-1, 0.2, 1.2}},
      {"c*sin(b*x)", {0.2, 1.9}},
      {"c*cosh(a*x)", {-1, 0.2}},
      {"c*cosh(x)^2", {-1, 0.2}},
      {"c/cosh(a*x)", {-1, 0.2}},
  };
  return table;
}

using Point = std::map<std::string, double, std::less<>>;
Point with(double x, double y, double t = 0.4) {
  return {{"a", 0.7}, {"b", 1.3}, {"c", 0.4}, {"x", x}, {"y_x", y}, {"t", t}};
}

// F' = 1/g, F^{-1}(F(x)) = x, and the drift is the one of Ito's formula, by finite differences in x.
TEST(Lamperti, KnowsAntiderivativesAndInverses) {
  for (const Case& c : cases()) {
    const SdeExpressions sde = parse_document(scalar("b*(a - x) + sin(t)", c.diffusion));
    for (double x : c.points) {
      const Lamperti l = lamperti(sde, {x});
      EXPECT_EQ(l.sde.noise_kind, NoiseKind::additive) << c.diffusion;
      EXPECT_TRUE(expr::probably_equal(l.sde.diffusion[0][0], expr::Expr(1)));
      const auto forward = [&](double at) { return expr::evaluate(l.forward[0], with(at, 0)); };
      const auto g = [&](double at) { return expr::evaluate(sde.diffusion[0][0], with(at, 0)); };
      const double y = forward(x), e = 1e-5 * std::abs(x);
      EXPECT_NEAR(expr::evaluate(l.inverse[0], with(0, y)), x, 1e-12 * std::max(1.0, std::abs(x)))
          << c.diffusion << " " << x;
      EXPECT_NEAR((forward(x + e) - forward(x - e)) / (2 * e) * g(x), 1, 1e-6) << c.diffusion << " " << x;
      const double slope = (g(x + e) - g(x - e)) / (2 * e);
      const double drift = expr::evaluate(sde.drift[0], with(x, 0)) / g(x) - 0.5 * slope;
      EXPECT_NEAR(expr::evaluate(l.sde.drift[0], with(0, y)), drift, 1e-7 * std::max(1.0, std::abs(drift)))
          << c.diffusion << " " << x << ": " << expr::to_string(l.sde.drift[0]);
    }
  }
}

TEST(Lamperti, SimplifiesWhatIsSimple) {
  const auto drift = [](const char* f, const char* g) {
    return expr::to_string(lamperti(parse_document(scalar(f, g)), {1}).sde.drift[0]);
  };
  const auto same = [](const std::string& text, const char* want) {
    const std::vector<std::string> names = {"a", "b", "c", "y_x"};
    return expr::probably_equal(expr::parse(text, names), expr::parse(want, names));
  };
  EXPECT_TRUE(same(drift("a*x", "c*x"), "a/c - c/2"));
  EXPECT_TRUE(same(drift("a*(b - x)", "c*x"), "a*b/c*exp(-c*y_x) - a/c - c/2"));
  EXPECT_TRUE(same(drift("a*(b - x)", "c*sqrt(x)"), "(2*a*b/c^2 - 1/2)/y_x - a*y_x/2"));
  EXPECT_LT(drift("a*x", "c*x").size(), 30u) << drift("a*x", "c*x");
  EXPECT_LT(drift("a*(b - x)", "c*sqrt(x)").size(), 80u) << drift("a*(b - x)", "c*sqrt(x)");
}

// c(t) stays as additive noise; the Stratonovich form is converted first; components may look at one another.
TEST(Lamperti, TakesTimeCalculusAndSeveralStates) {
  SdeDocument d = scalar("b*x*y", "c*x*exp(-t)");
  StateDocument y;
  y.name = "y";
  y.drift = "x - y";
  y.diffusion = {{"y", "a"}};
  d.states.push_back(y);
  const Lamperti l = lamperti(parse_document(d), {2, 1});
  EXPECT_EQ(l.sde.states, (std::vector<std::string>{"y_x", "y_y"}));
  EXPECT_EQ(l.sde.noise_kind, NoiseKind::additive);
  const double x = 1.7, v = 0.6, t = 0.4;
  Point p = {{"a", 0.7}, {"b", 1.3}, {"c", 0.4}, {"x", x}, {"y", v}, {"t", t}};
  p["y_x"] = expr::evaluate(l.forward[0], p);
  p["y_y"] = expr::evaluate(l.forward[1], p);
  // h = c x, noise exp(-t): (f/h) - exp(-2t) h'/2
  EXPECT_NEAR(expr::evaluate(l.sde.drift[0], p), 1.3 * v / 0.4 - 0.5 * 0.4 * std::exp(-2 * t), 1e-13);
  EXPECT_NEAR(expr::evaluate(l.sde.diffusion[0][0], p), std::exp(-t), 1e-15);
  EXPECT_NEAR(expr::evaluate(l.sde.drift[1], p), (x - v) / 0.7, 1e-13);

  SdeDocument s = scalar("a*x", "c*x");
  s.calculus = "stratonovich";
  EXPECT_NEAR(expr::evaluate(lamperti(parse_document(s), {1}).sde.drift[0], with(1, 0.3)), 0.7 / 0.4, 1e-14);
}

std::string reason_of(const SdeDocument& d, std::vector<double> near = {1, 1}) {
  try {
    lamperti(parse_document(d), near);
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), Status::usage);
    return error.what();
  }
  return "";
}

TEST(Lamperti, SaysWhyThereIsNone) {
  const auto has = [](const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
  };
  EXPECT_TRUE(has(reason_of(scalar("x", "sin(x) + x^3")), "no antiderivative"));
  EXPECT_TRUE(has(reason_of(scalar("x", "sin(x*t) + 2")), "product of time and state"));
  SdeDocument reflected = scalar("x", "c");
  reflected.states[0].domain = {0.0, {}, Boundary::reflect};
  EXPECT_TRUE(has(reason_of(reflected), "reflect boundary"));
  SdeDocument two = scalar("x", "c*y");
  StateDocument y;
  y.name = "y";
  y.diffusion = {{"y", "1"}};
  two.states.push_back(y);
  EXPECT_TRUE(has(reason_of(two), "depends on \"y\""));
  two.noises = {"w"};
  for (StateDocument& state : two.states) state.diffusion = {{"w", "1"}};
  EXPECT_TRUE(has(reason_of(two), "diagonal noise"));
}

}  // namespace
}  // namespace sde
