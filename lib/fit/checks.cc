#include "fit/checks.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/suggest.h"
#include "fit/estimators.h"
#include "fit/inference.h"

namespace sde {

void check_options(const FitOptions& options) {
  if (!(options.confidence > 0 && options.confidence < 1))
    fail(Status::usage, "/confidence: must lie between 0 and 1 (got {})", options.confidence);
  if (!(options.tolerance > 0)) fail(Status::usage, "/tolerance: must be > 0 (got {})", options.tolerance);
  const auto require_name = [](const char* pointer, const char* kind, const std::string& name,
                               const std::vector<std::string>& known) {
    if (std::find(known.begin(), known.end(), name) == known.end())
      fail(Status::usage, "{}: unknown {} \"{}\"{}", pointer, kind, name, suggestion(name, known));
  };
  require_name("/estimator", "estimator", options.estimator, estimator_names());
  require_name("/start_from", "start", options.start_from, {"document", "quick"});
  if (options.gmm.lags < 0) fail(Status::usage, "/gmm/lags: must be >= 0 (got {})", options.gmm.lags);
  if (options.starts < 0) fail(Status::usage, "/starts: must be >= 0 (got {})", options.starts);
  if (options.max_iterations < 1)
    fail(Status::usage, "/max_iterations: must be >= 1 (got {})", options.max_iterations);
  if (options.predict < 0) fail(Status::usage, "/predict: must be >= 0 (got {})", options.predict);
  const SimulationOptions& simulation = options.simulation;
  if (simulation.steps < 1) fail(Status::usage, "/simulation/steps: must be >= 1 (got {})", simulation.steps);
  if (simulation.paths < 1) fail(Status::usage, "/simulation/paths: must be >= 1 (got {})", simulation.paths);
  if (simulation.particles < 2)
    fail(Status::usage, "/simulation/particles: must be >= 2 (got {})", simulation.particles);
  if (simulation.bridge != "modified" && simulation.bridge != "none")
    fail(Status::usage, "/simulation/bridge: unknown bridge \"{}\"{}", simulation.bridge,
         suggestion(simulation.bridge, {"modified", "none"}));
  const auto& names = optimizer_names();
  if (std::find(names.begin(), names.end(), options.optimizer) == names.end())
    fail(Status::usage, "/optimizer: unknown optimiser \"{}\"{}", options.optimizer,
         suggestion(options.optimizer, names));
  check_inference(options);
}

void check_data(const Observations& data, const TransitionDensity& density, const SdeExpressions& sde) {
  if (data.transitions() == 0)
    fail(Status::bad_data,
         "a transition needs two complete rows of one series, and there is none (got {} complete row{})",
         data.observations(), data.observations() == 1 ? "" : "s");
  for (std::size_t d = 0; d < data.dimension(); ++d) {
    const auto column = data.column(d);
    for (std::size_t i = 0; i < column.size(); ++i) {
      const double x = column[i];
      if (density.positive_state[d] && !(x > 0))
        fail(Status::bad_data,
             "{}: \"{}\" is {}, but its transition law lives on values above 0; remove such rows, or use "
             "the density \"euler\" where the SDE allows it",
             data.describe(i), data.states()[d], x);
      const Domain& domain = sde.domains[d];
      if ((domain.min && x < *domain.min) || (domain.max && x > *domain.max))
        fail(Status::bad_data, "{}: \"{}\" is {}, outside the domain that the SDE gives it", data.describe(i),
             data.states()[d], x);
    }
    if (data.is_constant(d))
      fail(Status::bad_data, "\"{}\" is {} in every row; a constant series determines no diffusion",
           data.states()[d], column.front());
  }
}

void explain_not_finite(const LogLikelihood& likelihood, const TransitionDensity& density,
                        const Observations& data, const SdeExpressions& sde,
                        const std::vector<double>& parameters) {
  std::string at;
  for (std::size_t i = 0; i < parameters.size(); ++i)
    at += fmt::format("{}{} = {:.6g}", i ? ", " : "", sde.parameters[i], parameters[i]);
  for (const Condition& condition : density.conditions) {
    std::map<std::string, double, std::less<>> values;
    for (std::size_t i = 0; i < parameters.size(); ++i) values.emplace(sde.parameters[i], parameters[i]);
    if (!(expr::evaluate(condition.positive, values) > 0))
      fail(Status::usage, "/parameters: the density needs {}, which the start does not meet ({})",
           condition.text, at);
  }
  std::vector<double> each(data.transitions());
  likelihood.per_term(parameters, each.data());
  const auto bad = static_cast<std::size_t>(
      std::count_if(each.begin(), each.end(), [](double l) { return !std::isfinite(l); }));
  if (bad == each.size() || bad == 0)
    fail(Status::usage,
         "/parameters: the likelihood is not finite at the start ({}); start from other values", at);
  const auto first = static_cast<std::size_t>(
      std::find_if(each.begin(), each.end(), [](double l) { return !std::isfinite(l); }) - each.begin());
  const std::size_t row = data.observation_before(first);
  std::string states;
  for (std::size_t d = 0; d < data.dimension(); ++d)
    states += fmt::format("{}{} = {:.6g}", d ? ", " : "", data.states()[d], data.column(d)[row]);
  fail(Status::bad_data,
       "{}: the density of the transition from here is not finite ({}; {} of {} transitions at the "
       "start {}); remove what lies outside the SDE's domain or start from other values",
       data.describe(row), states, bad, each.size(), at);
}

}  // namespace sde
