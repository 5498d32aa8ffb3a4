#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "cli/plot.h"
#include "config/locate.h"
#include "config/sde_document.h"
#include "solve/convergence.h"
#include "solve/ensemble.h"
#include "suites.h"
#include "timing.h"

namespace sde::bench {
namespace {

constexpr std::uint64_t kErrorPaths = 8192;     // that errors are averages over
constexpr std::uint64_t kTimedSteps = 1 << 20;  // path-steps of a run that is timed, about

// A method at one number of steps.
struct Point {
  std::uint64_t steps = 0;
  ErrorLevel strong, weak;
  bool resolved = false;  // the weak error stands out of its Monte Carlo error
  double seconds = 0;     // a path
};

struct Curve {
  std::string method;
  std::vector<Point> points;
};

// The best of some runs without output or statistics on the way, by path.
double seconds_per_path(const SdeDocument& document, const SdeExpressions& equation,
                        const ConvergenceOptions& at, std::uint64_t steps, std::uint64_t repeats) {
  const SdeExpressions solved = suited(equation, *at.method);
  const InitialStates initial(document);
  const TimeGrid grid = make_grid(at.start, at.end, {}, (at.end - at.start) / static_cast<double>(steps));
  EnsembleOptions options;
  options.method = at.method;
  options.paths = std::clamp<std::uint64_t>(kTimedSteps / steps, 1024, 65536);
  options.statistics.moments = false;
  const double best = best_seconds(repeats, [&] {
    simulate(solved, initial, grid, options);
    ++options.seed;
  });
  return best / static_cast<double>(options.paths);
}

// The time a path takes to reach a strong error, between its points along the straight line of logarithms;
// infinite where none reaches it. An error that the coarsest steps have takes the time of those.
double time_to_reach(const Curve& curve, double error) {
  double best = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < curve.points.size(); ++i) {
    const Point& p = curve.points[i];
    if (p.strong.error <= error) best = std::min(best, p.seconds);
    if (i == 0 || p.strong.error <= 0) continue;
    const Point& q = curve.points[i - 1];
    if (!(q.strong.error > error && p.strong.error <= error)) continue;
    const double part = std::log(q.strong.error / error) / std::log(q.strong.error / p.strong.error);
    best = std::min(best, q.seconds * std::pow(p.seconds / q.seconds, part));
  }
  return best;
}

std::string table(const std::string& model, const std::vector<Curve>& curves) {
  std::string text =
      fmt::format("{}\n{:<16} {:>6}  {:>10} {:>9}  {:>10} {:>9}  {:>11} {:>14}\n", model, "method", "steps",
                  "strong", "+-", "weak", "+-", "us a path", "M path-steps/s");
  for (const Curve& curve : curves)
    for (const Point& p : curve.points)
      text +=
          fmt::format("{:<16} {:>6}  {:>10.3e} {:>9.1e}  {:>10.3e} {:>9.1e}  {:>11.3f} {:>14.1f}\n",
                      curve.method, p.steps, p.strong.error, p.strong.standard_error, p.weak.error,
                      p.weak.standard_error, p.seconds * 1e6, static_cast<double>(p.steps) / p.seconds / 1e6);
  return text;
}

void add_panels(cli::Figure& figure, const std::string& model, const std::vector<Curve>& curves) {
  for (const bool strong : {true, false}) {
    cli::Panel panel;
    panel.title = fmt::format("{}: {} error", model, strong ? "strong" : "weak");
    panel.x_label = "microseconds a path";
    panel.y_label = "error at the end";
    panel.log_x = panel.log_y = true;
    int colour = 0;
    for (const Curve& curve : curves) {
      std::vector<double> x, y;
      for (const Point& p : curve.points) {
        const double error = strong ? p.strong.error : p.weak.error;
        if (!(error > 0) || (!strong && !p.resolved)) continue;
        x.push_back(p.seconds * 1e6);
        y.push_back(error);
      }
      if (!x.empty()) {
        panel.points(x, y, curve.method, colour % 8);
        panel.line(x, y, "", colour % 8);
      }
      ++colour;
    }
    if (!panel.series.empty()) figure.panels.push_back(std::move(panel));
  }
}

}  // namespace

Outcome work_precision(cli::Context& context, const BenchOptions& asked) {
  std::vector<std::string> models = context.arguments("CASE");
  if (models.empty()) models = {"@linear"};
  Outcome outcome;
  cli::Figure figure;
  for (const std::string& model : models) {
    const config::ModelInput input = config::read_model(model);
    if (input.is_hdf5) fail(Status::usage, "{}: work-precision takes SDE documents", model);
    const config::FoundSde found = config::find_sde(input.document, "");
    const SdeExpressions equation =
        config::locate(found.document, found.pointer, [&] { return parse_document(found.sde); });
    ConvergenceOptions options;
    const TimeDocument time = found.sde.time.value_or(TimeDocument{});
    options.start = time.start;
    options.end = time.end;
    options.steps = asked.levels;
    options.paths = asked.paths.value_or(kErrorPaths);
    options.seed = context.seed();
    options.confidence = asked.confidence;
    const StrongSolution known = standard_solution(model, equation);

    const bool chosen = !asked.methods.empty();
    std::vector<Curve> curves;
    std::string reference;
    for (const std::string& name : chosen ? asked.methods : method_names()) {
      options.method = &find_method(name);
      if (options.method->family == MethodFamily::exact) continue;
      ConvergenceResult result;
      try {
        suited(equation, *options.method);
        if (context.dry_run()) {
          outcome.runs.push_back({model, name, 0, "error", {}, {}, {}, ""});
          continue;
        }
        context.phase(fmt::format("{} on {}", name, model), "blocks");
        result = measure_convergence(found.sde, equation, known, options, context.hooks());
      } catch (const Error&) {
        if (chosen) throw;
        continue;  // a method that this SDE is not for
      }
      if (result.interrupted) context.check_stopped();
      reference = result.reference;
      Curve curve{name, {}};
      std::vector<std::uint64_t> steps = options.steps;
      std::sort(steps.begin(), steps.end());
      for (std::size_t i = 0; i < steps.size(); ++i) {
        context.check_stopped();
        curve.points.push_back({steps[i], result.strong[i], result.weak[i], result.resolved[i],
                                seconds_per_path(found.sde, equation, options, steps[i], asked.repeats)});
      }
      curves.push_back(std::move(curve));
    }
    if (context.dry_run()) continue;
    if (curves.empty()) fail(Status::usage, "{}: no method fits", model);

    // What every method attains with its finest steps.
    double common = 0;
    for (const Curve& curve : curves)
      if (std::isfinite(curve.points.back().strong.error))
        common = std::max(common, curve.points.back().strong.error);
    std::vector<std::pair<double, std::string>> ranking;
    for (const Curve& curve : curves) {
      for (const Point& p : curve.points) {
        Run run;
        run.case_name = model;
        run.name = fmt::format("{} strong error at {} steps", curve.method, p.steps);
        run.value = p.strong.error;
        run.unit = "error";
        run.more = {{"steps", static_cast<double>(p.steps)},
                    {"dt", p.strong.step},
                    {"stderr", p.strong.standard_error},
                    {"weak_error", p.weak.error},
                    {"weak_stderr", p.weak.standard_error},
                    {"seconds_per_path", p.seconds},
                    {"path_steps_per_second", static_cast<double>(p.steps) / p.seconds}};
        run.note = "against the " + reference;
        outcome.runs.push_back(std::move(run));
      }
      ranking.emplace_back(time_to_reach(curve, common), curve.method);
    }
    std::sort(ranking.begin(), ranking.end());
    outcome.text += table(model, curves);
    outcome.text +=
        fmt::format("errors are against the {}; time to a strong error of {:.3g}, which all attain:\n",
                    reference, common);
    for (const auto& [seconds, method] : ranking) {
      outcome.text += fmt::format("  {:<16} {:>11.3f} us a path\n", method, seconds * 1e6);
      outcome.runs.push_back(
          {model, method + " time to the common error", seconds, "s/path", {}, {}, {{"error", common}}, ""});
    }
    if (!context.plot().empty()) add_panels(figure, model, curves);
  }
  if (!context.plot().empty() && !context.dry_run())
    cli::draw(figure, context.plot(), context.output().force);
  return outcome;
}

}  // namespace sde::bench
