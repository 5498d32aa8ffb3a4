#include "fit/fit.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "base/error.h"
#include "fit/checks.h"
#include "fit/diagnostics.h"
#include "fit/likelihood.h"
#include "fit/optimize.h"
#include "fit/parameters.h"
#include "fit/uncertainty.h"

namespace sde {
namespace {

using Eigen::Index;
using Eigen::VectorXd;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr int kRescueStarts = 8;  // that `starts` 0 falls back on

// The log-likelihood with its sign turned, in the optimiser's coordinates.
SmoothFunction objective(const LogLikelihood& likelihood, const ParameterSpace& space) {
  return [&](const VectorXd& y, int order, FunctionValue& result) {
    LikelihoodValue value;
    likelihood.evaluate(space.natural(y), order, value);
    result.value = -value.value;
    if (order < 1) return;
    const VectorXd slope = space.slope(y);
    result.gradient = -value.gradient.cwiseProduct(slope);
    if (order < 2) return;
    result.hessian = -(slope.asDiagonal() * value.hessian * slope.asDiagonal());
    for (Index i = 0; i < y.size(); ++i)
      if (space.free()[static_cast<std::size_t>(i)].logarithmic) result.hessian(i, i) += result.gradient[i];
  };
}

MinimizeResult minimize_from(const std::string& optimizer, const SmoothFunction& f, const VectorXd& start,
                             const Box& box, const MinimizeOptions& limits) {
  if (optimizer == "auto" || optimizer == "newton") return minimize_newton(f, start, box, limits);
  const MinimizeResult first = minimize_nlopt(optimizer, f, start, box, limits);
  MinimizeResult last = minimize_newton(f, first.y, box, limits);
  last.evaluations += first.evaluations;
  return last;
}

// Whether a coordinate ended where the range of its logarithm does, the likelihood still rising.
bool ran_away(const MinimizeResult& end, const ParameterSpace& space) {
  const std::vector<bool> held = held_at_bounds(end.y, end.at.gradient, space.box());
  for (std::size_t i = 0; i < held.size(); ++i) {
    const auto at = static_cast<Index>(i);
    if (held[i] && !space.bound_is_given(i, end.y[at] <= space.box().lower[at])) return true;
  }
  return false;
}

void add_diagnostics(const LogLikelihood& likelihood, const std::vector<double>& parameters,
                     FitResult& result) {
  const std::size_t n = likelihood.terms(), dimension = likelihood.components();
  result.residuals.resize(n * dimension);
  result.predicted.resize(n * dimension);
  result.deviation.resize(n * dimension);
  likelihood.describe(parameters, result.residuals.data(), result.predicted.data(), result.deviation.data());
  FitDiagnostics& d = result.diagnostics;
  d.pit_distance = pit_distance(result.residuals);
  d.pit_p = kolmogorov_p(d.pit_distance, result.residuals.size());
  d.lags = std::min<std::size_t>(10, n / 5);
  if (d.lags == 0) {
    d.ljung_box = d.ljung_box_p = kNaN;
    return;
  }
  const std::vector<std::size_t> series = likelihood.series();
  std::vector<double> component(n);
  for (std::size_t c = 0; c < dimension; ++c) {
    for (std::size_t i = 0; i < n; ++i) component[i] = result.residuals[i * dimension + c];
    d.ljung_box += ljung_box(component, series, d.lags);
  }
  d.ljung_box_p = chi_squared_p(d.ljung_box, static_cast<double>(d.lags * dimension));
}

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
  p.density = make_density(p.sde, options.density);
  p.space.emplace(p.sde, p.density, options, p.ignored);
  check_data(data, p.density, p.sde);
  if (data.transitions() <= p.space->size())
    fail(Status::bad_data, "{} transition{} cannot determine {} parameters; fix some or bring more data",
         data.transitions(), data.transitions() == 1 ? "" : "s", p.space->size());
  return p;
}

}  // namespace

FitResult fit(const SdeDocument& document, const Observations& data, const FitOptions& options,
              const Hooks& hooks) {
  const Prepared prepared = prepare(document, data, options);
  const ParameterSpace& space = *prepared.space;
  const std::unique_ptr<LogLikelihood> owned = make_likelihood(prepared.density, data, space.indices());
  const LogLikelihood& likelihood = *owned;
  const SmoothFunction f = objective(likelihood, space);

  FitResult result;
  result.density = prepared.density.name;
  result.density_reason = prepared.density.reason;
  result.transitions = data.transitions();
  for (const std::string& name : prepared.ignored)
    result.warnings.push_back(fmt::format("the likelihood does not depend on {}; it keeps its value", name));
  if (data.missing_rows() > 0)
    result.warnings.push_back(
        fmt::format("{} row{} with missing values left out; transitions go over the gap", data.missing_rows(),
                    data.missing_rows() == 1 ? " was" : "s were"));

  MinimizeOptions limits;
  limits.tolerance = options.tolerance;
  limits.max_iterations = options.max_iterations;
  limits.stop = hooks.stop;
  std::optional<MinimizeResult> best;
  bool settled = false;  // best has converged
  const auto run = [&](const std::string& optimizer, const VectorXd& from) {
    const MinimizeResult end = minimize_from(optimizer, f, from, space.box(), limits);
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
    if (finite && (!best || end.at.value < best->at.value - rounding ||
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
  if (best && !settled && options.optimizer == "auto" && !hooks.stopped()) run("lbfgs", best->y);
  if (!best) {
    if (hooks.stopped()) fail(Status::interrupted, "stopped before the first start was finished");
    explain_not_finite(likelihood, prepared.density, data, prepared.sde, space.natural(space.start()));
  }

  const VectorXd& y = best->y;
  const std::vector<double> parameters = space.natural(y);
  result.interrupted = hooks.stopped();
  result.decrement = best->decrement;
  result.converged = best->end == MinimizeResult::End::converged;
  switch (best->end) {
    case MinimizeResult::End::converged:
      result.end = fmt::format("converged: Newton decrement {:.1e}", best->decrement);
      break;
    case MinimizeResult::End::iterations:
      result.end = fmt::format(
          "stopped after {} iterations with Newton decrement {:.1e}; raise max_iterations or try "
          "more starts",
          options.max_iterations, best->decrement);
      break;
    case MinimizeResult::End::stalled:
      result.end = fmt::format(
          "no further step raises the likelihood, yet the Newton decrement is {:.1e}; try more starts",
          best->decrement);
      break;
    case MinimizeResult::End::stopped:
      result.end = "stopped on request";
      break;
  }

  const std::vector<bool> held = held_at_bounds(y, best->at.gradient, space.box());
  result.sde = document;
  for (std::size_t i = 0; i < prepared.sde.parameters.size(); ++i)
    *result.sde.find_parameter(prepared.sde.parameters[i]) = parameters[i];
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
  result.loglik = -best->at.value;
  const double k = static_cast<double>(space.size()), n = static_cast<double>(data.transitions());
  result.aic = 2 * k - 2 * result.loglik;
  result.aicc = n > k + 1 ? result.aic + 2 * k * (k + 1) / (n - k - 1) : kNaN;
  result.bic = k * std::log(n) - 2 * result.loglik;
  add_uncertainty(likelihood, space, y, held, normal_quantile(0.5 + 0.5 * options.confidence), result);
  add_diagnostics(likelihood, parameters, result);
  if (hooks.warn)
    for (const std::string& warning : result.warnings) hooks.warn(warning.c_str());
  return result;
}

FitPlan plan_fit(const SdeDocument& document, const Observations& data, const FitOptions& options) {
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

std::vector<double> per_transition_loglik(const SdeDocument& document, const std::string& density,
                                          const Observations& data, std::string* chosen) {
  const SdeExpressions sde = converted(parse_document(document), Calculus::ito);
  const TransitionDensity made = make_density(sde, density);
  for (std::size_t d = 0; d < data.dimension(); ++d)
    for (std::size_t i = 0; i < data.observations(); ++i)
      if (made.positive_state[d] && !(data.column(d)[i] > 0))
        fail(Status::bad_data, "{}: \"{}\" is {}, but its transition law lives on values above 0",
             data.describe(i), data.states()[d], data.column(d)[i]);
  if (chosen) *chosen = made.name;
  const auto likelihood = make_likelihood(made, data, {});
  std::vector<double> result(data.transitions());
  if (!result.empty()) likelihood->per_term(sde.parameter_values, result.data());
  return result;
}

}  // namespace sde
