// kind=ensemble: trajectories, streamed as they are computed, and statistics.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/arrays.h"
#include "io/format.h"
#include "io/hdf5.h"
#include "io/provenance.h"
#include "io/shard.h"

namespace sde::io {

struct EnsembleLayout {
  std::uint64_t paths = 0;           // rows of /trajectories/value in this file
  std::vector<double> time;          // [T] the save times
  std::vector<std::string> columns;  // [D] state names
  bool trajectories = true;          // false: statistics alone (then write() is not called)
  Element element = Element::f64;    // or f32: stored with half the size
  int deflate = 0;                   // 0..9
};

// Consecutive rows. Bounds on memory hold while blocks are a few MiB each.
struct EnsembleBlock {
  std::uint64_t first = 0;             // row in the file of the first path
  std::vector<double> value;           // [path][time][dim]
  std::vector<std::uint64_t> path_id;  // [path] global ids; empty: first, first + 1, ...
  std::vector<std::uint8_t> status;    // [path] 0 ok, 1 non-finite, 2 absorbed, 3 an implicit
                                       // step without a solution; empty: ok
};

// When an event first happened, over the paths.
struct EventRecord {
  std::string name;
  std::vector<std::pair<std::string, double>> values;  // mean, stderr, fraction, ...
  std::vector<double> edges, counts;                   // histogram of the times
};

// write() may be called from several threads and in any order of blocks; one thread of its own does the
// writing behind a bounded queue. An error there is thrown by the next write() or by finish(). The bytes of
// the file do not depend on the order in which blocks arrive, except that HDF5 may place chunks differently.
class EnsembleWriter {
 public:
  // Form json is refused (Status::usage): a summary holds no trajectories.
  EnsembleWriter(const std::string& path, OutputForm form, EnsembleLayout layout,
                 const Provenance& provenance, const OutputOptions& options = {});
  ~EnsembleWriter();  // without finish(): nothing is left
  EnsembleWriter(const EnsembleWriter&) = delete;
  EnsembleWriter& operator=(const EnsembleWriter&) = delete;

  // A row written twice or never is a bug, found by finish().
  void write(EnsembleBlock block);
  // A block to fill, without ids and status: one that has been written, for the sake of its memory, or a new
  // one.
  EnsembleBlock spare();
  // /statistics/<name>, [time][dim] or [time] where it has one value a time or [time][dim][k] (quantiles);
  // CSV holds only trajectories and does not take statistics unless there are no trajectories: then time,
  // <state>_<name>, ....
  void statistic(const std::string& name, std::vector<double> values,
                 std::vector<std::string> dims = {"time", "dim"});
  // A vector that belongs to statistics, such as /statistics/quantile_levels.
  void statistic_axis(const std::string& name, std::vector<double> values);
  // /expect/{expression,value,stderr}; not in CSV.
  void expectations(const std::vector<std::string>& expressions, const std::vector<double>& value,
                    const std::vector<double>& standard_error);
  // /events/<name>: the values, histogram and histogram_edges; not in CSV.
  void event(const EventRecord& record);
  // Marks the file as a shard: /shard, and what was counted in /shard/tally. HDF5 only.
  void shard(const Shard& shard, const NamedArrays& tally);
  void attribute(const std::string& name, double value);            // of the root; not in CSV
  void equation(const std::string& name, const std::string& text);  // an attribute of /equation; not in CSV
  void finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

struct Ensemble {
  std::uint64_t paths = 0;
  std::vector<double> time;
  std::vector<std::string> columns;
  std::vector<double> value;  // [path][time][dim]; empty where the file has none
  std::vector<std::uint64_t> path_id;
  std::vector<std::uint8_t> status;
  std::vector<std::pair<std::string, std::vector<double>>> statistics;
  Provenance provenance;
};

Ensemble read_ensemble(const Input& input);

}  // namespace sde::io
