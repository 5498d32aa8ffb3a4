// The densities that approximate a transition law: closed forms where they are exact, the order of their
// error where they are not.
#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <cmath>
#include <numbers>
#include <random>
#include <unsupported/Eigen/MatrixFunctions>

#include "base/error.h"
#include "fit/density.h"
#include "fit/fit.h"
#include "fit/likelihood.h"
#include "fixtures.h"

namespace sde {
namespace {

double log_density(const SdeDocument& document, const std::string& density, double before, double after,
                   double step, double start = 0) {
  Observations data({"x"});
  const double time[] = {start, start + step}, value[] = {before, after};
  data.add("", time, value);
  return per_transition_loglik(document, density, data).at(0);
}

double normal_log_density(double x, double mean, double variance) {
  return -0.5 * (std::log(2 * std::numbers::pi * variance) + (x - mean) * (x - mean) / variance);
}

SdeDocument gbm(double mu = 0.4, double sigma = 0.3) {
  return test::scalar_sde("mu*x", "sigma*x", {{"mu", mu}, {"sigma", sigma}});
}

SdeDocument ckls() {
  return test::scalar_sde("a + b*x", "s*x^g", {{"a", 0.3}, {"b", -0.9}, {"s", 0.4}, {"g", 0.8}});
}

// The error of the log-density at x' one and a half deviations above x, for a step and its fourth: the power
// of the step that it falls with.
double order(const SdeDocument& document, const std::string& density, double x, double deviation,
             double step) {
  const auto error = [&](double d) {
    const double y = x + 1.5 * deviation * std::sqrt(d);
    return std::fabs(log_density(document, density, x, y, d) - log_density(document, "exact", x, y, d));
  };
  return std::log(error(step) / error(step / 4)) / std::log(4.0);
}

TEST(LocalLinearDensity, IsExactWhereTheEquationIsLinear) {
  for (double kappa : {2.5, 0.3, 0.0, -0.4})
    for (double step : {1e-3, 0.25, 3.0}) {
      const auto ou = test::vasicek(kappa, 0.7, 0.4);
      const double exact = log_density(ou, "exact", 1.1, 0.95, step);
      EXPECT_NEAR(log_density(ou, "shoji-ozaki", 1.1, 0.95, step), exact,
                  1e-12 * std::max(1.0, std::fabs(exact)));
      // Ozaki's line goes through 0.
      const auto centred = test::vasicek(kappa, 0, 0.4);
      const double there = log_density(centred, "exact", 1.1, 0.95, step);
      EXPECT_NEAR(log_density(centred, "ozaki", 1.1, 0.95, step), there,
                  1e-12 * std::max(1.0, std::fabs(there)));
    }
  // In Lamperti's coordinates geometric Brownian motion is linear, too.
  const double exact = log_density(gbm(), "exact", 2, 2.3, 0.5);
  EXPECT_NEAR(log_density(gbm(), "shoji-ozaki", 2, 2.3, 0.5), exact, 1e-11);
}

TEST(LocalLinearDensity, IsThePublishedFormulaWhereItIsNot) {
  const auto well = test::scalar_sde("a*x - x^3 + 0.2*t", "s", {{"a", 1.5}, {"s", 0.6}});
  const double x = 0.8, y = 1.0, step = 0.3, t = 2, s = 0.6;
  const double f = 1.5 * x - x * x * x + 0.2 * t, l = 1.5 - 3 * x * x, m = 0.5 * s * s * -6 * x + 0.2;
  const double e = std::expm1(l * step);
  const double mean = x + f / l * e + m / (l * l) * (e - l * step);
  const double variance = s * s * std::expm1(2 * l * step) / (2 * l);
  EXPECT_NEAR(log_density(well, "shoji-ozaki", x, y, step, t), normal_log_density(y, mean, variance), 1e-12);
  const double k = std::log(1 + f / (x * l) * e) / step;
  EXPECT_NEAR(log_density(well, "ozaki", x, y, step, t),
              normal_log_density(y, x + f / l * e, s * s * std::expm1(2 * k * step) / (2 * k)), 1e-12);
}

TEST(MilsteinDensity, IsElerians) {
  // Elerian's formula as he writes it: x' = A (e + c)^2 + B.
  const double x = 0.3, step = 0.1, kappa = 1.2, theta = 0.25, sigma = 0.4;
  const double f = kappa * (theta - x), s = sigma * std::sqrt(x), slope = sigma / (2 * std::sqrt(x));
  for (double y : {0.2, 0.29, 0.35, 0.5}) {
    const double a = 0.5 * s * slope * step, b = x + f * step - a - s / (2 * slope);
    const double c = 1 / (slope * slope * step), z = (y - b) / a;
    const double density = std::exp(-0.5 * (c + z)) / std::sqrt(2 * std::numbers::pi * z) / std::fabs(a) *
                           std::cosh(std::sqrt(c * z));
    EXPECT_NEAR(log_density(test::cir(kappa, theta, sigma), "milstein", x, y, step), std::log(density),
                1e-11);
  }
  // Without curvature of the noise it is Euler's.
  EXPECT_NEAR(log_density(test::vasicek(), "milstein", 0.1, 0.11, 0.1),
              log_density(test::vasicek(), "euler", 0.1, 0.11, 0.1), 1e-12);
  const auto flat = test::scalar_sde("a + b*x", "s*x^g", {{"a", 0.3}, {"b", -0.9}, {"s", 0.4}, {"g", 0}});
  EXPECT_NEAR(log_density(flat, "milstein", 0.4, 0.5, 0.1), log_density(flat, "euler", 0.4, 0.5, 0.1), 1e-12);
}

TEST(KesslerDensity, IsThePublishedFormula) {
  const double x = 0.7, y = 0.75, d = 0.2, a = 0.3, b = -0.9, s0 = 0.4, g = 0.8;
  const double m = a + b * x, m1 = b, m2 = 0;
  const double s = s0 * std::pow(x, g), s1 = s * g / x, s2 = s * g * (g - 1) / (x * x);
  const double mean = x + m * d + (m * m1 + 0.5 * s * s * m2) * d * d / 2;
  const double variance =
      x * x + (2 * m * x + s * s) * d +
      (2 * m * (m1 * x + m + s * s1) + s * s * (m2 * x + 2 * m1 + s1 * s1 + s * s2)) * d * d / 2 -
      mean * mean;
  EXPECT_NEAR(log_density(ckls(), "kessler", x, y, d), normal_log_density(y, mean, variance), 1e-11);
}

// Two coupled components: the moments of a linear equation to the order of the expansion.
TEST(KesslerDensity, HasTheMomentsOfCoupledComponents) {
  SdeDocument document;
  document.parameters = {{"a", -0.8}, {"b", 0.5}, {"c", -0.3}, {"d", -1.1}, {"s", 0.4}, {"r", 0.3}};
  document.noises = {"w1", "w2"};
  for (const char* name : {"x", "y"}) {
    StateDocument state;
    state.name = name;
    document.states.push_back(state);
  }
  document.states[0].drift = "a*x + b*y";
  document.states[1].drift = "c*x + d*y";
  document.states[0].diffusion = {{"w1", "s"}};
  document.states[1].diffusion = {{"w1", "r"}, {"w2", "s"}};
  Eigen::Matrix2d drift, noise;
  drift << -0.8, 0.5, -0.3, -1.1;
  noise << 0.4, 0, 0.3, 0.4;
  const Eigen::Vector2d x(0.6, -0.4);
  const auto error = [&](double step) {
    // Van Loan (IEEE Trans. Automat. Contr. 23, 1978): both moments from one exponential.
    Eigen::Matrix4d block = Eigen::Matrix4d::Zero();
    block.topLeftCorner<2, 2>() = -drift * step;
    block.topRightCorner<2, 2>() = noise * noise.transpose() * step;
    block.bottomRightCorner<2, 2>() = drift.transpose() * step;
    const Eigen::Matrix4d e = block.exp();
    const Eigen::Matrix2d phi = e.bottomRightCorner<2, 2>().transpose();
    const Eigen::Matrix2d covariance = phi * e.topRightCorner<2, 2>();
    const Eigen::Vector2d after = phi * x + std::sqrt(step) * Eigen::Vector2d(0.5, -0.2);
    const Eigen::Vector2d rest = after - phi * x;
    const double expected = -0.5 * (2 * std::log(2 * std::numbers::pi) + std::log(covariance.determinant()) +
                                    rest.dot(covariance.inverse() * rest));
    Observations data({"x", "y"});
    const double time[] = {0, step}, value[] = {x[0], x[1], after[0], after[1]};
    data.add("", time, value);
    return std::fabs(per_transition_loglik(document, "kessler", data).at(0) - expected);
  };
  EXPECT_LT(error(0.01), 1e-3);
  EXPECT_GT(std::log(error(0.04) / error(0.01)) / std::log(4.0), 1.8);
}

TEST(ApproximateDensities, HaveTheirOrders) {
  struct Case {
    SdeDocument document;
    double x, deviation;
  };
  const Case cases[] = {{test::cir(0.8, 0.3, 0.5), 0.4, 0.5 * std::sqrt(0.4)}, {gbm(), 1.5, 0.45}};
  for (const Case& c : cases) {
    // Skewness at sqrt(D) is what a Gaussian misses.
    EXPECT_NEAR(order(c.document, "euler", c.x, c.deviation, 1e-3), 0.5, 0.1);
    EXPECT_NEAR(order(c.document, "kessler", c.x, c.deviation, 1e-3), 0.5, 0.1);
    EXPECT_GT(order(c.document, "milstein", c.x, c.deviation, 1e-3), 0.9);
  }
  const Case& cir = cases[0];
  EXPECT_GT(order(cir.document, "shoji-ozaki", cir.x, cir.deviation, 0.02), 1.4);
  EXPECT_GT(order(cir.document, "ait-sahalia", cir.x, cir.deviation, 0.2), 2.7);
  EXPECT_GT(order(test::vasicek(2.0, 0.1, 0.2), "ait-sahalia", 0.3, 0.2, 0.2), 2.7);
  // Constant coefficients after the transform: the expansion ends.
  EXPECT_NEAR(log_density(gbm(), "ait-sahalia", 2, 2.3, 0.5), log_density(gbm(), "exact", 2, 2.3, 0.5),
              1e-10);
}

TEST(ExpansionDensity, IsADensityOfANonlinearEquation) {
  const auto well = test::scalar_sde("a*x - x^3", "s*sqrt(1 + x^2)", {{"a", 1.2}, {"s", 0.5}});
  const double x = 0.6, step = 0.05, h = 0.002;
  std::vector<double> y;
  Observations data({"x"});
  for (double z = -0.6; z < 1.8; z += h) {
    const double time[] = {0, step}, value[] = {x, z};
    data.add("", time, value);
    y.push_back(z);
  }
  const auto found = per_transition_loglik(well, "ait-sahalia", data);
  double mass = 0, mean = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    mass += h * std::exp(found[i]);
    mean += h * std::exp(found[i]) * y[i];
  }
  EXPECT_NEAR(mass, 1, 1e-4);
  const double f = 1.2 * x - x * x * x, v = 0.25 * (1 + x * x);
  const double bend = f * (1.2 - 3 * x * x) + 0.5 * v * -6 * x;
  EXPECT_NEAR(mean, x + f * step + 0.5 * step * step * bend, 1e-4);
}

TEST(ApproximateDensities, LeaveNormalResiduals) {
  // By quadrature of the density, against the law's own distribution function.
  std::mt19937_64 g(5);
  for (const auto& document : {test::cir(0.8, 0.3, 0.5), gbm()}) {
    const bool square = document.states[0].drift != "mu*x";
    const auto path =
        square ? test::cir_path(g, 50, 0.8, 0.3, 0.5, 0.05, 0.3) : test::gbm_path(g, 50, 0.4, 0.3, 0.05, 1);
    const Observations data = test::equispaced(path, 0.05);
    const auto residuals = [&](const char* name) {
      const SdeExpressions sde = parse_document(document);
      const TransitionDensity density = make_density(sde, name);
      const Likelihood likelihood(density, data, {});
      std::vector<double> r(data.transitions());
      likelihood.describe(sde.parameter_values, r.data(), nullptr, nullptr);
      return r;
    };
    const auto exact = residuals("exact"), expansion = residuals("ait-sahalia"),
               elerian = residuals("milstein");
    for (std::size_t i = 0; i < exact.size(); ++i) {
      EXPECT_NEAR(expansion[i], exact[i], 1e-4);
      EXPECT_NEAR(elerian[i], exact[i], 0.1);
    }
  }
}

TEST(ApproximateDensities, SayWhatTheyNeed) {
  SdeDocument document = test::vasicek();
  StateDocument other;
  other.name = "y";
  other.drift = "-x*y";
  other.diffusion = {{"y", "x"}};
  document.states.push_back(other);
  const auto sentence = [&](const char* name) -> std::string {
    try {
      make_density(parse_document(document), name);
    } catch (const Error& error) {
      EXPECT_EQ(error.status(), Status::usage);
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(sentence("ait-sahalia"),
            "/density: \"ait-sahalia\" is for components independent of one another, equations that do not "
            "depend on time, but the diffusion of \"y\" depends on \"x\"; use \"euler\"");
  EXPECT_EQ(sentence("milstein"),
            "/density: \"milstein\" is for components each driven by one noise of its own that depends on no "
            "other, but the diffusion of \"y\" depends on \"x\"; use \"euler\"");
  EXPECT_EQ(sentence("kessler"), "");
}

}  // namespace
}  // namespace sde
