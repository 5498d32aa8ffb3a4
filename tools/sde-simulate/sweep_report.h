// The results of a sweep: for people, as JSON, as a table and as a picture.
#pragma once

#include <string>
#include <vector>

#include "base/arrays.h"
#include "config/summary.h"
#include "io/shard.h"
#include "job.h"
#include "sweep.h"

namespace sde {

// What is kept of the run at one point.
struct SweepPoint {
  std::vector<double> at;              // [parameter]
  std::vector<double> values;          // of the columns
  std::vector<std::string> undefined;  // sentences about expectations that are not finite
  config::Summary summary;
  std::uint64_t paths = 0, path_steps = 0, ok = 0, non_finite = 0, absorbed = 0;
  bool reached = true;  // the target error, where there is one
};

SweepPoint sweep_point(const Job& job, std::vector<double> at, const EnsembleResult& result);

// Points as arrays, for checkpoints and shards. restore_points() throws Error(Status::bad_data) for arrays
// that are no points of the grid.
NamedArrays store_points(const std::vector<SweepPoint>& points);
std::vector<SweepPoint> restore_points(const Job& job, const SweepGrid& grid, const NamedArrays& arrays);

// Writes and draws what was asked for of the points of a shard, or of all. `job` is that of any point.
// Returns the exit status.
int report_sweep(cli::Context& context, const Job& job, const SweepGrid& grid, const io::Shard& shard,
                 const std::vector<SweepPoint>& points, double seconds);

}  // namespace sde
