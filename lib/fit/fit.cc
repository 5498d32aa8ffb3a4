#include "fit/fit.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>

#include "base/error.h"
#include "fit/checks.h"
#include "fit/describe.h"
#include "fit/diagnostics.h"
#include "fit/estimable.h"
#include "fit/estimators.h"
#include "fit/likelihood.h"
#include "fit/objective.h"
#include "fit/posterior.h"
#include "fit/prior.h"
#include "fit/step_bias.h"
#include "fit/uncertainty.h"

namespace sde {
namespace {

using Eigen::Index;
using Eigen::VectorXd;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr int kRescueStarts = 8;  // that `starts` 0 falls back on

struct Prepared {
  SdeExpressions sde;
  TransitionDensity density;
  std::vector<std::string> ignored;
  std::optional<ParameterSpace> space;
};

Prepared prepare(const SdeDocument& document, const Observations& data, const FitOptions& options) {
  check_options(options);
  Prepared p;
  p.sde = converted(parse_document(document), Calculus::ito);
  p.density = make_density(p.sde, options.density, simulation_of(options));
  p.space.emplace(p.sde, p.density, options, p.ignored);
  check_expressions(options, *p.space, p.sde.parameters);
  check_data(data, p.density, p.sde);
  if (data.transitions() <= p.space->size())
    fail(Status::bad_data, "{} transition{} cannot determine {} parameters; fix some or bring more data",
         data.transitions(), data.transitions() == 1 ? "" : "s", p.space->size());
  return p;
}

// A constraint that the search could not meet, as a clause; empty where all are met.
std::string unmet(const FitProblem& problem, const ConstrainedResult& end) {
  FunctionValue gap;
  for (const CurvedConstraint& constraint : problem.constraints()) {
    constraint.gap(end.y, 1, gap);
    const double off = constraint.equality ? std::fabs(gap.value) : -gap.value;
    const double size = gap.gradient.cwiseAbs().maxCoeff() * std::max(1.0, end.y.cwiseAbs().maxCoeff());
    if (!(off <= 1e-6 * size))
      return fmt::format("the constraint {} is not met (off by {:.3g}); start from values that obey it",
                         constraint.text, off);
  }
  return {};
}

// What the constraints came to, and how many parameters they leave.
void note_constraints(const FitProblem& problem, const ConstrainedResult& end, FitResult& result) {
  FunctionValue gap;
  for (std::size_t j = 0; j < problem.constraints().size(); ++j) {
    const CurvedConstraint& constraint = problem.constraints()[j];
    constraint.gap(end.y, 0, gap);
    result.inference.constraints.push_back(
        {constraint.text, gap.value, bool(end.active[j]), end.multipliers[j]});
    if (constraint.equality) {
      --result.inference.k;
    } else if (end.active[j]) {
      result.warnings.push_back(fmt::format(
          "the optimum lies on the constraint {}; standard errors are those along it, as if it were known to "
          "hold with equality",
          constraint.text));
    }
  }
}

// Maximises the likelihood over the free parameters and fills in all of `result` that follows from it; its
// density, data, sde and columns are there already. `explain` throws where the start has no finite
// likelihood.
void maximise(const LogLikelihood& of_data, const ParameterSpace& space,
              const std::vector<std::string>& parameters_of, const FitOptions& options, const Hooks& hooks,
              const std::function<void()>& explain, FitResult& result) {
  const LogPosterior with_prior(of_data, space, options.inference.priors);
  const LogLikelihood& likelihood =
      options.inference.priors.empty() ? of_data : static_cast<const LogLikelihood&>(with_prior);
  const FitProblem problem(likelihood, space, parameters_of, options, hooks.stop);
  std::optional<ConstrainedResult> best;
  bool settled = false;  // best has converged
  const auto run = [&](const std::string& optimizer, const VectorXd& from) {
    const ConstrainedResult end = problem.minimize(optimizer, from);
    result.iterations += end.iterations;
    result.evaluations += end.evaluations;
    const bool finite = std::isfinite(end.at.value);
    const bool converged = end.end == MinimizeResult::End::converged && !ran_away(end, space);
    FitStart record;
    const std::vector<double> parameters = space.natural(from);
    for (std::size_t p : space.indices()) record.from.push_back(parameters[p]);
    record.loglik = finite ? -end.at.value : -INFINITY;
    record.converged = converged;
    result.starts.push_back(record);
    // A point that is higher by more than the rounding of the sum wins, else one that converged.
    const double rounding = best ? 1e-10 * std::max(1.0, std::fabs(best->at.value)) : 0;
    // One that obeys the constraints wins over one that does not, however high that is.
    const bool preferred = !problem.constraints().empty() && best && converged != settled;
    if (finite && (preferred ? converged
                             : !best || end.at.value < best->at.value - rounding ||
                                   (converged && !settled && end.at.value < best->at.value + rounding))) {
      best = end;
      settled = converged;
    }
  };
  int starts = std::max(1, options.starts);
  for (int i = 0; i < starts && !hooks.stopped(); ++i) {
    run(options.optimizer, space.design_point(i, options.seed));
    if (options.starts == 0 && i == 0 && !settled) starts = kRescueStarts;
    hooks.report(static_cast<std::uint64_t>(i + 1), static_cast<std::uint64_t>(starts));
  }
  if (best && !settled && options.optimizer == "auto" && likelihood.smooth() && !hooks.stopped() &&
      problem.constraints().empty())
    run("lbfgs", best->y);
  if (!best) {
    if (hooks.stopped()) fail(Status::interrupted, "stopped before the first start was finished");
    explain();
  }

  const VectorXd& y = best->y;
  const std::vector<double> parameters = space.natural(y);
  result.interrupted = hooks.stopped();
  result.decrement = best->decrement;
  result.converged = best->end == MinimizeResult::End::converged;
  switch (best->end) {
    case MinimizeResult::End::converged:
      result.end = likelihood.smooth() ? fmt::format("converged: Newton decrement {:.1e}", best->decrement)
                                       : "converged: no step finds more";
      break;
    case MinimizeResult::End::iterations:
      result.end = fmt::format(
          "stopped after {} iterations with Newton decrement {:.1e}; raise max_iterations or try "
          "more starts",
          options.max_iterations, best->decrement);
      break;
    case MinimizeResult::End::stalled:
      result.end = unmet(problem, *best);
      if (!result.end.empty()) break;
      result.end = fmt::format(
          "no further step raises the likelihood, yet the Newton decrement is {:.1e}; try more starts",
          best->decrement);
      break;
    case MinimizeResult::End::stopped:
      result.end = "stopped on request";
      break;
  }

  const std::vector<bool> held = held_at_bounds(y, best->slope, space.box());
  for (std::size_t i = 0; i < parameters_of.size(); ++i)
    *result.sde.find_parameter(parameters_of[i]) = parameters[i];
  for (std::size_t i = 0; i < space.size(); ++i) {
    const FreeParameter& p = space.free()[i];
    Estimate estimate;
    estimate.name = p.name;
    estimate.value = parameters[p.index];
    estimate.se = estimate.se_robust = estimate.low = estimate.high = kNaN;
    estimate.on_bound = held[i];
    result.estimates.push_back(estimate);
    if (!held[i]) continue;
    const bool low = y[static_cast<Index>(i)] <= space.box().lower[static_cast<Index>(i)];
    if (space.bound_is_given(i, low)) {
      result.warnings.push_back(fmt::format("the optimum lies on the bound {} = {}; no standard error there",
                                            p.name, estimate.value));
    } else {
      result.converged = false;
      result.end =
          fmt::format("the likelihood keeps rising as {} goes to {}", p.name, low ? "0" : "infinity");
    }
  }
  InferenceResult& more = result.inference;
  more.posterior_mode = !options.inference.priors.empty();
  more.log_prior = with_prior.log_prior(parameters);
  result.loglik = -best->at.value - more.log_prior;
  more.k = static_cast<int>(space.size());
  note_constraints(problem, *best, result);
  const double k = more.k, n = static_cast<double>(result.transitions);
  // Of a maximum of the likelihood alone.
  const double likelihood_part = more.posterior_mode ? kNaN : -2 * result.loglik;
  result.aic = 2 * k + likelihood_part;
  result.aicc = n > k + 1 ? result.aic + 2 * k * (k + 1) / (n - k - 1) : kNaN;
  result.bic = k * std::log(n) + likelihood_part;
  const double quantile = normal_quantile(0.5 + 0.5 * options.confidence);
  add_uncertainty(problem, *best, held, quantile, result);
  if (options.describe) {
    add_diagnostics(likelihood, parameters, options.keep_terms, result);
    add_report(problem, parameters, options, quantile, result);
    if (options.inference.intervals == "profile" && !hooks.stopped()) {
      if (result.converged) {
        add_profiles(problem, *best, options, result);
      } else {
        result.warnings.emplace_back("the fit has not converged: the intervals are those of standard errors");
      }
    }
  }
  result.interrupted = hooks.stopped();
}

// For fits inside a fit.
Hooks quiet(const Hooks& hooks) {
  Hooks result;
  result.stop = hooks.stop;
  return result;
}

void emit_warnings(const Hooks& hooks, const FitResult& result) {
  if (!hooks.warn) return;
  for (const std::string& warning : result.warnings) hooks.warn(warning.c_str());
}

struct PreparedFilter {
  SdeDocument document;
  StateSpace model;
  TransitionDensity description;
  std::vector<std::string> ignored;
  std::optional<ParameterSpace> space;
};

PreparedFilter prepare(const SdeDocument& document, const SeriesTable& data, const FitOptions& options) {
  check_options(options);
  if (options.estimator != "likelihood" || options.start_from != "document")
    fail(Status::usage, "{}: needs states that are observed without noise; a filter goes by the likelihood",
         options.estimator != "likelihood" ? "/estimator" : "/start_from");
  PreparedFilter p;
  const ObservationModel observation = options.observation.value_or(ObservationModel{});
  p.document = with_observation_parameters(document, observation);
  p.model = make_state_space(p.document, observation);
  p.description = describe_filter(p.model, options.density);
  p.space.emplace(p.model.sde, p.description, options, p.ignored);
  check_expressions(options, *p.space, p.model.sde.parameters);
  if (p.model.columns != data.columns())
    fail(Status::bug, "fit: the data have not the columns of the observation");
  for (std::size_t c = 0; c < data.columns().size(); ++c) {
    bool any = false;
    for (std::size_t row = 0; row < data.rows() && !any; ++row) any = !std::isnan(data.value(row, c));
    if (!any) fail(Status::bad_data, "\"{}\" has no value in any row", data.columns()[c]);
  }
  if (data.present() <= p.space->size())
    fail(Status::bad_data, "{} value{} cannot determine {} parameters; fix some or bring more data",
         data.present(), data.present() == 1 ? "" : "s", p.space->size());
  return p;
}

// A filter's likelihood that is not finite at the start: which row is the first.
[[noreturn]] void explain_filter(const FilterLikelihood& likelihood, const StateSpace& model,
                                 const std::vector<double>& parameters) {
  std::string at;
  for (std::size_t i = 0; i < parameters.size(); ++i)
    at += fmt::format("{}{} = {:.6g}", i ? ", " : "", model.sde.parameters[i], parameters[i]);
  std::vector<double> each(likelihood.terms());
  likelihood.per_term(parameters, each.data());
  for (std::size_t row = 0; row < each.size(); ++row)
    if (!std::isfinite(each[row]))
      fail(Status::usage,
           "/parameters: at the start ({}) the density of {} is not finite; start from other values, or give "
           "the observation noise",
           at, likelihood.describe_term(row));
  fail(Status::usage,
       "/parameters: the gradient of the likelihood is not finite at the start ({}); start from "
       "other values",
       at);
}

FitResult fit_from_quick_start(const SdeDocument& document, const Observations& data,
                               const FitOptions& options, const Hooks& hooks) {
  check_options(options);
  std::string note;
  const SdeDocument start = quick_start(document, data, options, note);
  FitOptions rest = options;
  rest.start_from = "document";
  FitResult result = fit(start, data, rest, hooks);
  if (note.empty()) return result;
  result.warnings.push_back(note);
  if (hooks.warn) hooks.warn(note.c_str());
  return result;
}

void note_ignored(const std::vector<std::string>& ignored, FitResult& result) {
  for (const std::string& name : ignored)
    result.warnings.push_back(fmt::format("the likelihood does not depend on {}; it keeps its value", name));
}

}  // namespace

FitResult fit(const SdeDocument& given, const Observations& data, const FitOptions& options,
              const Hooks& hooks) {
  const SdeDocument document = estimable(given, data.time(), options.fix);
  if (options.estimator != "likelihood") return fit_by_estimator(document, data, options, hooks);
  if (options.start_from == "quick") return fit_from_quick_start(document, data, options, hooks);
  const Prepared prepared = prepare(document, data, options);
  const ParameterSpace& space = *prepared.space;
  const std::unique_ptr<LogLikelihood> likelihood = make_likelihood(prepared.density, data, space.indices());

  FitResult result;
  result.sde = document;
  result.density = prepared.density.name;
  result.density_reason = prepared.density.reason;
  describe_data(data, options.describe && options.keep_terms, result);
  note_ignored(prepared.ignored, result);
  if (data.missing_rows() > 0)
    result.warnings.push_back(
        fmt::format("{} row{} with missing values left out; transitions go over the gap", data.missing_rows(),
                    data.missing_rows() == 1 ? " was" : "s were"));
  maximise(
      *likelihood, space, prepared.sde.parameters, options, hooks,
      [&] {
        explain_not_finite(*likelihood, prepared.density, data, prepared.sde, space.natural(space.start()));
      },
      result);
  std::vector<double> parameters;
  for (const std::string& name : prepared.sde.parameters)
    parameters.push_back(*result.sde.find_parameter(name));
  const auto refit = [&](const LogLikelihood& other) -> std::vector<double> {
    const FitProblem elsewhere(other, space, prepared.sde.parameters, options, hooks.stop);
    const ConstrainedResult end = elsewhere.minimize("newton", elsewhere.coordinates(parameters));
    if (end.end != MinimizeResult::End::converged || ran_away(end, space)) return {};
    return space.natural(end.y);
  };
  // Priors hold the estimates back, constraints bind them: how far they would move is another question.
  if (options.describe && !hooks.stopped() && options.inference.priors.empty() &&
      options.inference.constraints.empty())
    add_step_bias(prepared.sde, prepared.density, data, space, parameters, refit, result);
  if (options.describe)
    add_tests(
        options, space, prepared.sde.parameters,
        [&](const SdeDocument& other, const FitOptions& its) { return fit(other, data, its, quiet(hooks)); },
        result);
  emit_warnings(hooks, result);
  return result;
}

bool wants_filter(const FitOptions& options) {
  return options.observation.has_value() || find_filter(options.density);
}

FitResult fit(const SdeDocument& given, const SeriesTable& data, const FitOptions& options,
              const Hooks& hooks) {
  const SdeDocument document = estimable(given, data.times(), options.fix);
  const PreparedFilter prepared = prepare(document, data, options);
  const ParameterSpace& space = *prepared.space;
  const std::unique_ptr<FilterLikelihood> likelihood =
      make_filter(prepared.model, prepared.description.name, data, simulation_of(options), space.indices());
  FitResult result;
  result.sde = prepared.document;
  result.density = prepared.description.name;
  result.density_reason = prepared.description.reason;
  result.transitions = data.rows();
  result.data.series = data.series();
  result.data.observations = data.present();
  result.data.shortest_step = data.shortest_step();
  result.data.longest_step = data.longest_step();
  if (data.longest_step() - data.shortest_step() <= 1e-9 * data.longest_step())
    result.data.common_step = data.longest_step();
  for (std::size_t row = 0; row < data.rows(); ++row) {
    bool whole = true;
    for (std::size_t c = 0; c < data.columns().size(); ++c) whole = whole && !std::isnan(data.value(row, c));
    result.data.missing_rows += whole ? 0 : 1;
  }
  result.columns = data.columns();
  if (options.describe) {
    result.time = data.times();
    result.observed = data.values();
  }
  note_ignored(prepared.ignored, result);
  maximise(
      *likelihood, space, prepared.model.sde.parameters, options, hooks,
      [&] { explain_filter(*likelihood, prepared.model, space.natural(space.start())); }, result);
  if (options.describe)
    add_tests(
        options, space, prepared.model.sde.parameters,
        [&](const SdeDocument& other, const FitOptions& its) { return fit(other, data, its, quiet(hooks)); },
        result);
  std::vector<double> parameters;
  for (const auto& [name, value] : result.sde.parameters) parameters.push_back(value);
  result.state_names = prepared.model.sde.states;
  if (options.describe)
    result.states = likelihood->states(parameters, static_cast<std::size_t>(options.predict));
  emit_warnings(hooks, result);
  return result;
}

FitPlan plan_fit(const SdeDocument& given, const Observations& data, const FitOptions& options) {
  const SdeDocument document = estimable(given, data.time(), options.fix);
  const Prepared prepared = prepare(document, data, options);
  const auto likelihood = make_likelihood(prepared.density, data, prepared.space->indices());
  FitPlan plan;
  plan.density = prepared.density.name;
  plan.density_reason = prepared.density.reason;
  for (const FreeParameter& p : prepared.space->free()) plan.estimate.push_back(p.name);
  plan.transitions = data.transitions();
  plan.operations = likelihood->operations(2);
  return plan;
}

FitPlan plan_fit(const SdeDocument& given, const SeriesTable& data, const FitOptions& options) {
  const SdeDocument document = estimable(given, data.times(), options.fix);
  const PreparedFilter prepared = prepare(document, data, options);
  FitPlan plan;
  plan.density = prepared.description.name;
  plan.density_reason = prepared.description.reason;
  for (const FreeParameter& p : prepared.space->free()) plan.estimate.push_back(p.name);
  plan.transitions = data.rows();
  plan.operations =
      make_filter(prepared.model, plan.density, data, simulation_of(options), prepared.space->indices())
          ->operations(2);
  return plan;
}

namespace {

// What both kinds of data share, from the estimates on.
Posterior sample(const LogLikelihood& of_data, const ParameterSpace& space,
                 const std::vector<std::string>& names, const FitResult& fitted, const FitOptions& options,
                 const Hooks& hooks) {
  const auto& priors = options.inference.priors;
  std::vector<Support> supports;
  for (std::size_t i = 0; i < space.size(); ++i) {
    const FreeParameter& p = space.free()[i];
    const auto prior = priors.find(p.name);
    if (prior == priors.end() && !fitted.estimates[i].identified)
      fail(Status::usage, "/posterior: the data do not determine {}; give it a prior, or fix it", p.name);
    Support support{p.lower, p.upper};
    if (prior != priors.end()) {
      const auto [low, high] = prior_support(prior->second);
      support = {std::max(support.low, low), std::min(support.high, high)};
    }
    supports.push_back(support);
  }
  const LogPosterior density(of_data, space, priors);
  const FitProblem problem(density, space, names, options, hooks.stop);
  for (const CurvedConstraint& constraint : problem.constraints())
    if (constraint.equality)
      fail(Status::usage,
           "/posterior: the constraint {} leaves no density to sample; write one parameter in terms of the "
           "others",
           constraint.text);
  std::vector<double> parameters;
  for (const std::string& name : names) parameters.push_back(*fitted.sde.find_parameter(name));
  return draw_posterior(problem, problem.coordinates(parameters), supports, options, hooks);
}

}  // namespace

Posterior sample_posterior(const FitResult& fitted, const Observations& data, const FitOptions& options,
                           const Hooks& hooks) {
  FitOptions same = options;
  same.density = fitted.density;
  const Prepared prepared = prepare(fitted.sde, data, same);
  const auto likelihood = make_likelihood(prepared.density, data, prepared.space->indices());
  return sample(*likelihood, *prepared.space, prepared.sde.parameters, fitted, options, hooks);
}

Posterior sample_posterior(const FitResult& fitted, const SeriesTable& data, const FitOptions& options,
                           const Hooks& hooks) {
  FitOptions same = options;
  same.density = fitted.density;
  if (same.observation)
    for (auto& [name, value] : same.observation->parameters) value = *fitted.sde.find_parameter(name);
  const PreparedFilter prepared = prepare(fitted.sde, data, same);
  const auto likelihood = make_filter(prepared.model, prepared.description.name, data, simulation_of(options),
                                      prepared.space->indices());
  return sample(*likelihood, *prepared.space, prepared.model.sde.parameters, fitted, options, hooks);
}

}  // namespace sde
