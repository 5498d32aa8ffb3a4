#include "fit/density.h"

#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <boost/math/distributions/non_central_chi_squared.hpp>
#include <cmath>
#include <numbers>

#include "base/error.h"
#include "expr/expr.h"
#include "fit/fit.h"
#include "fixtures.h"

namespace sde {
namespace {

using test::Parameters;

// Log-densities of transitions of a scalar SDE from one state.
std::vector<double> log_densities(const SdeDocument& document, const std::string& density, double before,
                                  const std::vector<double>& after, double step) {
  Observations data({"x"});
  for (double y : after) {
    const double time[] = {0, step}, value[] = {before, y};
    data.add("", time, value);
  }
  return per_transition_loglik(document, density, data);
}

double log_density(const SdeDocument& document, const std::string& density, double before, double after,
                   double step) {
  return log_densities(document, density, before, {after}, step).at(0);
}

double normal_log_density(double x, double mean, double variance) {
  return -0.5 * (std::log(2 * std::numbers::pi * variance) + (x - mean) * (x - mean) / variance);
}

TEST(ExactDensity, OrnsteinUhlenbeckIsItsClosedForm) {
  for (double kappa : {2.5, 0.3, 1e-3, -0.4}) {
    for (double step : {1e-3, 0.25, 3.0}) {
      const double theta = 0.7, sigma = 0.4, x = 1.1, y = 0.95;
      const double mean = theta + (x - theta) * std::exp(-kappa * step);
      const double variance = -sigma * sigma * std::expm1(-2 * kappa * step) / (2 * kappa);
      const double expected = normal_log_density(y, mean, variance);
      EXPECT_NEAR(log_density(test::vasicek(kappa, theta, sigma), "exact", x, y, step), expected,
                  1e-12 * std::max(1.0, std::fabs(expected)))
          << kappa << " " << step;
    }
  }
}

TEST(ExactDensity, BrownianMotionIsTheLimitOfNoReversion) {
  const auto drifted = test::scalar_sde("mu", "sigma", {{"mu", 0.3}, {"sigma", 0.2}});
  const double expected = normal_log_density(1.2, 1 + 0.3 * 0.5, 0.04 * 0.5);
  EXPECT_NEAR(log_density(drifted, "exact", 1, 1.2, 0.5), expected, 1e-14);
  // kappa = 0 in the parametrisation of Vasicek, where a formula with a division by kappa fails.
  const auto still = test::vasicek(0, 0.7, 0.2);
  EXPECT_NEAR(log_density(still, "exact", 1, 1.2, 0.5), normal_log_density(1.2, 1, 0.04 * 0.5), 1e-14);
}

TEST(ExactDensity, GeometricBrownianMotionIsLogNormal) {
  const auto document = test::scalar_sde("mu*x", "sigma*x", {{"mu", 0.08}, {"sigma", 0.25}});
  const double step = 0.5, x = 90, y = 101;
  const double mean = std::log(x) + (0.08 - 0.5 * 0.0625) * step;
  EXPECT_NEAR(log_density(document, "exact", x, y, step),
              normal_log_density(std::log(y), mean, 0.0625 * step) - std::log(y), 1e-13);
}

TEST(ExactDensity, CoxIngersollRossIsNoncentralChiSquared) {
  double worst = 0;
  for (double kappa : {3.0, 0.2})
    for (double theta : {0.3, 0.02})
      for (double sigma : {0.2, 0.6, 1.1})
        for (double step : {1.0 / 250, 1.0 / 12, 1.0})
          for (double x : {0.01, 0.3, 1.0})
            for (double ratio : {0.7, 1.0, 1.2}) {
              const double decay = std::exp(-kappa * step), c = sigma * sigma * (1 - decay) / (4 * kappa);
              const boost::math::non_central_chi_squared law(4 * kappa * theta / (sigma * sigma),
                                                             x * decay / c);
              const double y = ratio * x, density = pdf(law, y / c) / c;
              if (!(density > 1e-250)) continue;
              const double found = log_density(test::cir(kappa, theta, sigma), "exact", x, y, step);
              worst = std::max(worst, std::fabs(found - std::log(density)) / std::max(1.0, std::fabs(found)));
            }
  EXPECT_LT(worst, 1e-10);
}

TEST(ExactDensity, IsRecognisedInAnyParametrisation) {
  const double x = 0.3, y = 0.32, step = 0.1;
  const double expected = log_density(test::cir(0.8, 0.25, 0.3), "exact", x, y, step);
  const Parameters other = {{"a", 0.2}, {"b", 0.8}, {"v", 0.09}};
  EXPECT_NEAR(log_density(test::scalar_sde("a - b*x", "sqrt(v*x)", other), "exact", x, y, step), expected,
              1e-12);
  EXPECT_NEAR(log_density(test::scalar_sde("-b*x + a", "x^0.5*sqrt(v)", other), "exact", x, y, step),
              expected, 1e-12);
}

// dX = sigma X o dW is geometric Brownian motion with drift sigma^2 / 2 in the Ito calculus.
TEST(ExactDensity, KnowsStratonovich) {
  auto document = test::scalar_sde("0", "sigma*x", {{"sigma", 0.3}});
  document.calculus = "stratonovich";
  EXPECT_NEAR(log_density(document, "exact", 2, 2.5, 1),
              normal_log_density(std::log(2.5), std::log(2.0), 0.09) - std::log(2.5), 1e-13);
}

TEST(ExactDensity, IntegratesToOne) {
  for (const auto& document : {test::cir(0.5, 0.04, 0.3), test::cir(2, 0.3, 0.2)}) {
    const double x = 0.05, step = 0.5;
    // In log y, trapezoids: the integrand y p(y) falls off at both ends.
    const double h = 0.01;
    std::vector<double> y;
    for (double u = -60; u < 3; u += h) y.push_back(std::exp(u));
    const auto found = log_densities(document, "exact", x, y, step);
    double sum = 0;
    for (std::size_t i = 0; i < y.size(); ++i) sum += h * y[i] * std::exp(found[i]);
    EXPECT_NEAR(sum, 1, 1e-10);
  }
}

// Tiny steps, states near 0 and a million transitions' worth of extremes: always a finite number.
TEST(ExactDensity, CoxIngersollRossNeverFails) {
  for (double kappa : {1e-6, 0.3, 50.0})
    for (double sigma : {1e-4, 0.1, 3.0})
      for (double step : {1e-10, 1e-5, 0.1, 100.0})
        for (double x : {1e-200, 1e-12, 1e-4, 1.0, 1e6}) {
          const auto found = log_densities(test::cir(kappa, 0.05, sigma), "exact", x,
                                           {x * 1e-3, x * (1 - 1e-9), x, x * (1 + 1e-9), x * 10}, step);
          for (double l : found) {
            EXPECT_FALSE(std::isnan(l)) << kappa << " " << sigma << " " << step << " " << x;
            EXPECT_LT(l, 1e3) << kappa << " " << sigma << " " << step << " " << x;
          }
        }
}

// As the step falls the law becomes Gaussian; what is left is of the order of the step.
TEST(ExactDensity, CoxIngersollRossTendsToEuler) {
  const auto document = test::cir(0.5, 0.06, 0.08);
  for (double step : {1e-4, 1e-6, 1e-8, 1e-10}) {
    const double x = 0.07;
    // At the mean the first-order (skewness) correction of the density vanishes.
    const double y = x + 0.5 * (0.06 - x) * step;
    EXPECT_NEAR(log_density(document, "exact", x, y, step), log_density(document, "euler", x, y, step),
                20 * step + 1e-7);
  }
}

TEST(EulerDensity, IsGaussianInAnyDimension) {
  SdeDocument document;
  document.parameters = {{"a", 0.4}, {"b", -0.3}, {"c", 0.6}, {"rho", -0.5}};
  document.noises = {"w1", "w2", "w3"};
  for (const char* name : {"p", "q", "r"}) {
    StateDocument state;
    state.name = name;
    document.states.push_back(state);
  }
  document.states[0].drift = "a*(q - p)";
  document.states[1].drift = "b*q + t";
  document.states[2].drift = "-r*p";
  document.states[0].diffusion = {{"w1", "c"}, {"w3", "0.1*q"}};
  document.states[1].diffusion = {{"w1", "rho*c*q"}, {"w2", "sqrt(1 - rho^2)*c"}};
  document.states[2].diffusion = {{"w2", "a"}, {"w3", "c*p"}};

  const Eigen::Vector3d x(0.5, 1.2, -0.4), y(0.61, 1.0, -0.1);
  const double start = 0.3, step = 0.2;
  Observations data({"p", "q", "r"});
  const double time[] = {start, start + step}, value[] = {x[0], x[1], x[2], y[0], y[1], y[2]};
  data.add("", time, value);
  const double found = per_transition_loglik(document, "euler", data).at(0);

  const double a = 0.4, b = -0.3, c = 0.6, rho = -0.5;
  const Eigen::Vector3d drift(a * (x[1] - x[0]), b * x[1] + start, -x[2] * x[0]);
  Eigen::Matrix3d g;
  g << c, 0, 0.1 * x[1], rho * c * x[1], std::sqrt(1 - rho * rho) * c, 0, 0, a, c * x[0];
  const Eigen::Matrix3d covariance = g * g.transpose() * step;
  const Eigen::Vector3d rest = y - x - drift * step;
  const double expected = -0.5 * (3 * std::log(2 * std::numbers::pi) + std::log(covariance.determinant()) +
                                  rest.dot(covariance.inverse() * rest));
  EXPECT_NEAR(found, expected, 1e-12);
}

TEST(EulerDensity, RefusesAComponentWithoutNoise) {
  SdeDocument document;
  document.parameters = {{"c", 1}};
  document.noises = {"w"};
  for (const char* name : {"x", "v"}) {
    StateDocument state;
    state.name = name;
    document.states.push_back(state);
  }
  document.states[0].drift = "-x";
  document.states[1].drift = "-x";
  document.states[1].diffusion = {{"w", "c"}};
  try {
    make_density(parse_document(document), "euler");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), Status::usage);
    EXPECT_STREQ(error.what(), "/density: \"euler\" is for noise in every component, but \"x\" has none");
  }
  try {
    make_density(parse_document(document), "auto");
    FAIL();
  } catch (const Error& error) {
    const std::string sentence = error.what();
    EXPECT_TRUE(sentence.starts_with("/diffusion: no transition density applies: the law is not known, for "))
        << sentence;
    EXPECT_TRUE(sentence.ends_with("euler needs noise in every component, but \"x\" has none")) << sentence;
  }
  // The same noise in both: singular as well.
  document.states[0].diffusion = {{"w", "2*c"}};
  EXPECT_THROW(make_density(parse_document(document), "euler"), Error);
}

TEST(Density, AutoNamesItsChoice) {
  const auto exact = make_density(parse_document(test::cir()), "auto");
  EXPECT_EQ(exact.name, "exact");
  EXPECT_EQ(exact.reason, "the transition law is known");
  const auto ckls = test::scalar_sde("a + b*x", "s*x^g", {{"a", 0.1}, {"b", -0.2}, {"s", 0.3}, {"g", 0.7}});
  const auto linear = make_density(parse_document(ckls), "auto");
  EXPECT_EQ(linear.name, "shoji-ozaki");
  EXPECT_EQ(linear.reason,
            "the transition law is not known: the diffusion of \"x\" is neither constant nor proportional "
            "to it or its square root");
}

TEST(Density, NeverFallsBackSilently) {
  const auto ckls =
      parse_document(test::scalar_sde("a + b*x", "s*x^1.5", {{"a", 0.1}, {"b", -0.2}, {"s", 0.3}}));
  try {
    make_density(ckls, "exact");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), Status::usage);
    const std::string sentence = error.what();
    EXPECT_NE(sentence.find("Cox-Ingersoll-Ross"), std::string::npos) << sentence;
    EXPECT_NE(sentence.find("use \"euler\""), std::string::npos) << sentence;
  }
  try {
    make_density(ckls, "eulre");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("did you mean \"euler\""), std::string::npos) << error.what();
  }
}

TEST(Expm1Over, IsExactWithItsDerivativesEverywhere) {
  const auto z = expr::Expr::symbol("z");
  expr::Expr e = expm1_over(z);
  // phi^(k)(z) = int_0^1 s^k exp(z s) ds, by Gauss-Legendre.
  const double nodes[] = {0.1488743389816312, 0.4333953941292472, 0.6794095682990244, 0.8650633666889845,
                          0.9739065285171717};
  const double weights[] = {0.2955242247147529, 0.2692667193099963, 0.2190863625159820, 0.1494513491505806,
                            0.0666713443086881};
  for (int k = 0; k <= 2; ++k) {
    for (double at : {-3.0, -0.51, -0.49, -1e-3, -1e-12, 0.0, 1e-9, 0.3, 0.5, 1.7}) {
      double integral = 0;
      for (int i = 0; i < 5; ++i)
        for (double side : {-1.0, 1.0}) {
          const double s = 0.5 * (1 + side * nodes[i]);
          integral += 0.5 * weights[i] * std::pow(s, k) * std::exp(at * s);
        }
      EXPECT_NEAR(expr::evaluate(e, {{"z", at}}), integral, 4e-15 * (1 + 4 * k * k) * integral + 1e-15)
          << k << " " << at;
    }
    e = expr::differentiate(e, "z");
  }
}

}  // namespace
}  // namespace sde
