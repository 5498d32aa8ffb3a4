#include "options.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/error.h"
#include "base/suggest.h"
#include "solve/adaptive_sde.h"
#include "solve/method.h"

namespace sde {
namespace {

// What was asked for; nothing where nothing was.
std::optional<std::vector<double>> save_times(const SimulateOptions& options, double start, double end) {
  if (!options.time.save) return {};
  const auto& save = *options.time.save;
  if (const auto* count = std::get_if<std::uint64_t>(&save)) return equispaced(start, end, *count);
  if (const auto* list = std::get_if<std::vector<double>>(&save)) return *list;
  const double every = std::get<SaveEvery>(save).every;
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

constexpr std::uint64_t kSaves = 101;

// Every step's time, or about a hundred of them.
std::vector<double> times_of_steps(double start, double end, double dt) {
  const double exact = (end - start) / dt;
  if (!(exact < kMostSteps)) return {start, end};  // make_grid says what is wrong
  const double whole = std::max(1.0, std::round(exact));
  const auto steps =
      static_cast<std::uint64_t>(std::abs(exact - whole) <= 1e-9 * whole ? whole : std::ceil(exact));
  const std::uint64_t stride = (steps - 1) / (kSaves - 1) + 1;
  std::vector<double> times;
  for (std::uint64_t i = 0; i < steps; i += stride) times.push_back(start + static_cast<double>(i) * dt);
  times.push_back(end);
  return times;
}

// A thousand steps or a few more, so that as many lie between each two of equispaced save times.
std::uint64_t default_steps(const std::optional<std::vector<double>>& save) {
  const std::uint64_t intervals = save && save->size() > 1 ? save->size() - 1 : 1;
  return (999 / intervals + 1) * intervals;
}

// Steps of an SDE cost more and gain less from a small tolerance than those of an ODE.
AdaptiveOptions fill_tolerance(SimulateTolerance& given, bool ode) {
  AdaptiveOptions tolerance;
  if (!given.rtol) given.rtol = ode ? tolerance.rtol : 1e-3;
  if (!given.atol) given.atol = ode ? tolerance.atol : *given.rtol;
  tolerance.rtol = *given.rtol;
  tolerance.atol = *given.atol;
  tolerance.min_step = given.min_step;
  tolerance.max_steps = given.max_steps;
  return tolerance;
}

}  // namespace

bool SimulateOutput::wants(const std::string& statistic) const {
  return std::find(statistics.begin(), statistics.end(), statistic) != statistics.end();
}

const std::vector<std::string>& solver_numbers() {
  static const std::vector<std::string> keys = {"dt",    "steps", "adaptive.rtol", "adaptive.atol",
                                                "theta", "radius"};
  return keys;
}

void set_solver_number(SimulateSolver& solver, const std::string& key, double value) {
  const auto adaptive = [&]() -> SimulateTolerance& {
    if (!solver.adaptive) solver.adaptive.emplace();
    return *solver.adaptive;
  };
  if (key == "dt") {
    solver.dt = value;
    solver.steps.reset();
  } else if (key == "steps") {
    solver.steps = static_cast<std::uint64_t>(value);
    solver.dt.reset();
  } else if (key == "adaptive.rtol") {
    adaptive().rtol = value;
  } else if (key == "adaptive.atol") {
    adaptive().atol = value;
  } else if (key == "theta") {
    solver.theta = value;
  } else if (key == "radius") {
    solver.radius = value;
  } else {
    fail(Status::bug, "solver.{} is no number", key);
  }
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

TreeOptions tree_of(const SimulateOptions& options, const Schedule& schedule, bool areas) {
  const SimulateBrownian& brownian = options.brownian;
  const bool tree = brownian.type == "tree" || schedule.adaptive;
  if (!tree && (brownian.span || brownian.area_step))
    fail(Status::usage, "/brownian/{}: is for paths from a tree (got the type grid); use the type tree",
         brownian.span ? "span" : "area_step");
  if (brownian.area_step && !areas)
    fail(Status::usage,
         "/brownian/area_step: {} takes no Levy areas here; leave it out, or use milstein on general noise",
         options.solver.method);
  TreeOptions result{brownian.span.value_or(0), brownian.area_step.value_or(0)};
  if (!tree) return result;
  result.span = tree_span(schedule.grid, result, schedule.adaptive);
  if (areas && result.area_step == 0) result.area_step = schedule.grid.segments.front().h;
  return result;
}

Schedule make_schedule(SimulateOptions& options, const SdeDocument& document, const SdeExpressions& solved,
                       const Method& method) {
  const TimeDocument own = document.time.value_or(TimeDocument{});
  const double start = options.time.start.value_or(own.start), end = options.time.end.value_or(own.end);
  options.time.start = start;
  options.time.end = end;
  SimulateSolver& solver = options.solver;
  if (solver.dt && solver.steps)
    fail(Status::usage, "/solver: dt and steps exclude each other; give one of them");
  if (!(end > start))
    fail(Status::usage, "/time: end must be greater than start (got start {}, end {})", start, end);
  try {
    require_inputs(document, start, end);
  } catch (const Error& error) {
    fail(error.status(), "/sde{}", error.what());
  }
  const std::optional<std::vector<double>> save = save_times(options, start, end);
  const std::vector<double> equal = save ? *save : equispaced(start, end, kSaves);

  // Something is looked at on the way, from step to step.
  const bool watched = !options.events.empty() || !solved.extremes.empty();
  const bool ode = solved.noise_kind == NoiseKind::none;
  if (ode && method.adaptive && !solver.adaptive && !solver.dt && !solver.steps && !watched)
    solver.adaptive.emplace();
  if (solver.adaptive) {
    const std::string reason = adaptive_refusal(method, solved.calculus, solved.noise_kind);
    if (!reason.empty()) fail(Status::usage, "/solver/adaptive: {}", reason);
    Schedule schedule{make_grid(start, end, equal), true, fill_tolerance(*solver.adaptive, ode)};
    if (solver.dt) schedule.tolerance.first_step = *solver.dt;
    if (solver.steps) schedule.tolerance.first_step = (end - start) / static_cast<double>(*solver.steps);
    if (!(schedule.tolerance.min_step <= end - start))
      fail(Status::usage,
           "/solver/adaptive/min_step: must not exceed the time from start to end, {} (got {})", end - start,
           schedule.tolerance.min_step);
    return schedule;
  }
  if (!solver.dt && !solver.steps) {
    // The exact law needs no steps between the times asked for, unless something is watched on the way.
    if (method.family == MethodFamily::exact && !watched) return {make_grid(start, end, equal), false, {}};
    solver.steps = default_steps(save);
  }
  const double dt = solver.dt ? *solver.dt : (end - start) / static_cast<double>(*solver.steps);
  const bool possible = dt > 0 && std::isfinite(dt);
  return {make_grid(start, end, save || !possible ? equal : times_of_steps(start, end, dt), dt), false, {}};
}

void choose_statistics(SimulateOptions& options, const std::vector<std::string>& states, const TimeGrid& grid,
                       bool store, bool draw, StatisticsOptions& into) {
  const SimulateOutput& output = options.output;
  into.moments = store || draw;
  into.quantiles = (store && output.wants("quantiles")) || draw;
  for (const auto& [name, range] : output.histogram.range) {
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
    for (const std::string& state : states) {
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
