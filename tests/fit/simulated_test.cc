// Likelihoods by simulation: the density over simulated paths, and the particle filter.
#include "fit/simulated.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "base/error.h"
#include "fit/filter.h"
#include "fit/fit.h"
#include "fit/likelihood.h"
#include "fixtures.h"

namespace sde {
namespace {

SimulationOptions with(int steps, int paths, const std::string& bridge = "modified") {
  SimulationOptions options;
  options.steps = steps;
  options.paths = paths;
  options.bridge = bridge;
  options.seed = 3;
  return options;
}

double loglik(const SdeDocument& document, const Observations& data, const std::string& density,
              const SimulationOptions& options = {}) {
  const SdeExpressions sde = parse_document(document);
  const TransitionDensity made = make_density(sde, density, options);
  LikelihoodValue value;
  make_likelihood(made, data, {})->evaluate(sde.parameter_values, 0, value);
  return value.value;
}

TEST(SimulatedDensity, IsEulersInOnePiece) {
  const Observations data = test::treasury_bills();
  const double euler = loglik(test::cir(0.3, 0.07, 0.07), data, "euler");
  EXPECT_NEAR(loglik(test::cir(0.3, 0.07, 0.07), data, "simulated", with(1, 1)), euler,
              1e-9 * std::fabs(euler));
}

TEST(SimulatedDensity, TendsToTheLaw) {
  std::mt19937_64 g(4);
  const SdeDocument document = test::cir(0.8, 0.3, 0.5);
  const Observations data = test::equispaced(test::cir_path(g, 100, 0.8, 0.3, 0.5, 0.25, 0.3), 0.25);
  const double exact = loglik(document, data, "exact"), euler = loglik(document, data, "euler");
  const double four = loglik(document, data, "simulated", with(4, 128));
  const double sixteen = loglik(document, data, "simulated", with(16, 128));
  // The pieces' own error falls with their number.
  EXPECT_LT(std::fabs(four - exact), 0.4 * std::fabs(euler - exact));
  EXPECT_LT(std::fabs(sixteen - exact), 0.5 * std::fabs(four - exact) + 0.05);
  // Pedersen's paths are aimed at nothing: the same density, with more noise.
  EXPECT_NEAR(loglik(document, data, "simulated", with(4, 2000, "none")), four, 1.0);
}

TEST(SimulatedDensity, GradientIsThatOfItsValue) {
  const Observations data = test::treasury_bills();
  const SdeExpressions sde = parse_document(test::cir(0.3, 0.07, 0.07));
  const TransitionDensity density = make_density(sde, "simulated", with(3, 4));
  const auto likelihood = make_likelihood(density, data, {0, 1, 2});
  LikelihoodValue at, ahead, behind;
  likelihood->evaluate(sde.parameter_values, 1, at);
  for (std::size_t p = 0; p < 3; ++p) {
    const double h = 1e-5 * sde.parameter_values[p];
    std::vector<double> moved = sde.parameter_values;
    moved[p] += h;
    likelihood->evaluate(moved, 0, ahead);
    moved[p] -= 2 * h;
    likelihood->evaluate(moved, 0, behind);
    EXPECT_NEAR(at.gradient[static_cast<Eigen::Index>(p)], (ahead.value - behind.value) / (2 * h),
                1e-5 * at.gradient.norm());
  }
}

TEST(SimulatedDensity, FitsAndLeavesNormalResiduals) {
  std::mt19937_64 g(6);
  const Observations data = test::equispaced(test::cir_path(g, 300, 1.5, 0.3, 0.4, 0.1, 0.3), 0.1);
  FitOptions options, exact;
  options.density = "simulated";
  options.simulation = with(8, 16);
  const FitResult simulated = fit(test::cir(1, 0.2, 0.3), data, options);
  const FitResult closed = fit(test::cir(1, 0.2, 0.3), data, exact);
  EXPECT_TRUE(simulated.converged) << simulated.end;
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(simulated.estimates[i].value, closed.estimates[i].value, 0.6 * closed.estimates[i].se);
    EXPECT_NEAR(simulated.estimates[i].se, closed.estimates[i].se, 0.2 * closed.estimates[i].se);
  }
  EXPECT_GT(simulated.diagnostics.pit_p, 1e-3);
  for (std::size_t i = 0; i < simulated.residuals.size(); ++i)
    EXPECT_NEAR(simulated.residuals[i], closed.residuals[i], 0.35);
}

SeriesTable wavy(std::size_t n) {
  SeriesTable data({"y"});
  std::vector<double> time, value;
  for (std::size_t i = 0; i < n; ++i) {
    const double u = static_cast<double>(i);
    time.push_back(0.2 * u);
    value.push_back(i % 6 == 4 ? std::numeric_limits<double>::quiet_NaN()
                               : 0.9 + 0.2 * std::sin(0.5 * u) + 0.05 * std::cos(u * u));
  }
  data.add("", time, value);
  return data;
}

struct Prepared {
  SdeDocument document;
  StateSpace model;

  Prepared(const SdeDocument& given, const ObservationModel& observation)
      : document(with_observation_parameters(given, observation)),
        model(make_state_space(document, observation)) {}
  double loglik(const char* name, const SeriesTable& data, const SimulationOptions& options = {}) const {
    LikelihoodValue value;
    make_filter(model, name, data, options, {})->evaluate(model.sde.parameter_values, 0, value);
    return value.value;
  }
};

Prepared double_well() {
  auto document = test::scalar_sde("a*x - x^3", "s", {{"a", 1}, {"s", 0.25}});
  document.states[0].initial = {InitialLaw::Kind::normal, "0.9", "0.2", ""};
  ObservationModel observation;
  observation.map = {{"y", std::string("x + 0.1*x^2")}};
  observation.noise = {{"y", std::string("eta")}};
  observation.parameters = {{"eta", 0.1}};
  return {document, observation};
}

TEST(ParticleFilter, IsKalmansOnALinearModel) {
  ObservationModel observation;
  observation.map = {{"y", std::string("x")}};
  observation.noise = {{"y", std::string("eta")}};
  observation.parameters = {{"eta", 0.15}};
  observation.initial = {{"x", NormalForm{{0.9, 0.2}}}};
  const Prepared p(test::vasicek(0.8, 0.9, 0.4), observation);
  const SeriesTable data = wavy(60);
  SimulationOptions options;
  options.particles = 2000;
  options.steps = 8;
  EXPECT_NEAR(p.loglik("particle", data, options), p.loglik("kalman", data), 0.4);
}

TEST(ParticleFilter, AgreesWithExtendedKalmanOnANonlinearModel) {
  const Prepared p = double_well();
  const SeriesTable data = wavy(60);
  SimulationOptions options;
  options.particles = 2000;
  options.steps = 8;
  const double particle = p.loglik("particle", data, options);
  // To first order in the curvature of the drift, and to third.
  EXPECT_NEAR(p.loglik("ekf", data), particle, 1);
  EXPECT_NEAR(p.loglik("cubature", data), particle, 0.6);
}

TEST(ParticleFilter, IsContinuousInOneDimensionWithExactGradient) {
  const Prepared p = double_well();
  const SeriesTable data = wavy(40);
  SimulationOptions options;
  options.particles = 200;
  const auto filter = make_filter(p.model, "particle", data, options, {0, 1, 2});
  LikelihoodValue at, ahead, behind;
  const std::vector<double>& values = p.model.sde.parameter_values;
  filter->evaluate(values, 1, at);
  for (std::size_t i = 0; i < 3; ++i) {
    const double h = 1e-7;
    std::vector<double> moved = values;
    moved[i] += h;
    filter->evaluate(moved, 0, ahead);
    moved[i] -= 2 * h;
    filter->evaluate(moved, 0, behind);
    EXPECT_NEAR(at.gradient[static_cast<Eigen::Index>(i)], (ahead.value - behind.value) / (2 * h),
                1e-3 * at.gradient.norm());
  }
}

TEST(ParticleFilter, ScoresOfSeveralStatesEstimateTheGradient) {
  SdeDocument document;
  document.parameters = {{"a", 1.0}, {"d", 0.5}, {"s", 0.4}};
  document.noises = {"w"};
  document.states.resize(2);
  document.states[0].name = "x";
  document.states[0].drift = "v";
  document.states[0].initial = {InitialLaw::Kind::normal, "0.9", "0.2", ""};
  document.states[1].name = "v";
  document.states[1].drift = "-a*(x - 0.9) - d*v";
  document.states[1].diffusion = {{"w", "s"}};
  document.states[1].initial = {InitialLaw::Kind::normal, "0", "0.2", ""};
  ObservationModel observation;
  observation.map = {{"y", std::string("x")}};
  observation.noise = {{"y", std::string("eta")}};
  observation.parameters = {{"eta", 0.15}};
  const Prepared p(document, observation);
  const SeriesTable data = wavy(30);
  SimulationOptions options;
  options.particles = 4000;
  options.steps = 8;
  const auto particle = make_filter(p.model, "particle", data, options, {0, 1, 2, 3});
  const auto kalman = make_filter(p.model, "kalman", data, options, {0, 1, 2, 3});
  EXPECT_FALSE(particle->smooth());
  LikelihoodValue a, b;
  particle->evaluate_scores(p.model.sde.parameter_values, a);
  kalman->evaluate_scores(p.model.sde.parameter_values, b);
  EXPECT_NEAR(a.value, b.value, 0.5);
  EXPECT_LT((a.gradient - b.gradient).norm(), 0.15 * b.gradient.norm() + 1);
}

TEST(ParticleFilter, NeedsNoise) {
  ObservationModel observation;
  observation.map = {{"y", std::string("x")}};
  try {
    describe_filter(make_state_space(test::vasicek(), observation), "particle");
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(
        error.what(),
        "/density: \"particle\" is for models whose every column has noise, but \"y\" has none; use \"ekf\"");
  }
}

}  // namespace
}  // namespace sde
