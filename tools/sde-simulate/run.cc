// An ensemble run to its end, in one go or from checkpoint to checkpoint.
#include <algorithm>
#include <chrono>
#include <cmath>

#include "cli/run_checkpoint.h"
#include "job.h"
#include "report.h"

namespace sde {
std::uint64_t more_paths(const SimulateOptions& options, const Ensemble& ensemble) {
  const SimulateTarget& target = options.target;
  if (!target.stderr_) return 0;
  const EnsembleResult result = ensemble.result();
  double factor = 0;
  // Those that were asked for come first.
  for (std::size_t k = 0; k < options.expect.size(); ++k) {
    const Expectation& e = result.expect[k];
    if (!std::isfinite(e.standard_error)) return 0;
    factor = std::max(factor, e.standard_error / *target.stderr_);
  }
  if (factor <= 1 || result.paths >= target.max_paths) return 0;
  // A little more than the variance so far asks for, and never much more than it can be trusted for.
  const auto have = static_cast<double>(result.paths);
  const double need = std::min(1.02 * factor * factor, 16.0) * have;
  const double room = static_cast<double>(target.max_paths - result.paths);
  if (need - have >= room) return target.max_paths - result.paths;
  const auto more = static_cast<std::uint64_t>(need - have);
  return std::min(target.max_paths - result.paths, (more / kLeafPaths + 1) * kLeafPaths);
}

int run_ensemble(cli::Context& context, Job& job, const InitialStates& initial) {
  cli::RunCheckpoint checkpoint(
      context, {"paths", job.shard, job.schedule.grid.save.size() * job.shown(), !job.trajectories});
  Ensemble ensemble(job.stepped, initial, job.schedule.grid, job.ensemble);
  Report report(context, job);
  checkpoint.resume([&](const NamedArrays& state) { ensemble.restore(state); });
  // With checkpoints the output is made at the end, so that a killed run leaves them alone.
  if (job.store && !checkpoint.active()) report.open();
  context.phase("simulating", job.schedule.adaptive ? "paths" : "path-steps");
  const auto started = std::chrono::steady_clock::now();
  Ensemble::Sink sink;
  if (report.wants_paths()) {
    if (checkpoint.active())
      sink = [&](const PathBlock& block) {
        if (report.wants(block)) checkpoint.spool().append(to_rows(block, job.shard.first));
      };
    else
      sink = [&](const PathBlock& block) { report.add(to_rows(block, job.shard.first, report.spare())); };
    if (checkpoint.active()) checkpoint.spool();  // before threads need it
  }
  const auto run_to_end = [&] {
    return checkpoint.drive(
        [&](const StopToken& pause) { return ensemble.run(sink, context.hooks(), &pause); },
        [&] { return ensemble.store(); });
  };
  bool done = run_to_end();
  while (done) {
    const std::uint64_t more = more_paths(job.options, ensemble);
    if (more == 0) break;
    ensemble.extend(more);
    done = run_to_end();
  }
  if (!done) checkpoint.check_stopped(ensemble.tally().paths);
  if (job.store && checkpoint.active()) report.open();
  if (report.wants_paths() && checkpoint.active())
    checkpoint.spool().replay([&](io::EnsembleBlock block) { report.add(std::move(block)); });
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  if (context.sharded()) report.keep_shard(ensemble.tally());
  const int status = report.finish(ensemble.result(), seconds);
  checkpoint.remove();
  return status;
}

}  // namespace sde
