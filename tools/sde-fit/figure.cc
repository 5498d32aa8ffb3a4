#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "fit/diagnostics.h"
#include "report.h"

namespace sde {
namespace {

constexpr std::size_t kSeriesShown = 8;  // of several trajectories
constexpr std::size_t kStatesShown = 4;
constexpr std::size_t kPointsShown = 1000;  // of a quantile plot, both ends whole

// Rows of series s.
std::pair<std::size_t, std::size_t> rows_of(const FitResult& result, std::size_t s) {
  return {result.series[s], s + 1 < result.series.size() ? result.series[s + 1] : result.transitions};
}

// The observations of one component and the band that the model foretold for each from the one before, or
// from `ahead` rows before where predictions were asked for.
cli::Panel data_panel(const FitResult& result, std::size_t component) {
  const bool ahead = result.states.ahead > 0;
  const std::vector<double>& mean = ahead ? result.states.predicted : result.predicted;
  const std::vector<double>& deviation = ahead ? result.states.predicted_deviation : result.deviation;
  cli::Panel panel;
  panel.title = ahead ? fmt::format("data and 95 % prediction from {} rows before", result.states.ahead)
                      : "data and one-step 95 % prediction";
  panel.x_label = "t";
  panel.y_label = result.columns[component];
  const std::size_t dimension = result.columns.size();
  for (std::size_t s = 0; s < std::min(result.series.size(), kSeriesShown); ++s) {
    const auto [first, last] = rows_of(result, s);
    std::vector<double> t, low, high, seen, value;
    for (std::size_t row = first; row < last; ++row) {
      const std::size_t place = row * dimension + component;
      if (std::isfinite(mean[place]) && std::isfinite(deviation[place])) {
        t.push_back(result.time[row]);
        low.push_back(mean[place] - 1.96 * deviation[place]);
        high.push_back(mean[place] + 1.96 * deviation[place]);
      }
      if (!std::isfinite(result.observed[place])) continue;
      seen.push_back(result.time[row]);
      value.push_back(result.observed[place]);
    }
    if (!t.empty())
      panel.band(std::move(t), std::move(low), std::move(high), s == 0 ? "prediction" : "").opacity = 0.35;
    panel.line(std::move(seen), std::move(value), s == 0 ? "data" : "", 1).width = 1;
  }
  return panel;
}

// A state as the filter sees it, given all rows: mean and two standard deviations.
cli::Panel state_panel(const FitResult& result, std::size_t state) {
  cli::Panel panel;
  // The particle filter has no smoother.
  const bool smoothed = std::any_of(result.states.smoothed.begin(), result.states.smoothed.end(),
                                    [](double x) { return std::isfinite(x); });
  const std::vector<double>& centre = smoothed ? result.states.smoothed : result.states.filtered;
  const std::vector<double>& spread =
      smoothed ? result.states.smoothed_deviation : result.states.filtered_deviation;
  panel.title = smoothed ? "smoothed state, 95 %" : "filtered state, 95 %";
  panel.x_label = "t";
  panel.y_label = result.state_names[state];
  const std::size_t d = result.state_names.size();
  for (std::size_t s = 0; s < std::min(result.series.size(), kSeriesShown); ++s) {
    const auto [first, last] = rows_of(result, s);
    std::vector<double> t, low, high, mean;
    for (std::size_t row = first; row < last; ++row) {
      const double m = centre[row * d + state];
      const double sd = spread[row * d + state];
      t.push_back(result.time[row]);
      mean.push_back(m);
      low.push_back(m - 1.96 * sd);
      high.push_back(m + 1.96 * sd);
    }
    panel.band(t, std::move(low), std::move(high), "").opacity = 0.35;
    panel.line(std::move(t), std::move(mean), s == 0 ? "state" : "", 1).width = 1;
  }
  return panel;
}

// Residuals against normal quantiles.
cli::Panel quantile_panel(std::vector<double> residuals) {
  cli::Panel panel;
  panel.title = "residuals, normal quantiles";
  panel.x_label = "normal";
  panel.y_label = "residual";
  std::sort(residuals.begin(), residuals.end());
  const std::size_t n = residuals.size(), stride = std::max<std::size_t>(1, n / kPointsShown);
  std::vector<double> x, y;
  for (std::size_t i = 0; i < n; ++i) {
    if (i >= 50 && i + 50 < n && i % stride != 0) continue;
    x.push_back(normal_quantile((static_cast<double>(i) + 0.5) / static_cast<double>(n)));
    y.push_back(residuals[i]);
  }
  const double reach = x.back();
  panel.points(std::move(x), std::move(y)).width = 0.6;
  panel.line({-reach, reach}, {-reach, reach}, "", 7).dashed = true;
  return panel;
}

cli::Panel transform_panel(const std::vector<double>& residuals, double p) {
  cli::Panel panel;
  panel.title = fmt::format("probability integral transform, p = {:.3g}", p);
  panel.x_label = "F(next | last)";
  panel.y_label = "density";
  const std::size_t bins = std::clamp<std::size_t>(residuals.size() / 25, 5, 40);
  cli::Series bars;
  bars.mark = cli::Mark::bars;
  bars.opacity = 0.6;
  bars.y.assign(bins, 0);
  for (std::size_t b = 0; b <= bins; ++b)
    bars.x.push_back(static_cast<double>(b) / static_cast<double>(bins));
  for (double z : residuals) {
    const double u = 0.5 * std::erfc(-z / std::numbers::sqrt2);
    bars.y[std::min(bins - 1, static_cast<std::size_t>(u * static_cast<double>(bins)))] +=
        static_cast<double>(bins) / static_cast<double>(residuals.size());
  }
  panel.series.push_back(std::move(bars));
  panel.line({0, 1}, {1, 1}, "", 7).dashed = true;
  return panel;
}

cli::Panel correlation_panel(const FitResult& result) {
  cli::Panel panel;
  panel.title = fmt::format("autocorrelation of residuals, p = {:.3g}", result.diagnostics.ljung_box_p);
  panel.x_label = "lag";
  const std::size_t n = result.transitions, dimension = result.columns.size();
  const std::size_t lags = std::min<std::size_t>(25, n - 1);
  std::vector<double> lag, component;
  const double limit = 1.96 / std::sqrt(static_cast<double>(n)), end = static_cast<double>(lags) + 0.5;
  double reach = 1.5 * limit;
  for (std::size_t k = 1; k <= lags; ++k) lag.push_back(static_cast<double>(k));
  for (std::size_t c = 0; c < std::min(dimension, kStatesShown); ++c) {
    // What was not observed is passed over.
    component.clear();
    std::vector<std::size_t> series;
    std::size_t s = 0;
    for (std::size_t i = 0; i < n; ++i) {
      for (; s < result.series.size() && result.series[s] <= i; ++s) series.push_back(component.size());
      if (std::isfinite(result.residuals[i * dimension + c]))
        component.push_back(result.residuals[i * dimension + c]);
    }
    if (component.size() <= lags) continue;
    std::vector<double> rho = autocorrelations(component, series, lags);
    for (double r : rho) reach = std::max(reach, 1.1 * std::fabs(r));
    if (dimension > 1) {
      panel.line(lag, std::move(rho), result.columns[c], static_cast<int>(c));
      continue;
    }
    cli::Series bars;
    bars.mark = cli::Mark::bars;
    for (std::size_t k = 0; k <= lags; ++k) bars.x.push_back(static_cast<double>(k) + 0.5);
    bars.y = std::move(rho);
    bars.opacity = 0.6;
    panel.series.push_back(std::move(bars));
  }
  panel.x_range = {0.5, end};
  panel.y_range = {-reach, reach};
  panel.line({0.5, end}, {limit, limit}, "", 7).dashed = true;
  panel.line({0.5, end}, {-limit, -limit}, "", 7).dashed = true;
  return panel;
}

}  // namespace

cli::Figure fit_figure(const FitResult& result) {
  cli::Figure figure;
  figure.title = result.sde.name;
  for (std::size_t c = 0; c < std::min(result.columns.size(), kStatesShown); ++c)
    figure.panels.push_back(data_panel(result, c));
  for (std::size_t i = 0; i < std::min(result.state_names.size(), kStatesShown); ++i)
    figure.panels.push_back(state_panel(result, i));
  std::vector<double> finite;
  for (double z : result.residuals)
    if (std::isfinite(z)) finite.push_back(z);
  if (finite.empty()) return figure;
  figure.panels.push_back(quantile_panel(finite));
  figure.panels.push_back(transform_panel(finite, result.diagnostics.pit_p));
  figure.panels.push_back(correlation_panel(result));
  return figure;
}

}  // namespace sde
