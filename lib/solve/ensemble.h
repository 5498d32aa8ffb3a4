// Many paths of one SDE: blocks of paths in parallel, statistics on the way, trajectories to whoever wants
// them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/arrays.h"
#include "base/hooks.h"
#include "brownian/area.h"
#include "expr/program.h"
#include "sde/document.h"
#include "sde/expressions.h"
#include "sde/transition.h"
#include "solve/adaptive.h"
#include "solve/events.h"
#include "solve/grid.h"
#include "solve/increments.h"
#include "solve/method.h"
#include "solve/tally.h"
#include "solve/tree_path.h"

namespace sde {

// Where the paths of an ensemble start: one law a state, parsed, and one for each parameter that paths draw,
// which are the last of the states.
class InitialStates {
 public:
  // `data` holds the rows of the files that laws of kind `data` name, [row][state]; row of path id modulo
  // their number. Throws Error(Status::usage) for an expression that does not evaluate to a finite number.
  InitialStates(const SdeDocument& document, std::vector<std::vector<double>> data = {});

  // `antithetic`: a path of odd id starts at the mirror image of the one before, about the mean of its law.
  void fill(std::uint64_t seed, std::uint64_t first_id, Block x, bool antithetic = false) const;
  std::vector<double> mean() const;  // [state]; NaN where the values come from data or from parameters drawn
  // Mean and covariance of the first `paths` starts: of the laws, or of the rows that they take in turn.
  StateMoments moments(std::uint64_t paths) const;

 private:
  enum class LawKind { number, normal, lognormal, uniform, data, formula };
  struct Law {
    LawKind kind;
    double first, second;
  };
  void set_law(Law& law, const std::string& pointer, const std::string& first, const std::string& second,
               const SdeDocument& document);
  void add_formula(const std::string& pointer, const std::string& text, const SdeDocument& document);
  static double mean_of(const Law& law);  // NaN where it comes from data or a formula

  std::vector<Law> laws_;
  std::size_t states_ = 0;  // of laws_; the rest are those of parameters
  std::vector<std::vector<double>> data_;
  std::vector<expr::Expr> formulas_;  // of the parameters drawn, for states whose law is one
  expr::Program program_;
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
  // To [path][save][state], as files have it.
  void turn(double* rows) const;
};

// Paths whose increments depend on those of others; standard errors of means take account of it.
struct CouplingOptions {
  // Path 2k + 1 has the increments of path 2k with their signs turned: what is odd in W averages out.
  // Standard errors come from the averages of pairs.
  bool antithetic = false;
  // Not 0: increments from Sobol points, each randomisation this many paths (a power of two from 64 on; see
  // QuasiPaths). Standard errors come from the averages of randomisations.
  std::uint64_t quasi_points = 0;
};

// The SDE is that of other coordinates than the states that starts, domains, statistics and expectations
// speak of.
struct StateTransform {
  std::vector<std::string> states;  // names of the states outside
  std::vector<expr::Expr> forward;  // [state]: the SDE's coordinates, of the states outside and parameters
  std::vector<expr::Expr> inverse;  // [state]: the states outside, of the SDE's
};

struct EnsembleOptions {
  const Method* method = nullptr;
  MethodOptions tuning;
  bool adaptive = false;
  AdaptiveOptions tolerance;             // where adaptive; an SDE then takes its paths from a tree
  Precision precision = Precision::f64;  // of the steps; statistics are f64
  std::uint64_t paths = 1;
  std::uint64_t first_path = 0;  // a multiple of kLeafPaths, unless there is one path only (a replay)
  std::uint64_t seed = 0;
  StatisticsOptions statistics;  // at the save times
  BrownianSource brownian = BrownianSource::grid;
  TreeOptions tree;                 // where paths come from a tree
  AreaLaw areas = AreaLaw::foster;  // where the method needs Levy areas
  CouplingOptions coupling;         // fixed steps only
  const StateTransform* transform = nullptr;
  std::size_t hidden = 0;            // so many states, the last, are not recorded: parameters that paths draw
  std::vector<expr::Expr> expect;    // of the states, parameters and t, at the end time
  std::vector<expr::Expr> controls;  // of the same, with means that are known: control variates for `expect`
  std::vector<double> control_means;  // of `controls`
  std::vector<Event> events;          // whose first times are counted
  std::vector<EventBins> event_bins;  // [event] of their histograms
  std::size_t lanes = 0;  // paths a block, a multiple of kLeafPaths; 0 chooses. Results do not depend on it.
};

// The mean of an expression over the paths. Paths that are not finite are left out.
struct Expectation {
  Moments moments;              // of its finite values
  std::uint64_t undefined = 0;  // finite paths on which the expression is not finite: there is no mean then
  double value = 0, standard_error = 0;  // with controls, where there are any; NaN where there is no mean
  double variance_reduction = 1;         // by the controls
  double plain_error = 0;                // standard error of moments.mean
};

// When an event first happened, over the paths that are finite at the end.
struct EventTimes {
  Moments time;               // over the paths on which it did
  std::uint64_t without = 0;  // paths on which it did not, to the end
  Histogram histogram;        // of the times

  double fraction() const { return time.count / (time.count + static_cast<double>(without)); }
  double fraction_stderr() const;
};

struct EnsembleResult {
  std::uint64_t paths = 0, path_steps = 0;  // steps taken, of all paths together
  std::uint64_t rejected = 0, forced = 0;   // where steps adapt: see LaneReport
  std::uint64_t ok = 0, non_finite = 0, absorbed = 0;
  Unsolved unsolved;  // counted in non_finite too
  bool interrupted = false;
  std::vector<Moments> final;            // [state], at the end time
  std::vector<double> final_error;       // standard errors of its means
  std::vector<Expectation> expect;       // of options.expect
  std::vector<EventTimes> events;        // of options.events
  std::vector<Moments> moments;          // [save][state], where asked for; so are those below
  std::vector<double> moments_error;     // standard errors of its means
  std::vector<QuantileSketch> sketches;  // [save][state]
  std::vector<CoMoments> covariance;     // [save][pair of states i <= j, row by row]
  std::vector<CoMoments> lagged;         // [save][state][lag - 1]
  std::vector<Histogram> histograms;     // [save][state]
};

// The results of what was counted; `control_means` as in the options.
EnsembleResult summarise(const Tally& tally, const std::vector<double>& control_means);

// An ensemble that can be stopped anywhere, stored, taken up again and extended. Results are the same bits
// for any number of threads and lanes, and however often it was stopped.
class Ensemble {
 public:
  // Refers to sde, initial and grid. Throws Error for a method that does not fit.
  Ensemble(const SdeExpressions& sde, const InitialStates& initial, const TimeGrid& grid,
           const EnsembleOptions& options);
  ~Ensemble();
  Ensemble(const Ensemble&) = delete;
  Ensemble& operator=(const Ensemble&) = delete;

  // Runs what is left; false where hooks.stop or `pause` ended it before. Then run() goes on from there.
  // `sink`, where given, is called once for every block that is finished, from worker threads. Blocks come
  // nearly in the order of their ids: none is more than a few dozen blocks ahead of the first that is
  // missing.
  using Sink = std::function<void(const PathBlock&)>;
  bool run(const Sink& sink = {}, const Hooks& hooks = {}, const StopToken* pause = nullptr);
  // More paths, once all are done. Their number so far must be a multiple of kLeafPaths.
  void extend(std::uint64_t paths);
  EnsembleResult result() const;
  const Tally& tally() const;

  // Where the run stands, between calls of run(): restore() of an ensemble of the same options takes it up.
  // Throws Error(Status::bad_data) for arrays that are not such a state.
  NamedArrays store() const;
  void restore(const NamedArrays& state);

 private:
  class Run;
  std::unique_ptr<Run> run_;
};

// What of `options` and the grid says what is counted.
TallyLayout tally_layout(const TimeGrid& grid, std::size_t dimension, const EnsembleOptions& options);

// All paths at once.
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
