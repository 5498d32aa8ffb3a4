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

namespace {

// Tests of residuals, component by component, none missing; `all` are those of every component and are left
// sorted.
void test_residuals(const std::vector<std::vector<double>>& component,
                    const std::vector<std::vector<std::size_t>>& starts, std::vector<double>& all,
                    FitDiagnostics& d) {
  const auto of = [&](std::size_t c) -> const std::vector<double>& {
    return component.empty() ? all : component[c];
  };
  std::size_t shortest = all.size();
  for (std::size_t c = 0; c < starts.size(); ++c) shortest = std::min(shortest, of(c).size());
  d.lags = std::min<std::size_t>(10, shortest / 5);
  if (d.lags == 0) d.ljung_box = d.ljung_box_p = kNaN;
  if (d.lags > 0) {
    for (std::size_t c = 0; c < starts.size(); ++c) d.ljung_box += ljung_box(of(c), starts[c], d.lags);
    d.ljung_box_p = chi_squared_p(d.ljung_box, static_cast<double>(d.lags * starts.size()));
  }
  const std::size_t n = all.size();
  d.pit_distance = pit_distance(std::move(all));
  d.pit_p = kolmogorov_p(d.pit_distance, n);
}

}  // namespace

void add_diagnostics(const LogLikelihood& likelihood, const std::vector<double>& parameters, bool terms,
                     FitResult& result) {
  const std::size_t n = likelihood.terms(), dimension = likelihood.components();
  const bool keep = terms || !result.observed.empty();  // what a filter left out has to be told from the rest
  std::vector<double>& residuals = result.residuals;
  residuals.resize(n * dimension);
  if (keep) {
    result.predicted.resize(n * dimension);
    result.deviation.resize(n * dimension);
  }
  likelihood.describe(parameters, residuals.data(),
                      result.predicted.empty() ? nullptr : result.predicted.data(),
                      result.deviation.empty() ? nullptr : result.deviation.data());
  result.series = likelihood.series();
  if (dimension == 1 && !keep) {
    test_residuals({}, {result.series}, residuals, result.diagnostics);
    residuals = {};
    return;
  }
  // What was not observed has no residual and is left out.
  std::vector<double> all;
  std::vector<std::vector<double>> component(dimension);
  std::vector<std::vector<std::size_t>> starts(dimension);
  for (std::size_t c = 0; c < dimension; ++c) {
    std::size_t s = 0;
    for (std::size_t i = 0; i < n; ++i) {
      for (; s < result.series.size() && result.series[s] <= i; ++s) starts[c].push_back(component[c].size());
      const std::size_t place = i * dimension + c;
      const bool missing = !result.observed.empty() && std::isnan(residuals[place]) &&
                           (std::isnan(result.observed[place]) || result.deviation[place] == 0);
      if (missing) continue;
      component[c].push_back(residuals[place]);
      all.push_back(residuals[place]);
    }
  }
  if (!keep) residuals = {};
  test_residuals(component, starts, all, result.diagnostics);
}

}  // namespace sde
