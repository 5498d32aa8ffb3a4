#include "sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <iterator>
#include <string_view>

#include "base/suggest.h"
#include "cli/run_checkpoint.h"
#include "config/locate.h"
#include "io/arrays.h"
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
  if (context.values().has("path-id")) fail(Status::usage, "--path-id: has no place beside --sweep");
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

// The points of a grid, run one after the other.
class Sweep {
 public:
  Sweep(cli::Context& context, const config::FoundSde& found, const SweepGrid& grid, const Extend& extend,
        const MakeJob& make_job);

  // The job of a point, in its place; `initial`: where its paths start, nothing where points are merged.
  void prepare(std::size_t point, Job& job, std::optional<InitialStates>& initial) const;
  // Those of a shard, from checkpoint to checkpoint; `first` is the job of the first point of all. Returns
  // the exit status.
  int run(Job& first, const io::Shard& shard);
  int merge(const Job& first);

 private:
  std::string where(std::size_t point) const;
  bool run_point(std::size_t point);  // false where it was stopped

  cli::Context& context_;
  const config::FoundSde& found_;
  const SweepGrid& grid_;
  const Extend& extend_;
  const MakeJob& make_job_;
  std::vector<SweepPoint> done_;
  std::uint64_t unstable_ = 0;
  std::string warning_;  // of the first such point
};

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

Sweep::Sweep(cli::Context& context, const config::FoundSde& found, const SweepGrid& grid,
             const Extend& extend, const MakeJob& make_job)
    : context_(context), found_(found), grid_(grid), extend_(extend), make_job_(make_job) {}

void Sweep::prepare(std::size_t point, Job& job, std::optional<InitialStates>& initial) const {
  SweptModel model{found_, {}, {}, {}};
  const std::vector<double> at = grid_.at(point);
  for (std::size_t p = 0; p < at.size(); ++p) {
    if (grid_.of_solver(p))
      model.numbers.emplace_back(grid_.names[p].substr(kSolver.size()), at[p]);
    else
      *model.found.sde.find_parameter(grid_.names[p]) = at[p];
  }
  model.equation = parse_model(model.found);
  extend_(model.found, model.equation);
  if (context_.merge().files.empty()) model.initial = read_initial(context_, model.found, model.found.sde);
  initial = model.initial;
  make_job_(std::move(model), point == 0, job);
}

std::string Sweep::where(std::size_t point) const {
  const std::vector<double> at = grid_.at(point);
  std::string text;
  for (std::size_t p = 0; p < at.size(); ++p)
    text += fmt::format("{}{} = {:g}", p > 0 ? ", " : "", grid_.names[p], at[p]);
  return text;
}

bool Sweep::run_point(std::size_t point) {
  try {
    Job job;
    std::optional<InitialStates> initial;
    prepare(point, job, initial);
    if (const auto sentence = instability(job); sentence && unstable_++ == 0)
      warning_ = fmt::format("at {}: {}", where(point), *sentence);
    Hooks quiet = context_.hooks();
    quiet.progress = {};
    Ensemble ensemble(job.stepped, *initial, job.schedule.grid, job.ensemble);
    bool whole = ensemble.run({}, quiet);
    while (whole) {
      const std::uint64_t more = more_paths(job.options, ensemble);
      if (more == 0) break;
      ensemble.extend(more);
      whole = ensemble.run({}, quiet);
    }
    if (!whole) return false;
    done_.push_back(sweep_point(job, grid_.at(point), ensemble.result()));
    return true;
  } catch (const Error& error) {
    if (point == 0) throw;
    fail(error.status(), "{} (at {})", error.what(), where(point));
  }
}

int Sweep::run(Job& first, const io::Shard& shard) {
  const auto started = std::chrono::steady_clock::now();
  cli::RunCheckpoint checkpoint(context_, {"points", shard, 1, true});
  checkpoint.resume([&](const NamedArrays& state) {
    done_ = restore_points(first, grid_, state);
    if (done_.size() > shard.rows) fail(Status::bad_data, "it has {} of {} points", done_.size(), shard.rows);
  });
  context_.phase("sweeping", "points");
  const bool whole = checkpoint.drive(
      [&](const StopToken& pause) {
        while (done_.size() < shard.rows) {
          if (context_.hooks().stopped() || pause.requested()) return false;
          if (!run_point(shard.first + done_.size())) return false;
          context_.hooks().report(done_.size(), shard.rows);
        }
        return true;
      },
      [&] { return store_points(done_); });
  if (!whole) checkpoint.check_stopped(done_.size());
  if (unstable_ > 1) warning_ += fmt::format("; and so at {} more points", unstable_ - 1);
  if (unstable_ > 0) context_.warn(warning_);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  const int status = report_sweep(context_, first, grid_, shard, done_, seconds);
  checkpoint.remove();
  return status;
}

int Sweep::merge(const Job& first) {
  const config::ShardSet& set = context_.merge();
  if (set.total != grid_.points())
    fail(Status::bad_data, "{}: is of {} points, and the sweep has {}", set.files.front().path, set.total,
         grid_.points());
  for (const config::ShardFile& file : set.files) {
    const io::Reader reader(file.path, {"ensemble"});
    try {
      std::vector<SweepPoint> part = restore_points(first, grid_, io::read_arrays(reader, "/shard/points"));
      if (part.size() != file.shard.rows)
        fail(Status::bad_data, "has {} points of {}", part.size(), file.shard.rows);
      std::move(part.begin(), part.end(), std::back_inserter(done_));
    } catch (const Error& error) {
      if (std::string(error.what()).starts_with(file.path)) throw;
      fail(error.status(), "{}: at /shard/points: {}", file.path, error.what());
    }
  }
  return report_sweep(context_, first, grid_, {0, 1, 0, set.total, set.total}, done_, 0);
}

int run_sweep(cli::Context& context, const config::FoundSde& found, const SweepGrid& grid,
              const Extend& extend, const MakeJob& make_job) {
  Sweep sweep(context, found, grid, extend, make_job);
  Job first;
  std::optional<InitialStates> initial;
  sweep.prepare(0, first, initial);
  refuse(context, first.options);
  if (context.output().given() && !context.dry_run())
    io::check_output(context.output().path, context.output().options());
  if (!context.merge().files.empty()) return sweep.merge(first);
  const io::Shard shard = io::shard_of(grid.points(), context.shard().index, context.shard().count, 1);
  if (!context.dry_run()) return sweep.run(first, shard);
  Ensemble(first.stepped, *initial, first.schedule.grid, first.ensemble);  // refuses what the run would
  config::Plan plan;
  plan.paths = shard.rows * first.ensemble.paths;
  plan.steps = first.schedule.adaptive ? 0 : first.schedule.grid.steps;
  plan.memory_bytes = estimate_memory(first.schedule.grid, first.equation, first.ensemble, false,
                                      static_cast<unsigned>(context.threads()));
  plan.more = describe_plan(first);
  plan.more.emplace_back("sweep", fmt::format("{} points of {}, {} paths at each", shard.rows,
                                              fmt::join(grid.names, ", "), first.ensemble.paths));
  return context.print_plan(plan);
}

}  // namespace sde
