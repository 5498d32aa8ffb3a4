#include "fit/estimators.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "base/error.h"
#include "fit/checks.h"
#include "fit/density_gaussian.h"
#include "fit/describe.h"
#include "fit/diagnostics.h"
#include "fit/gmm.h"
#include "fit/likelihood.h"
#include "fit/parameters.h"

namespace sde {

using Eigen::Index;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// The parameters that may move, sorted by where they stand.
struct Roles {
  std::vector<std::string> diffusion, drift;  // drift: those that the diffusion does not have
};

Roles roles_of(const SdeExpressions& ito, const FitOptions& options) {
  std::set<std::string> in_diffusion, in_drift;
  for (const auto& row : ito.diffusion)
    for (const expr::Expr& g : row) in_diffusion.merge(expr::symbols(g));
  for (const expr::Expr& f : ito.drift) in_drift.merge(expr::symbols(f));
  Roles roles;
  for (const std::string& name : ito.parameters) {
    const bool wanted =
        options.estimate.empty() ||
        std::find(options.estimate.begin(), options.estimate.end(), name) != options.estimate.end();
    if (!wanted || options.fix.contains(name)) continue;
    if (in_diffusion.contains(name)) {
      roles.diffusion.push_back(name);
    } else if (in_drift.contains(name)) {
      roles.drift.push_back(name);
    }
  }
  return roles;
}

// A fit inside: by the Euler density, estimates and their errors alone.
FitOptions inner_options(const FitOptions& options, const std::vector<std::string>& estimate) {
  FitOptions inner;
  inner.density = "euler";
  inner.estimate = estimate;
  inner.fix = options.fix;
  inner.seed = options.seed;
  inner.confidence = options.confidence;
  inner.tolerance = options.tolerance;
  inner.max_iterations = options.max_iterations;
  inner.optimizer = options.optimizer;
  inner.describe = false;
  for (const std::string& name : estimate)
    if (const auto bound = options.bounds.find(name); bound != options.bounds.end())
      inner.bounds.insert(*bound);
  return inner;
}

// The same noise, in the Ito calculus, without a drift.
SdeDocument without_drift(const SdeDocument& document) {
  SdeDocument result = document;
  result.calculus = "ito";
  for (StateDocument& state : result.states) state.drift = "0";
  return result;
}

void take_parameters(const SdeDocument& from, SdeDocument& into) {
  for (const auto& [name, value] : from.parameters) *into.find_parameter(name) = value;
}

// Fits one after the other that make up an estimator.
struct Stages {
  SdeDocument sde;
  std::vector<FitResult> fits;
};

Stages run_stages(const SdeDocument& document, const Observations& data, const FitOptions& options,
                  const Roles& roles, bool with_drift, const Hooks& hooks) {
  Stages stages;
  stages.sde = document;
  if (!roles.diffusion.empty()) {
    stages.fits.push_back(fit(without_drift(document), data, inner_options(options, roles.diffusion), hooks));
    take_parameters(stages.fits.back().sde, stages.sde);
  }
  if (with_drift && !roles.drift.empty()) {
    stages.fits.push_back(fit(stages.sde, data, inner_options(options, roles.drift), hooks));
    take_parameters(stages.fits.back().sde, stages.sde);
  }
  return stages;
}

// Estimates of all stages in the order of the document; between stages there is no covariance.
void take_stages(const Stages& stages, FitResult& result) {
  result.sde = stages.sde;
  result.converged = true;
  std::vector<std::pair<std::size_t, std::size_t>> from;  // [estimate] stage, place in it
  for (const auto& [name, value] : stages.sde.parameters)
    for (std::size_t s = 0; s < stages.fits.size(); ++s)
      for (std::size_t j = 0; j < stages.fits[s].estimates.size(); ++j)
        if (stages.fits[s].estimates[j].name == name) {
          result.estimates.push_back(stages.fits[s].estimates[j]);
          from.emplace_back(s, j);
        }
  const auto k = static_cast<Index>(from.size());
  result.covariance = Eigen::MatrixXd::Zero(k, k);
  for (Index a = 0; a < k; ++a)
    for (Index b = 0; b < k; ++b) {
      const auto [stage, i] = from[static_cast<std::size_t>(a)];
      const auto [other, j] = from[static_cast<std::size_t>(b)];
      if (stage == other)
        result.covariance(a, b) = stages.fits[stage].covariance(static_cast<Index>(i), static_cast<Index>(j));
    }
  for (const FitResult& one : stages.fits) {
    result.iterations += one.iterations;
    result.evaluations += one.evaluations;
    result.interrupted = result.interrupted || one.interrupted;
    result.decrement = std::max(result.decrement, one.decrement);
    if (result.converged) result.end = one.end;
    result.converged = result.converged && one.converged;
    result.warnings.insert(result.warnings.end(), one.warnings.begin(), one.warnings.end());
  }
}

// A density of the SDE whose moments are closed.
TransitionDensity density_with_moments(const SdeExpressions& ito, const FitOptions& options) {
  TransitionDensity density = make_density(ito, options.density, simulation_of(options));
  if (has_closed_moments(density)) return density;
  if (options.density != "auto")
    fail(Status::usage,
         "/density: gmm takes moments in closed form, which \"{}\" has not here; use \"euler\"",
         options.density);
  TransitionDensity euler = make_density(ito, "euler");
  euler.reason = density.name + " has no moments in closed form";
  return euler;
}

// Returns the density that residuals are to be those of.
TransitionDensity estimate_by_moments(const SdeDocument& document, const SdeExpressions& ito,
                                      const Observations& data, const FitOptions& options, const Hooks& hooks,
                                      FitResult& result) {
  const TransitionDensity density = density_with_moments(ito, options);
  const MomentConditions conditions = moment_conditions(ito, density, options.gmm);
  TransitionDensity description = empty_density("gmm", ito);
  description.conditions = density.conditions;
  description.further = conditions.moments;
  std::vector<std::string> ignored;
  const ParameterSpace space(ito, description, options, ignored);
  for (const std::string& name : ignored)
    result.warnings.push_back(fmt::format("the conditions do not depend on {}; it keeps its value", name));
  const GmmResult found = generalised_moments(conditions, ito, data, space, options, hooks);

  result.sde = document;
  const std::vector<double> parameters = space.natural(found.y);
  for (std::size_t i = 0; i < ito.parameters.size(); ++i)
    *result.sde.find_parameter(ito.parameters[i]) = parameters[i];
  const double quantile = normal_quantile(0.5 + 0.5 * options.confidence);
  result.covariance = found.covariance;
  for (std::size_t i = 0; i < space.size(); ++i) {
    const auto at = static_cast<Index>(i);
    Estimate e;
    e.name = space.free()[i].name;
    e.value = parameters[space.free()[i].index];
    e.se = e.se_robust = std::sqrt(found.covariance(at, at));
    e.low = e.value - quantile * e.se;
    e.high = e.value + quantile * e.se;
    e.on_bound = found.held[i];
    e.identified = e.on_bound || !std::isnan(e.se);
    result.estimates.push_back(e);
  }
  result.converged = found.converged;
  result.interrupted = hooks.stopped();
  result.end = found.end;
  result.iterations = found.iterations;
  result.evaluations = found.evaluations;
  result.decrement = found.decrement;
  result.moments = {conditions.moments.size(), found.degrees, found.statistic, found.p};
  return density;
}

}  // namespace

std::span<const EstimatorTraits> estimators() {
  static const EstimatorTraits table[] = {
      {"likelihood", "maximum likelihood under the density, or by a filter"},
      {"gmm",
       "generalised method of moments: conditional means and variances of the density (exact ones, or "
       "Euler's as Chan et al. 1992), with the test of overidentifying conditions"},
      {"quadratic-variation", "parameters of the diffusion from squared increments; the drift keeps its own"},
      {"regression",
       "parameters of the drift by weighted least squares on increments, after those of the "
       "diffusion by quadratic-variation"},
  };
  return table;
}

std::vector<std::string> estimator_names() {
  std::vector<std::string> names;
  for (const EstimatorTraits& row : estimators()) names.emplace_back(row.name);
  return names;
}

FitResult fit_by_estimator(const SdeDocument& document, const Observations& data, const FitOptions& options,
                           const Hooks& hooks) {
  check_options(options);
  const InferenceOptions& inference = options.inference;
  if (!inference.priors.empty() || !inference.constraints.empty() || !inference.tests.empty() ||
      !inference.report.empty() || inference.posterior || inference.intervals != "wald")
    fail(Status::usage,
         "/estimator: \"{}\" knows no priors, constraints, tests, reports, profiles and posterior draws; "
         "they are "
         "for \"likelihood\"",
         options.estimator);
  FitResult result;
  result.estimator = options.estimator;
  const SdeExpressions start = converted(parse_document(document), Calculus::ito);
  TransitionDensity density;
  if (options.estimator == "gmm") {
    check_data(data, density_with_moments(start, options), start);
    density = estimate_by_moments(document, start, data, options, hooks, result);
  } else {
    density = make_density(start, options.density, simulation_of(options));
    check_data(data, density, start);
    const bool with_drift = options.estimator == "regression";
    const Roles roles = roles_of(start, options);
    if (with_drift ? roles.drift.empty() : roles.diffusion.empty())
      fail(Status::usage, "/estimator: \"{}\" estimates parameters of the {}, and none is free",
           options.estimator, with_drift ? "drift" : "diffusion");
    Hooks quiet;
    quiet.stop = hooks.stop;
    take_stages(run_stages(document, data, options, roles, with_drift, quiet), result);
    for (const auto& [name, value] : options.fix) *result.sde.find_parameter(name) = value;
  }

  result.density = density.name;
  result.density_reason = density.reason;
  result.aic = result.aicc = result.bic = kNaN;
  describe_data(data, options.describe && options.keep_terms, result);
  const SdeExpressions ito = converted(parse_document(result.sde), Calculus::ito);
  const auto likelihood = make_likelihood(density, data, {});
  LikelihoodValue at;
  likelihood->evaluate(ito.parameter_values, 0, at);
  result.loglik = std::isfinite(at.value) ? at.value : kNaN;
  if (!std::isfinite(at.value))
    result.warnings.push_back(fmt::format("the density \"{}\" is not finite at the estimates", density.name));
  if (options.describe) add_diagnostics(*likelihood, ito.parameter_values, options.keep_terms, result);
  if (hooks.warn)
    for (const std::string& warning : result.warnings) hooks.warn(warning.c_str());
  return result;
}

SdeDocument quick_start(const SdeDocument& document, const Observations& data, const FitOptions& options,
                        std::string& note) {
  SdeDocument own = document;
  for (const auto& [name, value] : options.fix)
    if (double* parameter = own.find_parameter(name)) *parameter = value;
  const SdeExpressions ito = converted(parse_document(own), Calculus::ito);
  const TransitionDensity density = make_density(ito, options.density, simulation_of(options));
  check_data(data, density, ito);
  SdeDocument quick = own;
  try {
    quick = run_stages(own, data, options, roles_of(ito, options), true, {}).sde;
  } catch (const Error& error) {
    if (error.status() != Status::usage) throw;
    note = fmt::format("no quick start: {}", error.what());
    return document;
  }
  for (const auto& [name, bound] : options.bounds)
    if (double* value = quick.find_parameter(name)) *value = std::clamp(*value, bound[0], bound[1]);

  // A parameter whose sign the density keeps starts on the side of the document.
  const std::vector<bool> kept = sign_kept(ito, density);
  for (std::size_t i = 0; i < kept.size(); ++i) {
    double& value = *quick.find_parameter(ito.parameters[i]);
    if (kept[i] && !(value * ito.parameter_values[i] > 0)) value = ito.parameter_values[i];
  }
  std::vector<double> values;
  for (const std::string& name : ito.parameters) values.push_back(*quick.find_parameter(name));
  LikelihoodValue at;
  make_likelihood(density, data, {})->evaluate(values, 0, at);
  if (std::isfinite(at.value)) return quick;
  note = "the likelihood is not finite at the quick start; started from the document's values";
  return document;
}

}  // namespace sde
