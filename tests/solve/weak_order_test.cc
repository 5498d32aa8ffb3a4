// Every weak order that the table of methods claims, on every noise and in both calculi, without sampling;
// and the weak problems of the literature.
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "solve/convergence.h"
#include "solve/increments.h"
#include "solve/one_step.h"
#include "testing.h"

namespace sde {
namespace {

using testing::scalar;
using testing::state;

SdeDocument problem_of(NoiseKind kind) {
  SdeDocument d;
  switch (kind) {
    case NoiseKind::additive:
      d.states = {state("x", "sin(y) - x", {{"x", "0.4"}}, "1"),
                  state("y", "x - y*y*y/4 + cos(t)", {{"y", "0.3 + 0.2*t"}}, "0.5")};
      break;
    case NoiseKind::scalar:
      d.noises = {"w"};
      d.states = {state("x", "y - x", {{"w", "0.5*sin(x) + 0.1*t"}}, "1"),
                  state("y", "-x*y", {{"w", "0.3*x"}}, "0.5")};
      break;
    case NoiseKind::diagonal:
      d.states = {state("x", "y - x", {{"x", "0.5*x"}}, "1"),
                  state("y", "-x*y", {{"y", "0.4*cos(y + t)"}}, "0.5")};
      break;
    case NoiseKind::commutative:
      d.noises = {"a", "b"};
      d.states = {state("x", "-x*x + y/4", {{"a", "0.4*x"}, {"b", "0.3*x"}}, "1"),
                  state("y", "-y + x/4", {{"a", "0.4*y"}, {"b", "0.5*y"}}, "0.7")};
      break;
    default:
      d.noises = {"a", "b"};
      d.states = {state("x", "sin(y)", {{"a", "0.8*sin(x)"}, {"b", "-0.5*sin(y) + 0.2*t"}}, "2"),
                  state("y", "x*y/4", {{"a", "0.5*x*y"}, {"b", "0.9*sin(y)"}}, "2")};
  }
  return d;
}

constexpr NoiseKind kKinds[] = {NoiseKind::additive, NoiseKind::scalar, NoiseKind::diagonal,
                                NoiseKind::commutative, NoiseKind::general};

OneStepResult measure(const SdeDocument& document, const char* method) {
  OneStepOptions options;
  options.method = &find_method(method);
  return measure_one_step(document, parse_document(document), options);
}

TEST(WeakOrder, HoldsForEveryMethodNoiseAndCalculusClaimed) {
  int measured = 0;
  for (const Method& method : methods()) {
    if (method.family != MethodFamily::explicit_sde && method.family != MethodFamily::implicit) continue;
    for (NoiseKind kind : kKinds) {
      for (const char* calculus : {"ito", "stratonovich"}) {
        SdeDocument document = problem_of(kind);
        document.calculus = calculus;
        const SdeExpressions sde = parse_document(document);
        ASSERT_EQ(sde.noise_kind, kind);
        if (!refusal(method, sde.calculus, kind).empty()) continue;
        const OneStepResult result = measure(document, method.name);
        if (!result.reason.empty()) {
          EXPECT_STREQ(method.name, "reversible-heun");
          continue;
        }
        ++measured;
        ASSERT_TRUE(result.order || result.exact);
        EXPECT_TRUE(result.ok()) << method.name << " on " << to_string(kind) << " noise, " << calculus << ": "
                                 << result.order->value << " [" << result.order->low << ", "
                                 << result.order->high << "], claimed " << result.claim;
        // A claim below what the method has would hide a loss of it. (Orders above 2 are not seen.)
        const bool second = !result.order || result.order->low > 1.98;
        EXPECT_FALSE(second && result.claim < 2)
            << method.name << " on " << to_string(kind) << " noise has a higher order than it claims";
      }
    }
  }
  EXPECT_GT(measured, 100);
}

// Three Brownian motions: the pairs' two-point variables must be uncorrelated with one another.
TEST(WeakOrder, HoldsForThreeBrownianMotions) {
  SdeDocument d;
  d.noises = {"a", "b", "c"};
  d.states = {state("x", "y - x", {{"a", "0.8*sin(y)"}, {"b", "0.5*y"}, {"c", "x*y/2"}}, "1"),
              state("y", "-x*y", {{"a", "0.5*x*y"}, {"b", "0.9*sin(x)"}, {"c", "0.6*x"}}, "0.7")};
  for (const char* calculus : {"ito", "stratonovich"}) {
    d.calculus = calculus;
    for (const char* method : {"dri1", "ri6", "w2ito1", "pl1wm", "rs1", "rs2"}) {
      const OneStepResult result = measure(d, method);
      ASSERT_TRUE(result.order) << method << result.reason;
      EXPECT_GT(result.order->low, 1.85) << method << " " << calculus;
    }
  }
}

TEST(WeakOrder, OfEulerMaruyamaIsOneAndNoMore) {
  for (NoiseKind kind : kKinds) {
    const OneStepResult result = measure(problem_of(kind), "euler-maruyama");
    EXPECT_GT(result.order->high, 0.97);
    EXPECT_LT(result.order->low, 1.1);
  }
}

// The largest slope among the finer pairs of levels of halving steps.
double best_slope(const std::vector<double>& errors) {
  double best = -1;
  for (std::size_t i = 1; i + 1 < errors.size(); ++i)
    best = std::max(best, std::log2(errors[i] / errors[i + 1]));
  return best;
}

// Weak problem: dX_i = 3/2 X_i dt + X_i/10 dW_i, X(0) = 1/10. The numerical moments obey a linear recursion.
TEST(WeakProblem, MomentsOfADiagonalLinearEquation) {
  int measured = 0;
  for (const Method& method : methods()) {
    if (method.family != MethodFamily::explicit_sde && method.family != MethodFamily::implicit) continue;
    if (std::string(method.name) == "reversible-heun" || std::string(method.name) == "tamed-euler")
      continue;  // two registers; not linear
    const SdeDocument d = scalar("1.5*x", "x/10", "0.1");
    const SdeExpressions given = parse_document(d);
    if (refusal(method, Calculus::ito, given.noise_kind) != "" &&
        refusal(method, Calculus::stratonovich, given.noise_kind) != "")
      continue;
    const auto stepper = make_stepper(suited(given, method), method);
    std::vector<double> first, second;
    for (int n = 8; n <= 128; n *= 2) {
      const std::vector<double> e = one_step_moments(*stepper, {{1}, {2}}, 0, 1.0 / n, {1});
      first.push_back(std::abs(0.1 * std::pow(1 + e[0], n) - 0.1 * std::exp(1.5)));
      second.push_back(std::abs(0.01 * std::pow(1 + 2 * e[0] + e[1], n) - 0.01 * std::exp(3.01)));
    }
    const double claim = weak_order(method, given.noise_kind);
    EXPECT_GT(best_slope(first), claim - 0.05) << method.name;
    EXPECT_GT(best_slope(second), claim - 0.05) << method.name;
    ++measured;
  }
  EXPECT_GT(measured, 20);
}

// Weak problem in two dimensions whose noise does not commute: E X_1(3)^2 = e^-3.
TEST(WeakProblem, SecondMomentOfANoncommutativeLinearSystem) {
  SdeDocument d;
  d.noises = {"a", "b"};
  d.states = {state("x", "-273/512*x", {{"a", "x/4"}, {"b", "x/16"}}, "1"),
              state("y", "-x/160 - (-785/512 + sqrt(2)/8)*y",
                    {{"a", "(1 - 2*sqrt(2))/4*x"}, {"b", "x/10 + y/16"}}, "1")};
  const SdeExpressions given = parse_document(d);
  ASSERT_EQ(given.noise_kind, NoiseKind::general);
  for (const char* name : {"euler-maruyama", "milstein", "heun", "log-ode", "implicit-euler", "trapezoidal",
                           "dri1", "ri6", "w2ito1", "pl1wm", "rs1", "rs2"}) {
    const Method& method = find_method(name);
    const auto stepper = make_stepper(suited(given, method), method);
    std::vector<double> errors;
    for (int n = 12; n <= 192; n *= 2) {
      const double h = 3.0 / n;
      // The second moments (x^2, x y, y^2) after a step, as the quadratic forms of the state before it.
      const auto after = [&](double x, double y) {
        const auto e = one_step_moments(*stepper, {{1, 0}, {0, 1}, {2, 0}, {1, 1}, {0, 2}}, 0, h, {x, y});
        return std::array<double, 3>{x * x + 2 * x * e[0] + e[2], x * y + x * e[1] + y * e[0] + e[3],
                                     y * y + 2 * y * e[1] + e[4]};
      };
      const auto along_x = after(1, 0), along_y = after(0, 1), both = after(1, 1);
      std::array<double, 3> m = {1, 1, 1};
      for (int i = 0; i < n; ++i) {
        std::array<double, 3> next{};
        for (std::size_t r = 0; r < 3; ++r)
          next[r] = along_x[r] * m[0] + (both[r] - along_x[r] - along_y[r]) * m[1] + along_y[r] * m[2];
        m = next;
      }
      errors.push_back(std::abs(m[0] - std::exp(-3.0)));
    }
    EXPECT_GT(best_slope(errors), method.weak_order - 0.05) << name;
  }
}

// Weak problem: dX = (X/2 + sqrt(X^2 + 1)) dt + sqrt(X^2 + 1) dW, X(0) = 0, which is sinh(t + W). With h(z) =
// z^3 - 6 z^2 + 8 z, E h(asinh X) = t^3 - 3 t^2 + 2 t. The exact solution on the same path takes most of the
// variance.
TEST(WeakProblem, ExpectationOfANonlinearFunction) {
  const SdeDocument d = scalar("x/2 + sqrt(x^2 + 1)", "sqrt(x^2 + 1)", "0");
  const SdeExpressions given = parse_document(d);
  const auto h_of = [](double z) { return ((z - 6) * z + 8) * z; };
  constexpr std::size_t kLanes = 4096;
  for (const char* name : {"euler-maruyama", "heun", "dri1", "ri6", "w2ito1", "pl1wm", "rs1", "rs2"}) {
    const Method& method = find_method(name);
    const auto stepper = make_stepper(suited(given, method), method);
    std::vector<double> errors, deviations;
    for (const int n : {8, 16, 32}) {
      const double step = 2.0 / n;
      Increments increments(7, 1, step, {.space_time = true}, AreaLaw::foster, kLanes);
      StateBlock<double> x(1, kLanes), next(1, kLanes), w(1, kLanes);
      StepWorkspace workspace;
      double sum = 0, squares = 0, plain = 0;
      const int blocks = 32;
      for (int block = 0; block < blocks; ++block) {
        std::fill_n(x.row(0), kLanes, 0.0);
        std::fill_n(w.row(0), kLanes, 0.0);
        increments.start(static_cast<std::uint64_t>(block) * kLanes);
        for (int i = 0; i < n; ++i) {
          StepInput input;
          input.t.value = i * step;
          input.h.value = step;
          input.x = x.view();
          increments.serve(static_cast<std::uint64_t>(i), step, input);
          for (std::size_t lane = 0; lane < kLanes; ++lane) w.row(0)[lane] += input.dW[lane];
          stepper->step(input, next, nullptr, workspace);
          std::swap(x, next);
        }
        for (std::size_t lane = 0; lane < kLanes; ++lane) {
          const double difference = h_of(std::asinh(x.row(0)[lane])) - h_of(2 + w.row(0)[lane]);
          sum += difference;
          squares += difference * difference;
          plain += h_of(2 + w.row(0)[lane]);
        }
      }
      const double count = static_cast<double>(kLanes) * blocks;
      errors.push_back(std::abs(sum / count));
      deviations.push_back(std::sqrt(squares) / count);
      EXPECT_NEAR(plain / count, 0, 0.3);  // t^3 - 3 t^2 + 2 t at t = 2
    }
    const double slope = std::log2(errors[0] / errors[2]) / 2;
    const double uncertainty =
        std::hypot(deviations[0] / errors[0], deviations[2] / errors[2]) / (2 * std::log(2.0));
    EXPECT_GT(slope + 3 * uncertainty, method.weak_order - 0.3) << name;
    EXPECT_LT(uncertainty, 0.25) << name;
  }
}

}  // namespace
}  // namespace sde
