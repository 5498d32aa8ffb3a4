#include "cli/run_checkpoint.h"

#include <fmt/format.h>

#include "io/arrays.h"

namespace sde::cli {

RunCheckpoint::RunCheckpoint(const Context& context, CheckpointedRun run)
    : context_(context),
      run_(std::move(run)),
      place_(context),
      active_(place_.possible() && (context.checkpoint_every() > 0 || context.resume() || run_.cheap)) {}

void RunCheckpoint::resume(const std::function<void(const NamedArrays& state)>& restore) {
  if (!context_.resume()) return;
  place_.require();
  const io::Reader reader(path(), {"checkpoint"});
  place_.check(io::read_provenance(reader));
  const io::Shard then = io::read_shard(reader);
  if (then.first != run_.shard.first || then.rows != run_.shard.rows)
    fail(Status::usage, "{}: is of {} {} to {}, and this run has {} to {}; give the --shard of then", path(),
         run_.unit, then.first, then.first + then.rows, run_.shard.first, run_.shard.first + run_.shard.rows);
  spooled_ = reader.read_scalar<std::uint64_t>("/spooled");
  spool();  // refuses one that is too short before anything is computed
  try {
    restore(io::read_arrays(reader, "/state"));
  } catch (const Error& error) {
    fail(Status::bad_data, "{}: is not a state of this run: {}; run without --resume", path(), error.what());
  }
}

void RunCheckpoint::save(const NamedArrays& state) {
  spooled_ = spool().sync();
  io::Writer writer(path(), "checkpoint", {.force = true});
  io::write_provenance(writer, context_.provenance());
  io::write_shard(writer, run_.shard);
  writer.write_scalar<std::uint64_t>("/spooled", spooled_);
  io::write_arrays(writer, "/state", state);
  writer.finish();
}

io::Spool& RunCheckpoint::spool() {
  if (!spool_) spool_ = std::make_unique<io::Spool>(path() + "." + run_.unit, run_.row, spooled_);
  return *spool_;
}

void RunCheckpoint::remove() {
  if (!active_) return;
  place_.remove();
  if (spool_) spool_->remove();
}

bool RunCheckpoint::drive(const std::function<bool(const StopToken& pause)>& advance,
                          const std::function<NamedArrays()>& state) {
  for (;;) {
    const PauseTimer timer(context_.checkpoint_every());
    if (advance(timer.token())) return true;
    const bool stopped = context_.hooks().stopped();
    if (stopped && !active_) return false;
    save(state());
    if (stopped) return false;
  }
}

void RunCheckpoint::check_stopped(std::uint64_t done) const {
  context_.check_stopped(active_ ? fmt::format("{} holds {} of {} {}; continue with --resume", path(), done,
                                               run_.shard.rows, run_.unit)
                                 : "");
}

RowKeeper::RowKeeper(const Context& context, CheckpointedRun run, Sink sink)
    : context_(context),
      run_(std::move(run)),
      checkpoint_(context, run_),
      sink_(std::move(sink)),
      saved_(std::chrono::steady_clock::now()) {
  checkpoint_.resume([&](const NamedArrays& state) {
    const std::vector<std::uint64_t>& at = state.integer("done", 2);
    done_ = at[0];
    count_ = at[1];
    if (done_ > run_.shard.rows)
      fail(Status::bad_data, "it has {} of {} {}", done_, run_.shard.rows, run_.unit);
  });
}

void RowKeeper::add(std::uint64_t first, std::vector<double> rows, std::uint64_t count) {
  const std::uint64_t n = rows.size() / run_.row;
  done_ += n;
  count_ += count;
  if (!checkpoint_.active()) return sink_(first, std::move(rows));
  checkpoint_.spool().append(first, std::move(rows));
  const double every = context_.checkpoint_every();
  if (every > 0 && std::chrono::steady_clock::now() - saved_ >= std::chrono::duration<double>(every)) save();
}

void RowKeeper::save() {
  NamedArrays state;
  state.put("done", std::vector<std::uint64_t>{done_, count_});
  checkpoint_.save(state);
  saved_ = std::chrono::steady_clock::now();
}

void RowKeeper::finish(bool interrupted) {
  if (interrupted) {
    if (checkpoint_.active()) save();
    checkpoint_.check_stopped(done_);
  }
  if (!checkpoint_.active()) return;
  std::uint64_t next = run_.shard.first;
  checkpoint_.spool().replay([&](io::EnsembleBlock block) {
    if (block.first != next)
      fail(Status::bad_data, "{}: holds {} {} where {} should follow; run without --resume",
           checkpoint_.path(), run_.unit, block.first, next);
    next += block.path_id.size();
    sink_(block.first, std::move(block.value));
  });
}

}  // namespace sde::cli
