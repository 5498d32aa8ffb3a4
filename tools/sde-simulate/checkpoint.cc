#include "checkpoint.h"

#include "io/arrays.h"

namespace sde {

SimulationCheckpoint::SimulationCheckpoint(const cli::Context& context, const Job& job)
    : context_(context),
      job_(job),
      place_(context),
      active_(place_.possible() &&
              (context.checkpoint_every() > 0 || context.resume() || !job.trajectories)) {}

void SimulationCheckpoint::load(Ensemble& ensemble) {
  place_.require();
  const io::Reader reader(path(), {"checkpoint"});
  place_.check(io::read_provenance(reader));
  const io::Shard then = io::read_shard(reader);
  if (then.first != job_.shard.first || then.rows != job_.shard.rows)
    fail(Status::usage, "{}: is of paths {} to {}, and this run has {} to {}; give the --shard of then",
         path(), then.first, then.first + then.rows, job_.shard.first, job_.shard.first + job_.shard.rows);
  spooled_ = reader.read_scalar<std::uint64_t>("/spooled");
  try {
    ensemble.restore(io::read_arrays(reader, "/state"));
  } catch (const Error& error) {
    fail(Status::bad_data, "{}: is not a state of this run: {}; run without --resume", path(), error.what());
  }
  spool();  // refuses one that is too short before anything is computed
}

void SimulationCheckpoint::save(const Ensemble& ensemble) {
  spooled_ = spool().sync();
  io::Writer writer(path(), "checkpoint", {.force = true});
  io::write_provenance(writer, context_.provenance());
  io::write_shard(writer, job_.shard);
  writer.write_scalar<std::uint64_t>("/spooled", spooled_);
  io::write_arrays(writer, "/state", ensemble.store());
  writer.finish();
}

io::Spool& SimulationCheckpoint::spool() {
  if (!spool_)
    spool_ = std::make_unique<io::Spool>(path() + ".paths", job_.schedule.grid.save.size() * job_.shown(),
                                         spooled_);
  return *spool_;
}

void SimulationCheckpoint::remove() {
  if (!active_) return;
  place_.remove();
  if (spool_) spool_->remove();
}

}  // namespace sde
