#include "fit/estimators.h"

#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <cmath>

#include "base/error.h"
#include "fit/diagnostics.h"
#include "fixtures.h"

namespace sde {
namespace {

const Estimate& estimate(const FitResult& result, const std::string& name) {
  for (const Estimate& e : result.estimates)
    if (e.name == name) return e;
  throw std::out_of_range(name);
}

FitOptions by(const std::string& estimator, const std::string& density = "euler") {
  FitOptions options;
  options.estimator = estimator;
  options.density = density;
  return options;
}

std::vector<double> path(std::uint64_t seed, std::size_t n = 500) {
  std::mt19937_64 g(seed);
  return test::cir_path(g, n, 2, 0.1, 0.2, 0.1, 0.1);
}

// sigma^2 = mean of dx^2 / (x h), and its standard error sigma / sqrt(2n).
TEST(QuadraticVariation, OfASquareRootProcess) {
  const std::vector<double> x = path(1);
  double sum = 0;
  for (std::size_t i = 0; i + 1 < x.size(); ++i) sum += (x[i + 1] - x[i]) * (x[i + 1] - x[i]) / x[i];
  const double sigma = std::sqrt(sum / (0.1 * 500));
  const FitResult result = fit(test::cir(3, 0.2, 0.7), test::equispaced(x, 0.1), by("quadratic-variation"));
  EXPECT_TRUE(result.converged);
  ASSERT_EQ(result.estimates.size(), 1u);
  EXPECT_NEAR(estimate(result, "sigma").value, sigma, 1e-10 * sigma);
  EXPECT_NEAR(estimate(result, "sigma").se, sigma / std::sqrt(2 * 500.0), 1e-6 * sigma);
  // What it does not estimate keeps its value.
  EXPECT_EQ(*result.sde.find_parameter("kappa"), 3);
  EXPECT_TRUE(std::isnan(result.aic));
  EXPECT_TRUE(std::isfinite(result.loglik));
}

// Realised covariance of correlated Brownian motions, at unequal steps.
TEST(QuadraticVariation, OfTwoStates) {
  std::mt19937_64 g(3);
  std::normal_distribution<double> normal;
  SdeDocument document;
  document.parameters = {{"s", 1}, {"r", 0.5}, {"u", 1}};
  for (const char* name : {"x", "y"}) {
    StateDocument state;
    state.name = name;
    document.states.push_back(state);
  }
  document.states[0].diffusion = {{"w1", "s"}};
  document.states[1].diffusion = {{"w1", "r"}, {"w2", "u"}};
  document.noises = {"w1", "w2"};
  std::vector<double> time = {0}, value = {0, 0};
  double xx = 0, xy = 0, yy = 0;
  for (int i = 0; i < 400; ++i) {
    const double h = 0.05 * (1 + i % 3), a = std::sqrt(h) * normal(g), b = std::sqrt(h) * normal(g);
    const double dx = 0.7 * a, dy = -0.4 * a + 1.2 * b;
    time.push_back(time.back() + h);
    value.push_back(value[value.size() - 2] + dx);
    value.push_back(value[value.size() - 2] + dy);
    xx += dx * dx / h / 400;
    xy += dx * dy / h / 400;
    yy += dy * dy / h / 400;
  }
  Observations data({"x", "y"});
  data.add("", time, value);
  const FitResult result = fit(document, data, by("quadratic-variation"));
  EXPECT_NEAR(estimate(result, "s").value, std::sqrt(xx), 1e-8);
  EXPECT_NEAR(estimate(result, "r").value, xy / std::sqrt(xx), 1e-7);
  EXPECT_NEAR(estimate(result, "u").value, std::sqrt(yy - xy * xy / xx), 1e-8);
}

// Ordinary least squares of dx/h on 1 and x.
TEST(Regression, IsLeastSquares) {
  std::mt19937_64 g(5);
  const std::vector<double> x = test::ou_path(g, 300, 2, 1, 0.5, 0.1, 1.5);
  Eigen::MatrixXd design(300, 2);
  Eigen::VectorXd response(300);
  for (int i = 0; i < 300; ++i) {
    design.row(i) << 0.1, 0.1 * x[static_cast<std::size_t>(i)];
    response[i] = x[static_cast<std::size_t>(i) + 1] - x[static_cast<std::size_t>(i)];
  }
  const Eigen::VectorXd beta = design.householderQr().solve(response);
  const Observations data = test::equispaced(x, 0.1);
  const FitResult linear =
      fit(test::scalar_sde("a + b*x", "s", {{"a", 0}, {"b", 0.1}, {"s", 1}}), data, by("regression"));
  EXPECT_NEAR(estimate(linear, "a").value, beta[0], 1e-9);
  EXPECT_NEAR(estimate(linear, "b").value, beta[1], 1e-9);
  // With the variance s^2 h of quadratic variation.
  const double s = estimate(linear, "s").value;
  const Eigen::MatrixXd covariance = s * s * 0.1 * (design.transpose() * design).inverse();
  EXPECT_NEAR(estimate(linear, "b").se, std::sqrt(covariance(1, 1)), 1e-8);
  // The same line in other parameters.
  const FitResult mean = fit(test::vasicek(0.5, 0.4, 1), data, by("regression"));
  EXPECT_NEAR(estimate(mean, "kappa").value, -beta[1], 1e-8);
  EXPECT_NEAR(estimate(mean, "theta").value, -beta[0] / beta[1], 1e-8);
}

// The four conditions of Chan et al. for their four parameters determine them: the mean equation is least
// squares, the variance equation has zero means of (e^2 - v) and (e^2 - v) x.
TEST(Gmm, JustIdentified) {
  const std::vector<double> x = path(7);
  const Observations data = test::equispaced(x, 0.1);
  const FitResult result =
      fit(test::scalar_sde("a + b*x", "s*x^g", {{"a", 0}, {"b", -1}, {"s", 1}, {"g", 1}}), data, by("gmm"));
  ASSERT_TRUE(result.converged) << result.end;
  EXPECT_EQ(result.moments.conditions, 4u);
  EXPECT_EQ(result.moments.degrees, 0u);
  EXPECT_TRUE(std::isnan(result.moments.p));
  const double a = estimate(result, "a").value, b = estimate(result, "b").value;
  const double s = estimate(result, "s").value, g = estimate(result, "g").value;
  double sums[4] = {}, sizes[4] = {};
  for (std::size_t i = 0; i + 1 < x.size(); ++i) {
    const double e = x[i + 1] - x[i] - (a + b * x[i]) * 0.1, v = s * s * std::pow(x[i], 2 * g) * 0.1;
    const double h[4] = {e, e * x[i], e * e - v, (e * e - v) * x[i]};
    for (int j = 0; j < 4; ++j) {
      sums[j] += h[j];
      sizes[j] += std::fabs(h[j]);
    }
  }
  for (int j = 0; j < 4; ++j) EXPECT_NEAR(sums[j] / sizes[j], 0, 1e-9) << j;
}

// Overidentified: the optimum, its covariance and Hansen's J recomputed here from the four conditions with
// the exact moments of the law.
TEST(Gmm, OveridentifiedWithExactMoments) {
  std::mt19937_64 rng(9);
  const std::vector<double> x = test::ou_path(rng, 800, 2, 1, 0.5, 0.2, 1);
  const FitResult result = fit(test::vasicek(1, 0.5, 1), test::equispaced(x, 0.2), by("gmm", "auto"));
  ASSERT_TRUE(result.converged) << result.end;
  EXPECT_EQ(result.density, "exact");
  EXPECT_EQ(result.moments.degrees, 1u);
  const auto conditions = [&](const Eigen::Vector3d& p) {
    Eigen::MatrixXd h(4, 800);
    const double decay = std::exp(-0.2 * p[0]), v = p[2] * p[2] * (1 - decay * decay) / (2 * p[0]);
    for (int i = 0; i < 800; ++i) {
      const double before = x[static_cast<std::size_t>(i)];
      const double e = x[static_cast<std::size_t>(i) + 1] - p[1] - (before - p[1]) * decay;
      h.col(i) << e, e * before, e * e - v, (e * e - v) * before;
    }
    return h;
  };
  const Eigen::Vector3d at(estimate(result, "kappa").value, estimate(result, "theta").value,
                           estimate(result, "sigma").value);
  const Eigen::MatrixXd h = conditions(at);
  const Eigen::Matrix4d weights = (h * h.transpose() / 800).inverse();
  const Eigen::Vector4d mean = h.rowwise().mean();
  Eigen::MatrixXd slope(4, 3);
  for (int j = 0; j < 3; ++j) {
    Eigen::Vector3d up = at, down = at;
    up[j] += 1e-5;
    down[j] -= 1e-5;
    slope.col(j) = (conditions(up).rowwise().mean() - conditions(down).rowwise().mean()) / 2e-5;
  }
  // First-order conditions with the efficient weights, in units of their size.
  const Eigen::Vector3d gradient = slope.transpose() * weights * mean;
  const Eigen::Matrix3d information = 800 * slope.transpose() * weights * slope;
  EXPECT_LT(800 * gradient.cwiseAbs().maxCoeff() / std::sqrt(information.diagonal().maxCoeff()), 1e-3);
  const Eigen::Matrix3d covariance = information.inverse();
  for (int j = 0; j < 3; ++j)
    EXPECT_NEAR(result.estimates[static_cast<std::size_t>(j)].se, std::sqrt(covariance(j, j)),
                1e-5 * std::sqrt(covariance(j, j)));
  const double J = 800 * mean.dot(weights * mean);
  EXPECT_NEAR(result.moments.statistic, J, 1e-6 * (1 + J));
  EXPECT_NEAR(result.moments.p, chi_squared_p(J, 1), 1e-6);
  // Near the truth, in its own standard errors.
  EXPECT_NEAR(at[0], 2, 4 * result.estimates[0].se);
  EXPECT_NEAR(at[1], 1, 4 * result.estimates[1].se);
  EXPECT_NEAR(at[2], 0.5, 4 * result.estimates[2].se);
}

// J rejects a model whose conditions contradict one another: a square-root process fitted with constant
// noise.
TEST(Gmm, TestsWhatIsInExcess) {
  std::mt19937_64 g(10);
  const Observations data = test::equispaced(test::cir_path(g, 2000, 1, 0.1, 0.3, 0.1, 0.1), 0.1);
  FitOptions options = by("gmm", "exact");
  const FitResult right = fit(test::cir(1, 0.1, 0.3), data, options);
  const FitResult wrong = fit(test::vasicek(1, 0.1, 0.1), data, options);
  EXPECT_GT(right.moments.p, 0.01);
  EXPECT_LT(wrong.moments.p, 1e-4);
}

TEST(Gmm, InstrumentsAndTheirErrors) {
  const Observations data = test::equispaced(path(11), 0.1);
  FitOptions options = by("gmm", "exact");
  options.gmm.instruments = {1.0, "x", "x^2"};
  options.gmm.lags = 5;
  const FitResult result = fit(test::cir(1, 0.1, 0.3), data, options);
  EXPECT_EQ(result.moments.conditions, 6u);
  EXPECT_EQ(result.moments.degrees, 3u);
  const auto message = [&](std::vector<Formula> instruments) -> std::string {
    options.gmm.instruments = std::move(instruments);
    try {
      fit(test::cir(1, 0.1, 0.3), data, options);
    } catch (const Error& error) {
      EXPECT_EQ(error.status(), Status::usage);
      return error.what();
    }
    return "";
  };
  EXPECT_NE(message({"y"}).find("/gmm/instruments/0: "), std::string::npos);
  EXPECT_NE(message({1.0}).find("2 conditions cannot determine 3 parameters"), std::string::npos);
  EXPECT_NE(message({1.0, "x", "2*x"}).find("not independent"), std::string::npos);
}

// A start far off, where Newton's method needs many steps, and the quick one.
TEST(QuickStart, SavesIterations) {
  const Observations data = test::treasury_bills();
  FitOptions options;
  const SdeDocument far = test::vasicek(8, 0.5, 1);
  const FitResult slow = fit(far, data, options);
  options.start_from = "quick";
  const FitResult quick = fit(far, data, options);
  ASSERT_TRUE(quick.converged);
  EXPECT_NEAR(quick.loglik, 1126.7298, 1e-4);
  EXPECT_LT(quick.iterations, 6);
  EXPECT_GT(slow.iterations, quick.iterations);
  // Bounds hold for the start too, and a law that needs kappa theta > 0 is started inside.
  options.bounds = {{"kappa", {0.2, 0.3}}};
  EXPECT_NEAR(estimate(fit(test::vasicek(0.25, 0.1, 1), data, options), "kappa").value, 0.3, 1e-12);
  std::mt19937_64 g(21);
  std::vector<double> rising = {0.1};
  for (int i = 0; i < 100; ++i) rising.push_back(rising.back() * (1 + 0.03 * (i % 3)));
  options.bounds.clear();
  EXPECT_NO_THROW(fit(test::cir(0.5, 0.1, 0.2), test::equispaced(rising, 0.1), options));
}

TEST(Estimators, RefuseWhatTheyCannotDo) {
  const Observations data = test::equispaced(path(12, 50), 0.1);
  FitOptions options = by("moments");
  const auto message = [&](auto&& f) -> std::string {
    try {
      f();
    } catch (const Error& error) {
      EXPECT_EQ(error.status(), Status::usage);
      return error.what();
    }
    return "";
  };
  EXPECT_NE(
      message([&] { fit(test::cir(), data, options); }).find("/estimator: unknown estimator \"moments\""),
      std::string::npos);
  options = by("regression");
  options.fix = {{"kappa", 1}, {"theta", 0.1}};
  EXPECT_NE(
      message([&] { fit(test::cir(), data, options); }).find("parameters of the drift, and none is free"),
      std::string::npos);
  SeriesTable table({"x"});
  table.add("", std::vector<double>{0, 1, 2, 3}, std::vector<double>{1, 2, 1, 2});
  options = {};
  options.start_from = "quick";
  options.observation = ObservationModel{};
  EXPECT_NE(message([&] { fit(test::vasicek(), table, options); }).find("/start_from: needs states"),
            std::string::npos);
}

}  // namespace
}  // namespace sde
