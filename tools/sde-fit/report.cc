#include "report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "config/archive.h"
#include "config/sde_document.h"
#include "fit/diagnostics.h"
#include "io/hdf5.h"
#include "io/table.h"

namespace sde {
namespace {

std::string step_text(const FitData& data) {
  return data.common_step > 0 ? fmt::format("step {:.6g}", data.common_step)
                              : fmt::format("steps {:.6g} to {:.6g}", data.shortest_step, data.longest_step);
}

bool is_estimated(const FitResult& result, const std::string& name) {
  return std::any_of(result.estimates.begin(), result.estimates.end(),
                     [&](const Estimate& e) { return e.name == name; });
}

// A number in a column of the table; what does not exist is a dash.
std::string cell(double x, int digits) {
  return std::isnan(x) ? "-" : fmt::format("{:.{}g}", x, digits);
}

std::string p_value(double p) {
  return std::isnan(p) ? "p unknown" : p < 1e-4 ? "p < 0.0001" : fmt::format("p = {:.4f}", p);
}

}  // namespace

config::Summary fit_summary(const FitResult& result, const FitConfig& config, double seconds) {
  const FitData& data = result.data;
  config::Summary summary;
  summary.set("/kind", "fit").set("/name", result.sde.name);
  summary.set("/estimator", result.estimator).set("/density", result.density);
  if (result.estimator == "gmm") {
    summary.set("/gmm/conditions", static_cast<std::uint64_t>(result.moments.conditions));
    summary.set("/gmm/degrees", static_cast<std::uint64_t>(result.moments.degrees));
    summary.set("/gmm/j", result.moments.statistic).set("/gmm/j_p", result.moments.p);
  }
  if (!result.density_reason.empty()) summary.set("/density_reason", result.density_reason);
  summary.set("/converged", result.converged).set("/end", result.end);
  summary.set("/loglik", result.loglik)
      .set("/aic", result.aic)
      .set("/aicc", result.aicc)
      .set("/bic", result.bic);
  summary.set("/transitions", static_cast<std::uint64_t>(result.transitions)).set("/seconds", seconds);
  summary.set("/intervals", config.fit.inference.intervals);

  config::Json sde;
  config::write_sde(result.sde, sde);
  summary.set("/sde", sde);
  summary.set("/confidence", config.fit.confidence);
  for (std::size_t i = 0; i < result.estimates.size(); ++i) {
    const Estimate& e = result.estimates[i];
    const auto set = [&](const char* key, double x) {
      summary.set(config::path({"estimates", e.name, key}), x);
    };
    set("value", e.value);
    set("se", e.se);
    set("se_robust", e.se_robust);
    if (!result.step_bias_density.empty()) set("step_bias", e.step_bias);
    summary.set(config::path({"estimates", e.name, "ci"}), std::vector<double>{e.low, e.high});
    summary.set(config::path({"estimates", e.name, "on_bound"}), e.on_bound);
    summary.set(config::path({"estimates", e.name, "identified"}), e.identified);
    for (std::size_t j = 0; j < result.estimates.size(); ++j)
      summary.set(config::path({"covariance", e.name, result.estimates[j].name}),
                  result.covariance(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j)));
  }

  if (!result.step_bias_density.empty()) summary.set("/step_bias_density", result.step_bias_density);
  const FitDiagnostics& d = result.diagnostics;
  summary.set("/diagnostics/pit_ks", d.pit_distance).set("/diagnostics/pit_ks_p", d.pit_p);
  summary.set("/diagnostics/ljung_box", d.ljung_box).set("/diagnostics/ljung_box_p", d.ljung_box_p);
  summary.set("/diagnostics/lags", static_cast<std::uint64_t>(d.lags));

  summary.set("/optimizer/iterations", result.iterations).set("/optimizer/evaluations", result.evaluations);
  summary.set("/optimizer/decrement", result.decrement);
  for (const FitStart& start : result.starts) {
    config::Summary one;
    one.set("/from", start.from).set("/loglik", start.loglik).set("/converged", start.converged);
    summary.append("/optimizer/starts", one);
  }
  summary.set("/data/series", static_cast<std::uint64_t>(data.series));
  summary.set("/data/observations", static_cast<std::uint64_t>(data.observations));
  summary.set("/data/missing_rows", static_cast<std::uint64_t>(data.missing_rows));
  summary.set("/data/step", std::vector<double>{data.shortest_step, data.longest_step});
  if (!result.state_names.empty()) {
    // Where the states are at the end of each series; all rows are in the HDF5 form.
    const std::size_t width = result.state_names.size();
    for (std::size_t s = 0; s < result.series.size(); ++s) {
      const std::size_t last = (s + 1 < result.series.size() ? result.series[s + 1] : result.transitions) - 1;
      config::Summary one;
      one.set("/time", result.time[last]);
      for (std::size_t i = 0; i < width; ++i) {
        one.set(config::path({"mean", result.state_names[i]}), result.states.filtered[last * width + i]);
        one.set(config::path({"deviation", result.state_names[i]}),
                result.states.filtered_deviation[last * width + i]);
      }
      summary.append("/final_states", one);
    }
    config::Json observation;
    config::write_options(config.fit.observation.value_or(ObservationModel{}), observation);
    for (auto& [name, value] : observation["parameters"].items())
      if (const double* estimate = result.sde.find_parameter(name)) value = *estimate;
    summary.set("/observation", observation);
  }
  summary.set("/warnings", result.warnings);
  return summary;
}

std::string fit_text(const FitResult& result, const FitConfig& config, double seconds) {
  const bool filtered = !result.state_names.empty();
  const bool likelihood = result.estimator == "likelihood";
  std::string out =
      fmt::format("{}: {}{} {}{}\n", result.sde.name.empty() ? "sde" : result.sde.name,
                  likelihood ? "" : result.estimator + ", ", result.density, filtered ? "filter" : "density",
                  result.density_reason.empty() ? "" : " (" + result.density_reason + ")");
  out += fmt::format("{} {} in {} series, {}\n\n", result.transitions, filtered ? "rows" : "transitions",
                     result.data.series, step_text(result.data));

  // Columns as wide as what stands in them.
  std::vector<std::vector<std::string>> rows = {
      {"", "estimate", "std. error", "robust",
       fmt::format("{:g} % {}", 100 * config.fit.confidence,
                   config.fit.inference.intervals == "profile" ? "profile interval" : "interval")}};
  for (const auto& [name, value] : result.sde.parameters) {
    if (!is_estimated(result, name)) {
      rows.push_back({name, cell(value, 7), "", "", "fixed"});
      continue;
    }
    const Estimate& e = *std::find_if(result.estimates.begin(), result.estimates.end(),
                                      [&, &wanted = name](const Estimate& x) { return x.name == wanted; });
    const std::string interval = e.on_bound      ? "on its bound"
                                 : !e.identified ? "not determined"
                                 : std::isnan(e.low) && std::isnan(e.high)
                                     ? "-"
                                     : fmt::format("[{:.6g}, {:.6g}]", e.low, e.high);
    rows.push_back({name, cell(e.value, 7), cell(e.se, 4), cell(e.se_robust, 4), interval});
  }
  std::vector<std::size_t> width(5, 0);
  for (const auto& row : rows)
    for (std::size_t c = 0; c < row.size(); ++c) width[c] = std::max(width[c], row[c].size());
  for (const auto& row : rows)
    out += fmt::format("  {:<{}}  {:>{}}  {:>{}}  {:>{}}  {}\n", row[0], width[0], row[1], width[1], row[2],
                       width[2], row[3], width[3], row[4]);

  const FitDiagnostics& d = result.diagnostics;
  out += fmt::format("\nlog-likelihood {:.4f}", result.loglik);
  if (!likelihood) {
    out += ", not its maximum\n";
  } else if (result.inference.posterior_mode) {
    out +=
        fmt::format(", log-prior {:.4f}: the estimates are the posterior mode\n", result.inference.log_prior);
  } else {
    out += fmt::format(", AIC {:.4f}, AICc {:.4f}, BIC {:.4f} with k = {}\n", result.aic, result.aicc,
                       result.bic, result.inference.k);
  }
  if (result.estimator == "gmm")
    out += fmt::format(
        "{} conditions{}\n", result.moments.conditions,
        result.moments.degrees == 0
            ? ", as many as parameters"
            : fmt::format("; of those in excess J = {:.4g} on {} degrees of freedom, {}",
                          result.moments.statistic, result.moments.degrees, p_value(result.moments.p)));
  out += fmt::format(
      "residuals: {} for uniform transforms (Kolmogorov-Smirnov), {} for independence (Ljung-Box, {} "
      "lags)\n",
      p_value(d.pit_p), p_value(d.ljung_box_p), d.lags);
  out += fmt::format("{}{}; {} start{}, {} iterations, {:.3g} s\n",
                     result.converged ? "" : "NOT CONVERGED: ", result.end, result.starts.size(),
                     result.starts.size() == 1 ? "" : "s", result.iterations, seconds);
  return out;
}

void add_comparison(const std::vector<Compared>& compared, config::Summary& summary) {
  for (const Compared& c : compared) {
    config::Summary one;
    one.set("/density", c.density);
    if (!c.refused.empty()) {
      one.set("/refused", c.refused);
      summary.append("/comparison", one);
      continue;
    }
    one.set("/loglik", c.result.loglik).set("/aic", c.result.aic).set("/converged", c.result.converged);
    one.set("/seconds", c.seconds);
    one.set("/pit_ks_p", c.result.diagnostics.pit_p);
    for (const Estimate& e : c.result.estimates) {
      one.set(config::path({"estimates", e.name, "value"}), e.value);
      one.set(config::path({"estimates", e.name, "se"}), e.se);
    }
    summary.append("/comparison", one);
  }
}

std::string comparison_text(const std::vector<Compared>& compared) {
  std::vector<std::vector<std::string>> rows(1);
  std::string refused;
  for (const Compared& c : compared) {
    if (!c.refused.empty()) {
      refused += c.refused + "\n";
      continue;
    }
    if (rows[0].empty()) {
      rows[0].push_back("density");
      for (const Estimate& e : c.result.estimates) rows[0].insert(rows[0].end(), {e.name, "std. error"});
      rows[0].insert(rows[0].end(), {"log-lik.", ""});
    }
    rows.push_back({c.density});
    for (const Estimate& e : c.result.estimates)
      rows.back().insert(rows.back().end(), {cell(e.value, 7), cell(e.se, 3)});
    rows.back().insert(rows.back().end(),
                       {fmt::format("{:.4f}", c.result.loglik), c.result.converged ? "" : "NOT CONVERGED"});
  }
  return "\nby other densities\n" + aligned(rows) + refused;
}

std::string aligned(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> width;
  for (const auto& row : rows)
    for (std::size_t k = 0; k < row.size(); ++k) {
      if (k == width.size()) width.push_back(0);
      width[k] = std::max(width[k], row[k].size());
    }
  std::string out;
  for (const auto& row : rows) {
    if (row.empty()) continue;
    std::string line = fmt::format("  {:<{}}", row[0], width[0]);
    for (std::size_t k = 1; k < row.size(); ++k) line += fmt::format("  {:>{}}", row[k], width[k]);
    out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return out;
}

void write_fit(const std::string& path, const FitResult& result, const BootstrapResult& replicas,
               const Posterior& posterior, const config::Summary& summary, const io::Provenance& provenance,
               const io::OutputOptions& options) {
  io::Writer w(path, "model", options);
  io::write_provenance(w, provenance);
  w.attribute("/", "columns", result.columns);
  w.write_text("/model/config_json", summary.text());
  std::vector<std::string> names;
  std::vector<double> value, se, robust, interval, covariance;
  for (const Estimate& e : result.estimates) {
    names.push_back(e.name);
    value.push_back(e.value);
    se.push_back(e.se);
    robust.push_back(e.se_robust);
    interval.insert(interval.end(), {e.low, e.high});
  }
  const std::uint64_t k = names.size(), n = result.transitions, dimension = result.columns.size();
  for (Eigen::Index i = 0; i < result.covariance.rows(); ++i)
    for (Eigen::Index j = 0; j < result.covariance.cols(); ++j) covariance.push_back(result.covariance(i, j));
  w.write_texts("/fit/parameter", names);
  w.write("/fit/estimate", value, {k}, {"parameter"});
  w.write("/fit/se", se, {k}, {"parameter"});
  w.write("/fit/se_robust", robust, {k}, {"parameter"});
  w.write("/fit/ci", interval, {k, 2}, {"parameter", "end"});
  w.write("/fit/covariance", covariance, {k, k}, {"parameter", "parameter"});

  // Every transition: where it ended, what was foretold, what it left over.
  const io::Shape shape = {n, dimension};
  w.write("/fit/transitions/time", result.time, {n}, {"transition"});
  w.write("/fit/transitions/value", result.observed, shape, {"transition", "dim"});
  w.write("/fit/transitions/mean", result.predicted, shape, {"transition", "dim"});
  w.write("/fit/transitions/deviation", result.deviation, shape, {"transition", "dim"});
  w.write("/fit/transitions/residual", result.residuals, shape, {"transition", "dim"});
  if (!result.state_names.empty()) {
    const StateEstimates& states = result.states;
    const io::Shape each = {n, result.state_names.size()};
    w.write_texts("/fit/states/name", result.state_names);
    w.write("/fit/states/time", result.time, {n}, {"row"});
    w.write("/fit/states/filtered", states.filtered, each, {"row", "state"});
    w.write("/fit/states/filtered_deviation", states.filtered_deviation, each, {"row", "state"});
    w.write("/fit/states/smoothed", states.smoothed, each, {"row", "state"});
    w.write("/fit/states/smoothed_deviation", states.smoothed_deviation, each, {"row", "state"});
    if (states.ahead > 0) {
      w.write("/fit/predictions/rows_ahead", std::vector<double>{static_cast<double>(states.ahead)}, {1},
              {"value"});
      w.write("/fit/predictions/mean", states.predicted, shape, {"row", "dim"});
      w.write("/fit/predictions/deviation", states.predicted_deviation, shape, {"row", "dim"});
    }
  }
  if (replicas.replicas > 0) write_bootstrap(replicas, w);
  if (posterior.draws > 0) write_posterior(posterior, w);
  w.finish();
}

void write_estimates(const std::string& path, const FitResult& result, const io::OutputOptions& options) {
  io::TableWriter table(path, {"parameter", "estimate", "se", "se_robust", "low", "high"}, options);
  std::string text;
  for (const Estimate& e : result.estimates) {
    io::append_cell(text, e.name);
    for (double x : {e.value, e.se, e.se_robust, e.low, e.high}) {
      text += ',';
      io::append_number(text, x);
    }
    text += '\n';
  }
  table.lines(text);
  table.finish();
}

}  // namespace sde
