#include "solve/convergence.h"

#include <fmt/format.h>

#include <cmath>

#include "base/error.h"
#include "cli/plot.h"
#include "config/locate.h"
#include "config/sde_document.h"
#include "suites.h"

namespace sde::bench {
namespace {

// Problems with known strong solutions beyond those that follow from a recognised law (Kloeden & Platen
// 1992, 4.4).
struct Problem {
  const char* model;
  StrongSolution solution;
};

const std::vector<Problem>& standard_problems() {
  static const std::vector<Problem> table = {
      {"@linear", {}},  // geometric: its solution is recognised
      {"@cubic", {"((1 + x)*exp(W_x) + x - 1)/((1 + x)*exp(W_x) + 1 - x)"}},
      {"@additive", {"(x + b*(t + a*W_x))/sqrt(1 + t)"}},
  };
  return table;
}

std::string slope_text(const std::optional<Slope>& slope) {
  if (!slope) return fmt::format("{:>20}", "not resolved");
  return fmt::format("{:5.2f} [{:5.2f}, {:5.2f}]", slope->value, slope->low, slope->high);
}

Run make_run(const std::string& name, const char* what, const std::optional<Slope>& slope, double claim,
             bool ok, const ConvergenceResult& result, const std::string& method) {
  Run run;
  run.case_name = name;
  run.name = method + " " + what + " order";
  run.unit = "order";
  run.target = claim;
  run.note = "against the " + result.reference;
  if (result.exact) {
    run.value = claim;
    run.ok = true;
    run.note += "; errors are within rounding";
  } else if (slope) {
    run.value = slope->value;
    run.ok = ok;
    run.more = {{"low", slope->low}, {"high", slope->high}, {"stderr", slope->standard_error}};
  } else {
    run.value = std::nan("");
    run.note += "; errors do not stand out of the Monte Carlo error, use more paths";
  }
  return run;
}

void add_panel(cli::Figure& figure, const std::string& title, const ConvergenceResult& result) {
  cli::Panel panel;
  panel.title = title;
  panel.x_label = "dt";
  panel.y_label = "error at the end";
  panel.log_x = panel.log_y = true;
  const auto draw = [&](const std::vector<ErrorLevel>& levels, const std::optional<Slope>& slope,
                        const char* label, int colour, const std::vector<bool>* kept) {
    std::vector<double> x, y, line;
    for (std::size_t i = 0; i < levels.size(); ++i) {
      if ((kept && !(*kept)[i]) || levels[i].error <= 0) continue;
      x.push_back(levels[i].step);
      y.push_back(levels[i].error);
      if (slope) line.push_back(std::exp2(slope->intercept + slope->value * std::log2(levels[i].step)));
    }
    if (x.empty()) return;
    panel.points(x, y, label, colour);
    if (slope) panel.line(x, line, fmt::format("slope {:.2f}", slope->value), colour);
  };
  draw(result.strong, result.strong_slope, "strong", 0, nullptr);
  draw(result.weak, result.weak_slope, "weak", 1, &result.resolved);
  figure.panels.push_back(std::move(panel));
}

}  // namespace

Outcome convergence(cli::Context& context, const BenchOptions& asked) {
  std::vector<std::pair<std::string, StrongSolution>> cases;
  for (const std::string& model : context.arguments("CASE")) {
    StrongSolution solution;
    for (const Problem& problem : standard_problems())
      if (model == problem.model) solution = problem.solution;
    cases.emplace_back(model, solution);
  }
  const bool standard = cases.empty();
  if (standard)
    for (const Problem& problem : standard_problems()) cases.emplace_back(problem.model, problem.solution);

  Outcome outcome;
  cli::Figure figure;
  outcome.text = fmt::format("{:<14} {:<16} {:>6}  {:<20} {:>6}  {:<20}\n", "model", "method", "claim",
                             "strong order", "claim", "weak order");
  for (const auto& [model, solution] : cases) {
    const config::ModelInput input = config::read_model(model);
    if (input.is_hdf5) fail(Status::usage, "{}: convergence takes SDE documents", model);
    const config::FoundSde found = config::find_sde(input.document, "");
    const SdeExpressions equation =
        config::locate(found.document, found.pointer, [&] { return parse_document(found.sde); });
    ConvergenceOptions options;
    const TimeDocument time = found.sde.time.value_or(TimeDocument{});
    options.start = time.start;
    options.end = time.end;
    options.steps = asked.levels;
    options.paths = asked.paths.value_or(options.paths);
    options.seed = context.seed();
    options.confidence = asked.confidence;
    const StrongSolution known = solution.empty() ? known_solution(equation) : solution;

    std::vector<std::string> names = asked.methods;
    const bool chosen = !names.empty();
    if (!chosen)
      names = standard ? std::vector<std::string>{"euler-maruyama", "milstein", "heun"} : method_names();
    for (const std::string& name : names) {
      options.method = &find_method(name);
      if (options.method->family == MethodFamily::exact) continue;
      if (!chosen) {
        try {
          suited(equation, *options.method);
        } catch (const Error&) {
          continue;
        }
      }
      if (context.dry_run()) {
        outcome.runs.push_back({model, name, 0, "order", {}, {}, {}, ""});
        continue;
      }
      context.phase(fmt::format("{} on {}", name, model), "blocks");
      const ConvergenceResult result =
          measure_convergence(found.sde, equation, known, options, context.hooks());
      if (result.interrupted) context.check_stopped();
      outcome.runs.push_back(make_run(model, "strong", result.strong_slope, result.strong_claim,
                                      result.strong_ok(), result, name));
      outcome.runs.push_back(
          make_run(model, "weak", result.weak_slope, result.weak_claim, result.weak_ok(), result, name));
      outcome.text +=
          fmt::format("{:<14} {:<16} {:>6g}  {:<20} {:>6g}  {:<20} {}\n", model, name, result.strong_claim,
                      result.exact ? "exact to rounding" : slope_text(result.strong_slope), result.weak_claim,
                      result.exact ? "exact to rounding" : slope_text(result.weak_slope),
                      result.strong_ok() && result.weak_ok() ? "ok" : "REFUTED");
      if (!context.plot().empty()) add_panel(figure, name + " on " + model, result);
    }
  }
  if (outcome.runs.empty()) fail(Status::usage, "no method fits the models named");
  if (!context.plot().empty() && !context.dry_run())
    cli::draw(figure, context.plot(), context.output().force);
  return outcome;
}

}  // namespace sde::bench
