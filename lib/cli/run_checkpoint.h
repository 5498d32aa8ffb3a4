// Where a run over ids stands, beside its output: FILE.checkpoint, and FILE.checkpoint.<unit> for the rows
// that it has so far. The same mechanism for every program whose output is one row an id.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/arrays.h"
#include "cli/checkpoint.h"
#include "io/shard.h"
#include "io/spool.h"

namespace sde::cli {

struct CheckpointedRun {
  std::string unit;     // of the ids: "paths"; ends the name of the file of rows
  io::Shard shard;      // ids that are run here
  std::size_t row = 0;  // numbers an id has in the output
  // No rows are kept, so that a checkpoint costs nothing and a signal leaves one without being asked to.
  bool cheap = false;
};

class RunCheckpoint {
 public:
  RunCheckpoint(const Context& context, CheckpointedRun run);

  // Whether the run leaves checkpoints.
  bool active() const { return active_; }
  const std::string& path() const { return place_.path(); }

  // With --resume, gives the state that save() was given to `restore`. Throws as CheckpointPlace, for another
  // shard than then, and Error(bad_data) where `restore` throws, as for a state of another run.
  void resume(const std::function<void(const NamedArrays& state)>& restore);
  // Rows that were spooled before are vouched for from now on.
  void save(const NamedArrays& state);
  // Rows wait here for the end of the run; made when asked for first.
  io::Spool& spool();
  void remove();

  // Calls `advance` with a token that asks for a pause every --checkpoint-every seconds, and saves `state()`
  // at each, until it returns true, which is then returned; false where a signal ended it.
  bool drive(const std::function<bool(const StopToken& pause)>& advance,
             const std::function<NamedArrays()>& state);
  // Ends the run where a signal has asked to: exit status 75 where a checkpoint was left, which holds `done`.
  void check_stopped(std::uint64_t done) const;

 private:
  const Context& context_;
  CheckpointedRun run_;
  CheckpointPlace place_;
  bool active_ = false;
  std::uint64_t spooled_ = 0;  // bytes that the checkpoint vouches for
  std::unique_ptr<io::Spool> spool_;
};

// Rows that come in the order of their ids, one block at a time: with an active checkpoint they go to its
// spool, and are handed on when all are there; else at once.
class RowKeeper {
 public:
  using Sink = std::function<void(std::uint64_t first, std::vector<double> rows)>;
  RowKeeper(const Context& context, CheckpointedRun run, Sink sink);

  bool keeps() const { return checkpoint_.active(); }
  std::uint64_t done() const { return done_; }    // of the shard's ids
  std::uint64_t count() const { return count_; }  // the sum of what add() was given to count
  // `first` counts ids from 0 on; `count` is added up over runs.
  void add(std::uint64_t first, std::vector<double> rows, std::uint64_t count = 0);
  // After the last add(): keeps what a signal has interrupted, and ends the run then; else hands on what
  // waits.
  void finish(bool interrupted);
  // Once the output is complete.
  void remove() { checkpoint_.remove(); }

 private:
  void save();

  const Context& context_;
  CheckpointedRun run_;
  RunCheckpoint checkpoint_;
  Sink sink_;
  std::uint64_t done_ = 0, count_ = 0;
  std::chrono::steady_clock::time_point saved_;
};

}  // namespace sde::cli
