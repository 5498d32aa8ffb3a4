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

LawGroup law_of(const SdeDocument& document) {
  const LawRecognition law = recognise_law(parse_document(document));
  EXPECT_TRUE(law.known()) << law.reason;
  return law.known() ? law.groups.at(0) : LawGroup{};
}

std::string reason_of(const SdeDocument& document) {
  const LawRecognition law = recognise_law(parse_document(document));
  EXPECT_TRUE(law.groups.empty());
  return law.reason;
}

const std::vector<std::string> kNames = {"a", "b", "c"};

void expect_equal(const expr::Expr& e, const char* text) {
  EXPECT_TRUE(expr::probably_equal(e, expr::parse(text, kNames))) << expr::to_string(e) << " for " << text;
}

void expect_law(const SdeDocument& document, LawKind kind, const char* intercept, const char* slope,
                const char* scale) {
  const LawGroup law = law_of(document);
  ASSERT_EQ(law.size(), 1u);
  EXPECT_EQ(law.kind, kind);
  expect_equal(law.intercept[0], intercept);
  expect_equal(law.slope[0][0], slope);
  expect_equal(law.scalar_scale(), scale);
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
  EXPECT_EQ(reason_of(scalar("a*x - b*x^3", "c")), "the drift of \"x\" is not affine");
  EXPECT_EQ(reason_of(scalar("a*(b - x)", "c*x^1.5")),
            "the diffusion of \"x\" is neither constant nor proportional to it or its square root");
  EXPECT_EQ(reason_of(scalar("a*(b - x)", "c*x")),
            "the drift of \"x\" has a constant term beside a diffusion proportional to it");
  EXPECT_EQ(reason_of(scalar("a*sin(t) - x", "c")), "the drift of \"x\" depends on time");
  EXPECT_EQ(reason_of(scalar("a - x", "c*exp(-t)")), "the diffusion of \"x\" depends on time");
  // Affine on one side of 0 alone.
  EXPECT_EQ(reason_of(scalar("-a*abs(x)", "c")), "the drift of \"x\" is not affine");
}

// x o dW adds x / 2 to the drift.
TEST(Law, ConvertsStratonovich) {
  SdeDocument document = scalar("a*x", "c*x");
  document.calculus = "stratonovich";
  expect_law(document, LawKind::geometric, "0", "a + c^2/2", "c");
}

SdeDocument with(SdeDocument document, const std::string& name, const std::string& drift,
                 std::vector<std::pair<std::string, std::string>> diffusion) {
  StateDocument state;
  state.name = name;
  state.drift = drift;
  state.diffusion = std::move(diffusion);
  document.states.push_back(state);
  return document;
}

TEST(Law, SplitsIntoIndependentGroups) {
  SdeDocument document = with(scalar("a*(b - x)", "c"), "y", "a*y", {{"y", "c*y"}});
  const LawRecognition both = recognise_law(parse_document(document));
  ASSERT_TRUE(both.known()) << both.reason;
  ASSERT_EQ(both.groups.size(), 2u);
  EXPECT_EQ(both.groups[0].kind, LawKind::ornstein_uhlenbeck);
  EXPECT_EQ(both.groups[1].kind, LawKind::geometric);
  EXPECT_EQ(both.describe({"x", "y"}), "Ornstein-Uhlenbeck in x; geometric Brownian motion in y");

  document.states[1].drift = "a*x";
  EXPECT_EQ(reason_of(document),
            "\"x\" and \"y\" are not independent and their noises enter in different ways");
  document.states[1].drift = "a*y";
  document.noises = {"w"};
  document.states[0].diffusion = {{"w", "c"}};
  document.states[1].diffusion = {{"w", "c*y"}};
  EXPECT_EQ(reason_of(document),
            "\"x\" and \"y\" are not independent and their noises enter in different ways");
  // Two square roots with one noise have no joint law in closed form, two geometric ones do.
  document.states[0] = with({}, "x", "a - b*x", {{"w", "sqrt(x)"}}).states[0];
  document.states[1].diffusion = {{"w", "sqrt(y)"}};
  EXPECT_EQ(reason_of(document), "\"x\" and \"y\" share noise");
  EXPECT_EQ(reason_of(with(scalar("a", "c"), "y", "0", {})), "\"y\" is driven by no noise");
}

TEST(Law, RecognisesLinearSystems) {
  // Langevin dynamics: noise in one state alone, a slope that is no diagonal.
  const SdeDocument langevin = with(scalar("(y + b)/2 + y/2", "0"), "y", "-a*x - 2*b*y", {{"y", "c"}});
  const LawGroup law = law_of(langevin);
  ASSERT_EQ(law.size(), 2u);
  EXPECT_EQ(law.kind, LawKind::ornstein_uhlenbeck);
  expect_equal(law.intercept[0], "b/2");
  expect_equal(law.intercept[1], "0");
  const char* const slope[2][2] = {{"0", "1"}, {"-a", "-2*b"}};
  for (std::size_t i = 0; i < 2; ++i)
    for (std::size_t j = 0; j < 2; ++j) expect_equal(law.slope[i][j], slope[i][j]);
  ASSERT_EQ(law.noises.size(), 1u);
  expect_equal(law.scale[0][0], "0");
  expect_equal(law.scale[1][0], "c");
  EXPECT_EQ(reason_of(with(scalar("x*y", "c"), "y", "-y", {{"y", "c"}})), "the drift of \"x\" is not affine");
}

TEST(Law, RecognisesCorrelatedGeometricMotion) {
  SdeDocument document = with(scalar("a*x", "0"), "y", "b*y", {{"u", "0.5*y"}, {"w", "c*y"}});
  document.states[0].diffusion = {{"u", "x*c"}};
  document.noises = {"u", "w"};
  const LawGroup law = law_of(document);
  ASSERT_EQ(law.size(), 2u);
  EXPECT_EQ(law.kind, LawKind::geometric);
  expect_equal(law.slope[1][1], "b");
  expect_equal(law.scale[0][0], "c");
  expect_equal(law.scale[0][1], "0");
  expect_equal(law.scale[1][0], "0.5");
  document.states[0].drift = "a*x + y";
  EXPECT_EQ(reason_of(document), "the drift of \"x\" depends on \"y\"");
}

TEST(Law, RecognisesBrownianBridges) {
  for (const char* drift :
       {"(b - x)/(c - t)", "-(x - b)/(c - t)", "2*(x - b)/(2*t - 2*c)", "(x - b)*(t - c)^(-1)"}) {
    const LawGroup law = law_of(scalar(drift, "a"));
    EXPECT_EQ(law.kind, LawKind::brownian_bridge) << drift;
    ASSERT_EQ(law.size(), 1u);
    expect_equal(law.end, "c");
    expect_equal(law.intercept[0], "b");
    expect_equal(law.scale[0][0], "a");
  }
  // Half the pull is another process.
  EXPECT_EQ(reason_of(scalar("(b - x)/(2*(c - t))", "a")), "the drift of \"x\" depends on time");
  EXPECT_EQ(reason_of(scalar("(b - x)/(c - t)", "a*x")), "the drift of \"x\" depends on time");
}

TEST(Law, BoundariesChangeIt) {
  const auto bounded = [](SdeDocument document, Boundary boundary, double min) {
    document.states[0].domain = {min, {}, boundary};
    return document;
  };
  const SdeDocument ou = scalar("a - b*x", "c"), cir = scalar("a - b*x", "c*sqrt(x)"),
                    gbm = scalar("a*x", "c*x");
  for (const Boundary boundary : {Boundary::reflect, Boundary::absorb, Boundary::full_truncation})
    EXPECT_EQ(reason_of(bounded(ou, boundary, 0)), "the boundary of \"x\" changes its law");
  EXPECT_EQ(reason_of(bounded(cir, Boundary::absorb, 0)), "the boundary of \"x\" changes its law");
  EXPECT_EQ(reason_of(bounded(cir, Boundary::reflect, 0.1)), "the boundary of \"x\" changes its law");
  EXPECT_EQ(law_of(bounded(cir, Boundary::full_truncation, 0)).kind, LawKind::square_root);
  EXPECT_EQ(law_of(bounded(gbm, Boundary::absorb, 0)).kind, LawKind::geometric);
}

}  // namespace
}  // namespace sde
