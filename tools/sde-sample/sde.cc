// States of an SDE at its end time.
#include <fmt/format.h>

#include <chrono>
#include <mutex>

#include "cli/run_checkpoint.h"
#include "config/locate.h"
#include "config/sde_document.h"
#include "sample.h"
#include "score/sampler.h"
#include "solve/convergence.h"
#include "solve/ensemble.h"

namespace sde {

int sample_sde(cli::Context& context) {
  SampleOptions options;
  context.read(options);
  for (const char* name : {"sampler",     "grid",           "rho",       "eps",
                           "rtol",        "atol",           "eta",       "order",
                           "predictor",   "corrector",      "snr",       "corrector-steps",
                           "label",       "guidance-scale", "known",     "observation-method",
                           "start",       "start-time",     "encode",    "decode",
                           "interpolate", "points",         "trajectory"}) {
    if (context.values().has(name)) {
      fail(Status::usage, "--{}: is for score models, and the model is an SDE; leave it out", name);
    }
  }
  const config::FoundSde found = config::find_sde(context.config(), "/model");
  const auto equation =
      config::locate(found.document, found.pointer, [&] { return parse_document(found.sde); });
  const MethodChoice choice = choose_method(equation);
  const SdeExpressions solved =
      config::locate(found.document, found.pointer, [&] { return suited(equation, *choice.method); });
  const TimeDocument time = found.sde.time.value_or(TimeDocument{});
  const bool exact = choice.method->family == MethodFamily::exact && !options.steps;
  EnsembleOptions ensemble;
  ensemble.method = choice.method;
  ensemble.adaptive = choice.method->adaptive && !options.steps;
  const io::Shard shard = samples_of(context, options.samples);
  ensemble.paths = shard.rows;
  ensemble.first_path = shard.first;
  ensemble.seed = context.seed();
  ensemble.statistics.moments = false;
  const std::uint64_t steps = exact || ensemble.adaptive ? 0 : options.steps.value_or(1000);
  const TimeGrid grid = config::locate(found.document, found.pointer, [&] {
    return steps ? make_grid(time.start, time.end, {time.end},
                             (time.end - time.start) / static_cast<double>(steps))
                 : make_grid(time.start, time.end, {time.end});
  });
  config::locate(found.document, found.pointer, [&] { require_inputs(found.sde, time.start, time.end); });
  ensemble.hidden = equation.drawn;
  const std::size_t D = equation.dimension() - equation.drawn;
  if (context.dry_run()) {
    config::Plan plan;
    plan.paths = shard.rows;
    plan.steps = steps;
    plan.memory_bytes =
        estimate_memory(grid, solved, ensemble, true, static_cast<unsigned>(context.threads()));
    plan.output_bytes = stores(context) ? output_bytes(shard.rows, D) : 0;
    plan.more = {{"method", fmt::format("{} ({})", choice.method->name, choice.reason)}};
    return context.print_plan(plan);
  }
  const auto initial =
      config::locate(found.document, found.pointer, [&] { return InitialStates(found.sde); });
  SampleSink sink(context, found.sde.state_names(), shard);
  Ensemble paths(solved, initial, grid, ensemble);
  cli::RunCheckpoint checkpoint(context, {"samples", shard, D});
  checkpoint.resume([&](const NamedArrays& state) { paths.restore(state); });
  // Before threads need it.
  if (checkpoint.active())
    checkpoint.spool();
  else
    sink.open();
  std::mutex one_at_a_time;
  context.phase("simulating", steps ? "path-steps" : "paths");
  const auto started = std::chrono::steady_clock::now();
  const auto add = [&](const PathBlock& block) {
    std::vector<double> values;
    for (std::size_t p = 0; p < block.paths; ++p) {
      for (std::size_t i = 0; i < D; ++i) values.push_back(block.at(p, block.saves - 1, i));
    }
    if (checkpoint.active()) return checkpoint.spool().append(block.first_id, std::move(values));
    const std::lock_guard<std::mutex> lock(one_at_a_time);
    sink.add(block.first_id, values);
  };
  const bool whole =
      checkpoint.drive([&](const StopToken& pause) { return paths.run(add, context.hooks(), &pause); },
                       [&] { return paths.store(); });
  if (!whole) checkpoint.check_stopped(paths.tally().paths);
  if (checkpoint.active())
    checkpoint.spool().replay([&](const io::EnsembleBlock& block) { sink.add(block.first, block.value); });
  const EnsembleResult result = paths.result();
  SampleSummary summary;
  summary.model = found.sde.name.empty() ? "sde" : found.sde.name;
  summary.sampler = choice.method->name;
  summary.n = result.paths;
  summary.non_finite = result.non_finite;
  summary.moments = result.final;
  summary.grid = {time.start, time.end};
  summary.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  if (result.non_finite) {
    context.warn(
        fmt::format("{} of {} samples are not finite; try more steps", result.non_finite, result.paths));
  }
  const int status = sink.finish(summary);
  checkpoint.remove();
  return status;
}

}  // namespace sde
