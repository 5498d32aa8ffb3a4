#include "fit/fit.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "base/error.h"
#include "fixtures.h"

namespace sde {
namespace {

const Estimate& estimate(const FitResult& result, const std::string& name) {
  for (const Estimate& e : result.estimates)
    if (e.name == name) return e;
  throw std::out_of_range(name);
}

void expect_relative(double found, double expected, double tolerance) {
  EXPECT_NEAR(found, expected, tolerance * std::fabs(expected));
}

std::string failure(Status expected, const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), expected) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing thrown";
  return "";
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Published estimates of three-month Treasury bill rates, 306 monthly transitions.
TEST(Fit, TreasuryBillsVasicek) {
  const FitResult result = fit(test::vasicek(), test::treasury_bills(), {});
  EXPECT_TRUE(result.converged) << result.end;
  EXPECT_EQ(result.density, "exact");
  EXPECT_EQ(result.transitions, 306u);
  expect_relative(estimate(result, "kappa").value, 0.351428, 2e-6);
  expect_relative(estimate(result, "theta").value, 0.074395, 1e-5);
  expect_relative(estimate(result, "sigma").value, 0.021407, 1e-5);
  EXPECT_NEAR(result.loglik, 1126.7298, 5e-5);
  EXPECT_NEAR(result.aic, 6 - 2 * result.loglik, 1e-9);
  EXPECT_NEAR(result.bic, 3 * std::log(306.0) - 2 * result.loglik, 1e-9);
}

TEST(Fit, TreasuryBillsCoxIngersollRossByEuler) {
  FitOptions options;
  options.density = "euler";
  for (const char* optimizer : {"auto", "newton", "lbfgs", "slsqp", "bobyqa", "subplex"}) {
    options.optimizer = optimizer;
    const FitResult result = fit(test::cir(0.3, 0.08, 0.1), test::treasury_bills(), options);
    EXPECT_TRUE(result.converged) << optimizer << ": " << result.end;
    expect_relative(estimate(result, "kappa").value, 0.241467, 3e-6);
    expect_relative(estimate(result, "theta").value, 0.076436, 1e-5);
    expect_relative(estimate(result, "sigma").value, 0.067334, 1e-5);
    EXPECT_NEAR(result.loglik, 1189.2177, 5e-5);
  }
}

// Starts that send Newton's method onto the plateau kappa -> 0 are rescued by others.
TEST(Fit, ReachesTheSameOptimumFromAfar) {
  FitOptions options;
  options.density = "euler";
  for (const auto& start :
       {test::cir(4.0, 0.03, 0.017), test::cir(0.05, 2, 0.9), test::cir(5, 0.01, 0.005)}) {
    const FitResult result = fit(start, test::treasury_bills(), options);
    EXPECT_TRUE(result.converged) << result.end;
    EXPECT_NEAR(result.loglik, 1189.2177, 1e-4);
  }
}

TEST(Fit, ParametrisationDoesNotMatter) {
  const FitResult one = fit(test::cir(), test::treasury_bills(), {});
  const FitResult other =
      fit(test::scalar_sde("a - b*x", "sqrt(v*x)", {{"a", 0.05}, {"b", 0.5}, {"v", 0.01}}),
          test::treasury_bills(), {});
  EXPECT_NEAR(one.loglik, other.loglik, 1e-9);
  const double kappa = estimate(one, "kappa").value, theta = estimate(one, "theta").value;
  expect_relative(estimate(other, "a").value, kappa * theta, 1e-8);
  expect_relative(estimate(other, "b").value, kappa, 1e-8);
  expect_relative(estimate(other, "b").se, estimate(one, "kappa").se, 1e-6);
  // Delta method: sd(sigma^2) = 2 sigma sd(sigma).
  expect_relative(estimate(other, "v").se, 2 * estimate(one, "sigma").value * estimate(one, "sigma").se,
                  1e-6);
}

// Vasicek at equal steps is a regression; its standard errors follow from the delta method.
TEST(Fit, StandardErrorsAreThoseOfTheRegression) {
  const Observations data = test::treasury_bills();
  const FitResult result = fit(test::vasicek(), data, {});
  const auto x = data.column(0);
  const double n = static_cast<double>(data.transitions()), step = 1.0 / 12;
  double sx = 0, sy = 0, sxx = 0, sxy = 0;
  for (std::size_t i = 0; i + 1 < x.size(); ++i) {
    sx += x[i];
    sy += x[i + 1];
    sxx += x[i] * x[i];
    sxy += x[i] * x[i + 1];
  }
  const double slope = (n * sxy - sx * sy) / (n * sxx - sx * sx), kappa = -std::log(slope) / step;
  expect_relative(estimate(result, "kappa").value, kappa, 1e-8);
  double rss = 0;
  const double intercept = (sy - slope * sx) / n;
  for (std::size_t i = 0; i + 1 < x.size(); ++i) {
    const double e = x[i + 1] - intercept - slope * x[i];
    rss += e * e;
  }
  // In (slope, intercept, residual variance) the information is block diagonal; kappa depends on the slope
  // alone.
  const double se_slope = std::sqrt(rss / n / (sxx - sx * sx / n));
  expect_relative(estimate(result, "kappa").se, se_slope / (slope * step), 1e-6);
  const Estimate& e = estimate(result, "kappa");
  EXPECT_NEAR(e.low, e.value - 1.959963984540054 * e.se, 1e-12);
  EXPECT_NEAR(e.high, e.value + 1.959963984540054 * e.se, 1e-12);
}

// Exact draws, refitted: estimates within their standard errors, intervals that cover.
struct Refits {
  int n = 0;
  std::vector<double> mean_score, covered;
};

Refits refit(int n, const std::vector<double>& truth, const std::function<FitResult()>& one) {
  Refits refits;
  refits.mean_score.assign(truth.size(), 0);
  refits.covered.assign(truth.size(), 0);
  for (int i = 0; i < n; ++i) {
    const FitResult result = one();
    EXPECT_TRUE(result.converged) << result.end;
    ++refits.n;
    for (std::size_t p = 0; p < truth.size(); ++p) {
      const Estimate& e = result.estimates[p];
      refits.mean_score[p] += (e.value - truth[p]) / e.se / n;
      refits.covered[p] += e.low <= truth[p] && truth[p] <= e.high;
    }
  }
  return refits;
}

TEST(Fit, CoversTheTruthOfExactPaths) {
  std::mt19937_64 g(42);
  const int n = 200;
  // Long spans, for the reversion's estimate is biased upwards on short ones.
  const auto ou = refit(n, {1.5, 0.4, 0.3}, [&] {
    return fit(test::vasicek(1, 0.3, 0.5),
               test::equispaced(test::ou_path(g, 1200, 1.5, 0.4, 0.3, 0.25, 0.4), 0.25), {});
  });
  const auto cir = refit(n, {3, 0.3, 0.2}, [&] {
    return fit(test::cir(1, 0.1, 0.4),
               test::equispaced(test::cir_path(g, 1200, 3, 0.3, 0.2, 0.25, 0.4), 0.25), {});
  });
  const auto gbm = refit(n, {0.1, 0.25}, [&] {
    return fit(test::scalar_sde("mu*x", "sigma*x", {{"mu", 0}, {"sigma", 1}}),
               test::equispaced(test::gbm_path(g, 500, 0.1, 0.25, 1.0 / 12, 100), 1.0 / 12), {});
  });
  for (const Refits* refits : {&ou, &cir, &gbm}) {
    for (std::size_t p = 0; p < refits->covered.size(); ++p) {
      // 95 % nominal: binomial with n = 200 has a standard deviation of 1.5 %; 4 of them.
      EXPECT_NEAR(refits->covered[p] / n, 0.95, 0.062) << p;
      // Bias of the order of 1 / sqrt(T) standard errors beside the noise of the mean.
      EXPECT_NEAR(refits->mean_score[p], 0, 0.25 + 4 / std::sqrt(static_cast<double>(n))) << p;
    }
  }
}

TEST(Fit, GoldenCoxIngersollRoss) {
  std::mt19937_64 g(123);
  const auto path = test::cir_path(g, 1250, 3, 0.3, 0.2, 1.0 / 250, 0.4);
  const FitResult result = fit(test::cir(1, 0.1, 0.4), test::equispaced(path, 1.0 / 250), {});
  ASSERT_TRUE(result.converged) << result.end;
  EXPECT_EQ(result.density, "exact");
  const double truth[] = {3, 0.3, 0.2};
  for (std::size_t p = 0; p < 3; ++p)
    EXPECT_LT(std::fabs(result.estimates[p].value - truth[p]), 3 * result.estimates[p].se)
        << result.estimates[p].name;
  EXPECT_GT(result.diagnostics.pit_p, 0.01);
  EXPECT_GT(result.diagnostics.ljung_box_p, 0.01);
}

// The Euler density of a coarse Vasicek has the known bias kappa -> (1 - exp(-kappa D)) / D.
TEST(Fit, EulerShowsItsKnownBias) {
  std::mt19937_64 g(5);
  const Observations data = test::equispaced(test::ou_path(g, 4000, 1.5, 0.4, 0.3, 0.5, 0.4), 0.5);
  FitOptions euler;
  euler.density = "euler";
  const FitResult exact = fit(test::vasicek(), data, {}), biased = fit(test::vasicek(), data, euler);
  const double kappa = estimate(exact, "kappa").value;
  expect_relative(estimate(biased, "kappa").value, -std::expm1(-kappa * 0.5) / 0.5, 1e-7);
  EXPECT_NEAR(kappa, 1.5, 4 * estimate(exact, "kappa").se);
}

TEST(Fit, DiagnosticsNoticeAWrongModel) {
  std::mt19937_64 g(9);
  const auto path = test::cir_path(g, 3000, 0.8, 0.05, 0.25, 0.25, 0.05);
  const FitResult right = fit(test::cir(), test::equispaced(path, 0.25), {});
  const FitResult wrong = fit(test::vasicek(), test::equispaced(path, 0.25), {});
  EXPECT_GT(right.diagnostics.pit_p, 0.01);
  EXPECT_LT(wrong.diagnostics.pit_p, 1e-6);
  EXPECT_GT(right.loglik, wrong.loglik + 50);
}

TEST(Fit, SeveralSeriesAddUp) {
  std::mt19937_64 g(11);
  Observations together({"x"});
  std::vector<Observations> parts;
  for (int s = 0; s < 5; ++s) {
    const auto path = test::ou_path(g, 80, 1.5, 0.4, 0.3, 0.2, 0.1 * s);
    std::vector<double> time;
    for (std::size_t i = 0; i < path.size(); ++i) time.push_back(0.2 * static_cast<double>(i));
    together.add("s" + std::to_string(s), time, path);
    parts.push_back(test::equispaced(path, 0.2));
  }
  const FitResult result = fit(test::vasicek(), together, {});
  EXPECT_EQ(result.transitions, 400u);
  double sum = 0;
  for (const Observations& part : parts)
    for (double l : per_transition_loglik(result.sde, "exact", part)) sum += l;
  EXPECT_NEAR(sum, result.loglik, 1e-9);
}

TEST(Fit, FixesAndBounds) {
  const Observations data = test::treasury_bills();
  FitOptions options;
  options.fix["theta"] = 0.06;
  const FitResult fixed = fit(test::vasicek(), data, options);
  EXPECT_TRUE(fixed.converged);
  EXPECT_EQ(fixed.estimates.size(), 2u);
  EXPECT_EQ(*fixed.sde.find_parameter("theta"), 0.06);
  EXPECT_NEAR(fixed.aic, 4 - 2 * fixed.loglik, 1e-9);
  EXPECT_LT(fixed.loglik, 1126.7298);

  FitOptions bounded;
  bounded.bounds["sigma"] = {0.03, 1};
  const FitResult bound = fit(test::vasicek(), data, bounded);
  EXPECT_TRUE(bound.converged) << bound.end;
  EXPECT_EQ(estimate(bound, "sigma").value, 0.03);
  EXPECT_TRUE(estimate(bound, "sigma").on_bound);
  EXPECT_TRUE(std::isnan(estimate(bound, "sigma").se));
  EXPECT_GT(estimate(bound, "kappa").se, 0);
  ASSERT_EQ(bound.warnings.size(), 1u);
  EXPECT_EQ(bound.warnings[0], "the optimum lies on the bound sigma = 0.03; no standard error there");

  FitOptions loose;
  loose.bounds = {{"kappa", {0.01, 5}}, {"theta", {0, 1}}, {"sigma", {0.001, 1}}};
  EXPECT_NEAR(fit(test::vasicek(), data, loose).loglik, 1126.7298, 5e-5);

  FitOptions one;
  one.estimate = {"sigma"};
  EXPECT_EQ(fit(test::vasicek(), data, one).estimates.size(), 1u);
}

TEST(Fit, NamesWhatTheDataDoNotDetermine) {
  const auto doubled = test::scalar_sde("kappa*(a + b - x)", "sigma",
                                        {{"kappa", 0.4}, {"a", 0.03}, {"b", 0.04}, {"sigma", 0.02}});
  const FitResult result = fit(doubled, test::treasury_bills(), {});
  EXPECT_NEAR(result.loglik, 1126.7298, 5e-5);
  ASSERT_FALSE(result.warnings.empty());
  EXPECT_TRUE(has(result.warnings[0], "do not determine a, b together")) << result.warnings[0];
  EXPECT_TRUE(std::isnan(estimate(result, "a").se));
  EXPECT_FALSE(estimate(result, "b").identified);
  EXPECT_GT(estimate(result, "kappa").se, 0);
}

TEST(Fit, LeavesOutWhatTheDensityDoesNotDependOn) {
  auto document = test::vasicek();
  document.parameters.emplace_back("x0", 0.05);
  document.states[0].initial.first = "x0";
  const FitResult result = fit(document, test::treasury_bills(), {});
  EXPECT_EQ(result.estimates.size(), 3u);
  ASSERT_EQ(result.warnings.size(), 1u);
  EXPECT_EQ(result.warnings[0], "the likelihood does not depend on x0; it keeps its value");
  FitOptions asked;
  asked.estimate = {"kappa", "x0"};
  EXPECT_EQ(failure(Status::usage, [&] { fit(document, test::treasury_bills(), asked); }),
            "/estimate: the likelihood does not depend on \"x0\"; leave it out");
}

// A parameter that may not change sign and wants to: the optimum is at 0, and the fit has not converged.
TEST(Fit, SaysWhenTheOptimumIsAtInfinity) {
  std::mt19937_64 g(3);
  std::normal_distribution<double> normal;
  std::vector<double> x = {5};
  for (int i = 0; i < 400; ++i) x.push_back(x.back() + 0.4 + 0.05 * normal(g));
  // A steady rise is kappa -> 0 with kappa * theta held, which the positive factors of kappa * theta never
  // reach.
  const FitResult result = fit(test::cir(0.5, 5, 0.1), test::equispaced(x, 1), {});
  EXPECT_FALSE(result.converged);
  EXPECT_TRUE(has(result.end, "keeps rising as")) << result.end;
  EXPECT_EQ(result.sde.parameters.size(), 3u);
  EXPECT_TRUE(std::isfinite(result.loglik));
}

TEST(Fit, StopsOnRequest) {
  StopToken stop;
  stop.request();
  Hooks hooks;
  hooks.stop = &stop;
  EXPECT_EQ(failure(Status::interrupted, [&] { fit(test::vasicek(), test::treasury_bills(), {}, hooks); }),
            "stopped before the first start was finished");
}

TEST(Fit, RefusesBadData) {
  const auto message = [](const SdeDocument& document, const std::vector<double>& x) {
    return failure(Status::bad_data, [&] { fit(document, test::equispaced(x, 1), {}); });
  };
  EXPECT_EQ(message(test::vasicek(), {1}),
            "a transition needs two complete rows of one series, and there is none (got 1 complete row)");
  EXPECT_EQ(message(test::vasicek(), {2, 2, 2, 2, 2, 2}),
            "\"x\" is 2 in every row; a constant series determines no diffusion");
  EXPECT_EQ(message(test::vasicek(), {1, 2, 3}),
            "2 transitions cannot determine 3 parameters; fix some or bring more data");
  EXPECT_TRUE(has(message(test::cir(), {1, 0.5, -0.1, 0.3, 0.7}),
                  "row 3 (t = 2): \"x\" is -0.1, but its transition law "
                  "lives on values above 0"));
  auto domain = test::vasicek();
  domain.states[0].domain.max = 1;
  EXPECT_EQ(message(domain, {0.4, 0.5, 1.5, 0.3, 0.7}),
            "row 3 (t = 2): \"x\" is 1.5, outside the domain that the SDE gives it");
  // Euler accepts the process, but not the state where the diffusion is not a number.
  FitOptions euler;
  euler.density = "euler";
  const std::string row = failure(Status::bad_data, [&] {
    fit(test::cir(), test::equispaced({1, 0.5, -0.1, 0.3, 0.7, 0.6}, 1), euler);
  });
  EXPECT_TRUE(
      has(row, "row 3 (t = 2): the density of the transition from here is not finite (x = -0.1; 1 of 5"))
      << row;
}

TEST(Fit, RefusesBadOptions) {
  const auto message = [](const std::function<void(FitOptions&)>& change) {
    FitOptions options;
    change(options);
    return failure(Status::usage, [&] { fit(test::vasicek(), test::treasury_bills(), options); });
  };
  EXPECT_EQ(message([](auto& o) { o.estimate = {"kapa"}; }),
            "/estimate: unknown parameter \"kapa\"; did you mean \"kappa\"?");
  EXPECT_EQ(message([](auto& o) { o.estimate = {"kappa"}, o.fix["kappa"] = 1; }),
            "/fix: \"kappa\" is in /estimate as well; leave it out of one of them");
  EXPECT_EQ(message([](auto& o) {
              o.bounds["kappa"] = {2, 3};
            }),
            "/bounds/kappa: the start 0.5 lies outside [2, 3]; change one of them");
  EXPECT_EQ(message([](auto& o) {
              o.bounds["kappa"] = {3, 2};
            }),
            "/bounds/kappa: the lower end must be below the upper (got [3, 2])");
  EXPECT_EQ(message([](auto& o) {
              o.fix = {{"kappa", 1}, {"theta", 1}, {"sigma", 1}};
            }),
            "/fix: leaves no parameter to estimate");
  EXPECT_EQ(message([](auto& o) { o.confidence = 1; }), "/confidence: must lie between 0 and 1 (got 1)");
  EXPECT_EQ(message([](auto& o) { o.optimizer = "lbgfs"; }),
            "/optimizer: unknown optimiser \"lbgfs\"; did you mean \"lbfgs\"?");
  EXPECT_TRUE(has(failure(Status::usage, [] { fit(test::vasicek(0.5, 0.1, 0), test::treasury_bills(), {}); }),
                  "/parameters/sigma: the density vanishes at 0"));
  EXPECT_TRUE(has(failure(Status::usage, [] { fit(test::cir(-0.5, 0.1, 0.1), test::treasury_bills(), {}); }),
                  "the density needs kappa*theta > 0"));
  EXPECT_TRUE(has(failure(Status::usage,
                          [] {
                            auto ode = test::vasicek();
                            ode.states[0].diffusion.clear();
                            fit(ode, test::treasury_bills(), {});
                          }),
                  "an ODE has no transition density"));
}

TEST(Fit, PlansWithoutFitting) {
  const FitPlan plan = plan_fit(test::cir(), test::treasury_bills(), {});
  EXPECT_EQ(plan.density, "exact");
  EXPECT_EQ(plan.transitions, 306u);
  EXPECT_EQ(plan.estimate, (std::vector<std::string>{"kappa", "theta", "sigma"}));
  EXPECT_GT(plan.operations, 0u);
}

}  // namespace
}  // namespace sde
