// The speed of fits: one path of the square-root process, with standard errors and diagnostics.
#include <fmt/format.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "cases.h"
#include "fit/fit.h"
#include "solve/exact.h"
#include "suites.h"

namespace sde::bench {
namespace {

constexpr std::size_t kTransitions = 20000;
constexpr double kKappa = 3, kTheta = 0.3, kSigma = 0.2, kStep = 1.0 / 250;

struct Case {
  const char* name;
  const char* density;
  std::size_t transitions;
};
constexpr Case kCases[] = {
    {"cir_exact", "exact", kTransitions},
    {"cir_euler", "euler", kTransitions},
    {"cir_kessler", "kessler", kTransitions},
    {"cir_shoji-ozaki", "shoji-ozaki", kTransitions},
    {"cir_ait-sahalia", "ait-sahalia", kTransitions},
    {"cir_linear", "exact", 50 * kTransitions},
};
// Of the time a transition takes in a long series by that in a short one: what `cir_linear` is held to.
constexpr double kLinear = 1.3;

SdeDocument start_values() {
  SdeDocument document;
  document.name = "cir";
  document.parameters = {{"kappa", 1.0}, {"theta", 0.1}, {"sigma", 0.4}};
  StateDocument state;
  state.name = "x";
  state.drift = "kappa*(theta - x)";
  state.diffusion = {{"x", "sigma*sqrt(x)"}};
  document.states = {state};
  return document;
}

Observations one_path(std::size_t n) {
  const SquareRootDraw draw(123, 0, kKappa * kTheta, -kKappa, kSigma, kStep);
  std::vector<double> time(n + 1), value(n + 1);
  value[0] = 0.4;
  for (std::size_t i = 0; i < n; ++i) {
    time[i + 1] = kStep * static_cast<double>(i + 1);
    value[i + 1] = draw(value[i], 0, i);
  }
  Observations data({"x"});
  data.add("", time, value);
  return data;
}

struct Timed {
  double seconds = std::numeric_limits<double>::infinity();
  FitResult result;
};

Timed time_fit(cli::Context& context, const Case& one, const Observations& data, std::uint64_t repeats) {
  FitOptions options;
  options.density = one.density;
  options.keep_terms = false;  // as sde-fit without a picture or an HDF5 file
  Timed timed;
  for (std::uint64_t k = 0; k < std::max<std::uint64_t>(1, repeats); ++k) {
    context.check_stopped();
    const auto start = std::chrono::steady_clock::now();
    timed.result = fit(start_values(), data, options);
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    timed.seconds = std::min(timed.seconds, taken.count());
  }
  // The parameters come back, or the figure means nothing.
  const double truth[] = {kKappa, kTheta, kSigma};
  for (std::size_t i = 0; i < timed.result.estimates.size(); ++i) {
    const Estimate& e = timed.result.estimates[i];
    const double bias = std::isnan(e.step_bias) ? 0 : e.step_bias;
    if (!(timed.result.converged && std::fabs(e.value - bias - truth[i]) < 5 * e.se))
      fail(Status::bug, "the fit of the benchmark \"{}\" did not find {} (got {} +- {})", one.name, e.name,
           e.value, e.se);
  }
  return timed;
}

}  // namespace

Outcome fit_suite(cli::Context& context, const BenchOptions& asked) {
  std::vector<std::string> known;
  for (const Case& one : kCases) known.emplace_back(one.name);
  const std::vector<std::string> wanted = wanted_cases(context, known);
  Outcome outcome;
  outcome.text = machine_line(context);
  for (const std::string& name : wanted) {
    const Case& one = kCases[std::find(known.begin(), known.end(), name) - known.begin()];
    Run run;
    run.case_name = name;
    run.name = fmt::format("{} transitions, {} density, standard errors and diagnostics", one.transitions,
                           one.density);
    const bool ratio = one.transitions > kTransitions;
    run.unit = ratio ? "times" : "fits/s";
    if (ratio) {
      run.name = fmt::format("time a transition of {} by that of {}", one.transitions, kTransitions);
      run.target = kLinear;
    }
    if (!context.dry_run()) {
      const Timed timed = time_fit(context, one, one_path(one.transitions), ratio ? 1 : asked.repeats);
      run.more = {{"seconds", timed.seconds},
                  {"transitions", static_cast<double>(one.transitions)},
                  {"iterations", timed.result.iterations},
                  {"evaluations", timed.result.evaluations},
                  {"loglik", timed.result.loglik}};
      run.value = 1 / timed.seconds;
      if (ratio) {
        const Timed small = time_fit(context, kCases[0], one_path(kTransitions), asked.repeats);
        const auto cost = [](const Timed& t, std::size_t n) {
          return t.seconds / static_cast<double>(n) / std::max(1, t.result.evaluations);
        };
        run.value = cost(timed, one.transitions) / cost(small, kTransitions);
        run.ok = run.value <= *run.target;
      }
      outcome.text += fmt::format(
          "{:<16} {:>9.4f} s, {} iterations  {}{}\n", name, timed.seconds, timed.result.iterations, run.name,
          ratio ? fmt::format(": {:.2f}, {}", run.value, *run.ok ? "ok" : "MISSED") : "");
    }
    outcome.runs.push_back(std::move(run));
  }
  return outcome;
}

}  // namespace sde::bench
