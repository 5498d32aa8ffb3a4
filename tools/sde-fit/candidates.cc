#include "candidates.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <tuple>

#include "config/locate.h"
#include "config/models.h"
#include "config/observations.h"
#include "config/schema.h"
#include "io/table.h"
#include "report.h"

namespace sde {

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// What the user says of parameters by name, for a model that has some of them.
FitOptions for_parameters(const FitOptions& options, const SdeDocument& sde) {
  FitOptions result = options;
  const auto known = [&](const std::string& name) {
    if (sde.find_parameter(name)) return true;
    return options.observation &&
           std::any_of(options.observation->parameters.begin(), options.observation->parameters.end(),
                       [&](const auto& p) { return p.first == name; });
  };
  result.inference = {};
  std::erase_if(result.estimate, [&](const std::string& name) { return !known(name); });
  std::erase_if(result.fix, [&](const auto& item) { return !known(item.first); });
  std::erase_if(result.bounds, [&](const auto& item) { return !known(item.first); });
  return result;
}

CandidateFit summarise(const std::string& model, const FitResult& result, double seconds) {
  CandidateFit fit;
  fit.model = model;
  fit.name = result.sde.name;
  fit.converged = result.converged;
  fit.end = result.end;
  fit.density = result.density;
  fit.terms = result.transitions;
  fit.loglik = result.loglik;
  fit.aic = result.aic;
  fit.aicc = result.aicc;
  fit.bic = result.bic;
  // What the criterion counts: an equality between parameters takes one away.
  fit.parameters = static_cast<std::size_t>(std::lround(0.5 * result.aic + result.loglik));
  fit.pit_p = result.diagnostics.pit_p;
  fit.ljung_box_p = result.diagnostics.ljung_box_p;
  fit.seconds = seconds;
  fit.estimates = result.estimates;
  return fit;
}

// The columns that a fit reads, in the order of the file; why likelihoods of two such fits do not compare.
std::vector<std::size_t> columns_read(const io::Dataset& dataset, const FitOptions& options,
                                      const SdeDocument& sde) {
  const std::vector<std::string> states = sde.state_names();
  std::vector<std::size_t> columns =
      io::match_columns(dataset, wants_filter(options) ? observed_columns(options, states) : states);
  std::sort(columns.begin(), columns.end());
  return columns;
}

std::string names_of(const io::Dataset& dataset, const std::vector<std::size_t>& columns) {
  std::string names;
  for (std::size_t c : columns) names += (names.empty() ? "" : ", ") + dataset.columns[c];
  return names;
}

FitResult fit_candidate(const Candidate& candidate, const io::Dataset& dataset, const Hooks& hooks) {
  const SdeDocument& sde = candidate.found.sde;
  const FitOptions& options = candidate.options.fit;
  if (wants_filter(options))
    return fit(sde, config::make_series(dataset, observed_columns(options, sde.state_names())), options,
               hooks);
  return fit(sde, config::make_observations(dataset, sde.state_names()), options, hooks);
}

}  // namespace

std::vector<std::string> observed_columns(const FitOptions& options, const std::vector<std::string>& states) {
  if (!options.observation || options.observation->map.empty()) return states;
  std::vector<std::string> columns;
  for (const auto& [column, formula] : options.observation->map) columns.push_back(column);
  return columns;
}

std::vector<Candidate> read_candidates(const cli::Context& context, const FitConfig& options) {
  std::vector<Candidate> candidates;
  if (options.models.empty()) return candidates;
  if (options.fit.estimator != "likelihood")
    fail(Status::usage, "--models: compares maxima of the likelihood; use it without --estimator {}",
         options.fit.estimator);
  for (std::size_t i = 0; i < options.models.size(); ++i) {
    const std::string pointer = fmt::format("/models/{}", i);
    Candidate candidate{options.models[i], {}, options};
    const std::string place = context.config().resolve(options.models[i], pointer);
    if (place == "-") fail(Status::usage, "--models: takes files and @names, not standard input");
    config::ModelInput model = config::read_model(place);
    if (!model.is_hdf5 && config::document_kind(model.document.json()) == config::DocumentKind::fit) {
      config::validate(model.document, "fit");
      candidate.found = config::find_sde(model.document, "/sde");
      candidate.options = {};
      config::read_options(candidate.found.document, candidate.options);
    } else {
      config::Document holder;
      holder.json()["sde"] = place;
      config::embed_model(holder, "/sde", {config::DocumentKind::sde}, model);
      candidate.found = config::find_sde(holder, "/sde");
      candidate.options.fit = for_parameters(options.fit, candidate.found.sde);
    }
    config::locate(candidate.found.document, candidate.found.pointer,
                   [&] { return parse_document(candidate.found.sde); });
    candidates.push_back(std::move(candidate));
  }
  return candidates;
}

std::vector<CandidateFit> compare_candidates(const cli::Context& context, const std::string& model,
                                             const FitConfig& options, const FitResult& result,
                                             double seconds, const std::vector<Candidate>& candidates,
                                             const io::Dataset& dataset) {
  std::vector<CandidateFit> fits = {summarise(model, result, seconds)};
  const std::vector<std::size_t> columns = columns_read(dataset, options.fit, result.sde);
  for (const Candidate& candidate : candidates) {
    const auto started = std::chrono::steady_clock::now();
    CandidateFit one;
    try {
      const auto others = columns_read(dataset, candidate.options.fit, candidate.found.sde);
      if (others != columns)
        fail(Status::usage, "takes the columns {}, MODEL {}: likelihoods of different data do not compare",
             names_of(dataset, others), names_of(dataset, columns));
      if (wants_filter(candidate.options.fit) != wants_filter(options.fit))
        fail(
            Status::usage,
            "only one of it and MODEL is seen through an observation, whose likelihood counts the first row");
      Hooks quiet;
      quiet.stop = context.hooks().stop;
      const FitResult other = config::locate(candidate.found.document, candidate.found.pointer,
                                             [&] { return fit_candidate(candidate, dataset, quiet); });
      const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - started;
      one = summarise(candidate.model, other, taken.count());
    } catch (const Error& error) {
      if (error.status() == Status::interrupted || error.status() == Status::bug) throw;
      one.model = candidate.model;
      one.name = candidate.found.sde.name;
      one.failure = error.what();
      one.loglik = one.aic = one.aicc = one.bic = kNaN;
    }
    if (context.hooks().stopped()) context.check_stopped();
    fits.push_back(std::move(one));
  }

  std::stable_sort(fits.begin(), fits.end(), [](const CandidateFit& a, const CandidateFit& b) {
    const auto rank = [](const CandidateFit& f) { return !f.failure.empty() ? 2 : f.converged ? 0 : 1; };
    return std::tuple(rank(a), rank(a) == 2 ? 0.0 : a.aic) < std::tuple(rank(b), rank(b) == 2 ? 0.0 : b.aic);
  });
  double total = 0, least_bic = INFINITY;
  for (const CandidateFit& f : fits) {
    if (!f.converged) continue;
    total += std::exp(-0.5 * (f.aic - fits[0].aic));
    least_bic = std::min(least_bic, f.bic);
  }
  for (CandidateFit& f : fits) {
    f.difference = f.converged ? f.aic - fits[0].aic : kNaN;
    f.bic_difference = f.converged ? f.bic - least_bic : kNaN;
    f.weight = f.converged ? std::exp(-0.5 * f.difference) / total : kNaN;
  }
  return fits;
}

bool all_converged(const std::vector<CandidateFit>& fits) {
  return std::all_of(fits.begin(), fits.end(), [](const CandidateFit& f) { return f.converged; });
}

void add_candidates(const std::vector<CandidateFit>& fits, config::Summary& summary) {
  for (const CandidateFit& f : fits) {
    config::Summary one;
    one.set("/model", f.model).set("/name", f.name);
    if (!f.failure.empty()) {
      one.set("/failure", f.failure);
      summary.append("/models", one);
      continue;
    }
    one.set("/density", f.density).set("/converged", f.converged).set("/end", f.end);
    one.set("/k", static_cast<std::uint64_t>(f.parameters))
        .set("/terms", static_cast<std::uint64_t>(f.terms));
    one.set("/loglik", f.loglik).set("/aic", f.aic).set("/aicc", f.aicc).set("/bic", f.bic);
    one.set("/aic_difference", f.difference).set("/aic_weight", f.weight);
    one.set("/bic_difference", f.bic_difference);
    one.set("/pit_ks_p", f.pit_p).set("/ljung_box_p", f.ljung_box_p).set("/seconds", f.seconds);
    for (const Estimate& e : f.estimates) {
      one.set(config::path({"estimates", e.name, "value"}), e.value);
      one.set(config::path({"estimates", e.name, "se"}), e.se);
    }
    summary.append("/models", one);
  }
}

std::string candidates_text(const std::vector<CandidateFit>& fits) {
  std::vector<std::vector<std::string>> rows = {
      {"model", "density", "k", "log-lik.", "AIC", "AICc", "BIC", "dAIC", "weight", ""}};
  std::string failures;
  for (const CandidateFit& f : fits) {
    if (!f.failure.empty()) {
      failures += fmt::format("  {}: no fit: {}\n", f.model, f.failure);
      continue;
    }
    const auto number = [](double x, int digits) {
      return std::isnan(x) ? std::string("-") : fmt::format("{:.{}f}", x, digits);
    };
    rows.push_back({f.model, f.density, fmt::format("{}", f.parameters), number(f.loglik, 3),
                    number(f.aic, 2), number(f.aicc, 2), number(f.bic, 2), number(f.difference, 2),
                    number(f.weight, 3), f.converged ? "" : "NOT CONVERGED"});
  }
  return "\nmodels\n" + aligned(rows) + failures;
}

void write_candidates(const std::string& path, const std::vector<CandidateFit>& fits,
                      const io::OutputOptions& options) {
  io::TableWriter table(path,
                        {"model", "name", "density", "converged", "k", "loglik", "aic", "aicc", "bic",
                         "aic_difference", "aic_weight", "pit_ks_p", "ljung_box_p", "failure"},
                        options);
  std::string text;
  for (const CandidateFit& f : fits) {
    for (const std::string* cell : {&f.model, &f.name, &f.density}) {
      io::append_cell(text, *cell);
      text += ',';
    }
    text += f.converged ? "1," : "0,";
    io::append_number(text, static_cast<std::uint64_t>(f.parameters));
    for (double x : {f.loglik, f.aic, f.aicc, f.bic, f.difference, f.weight, f.pit_p, f.ljung_box_p}) {
      text += ',';
      io::append_number(text, x);
    }
    text += ',';
    io::append_cell(text, f.failure);
    text += '\n';
  }
  table.lines(text);
  table.finish();
}

}  // namespace sde
