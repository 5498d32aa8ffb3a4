// --sweep: the same experiment at every point of a grid of parameters.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/sde_document.h"
#include "job.h"

namespace sde {

// Numbers of the solver in place of the configuration's, by their keys.
using SolverNumbers = std::vector<std::pair<std::string, double>>;

// The points of a grid, the last name varying fastest.
struct SweepGrid {
  std::vector<std::string> names;           // of parameters, or "solver.dt" and the like
  std::vector<std::vector<double>> values;  // [parameter]

  std::size_t points() const;
  std::vector<double> at(std::size_t point) const;  // [parameter]
  bool of_solver(std::size_t parameter) const;
};

// Of the options. Throws Error(Status::usage) that begins with "/sweep/NAME" for what is no list of values,
// and for what is neither a parameter of the document that is a number nor a number of the solver.
SweepGrid sweep_grid(const SimulateOptions& options, const SdeDocument& document);

// Adds to a document and its equation what expectations need.
using Extend = std::function<void(config::FoundSde&, SdeExpressions&)>;
// What a point changes of a run, and where its paths start; without, where points are merged.
struct SweptModel {
  config::FoundSde found;
  SdeExpressions equation;
  SolverNumbers numbers;
  std::optional<InitialStates> initial;
};
// Makes a job of a point in its place; the first point's options are those that results hold.
using MakeJob = std::function<void(SweptModel, bool first, Job&)>;

// Runs all points, or those of a shard, with the same random numbers at each, or merges the points of shards,
// and reports. Returns the exit status.
int run_sweep(cli::Context& context, const config::FoundSde& found, const SweepGrid& grid,
              const Extend& extend, const MakeJob& make_job);

}  // namespace sde
