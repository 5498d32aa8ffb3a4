// Where a run of an ensemble stands, beside its output: FILE.checkpoint, and FILE.checkpoint.paths for what
// it has of the trajectories.
#pragma once

#include <memory>

#include "cli/checkpoint.h"
#include "io/spool.h"
#include "job.h"

namespace sde {

class SimulationCheckpoint {
 public:
  SimulationCheckpoint(const cli::Context& context, const Job& job);

  // Whether the run leaves checkpoints: asked for, or where a signal comes and there are no trajectories to
  // keep, which costs nothing.
  bool active() const { return active_; }
  const std::string& path() const { return place_.path(); }

  void load(Ensemble& ensemble);  // of --resume
  void save(const Ensemble& ensemble);
  // Rows wait here for the end of the run; made when asked for first.
  io::Spool& spool();
  void remove();

 private:
  const cli::Context& context_;
  const Job& job_;
  cli::CheckpointPlace place_;
  bool active_ = false;
  std::uint64_t spooled_ = 0;  // bytes that the checkpoint vouches for
  std::unique_ptr<io::Spool> spool_;
};

}  // namespace sde
