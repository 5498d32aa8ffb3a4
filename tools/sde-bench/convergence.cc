#include "solve/convergence.h"

#include <fmt/format.h>

#include <cmath>

#include "base/error.h"
#include "cli/plot.h"
#include "config/locate.h"
#include "config/sde_document.h"
#include "solve/one_step.h"
#include "solve/stepper.h"
#include "suites.h"

namespace sde::bench {
namespace {

constexpr std::uint64_t kQuickPaths = 4096;

// Problems of the literature. Their strong solutions go beyond those that follow from a recognised law
// (Kloeden & Platen 1992, 4.4); empty where it does, or where none is known and a fine numerical one serves.
// Steps are small enough for the order to show.
struct Problem {
  const char* model;
  StrongSolution solution;
  std::vector<std::uint64_t> steps = ConvergenceOptions{}.steps;
};

const std::vector<Problem>& standard_problems() {
  // The drift's matrix and the noise of @commutative commute: along (1, 1) and (1, -1) it is scalar.
  const std::string growth = "exp((a - 2*b^2)*t + b*(W_w1 + W_w2 + W_w3 + W_w4))";
  static const std::vector<Problem> table = {
      {"@linear", {}},
      {"@cubic", {"((1 + x)*exp(W_x) + x - 1)/((1 + x)*exp(W_x) + 1 - x)"}},
      {"@additive", {"(x + b*(t + a*W_x))/sqrt(1 + t)"}},
      {"@wave", {"atan(0.1*W_x + tan(x))"}},
      {"@nltest", {"(x^(1/3) + 2*t + W_x/3)^3"}, {64, 128, 256, 512, 1024}},
      {"@stiffquad",
       {"((1 + x)*exp(-2*a*t + 2*b*W_x) + x - 1)/((1 + x)*exp(-2*a*t + 2*b*W_x) + 1 - x)"},
       {96, 192, 384, 768, 1536}},
      {"@ou", {}},
      {"@commutative",
       {growth + "*((x + y)/2*exp(-t) + (x - y)/2*exp(-3*t))",
        growth + "*((x + y)/2*exp(-t) - (x - y)/2*exp(-3*t))"}},
      {"@noncommutative", {}, {16, 32, 64, 128, 256}},
  };
  return table;
}

// Methods that show their order on a problem only where it is gentler: up to an earlier time.
struct Exception {
  const char *model, *method;
  double end;
};

const std::vector<Exception>& exceptions() {
  static const std::vector<Exception> table = {
      // The drift grows to thousands, and a step must be small beside its inverse before taming no longer
      // shows.
      {"@nltest", "tamed-euler", 0.25},
      // Its second register is not damped: paths leave the interval where the equation is stable.
      {"@stiffquad", "reversible-heun", 0.5},
  };
  return table;
}

// One line of the table: a model in one calculus, a method.
struct Entry {
  std::string model;
  SdeDocument document;
  SdeExpressions equation;
  std::string calculus;  // "either" where the two are the same process
  ConvergenceOptions options;
  StrongSolution solution;
};

std::string slope_text(const std::optional<Slope>& slope, bool exact) {
  if (exact) return fmt::format("{:<20}", "exact to rounding");
  if (!slope) return fmt::format("{:<20}", "not resolved");
  return fmt::format("{:5.2f} [{:5.2f}, {:5.2f}]", slope->value, slope->low, slope->high);
}

// An interval as wide as the orders there are says nothing.
bool tells(const Slope& slope) {
  return slope.high - slope.low <= 2;
}

Run make_run(const Entry& entry, const char* what, const std::optional<Slope>& slope, double claim, bool ok,
             bool exact, const std::string& note) {
  Run run;
  run.case_name = entry.model;
  run.name = fmt::format("{} {} order", entry.options.method->name, what);
  run.unit = "order";
  run.target = claim;
  run.note = note;
  run.calculus = entry.calculus;
  if (exact) {
    run.value = claim;
    run.ok = true;
    run.note += "; errors are within rounding";
  } else if (slope) {
    run.value = slope->value;
    if (tells(*slope)) {
      run.ok = ok;
    } else {
      run.note += "; the interval is too wide to tell, use more paths or smaller steps";
    }
    run.more = {{"low", slope->low}, {"high", slope->high}, {"stderr", slope->standard_error}};
  } else {
    run.value = std::nan("");
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

// Whether `method` can step this equation as it stands.
bool takes(const Method& method, const SdeExpressions& equation) {
  if (method.family == MethodFamily::exact) return false;
  try {
    make_stepper(equation, method);
    return true;
  } catch (const Error& error) {
    if (error.status() != Status::usage) throw;
    return false;
  }
}

SdeExpressions in_calculus(const SdeExpressions& sde, Calculus calculus) {
  return sde.calculus == calculus ? sde : converted(sde, calculus);
}

// The lines for one model: every method asked for or that fits, in the model's calculus or the other one; for
// the whole table in each calculus that the method claims.
void add_entries(std::vector<Entry>& entries, cli::Context& context, const Problem& problem,
                 const BenchOptions& asked, const std::vector<std::string>& names) {
  const std::string model = problem.model;
  const config::ModelInput input = config::read_model(model);
  if (input.is_hdf5) fail(Status::usage, "{}: convergence takes SDE documents", model);
  const config::FoundSde found = config::find_sde(input.document, "");
  const SdeExpressions equation =
      config::locate(found.document, found.pointer, [&] { return parse_document(found.sde); });
  Entry entry{model, found.sde, equation, "", {}, problem.solution};
  if (entry.solution.empty()) entry.solution = known_solution(equation);
  const TimeDocument time = found.sde.time.value_or(TimeDocument{});
  entry.options.start = time.start;
  entry.options.end = time.end;
  const bool usual = asked.levels == BenchOptions{}.levels;
  entry.options.steps = usual ? problem.steps : asked.levels;
  entry.options.paths = asked.paths.value_or(asked.all ? kQuickPaths : entry.options.paths);
  entry.options.seed = context.seed();
  entry.options.confidence = asked.confidence;
  if (asked.all) entry.options.refinement = 8;
  const bool same = equation.noise_kind == NoiseKind::none || equation.noise_kind == NoiseKind::additive;
  const Calculus own = equation.calculus;
  const Calculus other = own == Calculus::ito ? Calculus::stratonovich : Calculus::ito;
  for (const std::string& name : names) {
    entry.options.method = &find_method(name);
    entry.options.end = time.end;
    for (const Exception& e : exceptions())
      if (asked.all && model == e.model && name == e.method) entry.options.end = e.end;
    bool added = false;
    for (const Calculus calculus : {own, other}) {
      if (added && (same || !asked.all)) break;
      entry.equation = in_calculus(equation, calculus);
      if (!takes(*entry.options.method, entry.equation)) continue;
      entry.calculus = same ? "either" : to_string(calculus);
      entries.push_back(entry);
      added = true;
    }
    // A method named that cannot run says why.
    if (!added && !asked.methods.empty() && !asked.all)
      make_stepper(suited(equation, *entry.options.method), *entry.options.method);
  }
}

}  // namespace

StrongSolution standard_solution(const std::string& model, const SdeExpressions& equation) {
  for (const Problem& problem : standard_problems())
    if (model == problem.model && !problem.solution.empty()) return problem.solution;
  return known_solution(equation);
}

Outcome convergence(cli::Context& context, const BenchOptions& asked) {
  const std::vector<std::string> models = context.arguments("CASE");
  if (asked.all && !models.empty())
    fail(Status::usage, "--all runs the standard problems; name no models beside it (got {})",
         models.front());
  std::vector<std::string> names = asked.methods;
  if (names.empty())
    names = models.empty() && !asked.all ? std::vector<std::string>{"euler-maruyama", "milstein", "heun"}
                                         : method_names();
  std::vector<Entry> entries;
  for (const std::string& model : models) {
    Problem problem{model.c_str(), {}};
    for (const Problem& known : standard_problems())
      if (model == known.model) problem = known;
    add_entries(entries, context, problem, asked, names);
  }
  for (std::size_t i = 0; models.empty() && i < (asked.all ? standard_problems().size() : 3); ++i)
    add_entries(entries, context, standard_problems()[i], asked, names);
  if (entries.empty()) fail(Status::usage, "no method fits the models named");
  // Where a whole table is to hold, each interval takes its share of what may fail.
  if (asked.all)
    for (Entry& entry : entries)
      entry.options.confidence = 1 - (1 - asked.confidence) / static_cast<double>(2 * entries.size());

  Outcome outcome;
  cli::Figure figure;
  outcome.text = fmt::format("{:<16} {:<18} {:<13} {:>5}  {:<20} {:>5}  {:<20} {:<20}\n", "model", "method",
                             "calculus", "claim", "strong order", "claim", "weak order", "weak, of one step");
  for (const Entry& entry : entries) {
    const std::string name = entry.options.method->name;
    if (context.dry_run()) {
      outcome.runs.push_back({entry.model, name, 0, "order", {}, {}, {}, "", entry.calculus});
      continue;
    }
    context.phase(fmt::format("{} on {}", name, entry.model), "blocks");
    const ConvergenceResult result =
        measure_convergence(entry.document, entry.equation, entry.solution, entry.options, context.hooks());
    if (result.interrupted) context.check_stopped();
    OneStepOptions one;
    one.method = entry.options.method;
    one.start = entry.options.start;
    one.end = entry.options.end;
    one.seed = entry.options.seed;
    const OneStepResult step = measure_one_step(entry.document, entry.equation, one);

    std::string against = "against the " + result.reference;
    std::string verdict = "ok";
    if (result.strong_slope && !tells(*result.strong_slope)) verdict = "unclear";
    if (!result.strong_ok() || !result.weak_ok() || !step.ok()) verdict = "REFUTED";
    const double usual_end = entry.document.time.value_or(TimeDocument{}).end;
    if (entry.options.end != usual_end) {
      against = fmt::format("up to time {}, {}", entry.options.end, against);
      verdict += fmt::format(" (up to time {})", entry.options.end);
    }
    outcome.runs.push_back(make_run(entry, "strong", result.strong_slope, result.strong_claim,
                                    result.strong_ok(), result.exact, against));
    outcome.runs.push_back(
        make_run(entry, "weak", result.weak_slope, result.weak_claim, result.weak_ok(), result.exact,
                 result.exact || result.weak_slope
                     ? against
                     : against + "; errors do not stand out of the Monte Carlo error, use more paths"));
    outcome.runs.push_back(make_run(
        entry, "one-step weak", step.order, step.claim, step.ok(), step.exact,
        step.reason.empty() ? "moments of one step against their expansion, no sampling" : step.reason));
    outcome.text += fmt::format(
        "{:<16} {:<18} {:<13} {:>5g}  {:<20} {:>5g}  {:<20} {:<20} {}\n", entry.model, name, entry.calculus,
        result.strong_claim, slope_text(result.strong_slope, result.exact), result.weak_claim,
        slope_text(result.weak_slope, result.exact), slope_text(step.order, step.exact), verdict);
    if (!context.plot().empty()) add_panel(figure, name + " on " + entry.model, result);
  }
  if (!context.plot().empty() && !context.dry_run())
    cli::draw(figure, context.plot(), context.output().force);
  return outcome;
}

}  // namespace sde::bench
