// Many paths of one SDE: blocks of paths in parallel, statistics on the way, trajectories to whoever wants
// them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/hooks.h"
#include "brownian/area.h"
#include "sde/document.h"
#include "sde/expressions.h"
#include "solve/adaptive.h"
#include "solve/grid.h"
#include "solve/method.h"
#include "stats/moments.h"
#include "stats/quantiles.h"

namespace sde {

enum class PathStatus : std::uint8_t { ok = 0, non_finite = 1, absorbed = 2 };

// Where the paths of an ensemble start: one law a state, parsed.
class InitialStates {
 public:
  // `data` holds the rows of the files that laws of kind `data` name, [row][state]; row of path id modulo
  // their number. Throws Error(Status::usage) for an expression that does not evaluate to a finite number.
  InitialStates(const SdeDocument& document, std::vector<std::vector<double>> data = {});

  void fill(std::uint64_t seed, std::uint64_t first_id, Block x) const;

 private:
  struct Law {
    InitialLaw::Kind kind;
    double first, second;
  };
  std::vector<Law> laws_;
  std::vector<std::vector<double>> data_;
};

// The saved states of some neighbouring paths. Valid only during the call.
struct PathBlock {
  std::uint64_t first_id = 0;
  std::size_t paths = 0;
  std::size_t saves = 0, dimension = 0, stride = 0;
  const double* values = nullptr;      // [save][state][stride], path first_id + i in place i
  const PathStatus* status = nullptr;  // [path]

  double at(std::size_t path, std::size_t save, std::size_t state) const {
    return values[(save * dimension + state) * stride + path];
  }
};

struct EnsembleOptions {
  const Method* method = nullptr;
  bool adaptive = false;
  AdaptiveOptions tolerance;  // where adaptive
  std::uint64_t paths = 1;
  std::uint64_t first_path = 0;  // a multiple of kLeafPaths, unless there is one path only (a replay)
  std::uint64_t seed = 0;
  bool moments = true;              // mean and variance at the save times
  bool quantiles = false;           // sketches at the save times
  AreaLaw areas = AreaLaw::foster;  // where the method needs Levy areas
  std::vector<expr::Expr> expect;   // of the states, parameters and t, at the end time
  std::size_t lanes = 0;  // paths a block, a multiple of kLeafPaths; 0 chooses. Results do not depend on it.
};

struct EnsembleResult {
  std::uint64_t paths = 0, path_steps = 0;
  std::uint64_t ok = 0, non_finite = 0, absorbed = 0;
  bool interrupted = false;
  std::vector<Moments> final;            // [state], at the end time
  std::vector<Moments> expect;           // of options.expect
  std::vector<Moments> moments;          // [save][state], where asked for
  std::vector<QuantileSketch> sketches;  // [save][state], where asked for
};

// Runs the paths. `trajectories`, where given, is called once for every block from worker threads, in any
// order. Results are the same bits for any number of threads and lanes. Throws Error for a method that does
// not fit.
EnsembleResult simulate(const SdeExpressions& sde, const InitialStates& initial, const TimeGrid& grid,
                        const EnsembleOptions& options,
                        const std::function<void(const PathBlock&)>& trajectories = {},
                        const Hooks& hooks = {});

// The lanes that simulate() would choose, and the memory that it takes at its largest, in bytes.
std::size_t choose_lanes(const TimeGrid& grid, std::size_t dimension, const EnsembleOptions& options,
                         bool trajectories, unsigned threads);
double estimate_memory(const TimeGrid& grid, const SdeExpressions& sde, const EnsembleOptions& options,
                       bool trajectories, unsigned threads);

}  // namespace sde
