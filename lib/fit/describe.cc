#include "fit/describe.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "fit/diagnostics.h"

namespace sde {

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

}  // namespace

void describe_data(const Observations& data, bool terms, FitResult& result) {
  result.transitions = data.transitions();
  result.data = {data.series(),        data.observations(), data.missing_rows(),
                 data.shortest_step(), data.longest_step(), data.common_step()};
  result.columns = data.states();
  for (std::size_t i = 0; i < result.transitions && terms; ++i) {
    const std::size_t row = data.observation_before(i) + 1;
    result.time.push_back(data.time()[row]);
    for (std::size_t c = 0; c < data.dimension(); ++c) result.observed.push_back(data.column(c)[row]);
  }
}

void add_diagnostics(const LogLikelihood& likelihood, const std::vector<double>& parameters,
                     FitResult& result) {
  const std::size_t n = likelihood.terms(), dimension = likelihood.components();
  result.residuals.resize(n * dimension);
  result.predicted.resize(n * dimension);
  result.deviation.resize(n * dimension);
  likelihood.describe(parameters, result.residuals.data(), result.predicted.data(), result.deviation.data());
  result.series = likelihood.series();
  // What was not observed has no residual and is left out.
  std::vector<double> all;
  std::vector<std::vector<double>> component(dimension);
  std::vector<std::vector<std::size_t>> starts(dimension);
  for (std::size_t c = 0; c < dimension; ++c) {
    std::size_t s = 0;
    for (std::size_t i = 0; i < n; ++i) {
      for (; s < result.series.size() && result.series[s] <= i; ++s) starts[c].push_back(component[c].size());
      const std::size_t place = i * dimension + c;
      const bool missing = !result.observed.empty() && std::isnan(result.residuals[place]) &&
                           (std::isnan(result.observed[place]) || result.deviation[place] == 0);
      if (missing) continue;
      component[c].push_back(result.residuals[place]);
      all.push_back(result.residuals[place]);
    }
  }
  FitDiagnostics& d = result.diagnostics;
  d.pit_distance = pit_distance(all);
  d.pit_p = kolmogorov_p(d.pit_distance, all.size());
  std::size_t shortest = all.size();
  for (const auto& one : component) shortest = std::min(shortest, one.size());
  d.lags = std::min<std::size_t>(10, shortest / 5);
  if (d.lags == 0) {
    d.ljung_box = d.ljung_box_p = kNaN;
    return;
  }
  for (std::size_t c = 0; c < dimension; ++c) d.ljung_box += ljung_box(component[c], starts[c], d.lags);
  d.ljung_box_p = chi_squared_p(d.ljung_box, static_cast<double>(d.lags * dimension));
}

}  // namespace sde
