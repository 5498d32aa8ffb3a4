#include "sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <string_view>

#include "base/suggest.h"
#include "config/locate.h"
#include "report.h"
#include "results.h"
#include "sweep_report.h"

namespace sde {
namespace {

constexpr std::size_t kMostPoints = 1'000'000;
constexpr std::string_view kSolver = "solver.";

double number(const std::string& text, const std::string& place) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value))
    fail(Status::usage, "{}: expected FROM:TO:COUNT, FROM:TO:COUNT:log or numbers with commas (got \"{}\")",
         place, text);
  return value;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == separator)
      parts.emplace_back();
    else if (c != ' ')
      parts.back() += c;
  }
  return parts;
}

std::vector<double> range_values(const std::string& text, const std::string& place) {
  std::vector<double> values;
  const std::vector<std::string> parts = split(text, ':');
  if (parts.size() == 1) {
    for (const std::string& part : split(text, ',')) values.push_back(number(part, place));
    return values;
  }
  const bool log = parts.size() == 4 && parts[3] == "log";
  if (parts.size() != 3 && !log) (void)number(text, place);
  const double from = number(parts[0], place), to = number(parts[1], place), count = number(parts[2], place);
  if (!(count >= 2 && count <= kMostPoints && std::floor(count) == count))
    fail(Status::usage, "{}: the count must be a whole number from 2 on (got {})", place, parts[2]);
  if (log && !(from > 0 && to > 0))
    fail(Status::usage, "{}: a logarithmic range needs ends above 0 (got {} and {})", place, from, to);
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    const double u = static_cast<double>(i) / (count - 1);
    // The ends as they were written.
    values.push_back(i == 0   ? from
                     : u == 1 ? to
                     : log    ? from * std::pow(to / from, u)
                              : from + u * (to - from));
  }
  return values;
}

void refuse(const cli::Context& context, const SimulateOptions& options) {
  if (context.sharded() || !context.merge().files.empty())
    fail(
        Status::usage,
        "--sweep: points are not divided among shards; give each job a part of the values, or one point with "
        "--param");
  for (const char* name : {"path-id", "resume", "checkpoint-every"})
    if (context.values().has(name)) fail(Status::usage, "--{}: has no place beside --sweep", name);
  if (context.values().has("stats"))
    fail(Status::usage, "--stats: of a sweep the end alone is kept; leave it out");
  if (options.sweep.size() > 2 && !context.plot().empty())
    fail(Status::usage, "--plot: draws one swept parameter as a line and two as a map (got {})",
         options.sweep.size());
  if (options.target.multilevel)
    fail(Status::usage, "--mlmc: has no place beside --sweep; use --target-stderr alone");
}

// A number of the solver by its name in the sweep.
void require_solver_number(const std::string& name, const std::string& place) {
  std::vector<std::string> names;
  for (const std::string& key : solver_numbers()) names.push_back(std::string(kSolver) + key);
  if (std::find(names.begin(), names.end(), name) == names.end())
    fail(Status::usage, "{}: there is no such number of the solver{}", place, suggestion(name, names));
}

void require_solver_values(const std::string& name, const std::vector<double>& values,
                           const std::string& place) {
  const bool whole = name == "solver.steps";
  for (const double x : values)
    if (!(x > 0) || (whole && (std::floor(x) != x || x > 1e15)))
      fail(Status::usage, "{}: must be {} (got {:g})", place, whole ? "whole numbers from 1 on" : "> 0", x);
}

}  // namespace

std::size_t SweepGrid::points() const {
  std::size_t n = 1;
  for (const auto& v : values) n *= v.size();
  return n;
}

std::vector<double> SweepGrid::at(std::size_t point) const {
  std::vector<double> result(values.size());
  for (std::size_t p = values.size(); p-- > 0; point /= values[p].size())
    result[p] = values[p][point % values[p].size()];
  return result;
}

bool SweepGrid::of_solver(std::size_t parameter) const {
  return names[parameter].starts_with(kSolver);
}

SweepGrid sweep_grid(const SimulateOptions& options, const SdeDocument& document) {
  SweepGrid grid;
  double points = 1;
  for (const auto& [name, given] : options.sweep) {
    const std::string place = "/sweep/" + name;
    const bool of_solver = name.starts_with(kSolver);
    if (of_solver) {
      require_solver_number(name, place);
    } else if (!document.find_parameter(name)) {
      std::vector<std::string> names;
      for (const auto& [known, value] : document.parameters) names.push_back(known);
      for (const DrawnParameter& p : document.drawn)
        if (p.name == name)
          fail(Status::usage, "{}: every path draws its own; give it a number to sweep it", place);
      fail(Status::usage, "{}: there is no such parameter{}", place, suggestion(name, names));
    }
    grid.names.push_back(name);
    if (const auto* text = std::get_if<std::string>(&given))
      grid.values.push_back(range_values(*text, place));
    else if (const auto* one = std::get_if<double>(&given))
      grid.values.push_back({*one});
    else
      grid.values.push_back(std::get<std::vector<double>>(given));
    if (grid.values.back().empty()) fail(Status::usage, "{}: has no values", place);
    if (of_solver && name != "solver.theta") require_solver_values(name, grid.values.back(), place);
    points *= static_cast<double>(grid.values.back().size());
  }
  if (std::count_if(grid.names.begin(), grid.names.end(),
                    [](const std::string& n) { return n == "solver.dt" || n == "solver.steps"; }) > 1)
    fail(Status::usage, "/sweep: takes only one of solver.dt and solver.steps");
  if (points > kMostPoints)
    fail(Status::usage, "/sweep: {:.3g} points are too many for one run; use fewer than {}", points,
         kMostPoints);
  return grid;
}

int run_sweep(cli::Context& context, const config::FoundSde& found, const SweepGrid& grid,
              const Extend& extend, const MakeJob& make_job) {
  const auto started = std::chrono::steady_clock::now();
  const std::size_t points = grid.points();
  std::vector<SweepPoint> done;
  std::uint64_t unstable = 0;
  std::string warning;  // of the first such point
  Hooks quiet = context.hooks();
  quiet.progress = {};
  for (std::size_t k = 0; k < points; ++k) {
    config::FoundSde here = found;
    const std::vector<double> at = grid.at(k);
    std::string where;
    SolverNumbers numbers;
    for (std::size_t p = 0; p < at.size(); ++p) {
      if (grid.of_solver(p))
        numbers.emplace_back(grid.names[p].substr(kSolver.size()), at[p]);
      else
        *here.sde.find_parameter(grid.names[p]) = at[p];
      where += fmt::format("{}{} = {:g}", p > 0 ? ", " : "", grid.names[p], at[p]);
    }
    try {
      SdeExpressions equation = parse_model(here);
      extend(here, equation);
      const InitialStates initial = read_initial(context, here, here.sde);
      Job job;
      make_job(std::move(here), std::move(equation), initial, numbers, job);
      if (k == 0) {
        refuse(context, job.options);
        if (context.output().given() && !context.dry_run())
          io::check_output(context.output().path, context.output().options());
      }
      Ensemble ensemble(job.stepped, initial, job.schedule.grid, job.ensemble);
      if (const auto sentence = instability(job); sentence && unstable++ == 0)
        warning = fmt::format("at {}: {}", where, *sentence);
      if (context.dry_run()) {
        config::Plan plan;
        plan.paths = points * job.ensemble.paths;
        plan.steps = job.schedule.adaptive ? 0 : job.schedule.grid.steps;
        plan.memory_bytes = estimate_memory(job.schedule.grid, job.equation, job.ensemble, false,
                                            static_cast<unsigned>(context.threads()));
        plan.more = describe_plan(job);
        plan.more.emplace_back("sweep", fmt::format("{} points of {}, {} paths at each", points,
                                                    fmt::join(grid.names, ", "), job.ensemble.paths));
        return context.print_plan(plan);
      }
      if (k == 0) context.phase("sweeping", "points");
      bool whole = ensemble.run({}, quiet);
      while (whole) {
        const std::uint64_t more = more_paths(job.options, ensemble);
        if (more == 0) break;
        ensemble.extend(more);
        whole = ensemble.run({}, quiet);
      }
      if (!whole) context.check_stopped();
      done.push_back(sweep_point(job, at, ensemble.result()));
      context.hooks().report(k + 1, points);
      if (k + 1 == points) {
        if (unstable > 1) warning += fmt::format("; and so at {} more points", unstable - 1);
        if (unstable > 0) context.warn(warning);
        const double seconds =
            std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
        return report_sweep(context, job, grid, done, seconds);
      }
    } catch (const Error& error) {
      if (k == 0) throw;
      fail(error.status(), "{} (at {})", error.what(), where);
    }
  }
  fail(Status::bug, "a sweep without points");
}

}  // namespace sde
