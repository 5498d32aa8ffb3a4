// Filters against dense Gaussian algebra, against one another, and against what they were made from.
#include "fit/filter.h"

#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <cmath>
#include <limits>
#include <numbers>
#include <random>

#include "base/error.h"
#include "fit/fit.h"
#include "fixtures.h"

namespace sde {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

ObservationModel noisy(const std::string& noise, const test::Parameters& parameters) {
  ObservationModel observation;
  observation.noise = {{"x", noise}};
  observation.parameters = parameters;
  return observation;
}

// Irregular times, values around theta with gaps.
SeriesTable ragged(std::size_t n, std::size_t series = 1) {
  SeriesTable data({"x"});
  for (std::size_t s = 0; s < series; ++s) {
    std::vector<double> time, value;
    double t = 0.3;
    for (std::size_t i = 0; i < n; ++i) {
      const double u = static_cast<double>(i + 7 * s);
      time.push_back(t);
      t += 0.2 * (1 + 0.7 * std::sin(u));
      value.push_back(i % 5 == 3 ? kNaN : 0.4 + 0.3 * std::sin(0.7 * u) + 0.1 * std::cos(u * u));
    }
    data.add(std::to_string(s), time, value);
  }
  return data;
}

struct Prepared {
  SdeDocument document;
  StateSpace model;
  std::vector<std::size_t> free;

  Prepared(const SdeDocument& given, const ObservationModel& observation)
      : document(with_observation_parameters(given, observation)),
        model(make_state_space(document, observation)) {
    for (std::size_t i = 0; i < model.sde.parameters.size(); ++i) free.push_back(i);
  }
  const std::vector<double>& values() const { return model.sde.parameter_values; }
};

double total(const FilterLikelihood& likelihood, const std::vector<double>& parameters) {
  LikelihoodValue value;
  likelihood.evaluate(parameters, 0, value);
  return value.value;
}

// Ornstein-Uhlenbeck plus noise: every observation jointly Gaussian.
TEST(Kalman, LikelihoodIsTheDenseGaussians) {
  const double kappa = 0.8, theta = 0.35, sigma = 0.5, eta = 0.15, m0 = 0.2, s0 = 0.6;
  ObservationModel observation = noisy("eta", {{"eta", eta}});
  observation.initial = {{"x", NormalForm{{m0, s0}}}};
  const Prepared p(test::vasicek(kappa, theta, sigma), observation);
  const SeriesTable data = ragged(60);
  const auto filter = make_filter(p.model, "kalman", data, {}, p.free);

  std::vector<double> t, y;
  for (std::size_t i = 0; i < data.rows(); ++i) {
    if (std::isnan(data.value(i, 0))) continue;
    t.push_back(data.time(i));
    y.push_back(data.value(i, 0));
  }
  const auto n = static_cast<Eigen::Index>(y.size());
  const auto variance = [&](double s) {
    const double decay = std::exp(-2 * kappa * s);
    return s0 * s0 * decay + sigma * sigma * (1 - decay) / (2 * kappa);
  };
  Eigen::MatrixXd covariance(n, n);
  Eigen::VectorXd rest(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    const double si = t[static_cast<std::size_t>(i)] - data.time(0);
    rest[i] = y[static_cast<std::size_t>(i)] - (theta + (m0 - theta) * std::exp(-kappa * si));
    for (Eigen::Index j = 0; j <= i; ++j) {
      const double sj = t[static_cast<std::size_t>(j)] - data.time(0);
      covariance(i, j) = covariance(j, i) =
          variance(sj) * std::exp(-kappa * (si - sj)) + (i == j ? eta * eta : 0);
    }
  }
  const Eigen::LLT<Eigen::MatrixXd> llt(covariance);
  const double expected =
      -0.5 * (static_cast<double>(n) * std::log(2 * std::numbers::pi) + rest.dot(llt.solve(rest))) -
      Eigen::MatrixXd(llt.matrixL()).diagonal().array().log().sum();
  EXPECT_NEAR(total(*filter, p.values()), expected, 1e-9 * std::fabs(expected));

  // The smoother is the conditional mean and variance of the dense Gaussian.
  const StateEstimates states = filter->states(p.values(), 0);
  for (std::size_t row : {std::size_t{0}, std::size_t{3}, std::size_t{31}, data.rows() - 1}) {
    const double s = data.time(row) - data.time(0);
    Eigen::VectorXd cross(n);
    for (Eigen::Index i = 0; i < n; ++i) {
      const double si = t[static_cast<std::size_t>(i)] - data.time(0);
      cross[i] = variance(std::min(s, si)) * std::exp(-kappa * std::fabs(s - si));
    }
    const double mean = theta + (m0 - theta) * std::exp(-kappa * s) + cross.dot(llt.solve(rest));
    const double deviation = std::sqrt(variance(s) - cross.dot(llt.solve(cross)));
    EXPECT_NEAR(states.smoothed[row], mean, 1e-9);
    EXPECT_NEAR(states.smoothed_deviation[row], deviation, 1e-9);
  }
  EXPECT_NEAR(states.filtered.back(), states.smoothed.back(), 1e-14);
}

TEST(Kalman, WithoutNoiseIsTheExactTransitionDensity) {
  const SdeDocument document = test::vasicek(0.8, 0.35, 0.5);
  const Prepared p(document, {});
  const SeriesTable data = ragged(40, 3);
  Observations complete({"x"});
  for (std::size_t s = 0; s < data.series(); ++s) {
    std::vector<double> time, value;
    for (std::size_t i = data.first_row(s); i < data.first_row(s + 1); ++i) {
      time.push_back(data.time(i));
      value.push_back(data.value(i, 0));
    }
    complete.add(std::to_string(s), time, value);
  }
  double expected = 0;
  for (double l : per_transition_loglik(document, "exact", complete)) expected += l;
  EXPECT_NEAR(total(*make_filter(p.model, "kalman", data, {}, p.free), p.values()), expected,
              1e-10 * std::fabs(expected));
}

TEST(Filters, AgreeOnALinearModel) {
  ObservationModel observation = noisy("eta", {{"eta", 0.2}});
  observation.initial = {{"x", NormalForm{{std::string("theta"), std::string("sigma/sqrt(2*kappa)")}}}};
  const Prepared p(test::vasicek(0.8, 0.35, 0.5), observation);
  const SeriesTable data = ragged(50, 2);
  const double kalman = total(*make_filter(p.model, "kalman", data, {}, p.free), p.values());
  for (const char* name : {"ekf", "cubature"})
    EXPECT_NEAR(total(*make_filter(p.model, name, data, {}, p.free), p.values()), kalman, 1e-5) << name;
  const StateEstimates exact = make_filter(p.model, "kalman", data, {}, p.free)->states(p.values(), 2);
  for (const char* name : {"ekf", "cubature"}) {
    const StateEstimates other = make_filter(p.model, name, data, {}, p.free)->states(p.values(), 2);
    for (std::size_t i = 0; i < data.rows(); ++i) {
      EXPECT_NEAR(other.smoothed[i], exact.smoothed[i], 1e-6);
      EXPECT_NEAR(other.smoothed_deviation[i], exact.smoothed_deviation[i], 1e-6);
      if (std::isnan(exact.predicted[i])) continue;
      EXPECT_NEAR(other.predicted[i], exact.predicted[i], 1e-6);
    }
  }
}

// Two rows ahead, from the filtered law: the closed form of the Ornstein-Uhlenbeck process.
TEST(Filters, PredictAhead) {
  const Prepared p(test::vasicek(0.8, 0.35, 0.5), noisy("eta", {{"eta", 0.2}}));
  const SeriesTable data = ragged(20);
  const StateEstimates states = make_filter(p.model, "kalman", data, {}, p.free)->states(p.values(), 3);
  for (std::size_t row = 0; row < 3; ++row) EXPECT_TRUE(std::isnan(states.predicted[row]));
  for (std::size_t row = 3; row < data.rows(); ++row) {
    const double decay = std::exp(-0.8 * (data.time(row) - data.time(row - 3)));
    EXPECT_NEAR(states.predicted[row], 0.35 + (states.filtered[row - 3] - 0.35) * decay, 1e-10);
    const double before = states.filtered_deviation[row - 3];
    const double variance = before * before * decay * decay + 0.25 * (1 - decay * decay) / 1.6 + 0.04;
    EXPECT_NEAR(states.predicted_deviation[row], std::sqrt(variance), 1e-10);
  }
}

// A position seen with noise, its velocity not at all, and a nonlinear force.
SdeDocument duffing() {
  SdeDocument document;
  document.parameters = {{"a", 1.0}, {"b", 0.6}, {"d", 0.4}, {"s", 0.5}};
  document.noises = {"w"};
  document.states.resize(2);
  document.states[0].name = "x";
  document.states[0].drift = "v";
  document.states[0].initial = {InitialLaw::Kind::normal, "0.5", "0.3", ""};
  document.states[1].name = "v";
  document.states[1].drift = "-a*x - b*x^3 - d*v";
  document.states[1].diffusion = {{"w", "s"}};
  document.states[1].initial = {InitialLaw::Kind::normal, "0", "0.5", ""};
  return document;
}

ObservationModel position() {
  ObservationModel observation;
  observation.map = {{"y", std::string("x")}, {"z", std::string("x + 0.2*x^2 + c*v")}};
  observation.noise = {{"y", std::string("eta")}, {"z", std::string("eta*exp(0.1*x)")}};
  observation.parameters = {{"eta", 0.2}, {"c", 0.1}};
  return observation;
}

SeriesTable two_columns(std::size_t n) {
  SeriesTable data({"y", "z"});
  std::vector<double> time, value;
  double t = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double u = static_cast<double>(i);
    time.push_back(t);
    t += 0.25 * (1 + 0.5 * std::sin(u));
    value.push_back(i % 4 == 2 ? kNaN : 0.5 * std::cos(0.3 * u) + 0.1 * std::sin(u * u));
    value.push_back(i % 7 == 5 ? kNaN : 0.5 * std::cos(0.3 * u) + 0.1 * std::cos(u * u));
  }
  data.add("", time, value);
  return data;
}

TEST(Filters, GradientAndHessianMatchDifferences) {
  const Prepared p(duffing(), position());
  const SeriesTable data = two_columns(25);
  for (const char* name : {"ekf", "cubature"}) {
    const auto filter = make_filter(p.model, name, data, {}, p.free);
    LikelihoodValue at, ahead, behind;
    filter->evaluate(p.values(), 2, at);
    ASSERT_TRUE(at.finite()) << name;
    for (std::size_t i = 0; i < p.free.size(); ++i) {
      const double h = 1e-4 * p.values()[i];
      std::vector<double> moved = p.values();
      moved[i] += h;
      filter->evaluate(moved, 1, ahead);
      moved[i] -= 2 * h;
      filter->evaluate(moved, 1, behind);
      const auto row = static_cast<Eigen::Index>(i);
      EXPECT_NEAR(at.gradient[row], (ahead.value - behind.value) / (2 * h), 2e-6 * at.gradient.norm())
          << name;
      EXPECT_LT((at.hessian.col(row) - (ahead.gradient - behind.gradient) / (2 * h)).norm(),
                1e-5 * at.hessian.norm());
    }
  }
}

TEST(Filters, RecoverWhatTheyWereMadeFrom) {
  std::mt19937_64 g(8);
  std::normal_distribution<double> normal;
  const double kappa = 1.2, theta = 0.5, sigma = 0.6, eta = 0.25, step = 0.1;
  std::vector<double> x = test::ou_path(g, 3000, kappa, theta, sigma, step, theta), time;
  for (std::size_t i = 0; i < x.size(); ++i) {
    time.push_back(static_cast<double>(i) * step);
    x[i] = i % 9 == 4 ? kNaN : x[i] + eta * normal(g);
  }
  SeriesTable data({"x"});
  data.add("", time, x);
  FitOptions options;
  options.observation = noisy("eta", {{"eta", 0.1}});
  options.observation->initial = {
      {"x", NormalForm{{std::string("theta"), std::string("sigma/sqrt(2*kappa)")}}}};
  const FitResult result = fit(test::vasicek(0.7, 0.3, 0.4), data, options);
  EXPECT_TRUE(result.converged) << result.end;
  EXPECT_EQ(result.density, "kalman");
  EXPECT_EQ(result.density_reason, "the equation and the observations are linear");
  const double truth[] = {kappa, theta, sigma, eta};
  ASSERT_EQ(result.estimates.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) {
    const Estimate& e = result.estimates[i];
    EXPECT_LT(std::fabs(e.value - truth[i]), 3.5 * e.se) << e.name;
    EXPECT_GT(e.se, 0);
  }
  EXPECT_GT(result.diagnostics.pit_p, 1e-3);
  EXPECT_GT(result.diagnostics.ljung_box_p, 1e-3);
  EXPECT_EQ(*result.sde.find_parameter("eta"), result.estimates[3].value);
}

TEST(Filters, SayWhatIsWrong) {
  const auto sentence = [](const SdeDocument& document, const ObservationModel& observation,
                           const std::string& name = "auto") -> std::string {
    try {
      const StateSpace model =
          make_state_space(with_observation_parameters(document, observation), observation);
      describe_filter(model, name);
    } catch (const Error& error) {
      EXPECT_EQ(error.status(), Status::usage);
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(
      sentence(duffing(), position(), "kalman"),
      "/density: \"kalman\" is for linear equations that do not depend on time, seen linearly, but the drift "
      "of \"v\" is not affine in the states; use \"ekf\"");
  ObservationModel wrong = position();
  wrong.map[0].second = std::string("xx");
  EXPECT_NE(sentence(duffing(), wrong).find("/observation/map/y: column 1: unknown name \"xx\""),
            std::string::npos)
      << sentence(duffing(), wrong);
  wrong = position();
  wrong.noise[0].first = "yy";
  EXPECT_EQ(sentence(duffing(), wrong), "/observation/noise: unknown column \"yy\"; did you mean \"y\"?");
  EXPECT_NE(sentence(duffing(), position(), "exact").find("observed without noise"), std::string::npos);
}

}  // namespace
}  // namespace sde
