#include "options.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/error.h"
#include "base/suggest.h"
#include "solve/method.h"

namespace sde {
namespace {

std::vector<double> save_times(const SimulateOptions& options, double start, double end) {
  if (const auto* count = std::get_if<std::uint64_t>(&options.time.save))
    return equispaced(start, end, *count);
  if (const auto* list = std::get_if<std::vector<double>>(&options.time.save)) return *list;
  const double every = std::get<SaveEvery>(options.time.save).every;
  if (!(every > 0)) fail(Status::usage, "/time/save/every: must be > 0 (got {})", every);
  if ((end - start) / every > 1e9)
    fail(Status::usage, "/time/save/every: {} asks for {:.3g} save times; use a larger one", every,
         (end - start) / every);
  std::vector<double> times;
  const double slack = 1e-9 * every;
  for (std::uint64_t i = 0; start + static_cast<double>(i) * every <= end + slack; ++i)
    times.push_back(std::min(end, start + static_cast<double>(i) * every));
  return times;
}

// A thousand steps or a few more, so that as many lie between each two of equispaced save times.
std::uint64_t default_steps(const std::vector<double>& save) {
  const std::uint64_t intervals = save.size() > 1 ? save.size() - 1 : 1;
  return (999 / intervals + 1) * intervals;
}

}  // namespace

bool SimulateOutput::wants(const std::string& statistic) const {
  return std::find(statistics.begin(), statistics.end(), statistic) != statistics.end();
}

CouplingOptions coupling_of(const SimulateOptions& options) {
  CouplingOptions coupling;
  coupling.antithetic = options.brownian.antithetic;
  if (coupling.antithetic && options.paths % 2 != 0)
    fail(Status::usage, "/paths: antithetic paths come in pairs; use an even number (got {})", options.paths);
  if (options.brownian.points != "sobol") return coupling;
  const std::uint64_t times = options.brownian.randomisations;
  if (times < 2)
    fail(Status::usage, "/brownian/randomisations: a standard error takes 2 or more (got {})", times);
  const std::uint64_t points = options.paths / times;
  if (points * times != options.paths || points < kLeafPaths || !std::has_single_bit(points)) {
    const std::uint64_t below =
        std::max<std::uint64_t>(kLeafPaths, std::bit_floor(std::max<std::uint64_t>(1, points)));
    fail(Status::usage,
         "/paths: sobol points come in {} randomisations of a power of two, {} or more, each (got {} paths); "
         "use {} "
         "or {} paths",
         times, kLeafPaths, options.paths, below * times, 2 * below * times);
  }
  coupling.quasi_points = points;
  return coupling;
}

Schedule make_schedule(SimulateOptions& options, const SdeDocument& document,
                       const std::string& method_name) {
  const Method& method = find_method(method_name);
  const TimeDocument own = document.time.value_or(TimeDocument{});
  const double start = options.time.start.value_or(own.start), end = options.time.end.value_or(own.end);
  options.time.start = start;
  options.time.end = end;
  SimulateSolver& solver = options.solver;
  if (solver.dt && solver.steps)
    fail(Status::usage, "/solver: dt and steps exclude each other; give one of them");
  if (solver.adaptive && (solver.dt || solver.steps))
    fail(Status::usage,
         "/solver: adaptive steps and a fixed dt or steps exclude each other; give one of them");
  if (!(end > start))
    fail(Status::usage, "/time: end must be greater than start (got start {}, end {})", start, end);
  const std::vector<double> save = save_times(options, start, end);

  if (solver.adaptive) {
    if (!method.adaptive)
      fail(Status::usage,
           "/solver/adaptive: {} has no error estimate, and step control by it would bias the increments; "
           "use dopri5 on an "
           "ODE, or a fixed dt",
           method.name);
    return {make_grid(start, end, save), true};
  }
  if (!solver.dt && !solver.steps) {
    if (method.adaptive) {
      solver.adaptive = SimulateTolerance{};
      return {make_grid(start, end, save), true};
    }
    // The exact law needs no steps between the times asked for.
    if (method.family == MethodFamily::exact) return {make_grid(start, end, save), false};
    solver.steps = default_steps(save);
  }
  const double dt = solver.dt ? *solver.dt : (end - start) / static_cast<double>(*solver.steps);
  return {make_grid(start, end, save, dt), false};
}

void choose_statistics(SimulateOptions& options, const SdeExpressions& equation, const TimeGrid& grid,
                       bool store, bool draw, StatisticsOptions& into) {
  const SimulateOutput& output = options.output;
  into.moments = store || draw;
  into.quantiles = (store && output.wants("quantiles")) || draw;
  for (const auto& [name, range] : output.histogram.range) {
    const auto& states = equation.states;
    if (std::find(states.begin(), states.end(), name) == states.end())
      fail(Status::usage, "/output/histogram/range/{}: there is no such state{}", name,
           suggestion(name, states));
    if (!(range[0] < range[1]) || !std::isfinite(range[1] - range[0]))
      fail(Status::usage, "/output/histogram/range/{}: must be two increasing numbers (got {} and {})", name,
           range[0], range[1]);
  }
  if (!store) return;
  into.covariance = output.wants("covariance");
  if (output.wants("histogram")) {
    into.bins = static_cast<std::size_t>(output.histogram.bins);
    for (const std::string& state : equation.states) {
      const auto found = output.histogram.range.find(state);
      into.range.push_back(found == output.histogram.range.end() ? std::nullopt
                                                                 : std::optional(found->second));
    }
  }
  if (output.wants("autocorrelation")) {
    if (grid.save.size() < 2)
      fail(Status::usage, "/output/statistics: an autocorrelation takes two save times or more (got {})",
           grid.save.size());
    into.lags = static_cast<std::size_t>(std::min<std::uint64_t>(output.lags, grid.save.size() - 1));
  }
}

}  // namespace sde
