#include "fit/likelihood.h"

#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include <Eigen/Dense>
#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>

#include "fit/fit.h"
#include "fixtures.h"
#include "simd/target.h"

namespace sde {
namespace {

struct Case {
  std::string name;
  SdeDocument document;
  std::string density;
};

std::vector<Case> cases() {
  auto forced = test::scalar_sde("kappa*(theta + a*sin(t) - x)", "sigma*sqrt(x)*exp(-a*t)",
                                 {{"kappa", 1.3}, {"theta", 0.3}, {"sigma", 0.2}, {"a", 0.02}});
  return {{"vasicek", test::vasicek(1.3, 0.3, 0.1), "exact"},
          {"cir", test::cir(1.3, 0.3, 0.2), "exact"},
          {"cir near zero", test::cir(0.4, 0.02, 0.9), "exact"},
          {"gbm", test::scalar_sde("mu*x", "sigma*x", {{"mu", 0.1}, {"sigma", 0.3}}), "exact"},
          {"cir euler", test::cir(1.3, 0.3, 0.2), "euler"},
          {"time", forced, "euler"},
          {"cir kessler", test::cir(1.3, 0.3, 0.2), "kessler"},
          {"time milstein", forced, "milstein"},
          {"time ozaki", forced, "ozaki"},
          {"cir expansion", test::cir(1.3, 0.3, 0.2), "ait-sahalia"},
          {"ckls expansion",
           test::scalar_sde("a + b*x", "s*x^g", {{"a", 0.3}, {"b", -0.9}, {"s", 0.3}, {"g", 0.8}}),
           "ait-sahalia"},
          {"ckls linear",
           test::scalar_sde("a + b*x^2", "s*x^g", {{"a", 0.3}, {"b", -0.9}, {"s", 0.3}, {"g", 0.8}}),
           "shoji-ozaki"},
          {"ckls", test::scalar_sde("a + b*x", "s*x^g", {{"a", 0.3}, {"b", -0.9}, {"s", 0.3}, {"g", 0.8}}),
           "euler"}};
}

// Positive, irregularly spaced, with a gap: every path through the code.
Observations wavy(std::size_t n, bool regular) {
  std::vector<double> time, x;
  double t = 0.5;
  for (std::size_t i = 0; i < n; ++i) {
    const double u = static_cast<double>(i);
    time.push_back(t);
    t += regular ? 0.05 : 0.05 * (1 + 0.8 * std::sin(u));
    x.push_back(i % 37 == 5 && !regular
                    ? std::numeric_limits<double>::quiet_NaN()
                    : 0.3 * std::exp(0.25 * std::sin(2.3 * u) + 0.1 * std::cos(0.1 * u * u)));
  }
  Observations data({"x"});
  data.add("", time, x);
  return data;
}

TEST(Likelihood, GradientAndHessianMatchDifferences) {
  for (const Case& c : cases()) {
    for (bool regular : {true, false}) {
      const Observations data = wavy(90, regular);
      const SdeExpressions sde = parse_document(c.document);
      const TransitionDensity density = make_density(sde, c.density);
      std::vector<std::size_t> free;
      for (std::size_t i = 0; i < sde.parameters.size(); ++i) free.push_back(i);
      const Likelihood likelihood(density, data, free);
      LikelihoodValue at;
      likelihood.evaluate(sde.parameter_values, 2, at);
      ASSERT_TRUE(at.finite()) << c.name;
      for (std::size_t p = 0; p < free.size(); ++p) {
        // Fourth order differences: relative error about 1e-11 of the size of the sum.
        const double h = 2e-3 * std::max(0.05, std::fabs(sde.parameter_values[p]));
        double value = 0;
        Eigen::VectorXd gradient = Eigen::VectorXd::Zero(at.gradient.size());
        const double weights[] = {-1.0 / 280, 4.0 / 105, -1.0 / 5, 4.0 / 5};
        for (int i = 0; i < 4; ++i)
          for (int side : {1, -1}) {
            std::vector<double> moved = sde.parameter_values;
            moved[p] += side * (4 - i) * h;
            LikelihoodValue there;
            likelihood.evaluate(moved, 1, there);
            value += side * weights[i] * there.value / h;
            gradient += side * weights[i] * there.gradient / h;
          }
        const auto row = static_cast<Eigen::Index>(p);
        EXPECT_NEAR(at.gradient[row], value, 3e-7 * (1 + std::fabs(value))) << c.name << " parameter " << p;
        for (Eigen::Index q = 0; q < gradient.size(); ++q)
          EXPECT_NEAR(at.hessian(row, q), gradient[q], 3e-7 * (1 + at.hessian.row(row).norm()))
              << c.name << " parameters " << p << ", " << q;
        EXPECT_EQ(at.hessian(row, 0), at.hessian(0, row));
      }
    }
  }
}

TEST(Likelihood, IsTheSumOfItsTransitions) {
  for (const Case& c : cases()) {
    const Observations data = wavy(2000, false);
    const SdeExpressions sde = parse_document(c.document);
    const TransitionDensity density = make_density(sde, c.density);
    const Likelihood likelihood(density, data, {0, 1});
    std::vector<double> each(data.transitions());
    likelihood.per_term(sde.parameter_values, each.data());
    double sum = 0;
    for (double l : each) sum += l;
    LikelihoodValue at, scores;
    likelihood.evaluate(sde.parameter_values, 2, at);
    likelihood.evaluate_scores(sde.parameter_values, scores);
    EXPECT_NEAR(at.value, sum, 1e-12 * std::fabs(sum));
    EXPECT_NEAR((at.gradient - scores.gradient).norm(), 0, 1e-11 * at.gradient.norm());
    EXPECT_GT(scores.score_product(0, 0), 0);
    EXPECT_GT(scores.score_product.determinant(), 0);
  }
}

// Bits depend neither on the threads nor on the instruction set.
TEST(Likelihood, IsReproducible) {
  const std::string before = current_target();
  for (const Case& c : cases()) {
    const Observations data = wavy(5000, false);
    const SdeExpressions sde = parse_document(c.document);
    const TransitionDensity density = make_density(sde, c.density);
    const Likelihood likelihood(density, data, {0, 1});
    LikelihoodValue first;
    likelihood.evaluate(sde.parameter_values, 2, first);
    for (const std::string& target : available_targets()) {
      for (std::size_t threads : {1, 3}) {
        set_target(target);
        const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, threads);
        LikelihoodValue again;
        likelihood.evaluate(sde.parameter_values, 2, again);
        EXPECT_EQ(first.value, again.value) << c.name << " " << target << " " << threads;
        EXPECT_TRUE(first.gradient == again.gradient) << c.name;
        EXPECT_TRUE(first.hessian == again.hessian) << c.name;
      }
    }
    set_target(before);
  }
}

// A gap is one long transition: the law of the process at the far end given the near one.
TEST(Likelihood, GapIsOneLongStep) {
  const auto document = test::cir(0.9, 0.3, 0.25);
  Observations gap({"x"}), direct({"x"});
  const double time[] = {0, 0.1, 0.3}, value[] = {0.2, std::numeric_limits<double>::quiet_NaN(), 0.35};
  gap.add("", time, value);
  const double ends[] = {0, 0.3}, two[] = {0.2, 0.35};
  direct.add("", ends, two);
  EXPECT_EQ(per_transition_loglik(document, "exact", gap), per_transition_loglik(document, "exact", direct));
}

TEST(Likelihood, ResidualsAreStandardNormalAndPredictionsUnbiased) {
  std::mt19937_64 g(7);
  const std::size_t n = 20000;
  struct {
    SdeDocument document;
    std::vector<double> path;
  } laws[] = {
      {test::vasicek(2, 0.3, 0.4), test::ou_path(g, n, 2, 0.3, 0.4, 0.1, 0.3)},
      {test::cir(2, 0.3, 0.4), test::cir_path(g, n, 2, 0.3, 0.4, 0.1, 0.3)},
      {test::cir(2, 0.3, 0.4), test::cir_path(g, n, 2, 0.3, 0.4, 1e-4, 0.3)},
      {test::scalar_sde("mu*x", "s*x", {{"mu", 0.1}, {"s", 0.2}}), test::gbm_path(g, n, 0.1, 0.2, 1e-3, 1)}};
  const double steps[] = {0.1, 0.1, 1e-4, 1e-3};
  for (int i = 0; i < 4; ++i) {
    const Observations data = test::equispaced(laws[i].path, steps[i]);
    const SdeExpressions sde = parse_document(laws[i].document);
    const TransitionDensity density = make_density(sde, "exact");
    const Likelihood likelihood(density, data, {});
    std::vector<double> z(n), mean(n), deviation(n);
    likelihood.describe(sde.parameter_values, z.data(), mean.data(), deviation.data());
    double m1 = 0, m2 = 0, m3 = 0, m4 = 0, lag = 0, scaled = 0, scaled2 = 0;
    for (std::size_t j = 0; j < n; ++j) {
      m1 += z[j];
      m2 += z[j] * z[j];
      m3 += z[j] * z[j] * z[j];
      m4 += z[j] * z[j] * z[j] * z[j];
      if (j > 0) lag += z[j] * z[j - 1];
      const double r = (laws[i].path[j + 1] - mean[j]) / deviation[j];
      scaled += r;
      scaled2 += r * r;
    }
    // Five standard errors of the moments of n standard normals.
    const double unit = 5 / std::sqrt(static_cast<double>(n)), count = static_cast<double>(n);
    EXPECT_NEAR(m1 / count, 0, unit) << i;
    EXPECT_NEAR(m2 / count, 1, unit * std::sqrt(2.0)) << i;
    EXPECT_NEAR(m3 / count, 0, unit * std::sqrt(15.0)) << i;
    EXPECT_NEAR(m4 / count, 3, unit * std::sqrt(96.0)) << i;
    EXPECT_NEAR(lag / count, 0, unit) << i;
    EXPECT_NEAR(scaled / count, 0, unit) << i;
    EXPECT_NEAR(scaled2 / count, 1, unit * std::sqrt(3.0)) << i;
  }
}

}  // namespace
}  // namespace sde
