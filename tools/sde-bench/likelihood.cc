// The speed of log-likelihoods: the flow with the exact trace, at a fixed number of steps.
#include <fmt/format.h>
#include <tbb/enumerable_thread_specific.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "cases.h"
#include "networks.h"
#include "random/stream.h"
#include "score/likelihood.h"
#include "score/network_model.h"
#include "solve/stepper.h"
#include "suites.h"

namespace sde::bench {
namespace {

constexpr std::size_t kPoints = 2000, kSteps = 25;
constexpr double kFrom = 1e-3;

double seconds_of(const ScoreModel& model, const Stepper& stepper) {
  const std::size_t D = model.dimension(), blocks = (kPoints + kLikelihoodBlock - 1) / kLikelihoodBlock;
  std::vector<double> values(kPoints);
  const Stream stream = make_stream(1, Purpose::test);
  tbb::enumerable_thread_specific<StepWorkspace> workspaces;
  const auto start = std::chrono::steady_clock::now();
  tbb::parallel_for(std::size_t{0}, blocks, [&](std::size_t b) {
    const std::size_t first = b * kLikelihoodBlock, size = std::min(kLikelihoodBlock, kPoints - first);
    StateBlock<double> x(D + 1, size), next(D + 1, size);
    for (std::size_t l = 0; l < x.lanes(); ++l) {
      const auto z = normal_pair(stream, first + l, 0);
      x.row(0)[l] = z[0];
      x.row(1)[l] = z[1];
      x.row(D)[l] = 0;
    }
    const double h = (kHorizon - kFrom) / static_cast<double>(kSteps);
    for (std::size_t k = 0; k < kSteps; ++k) {
      StepInput input{{kFrom + h * static_cast<double>(k), nullptr}, {h, nullptr}, x};
      stepper.step(input, next, nullptr, workspaces.local());
      std::swap(x, next);
    }
    for (std::size_t l = 0; l < size; ++l) {
      values[first + l] = x.row(D)[l] - 0.5 * (x.row(0)[l] * x.row(0)[l] + x.row(1)[l] * x.row(1)[l]);
    }
  });
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (!std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); }))
    fail(Status::bug, "a likelihood of the benchmark is not finite");
  return seconds;
}

}  // namespace

Outcome likelihood_suite(cli::Context& context, const BenchOptions& asked) {
  const std::vector<std::string> known = {"loglik_64", "loglik_128", "loglik_256", "loglik_threads"};
  const std::vector<std::string> wanted = wanted_cases(context, known);
  Outcome outcome;
  outcome.text = machine_line(context);
  for (const std::string& name : wanted) {
    Run run;
    run.case_name = name;
    run.unit = "points/s";
    if (name == "loglik_threads") {
      run.unit = "times";
      run.target = 1.8;
      run.name = "time of loglik_128 on one thread by that on two";
      if (!context.dry_run()) {
        context.check_stopped();
        const auto model = untrained(128);
        const auto stepper =
            make_stepper(std::make_shared<ProbabilityFlow>(model, Divergence::exact), find_method("rk4"));
        const auto gain =
            gain_of_two_threads(asked.repeats, context.threads(), [&] { seconds_of(*model, *stepper); });
        run.value = gain.value_or(std::nan(""));
        if (gain) run.ok = *gain >= *run.target;
        if (!gain) run.note = "needs two threads";
        outcome.text += fmt::format("{:<14} {:>9.2f} {:<18} {}\n", name, run.value,
                                    gain ? *run.ok ? "times, ok" : "times, MISSED" : run.note, run.name);
      }
      outcome.runs.push_back(std::move(run));
      continue;
    }
    const std::size_t width = std::stoul(name.substr(name.find('_') + 1));
    run.name = fmt::format("3 layers of {}, 2 dimensions, exact trace, {} steps of rk4", width, kSteps);
    if (!context.dry_run()) {
      context.check_stopped();
      const auto model = untrained(width);
      const auto flow = std::make_shared<ProbabilityFlow>(model, Divergence::exact);
      const auto stepper = make_stepper(flow, find_method("rk4"));
      double best = std::numeric_limits<double>::infinity();
      for (std::uint64_t k = 0; k <= asked.repeats; ++k) {  // the first one warms up
        const double seconds = seconds_of(*model, *stepper);
        if (k) best = std::min(best, seconds);
      }
      run.value = static_cast<double>(kPoints) / best;
      // A state and two tangents go through the products.
      const double most = peak(asked.repeats), flops = run.value * 4 * kSteps * 3 * operations_of(width);
      run.more = {{"seconds", best},
                  {"evaluations", 4.0 * kSteps},
                  {"gflops", flops / 1e9},
                  {"peak", most / 1e9},
                  {"share", flops / most / context.threads()}};
      outcome.text += fmt::format("{:<14} {:>9.1f} k points/s, {:.0f} % of peak  {}\n", name, run.value / 1e3,
                                  100 * flops / most / context.threads(), run.name);
    }
    outcome.runs.push_back(std::move(run));
  }
  return outcome;
}

}  // namespace sde::bench
