// Shards joined into what one run would have written.
#include <algorithm>
#include <chrono>
#include <optional>

#include "io/arrays.h"
#include "job.h"
#include "report.h"

namespace sde {
namespace {

constexpr std::uint64_t kBlockBytes = 4 << 20;

// Rows of a shard, from row `to` of the output on.
void copy_rows(const io::Reader& reader, const io::Shard& shard, std::size_t row, Report& report) {
  const std::uint64_t most = std::max<std::uint64_t>(1, kBlockBytes / (8 * row));
  for (std::uint64_t first = 0; first < shard.rows; first += most) {
    const std::uint64_t count = std::min(most, shard.rows - first);
    io::EnsembleBlock block;
    block.first = shard.first + first;
    block.value = reader.read_rows<double>("/trajectories/value", first, count);
    block.path_id = reader.read_rows<std::uint64_t>("/path_id", first, count);
    block.status = reader.read_rows<std::uint8_t>("/status", first, count);
    report.add(std::move(block));
  }
}

}  // namespace

int merge_shards(cli::Context& context, Job& job) {
  const config::ShardSet& set = context.merge();
  const std::size_t D = job.shown(), saves = job.schedule.grid.save.size();
  job.shard = {0, 1, 0, set.total, set.total};
  if (!context.plot().empty() && !job.ensemble.statistics.quantiles)
    fail(Status::usage, "--plot: draws quantiles, and the shards hold none; run them with --stats quantiles");
  job.trajectories = job.store && job.options.output.trajectories;
  Report report(context, job);
  if (job.store) report.open();
  context.phase("merging", "paths");
  const auto started = std::chrono::steady_clock::now();
  std::optional<Tally> whole;
  for (const config::ShardFile& file : set.files) {
    const io::Reader reader(file.path, {"ensemble"});
    NamedArrays arrays;
    try {
      arrays = io::read_arrays(reader, "/shard/tally");
      job.ensemble.control_means = arrays.real("control_means");
      job.ensemble.controls.assign(job.ensemble.control_means.size(), expr::Expr(0));
      job.ensemble.expect.assign(job.options.expect.size() + (job.known ? D : 0), expr::Expr(0));
      const Tally part = Tally::restore(tally_layout(job.schedule.grid, D, job.ensemble), arrays);
      if (part.paths != file.shard.rows)
        fail(Status::bad_data, "its statistics are of {} paths, and it has {}", part.paths, file.shard.rows);
      if (whole)
        whole->merge(part);
      else
        whole = part;
    } catch (const Error& error) {
      if (std::string(error.what()).starts_with(file.path)) throw;
      fail(error.status(), "{}: at /shard/tally: {}", file.path, error.what());
    }
    if (report.wants_paths() && job.trajectories) {
      reader.check_shape("/trajectories/value", {file.shard.rows, saves, D});
      reader.check_shape("/path_id", {file.shard.rows});
      reader.check_shape("/status", {file.shard.rows});
      copy_rows(reader, file.shard, saves * D, report);
    }
    context.check_stopped();
    context.hooks().report(whole->paths, set.total);
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  return report.finish(summarise(*whole, job.ensemble.control_means), seconds);
}

}  // namespace sde
