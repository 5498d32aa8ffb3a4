#include "sde/law.h"

#include <gtest/gtest.h>

namespace sde {
namespace {

SdeDocument scalar(const std::string& drift, const std::string& diffusion,
                   std::vector<std::string> parameters = {"a", "b", "c"}) {
  SdeDocument document;
  for (const std::string& name : parameters) document.parameters.emplace_back(name, 0.5);
  StateDocument state;
  state.name = "x";
  state.drift = drift;
  state.diffusion = {{"x", diffusion}};
  document.states = {state};
  return document;
}

ScalarLaw law_of(const SdeDocument& document) {
  const LawRecognition law = recognise_law(parse_document(document));
  EXPECT_TRUE(law.known()) << law.reason;
  return law.known() ? law.components.at(0) : ScalarLaw{};
}

std::string reason_of(const SdeDocument& document) {
  const LawRecognition law = recognise_law(parse_document(document));
  EXPECT_TRUE(law.components.empty());
  return law.reason;
}

void expect_law(const SdeDocument& document, LawKind kind, const char* intercept, const char* slope,
                const char* scale) {
  const ScalarLaw law = law_of(document);
  const std::vector<std::string> names = {"a", "b", "c"};
  EXPECT_EQ(law.kind, kind);
  EXPECT_TRUE(expr::probably_equal(law.intercept, expr::parse(intercept, names)))
      << expr::to_string(law.intercept);
  EXPECT_TRUE(expr::probably_equal(law.slope, expr::parse(slope, names))) << expr::to_string(law.slope);
  EXPECT_TRUE(expr::probably_equal(law.scale, expr::parse(scale, names))) << expr::to_string(law.scale);
}

TEST(Law, RecognisesEveryParametrisation) {
  using enum LawKind;
  expect_law(scalar("a*(b - x)", "c"), ornstein_uhlenbeck, "a*b", "-a", "c");
  expect_law(scalar("a - b*x", "sqrt(c)"), ornstein_uhlenbeck, "a", "-b", "sqrt(c)");
  expect_law(scalar("(a^2 - x^2)/(a + x)*b", "c"), ornstein_uhlenbeck, "a*b", "-b", "c");
  expect_law(scalar("a", "c"), ornstein_uhlenbeck, "a", "0", "c");
  expect_law(scalar("0", "1"), ornstein_uhlenbeck, "0", "0", "1");
  expect_law(scalar("a*x", "c*x"), geometric, "0", "a", "c");
  expect_law(scalar("(a + b^2/2)*x", "x*exp(c)"), geometric, "0", "a + b^2/2", "exp(c)");
  expect_law(scalar("a*(b - x)", "c*sqrt(x)"), square_root, "a*b", "-a", "c");
  expect_law(scalar("a*b - a*x", "sqrt(c*x)"), square_root, "a*b", "-a", "sqrt(c)");
  expect_law(scalar("a - b*x", "2*c*x^0.5"), square_root, "a", "-b", "2*c");
  expect_law(scalar("a - b*x", "c*sqrt(max(x, 0))"), square_root, "a", "-b", "c");
}

TEST(Law, SaysWhyItIsNotKnown) {
  EXPECT_EQ(reason_of(scalar("a*x - b*x^3", "c")), "the drift of \"x\" is not affine in it");
  EXPECT_EQ(reason_of(scalar("a*(b - x)", "c*x^1.5")),
            "the diffusion of \"x\" is neither constant nor proportional to it or its square root");
  EXPECT_EQ(reason_of(scalar("a*(b - x)", "c*x")),
            "the drift of \"x\" has a constant term beside a diffusion proportional to it");
  EXPECT_EQ(reason_of(scalar("a*sin(t) - x", "c")), "the drift of \"x\" depends on time");
  EXPECT_EQ(reason_of(scalar("a - x", "c*exp(-t)")), "the diffusion of \"x\" depends on time");
  // Affine on one side of 0 alone.
  EXPECT_EQ(reason_of(scalar("-a*abs(x)", "c")), "the drift of \"x\" is not affine in it");
}

// x o dW adds x / 2 to the drift.
TEST(Law, ConvertsStratonovich) {
  SdeDocument document = scalar("a*x", "c*x");
  document.calculus = "stratonovich";
  expect_law(document, LawKind::geometric, "0", "a + c^2/2", "c");
}

TEST(Law, TakesIndependentComponentsOnly) {
  SdeDocument document = scalar("a*(b - x)", "c");
  StateDocument y;
  y.name = "y";
  y.drift = "a*y";
  y.diffusion = {{"y", "c*y"}};
  document.states.push_back(y);
  const LawRecognition both = recognise_law(parse_document(document));
  ASSERT_TRUE(both.known()) << both.reason;
  EXPECT_EQ(both.components[0].kind, LawKind::ornstein_uhlenbeck);
  EXPECT_EQ(both.components[1].kind, LawKind::geometric);

  document.states[1].drift = "a*x";
  EXPECT_EQ(reason_of(document), "the drift of \"y\" depends on \"x\"");
  document.states[1].drift = "a*y";
  document.noises = {"w"};
  document.states[0].diffusion = {{"w", "c"}};
  document.states[1].diffusion = {{"w", "c*y"}};
  EXPECT_EQ(reason_of(document), "\"x\" is not driven by one noise of its own");
}

}  // namespace
}  // namespace sde
