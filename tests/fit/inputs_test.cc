// Inputs interpolated in time, under filters: by hand, interval by interval.
#include <gtest/gtest.h>

#include <cmath>

#include "expr/curve.h"
#include "fit/filter.h"
#include "fit/fit.h"
#include "fixtures.h"

namespace sde {
namespace {

using Kind = expr::Curve::Kind;

// dx = kappa (u(t) - x) dt + sigma dW, seen as y = x + v(t) + eta e.
SdeDocument driven(const std::string& interpolation, const std::vector<double>& t,
                   const std::vector<double>& u) {
  SdeDocument document = test::scalar_sde("kappa*(u - x)", "sigma", {{"kappa", 1.5}, {"sigma", 0.4}});
  for (const char* name : {"u", "v"}) {
    InputDocument input;
    input.name = name;
    input.interpolation = name[0] == 'u' ? interpolation : "linear";
    input.first = t.front();
    input.last = t.back();
    input.values = std::make_shared<const expr::Curve>(
        name, input.interpolation == "linear" ? Kind::linear : Kind::previous, t, u);
    document.inputs.push_back(input);
  }
  return document;
}

ObservationModel observation() {
  ObservationModel seen;
  seen.map = {{"y", "x + v"}};
  seen.noise = {{"y", "eta"}};
  seen.parameters = {{"eta", 0.3}};
  NormalForm start;
  start.normal = {0.2, 0.5};
  seen.initial = {{"x", start}};
  return seen;
}

const std::vector<double> kTimes = {0, 0.4, 1.1, 1.3, 2.6, 4}, kValues = {1, 3, -1, 0.5, 2, 2.5};

double input_at(bool linear, double t) {
  std::size_t i = 0;
  while (i + 2 < kTimes.size() && t >= kTimes[i + 1]) ++i;
  if (!linear) return t >= kTimes.back() ? kValues.back() : kValues[i];
  return kValues[i] + (kValues[i + 1] - kValues[i]) * (t - kTimes[i]) / (kTimes[i + 1] - kTimes[i]);
}

// The mean of x after [a, b], on which u is a line (or constant) from `low` to `high`: the response of a
// first-order lag to a ramp.
double moved(double x, double a, double b, double low, double high) {
  const double h = b - a, slope = (high - low) / h, decay = std::exp(-1.5 * h);
  return low + slope * h - slope / 1.5 + (x - low + slope / 1.5) * decay;
}

TEST(Inputs, FiltersFollowThemExactly) {
  // Rows between, on and across the times of the input, some without a value.
  const std::vector<double> time = {0.1, 0.4, 0.5, 1.0, 1.25, 2.6, 3.9};
  const std::vector<double> value = {1.3, 4.2, 3.3, std::nan(""), 0.4, 2.1, 4.8};
  for (const bool linear : {true, false}) {
    const SdeDocument document =
        with_observation_parameters(driven(linear ? "linear" : "previous", kTimes, kValues), observation());
    const StateSpace model = make_state_space(document, observation());
    EXPECT_FALSE(model.not_linear().empty());
    SeriesTable data({"y"});
    data.add("", time, value);

    double mean = 0.2, variance = 0.25, sum = 0;
    for (std::size_t row = 0; row < time.size(); ++row) {
      if (row > 0) {
        std::vector<double> stops = {time[row - 1]};
        for (double t : kTimes)
          if (t > time[row - 1] && t < time[row]) stops.push_back(t);
        stops.push_back(time[row]);
        for (std::size_t i = 0; i + 1 < stops.size(); ++i) {
          const double low = input_at(linear, stops[i]);
          const double high = linear ? input_at(true, stops[i + 1]) : low;
          mean = moved(mean, stops[i], stops[i + 1], low, high);
        }
        const double decay = std::exp(-1.5 * (time[row] - time[row - 1]));
        variance = variance * decay * decay + 0.16 * (1 - decay * decay) / 3;
      }
      if (std::isnan(value[row])) continue;
      const double spread = variance + 0.09, rest = value[row] - mean - input_at(true, time[row]);
      sum -= 0.5 * (std::log(2 * M_PI * spread) + rest * rest / spread);
      mean += variance / spread * rest;
      variance -= variance * variance / spread;
    }
    for (const char* filter : {"ekf", "cubature"}) {
      const auto likelihood = make_filter(model, filter, data, {}, {});
      LikelihoodValue found;
      likelihood->evaluate(model.sde.parameter_values, 0, found);
      EXPECT_NEAR(found.value, sum, 2e-6) << filter << (linear ? " linear" : " previous");
    }
  }
}

TEST(Inputs, AreDrawnAndRefitted) {
  SdeDocument document = driven("linear", kTimes, kValues);
  std::mt19937_64 g(3);
  std::normal_distribution<double> normal;
  std::vector<double> time, value;
  double x = 0.2;
  for (int i = 0; i < 390; ++i) {
    const double t = 0.01 * i;
    if (i % 2 == 0) {
      time.push_back(t);
      value.push_back(x + input_at(true, t) + 0.05 * normal(g));
    }
    x += 1.5 * (input_at(true, t) - x) * 0.01 + 0.4 * 0.1 * normal(g);
  }
  SeriesTable data({"y"});
  data.add("", time, value);
  FitOptions options;
  options.observation = observation();
  options.observation->parameters = {{"eta", 0.1}};
  const FitResult result = fit(document, data, options);
  ASSERT_TRUE(result.converged) << result.end;
  EXPECT_EQ(result.density, "ekf");
  EXPECT_NEAR(result.estimates[0].value, 1.5, 4 * result.estimates[0].se);
  EXPECT_NEAR(result.estimates[1].value, 0.4, 4 * result.estimates[1].se);
  EXPECT_NEAR(result.estimates[2].value, 0.05, 4 * result.estimates[2].se);
}

}  // namespace
}  // namespace sde
