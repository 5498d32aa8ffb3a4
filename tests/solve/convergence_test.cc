#include "solve/convergence.h"

#include <gtest/gtest.h>

#include "testing.h"

namespace sde {
namespace {

using testing::scalar;

struct Problem {
  const char* name;
  SdeDocument document;
  StrongSolution solution;  // empty: recognised
};

std::vector<Problem> problems() {
  return {{"linear", scalar("a*x", "b*x", "0.5", {{"a", 1.01}, {"b", 0.87}}), {}},
          {"cubic",
           scalar("-x*(1 - x^2)/4", "(1 - x^2)/2", "0.5"),
           {"((1 + x)*exp(W_x) + x - 1)/((1 + x)*exp(W_x) + 1 - x)"}},
          {"additive",
           scalar("b/sqrt(1 + t) - x/(2*(1 + t))", "a*b/sqrt(1 + t)", "1", {{"a", 0.1}, {"b", 0.05}}),
           {"(x + b*(t + a*W_x))/sqrt(1 + t)"}}};
}

ConvergenceResult measure(const Problem& problem, const char* method, std::uint64_t paths = 1 << 15) {
  const SdeExpressions e = parse_document(problem.document);
  ConvergenceOptions options;
  options.method = &find_method(method);
  options.paths = paths;
  return measure_convergence(problem.document, e,
                             problem.solution.empty() ? known_solution(e) : problem.solution, options);
}

TEST(Convergence, StrongOrdersHoldOnTheStandardProblems) {
  for (const Problem& problem : problems()) {
    for (const char* method : {"euler-maruyama", "milstein", "heun"}) {
      const ConvergenceResult result = measure(problem, method);
      ASSERT_TRUE(result.strong_slope) << problem.name << " " << method;
      const double claim = result.strong_claim;
      const bool half = std::string(method) == "euler-maruyama" && std::string(problem.name) != "additive";
      EXPECT_EQ(claim, half ? 0.5 : 1.0);
      // On this linear equation Heun's error is of the second order.
      const bool second = std::string(method) == "heun" && std::string(problem.name) == "additive";
      EXPECT_NEAR(result.strong_slope->value, second ? 2 : claim, 0.05) << problem.name << " " << method;
      EXPECT_TRUE(result.strong_ok());
    }
  }
}

TEST(Convergence, SeldomRefutesAClaimThatHolds) {
  // Intervals of 95 %, one-sided for each claim: of 40 runs on few paths one or two may fail, more than 5
  // with probability below .005.
  const SdeDocument document = problems()[0].document;
  const SdeExpressions e = parse_document(document);
  int refuted = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    ConvergenceOptions options;
    options.method = &find_method("milstein");
    options.paths = 4096;
    options.seed = seed;
    refuted += !measure_convergence(document, e, known_solution(e), options).strong_ok();
  }
  EXPECT_LE(refuted, 5);
}

TEST(Convergence, AMethodIsNeverItsOwnReference) {
  const SdeDocument d = scalar("x - x^3", "0.5*x", "0.7");
  for (const char* method : {"milstein", "sri2w1", "slowrk", "srk"}) {
    ConvergenceOptions options;
    options.method = &find_method(method);
    options.paths = 4096;
    options.steps = {4, 8, 16};
    const std::string reference = measure_convergence(d, parse_document(d), {}, options).reference;
    EXPECT_NE(reference.substr(0, reference.find(' ')), method);
  }
}

TEST(Convergence, WeakOrderOfEulerMaruyamaIsOne) {
  const ConvergenceResult result = measure(problems()[0], "euler-maruyama", 1 << 17);
  ASSERT_TRUE(result.weak_slope);
  EXPECT_LE(result.weak_slope->low, 1.05);
  EXPECT_GE(result.weak_slope->high, 0.95);
}

TEST(Convergence, AWrongSolutionIsNoticed) {
  // The Stratonovich solution for the Ito equation: errors do not fall.
  Problem wrong = problems()[0];
  wrong.solution = {"x*exp(a*t + b*W_x)"};
  const ConvergenceResult result = measure(wrong, "milstein", 4096);
  EXPECT_FALSE(result.strong_ok());
}

TEST(Convergence, AFineReferenceServesWhereNoSolutionIsKnown) {
  const ConvergenceResult result =
      measure({"double-well", scalar("x - x^3", "0.5*x", "0.7"), {}}, "euler-maruyama", 1 << 14);
  EXPECT_EQ(result.reference, "sri2w1 with 8192 steps");
  EXPECT_NEAR(result.strong_slope->value, 0.5, 0.1);
  const ConvergenceResult better =
      measure({"double-well", scalar("x - x^3", "0.5*x", "0.7"), {}}, "milstein", 1 << 14);
  EXPECT_NEAR(better.strong_slope->value, 1.0, 0.1);
}

}  // namespace
}  // namespace sde
