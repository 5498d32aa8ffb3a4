// The configuration of sde-simulate (schemas/simulate.schema.json) as plain structs.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/json_text.h"
#include "sde/document.h"
#include "sde/expressions.h"
#include "solve/adaptive.h"
#include "solve/ensemble.h"
#include "solve/grid.h"
#include "solve/method.h"
#include "solve/tally.h"

namespace sde {

struct SaveEvery {
  double every = 0;

  template <class V>
  void visit(V& v) {
    v("every", every);
  }
};

struct SimulateTime {
  std::optional<double> start, end;
  // Absent: about a hundred times among those of the steps, which then cut none of them.
  std::optional<std::variant<std::uint64_t, std::vector<double>, SaveEvery>> save;

  template <class V>
  void visit(V& v) {
    v("start", start);
    v("end", end);
    v("save", save);
  }
};

struct SimulateTolerance {
  std::optional<double> rtol, atol;  // filled in by make_schedule
  double min_step = AdaptiveOptions{}.min_step;
  std::uint64_t max_steps = AdaptiveOptions{}.max_steps;

  template <class V>
  void visit(V& v) {
    v("rtol", rtol);
    v("atol", atol);
    v("min_step", min_step);
    v("max_steps", max_steps);
  }
};

struct SimulateSolver {
  std::string method = "auto", transform = "none";
  std::optional<double> dt;
  std::optional<std::uint64_t> steps;
  std::optional<SimulateTolerance> adaptive;
  std::string precision = "f64";
  std::optional<double> theta, radius;

  template <class V>
  void visit(V& v) {
    v("method", method);
    v("transform", transform);
    v("dt", dt);
    v("steps", steps);
    v("adaptive", adaptive);
    v("precision", precision);
    v("theta", theta);
    v("radius", radius);
  }
};

// Keys of /solver that hold a number, "adaptive.rtol" among them, and a value for one of them; dt and steps
// take one another's place.
const std::vector<std::string>& solver_numbers();
void set_solver_number(SimulateSolver& solver, const std::string& key, double value);

struct SimulateBrownian {
  std::string type = "grid";
  std::optional<double> span, area_step;
  std::string levy_area = "foster";
  bool antithetic = false;
  std::string points = "random";
  std::uint64_t randomisations = 32;

  template <class V>
  void visit(V& v) {
    v("type", type);
    v("span", span);
    v("area_step", area_step);
    v("levy_area", levy_area);
    v("antithetic", antithetic);
    v("points", points);
    v("randomisations", randomisations);
  }
};

struct SimulateHistogram {
  std::uint64_t bins = 50;
  std::map<std::string, std::array<double, 2>> range;  // of a state; absent: from the first paths

  template <class V>
  void visit(V& v) {
    v("bins", bins);
    v("range", range);
  }
};

struct SimulateOutput {
  bool trajectories = true;
  std::vector<std::string> statistics = {"mean", "variance"};
  std::vector<double> quantiles = {0.05, 0.25, 0.5, 0.75, 0.95};
  SimulateHistogram histogram;
  std::uint64_t lags = 10;        // of the autocorrelation, in save times
  std::string precision = "f64";  // of the trajectories
  std::uint64_t compression = 0;  // of the trajectories, 0 to 9
  bool parameters = false;        // those that paths draw, as states that do not change

  template <class V>
  void visit(V& v) {
    v("trajectories", trajectories);
    v("statistics", statistics);
    v("quantiles", quantiles);
    v("histogram", histogram);
    v("lags", lags);
    v("precision", precision);
    v("compression", compression);
    v("parameters", parameters);
  }

  bool wants(const std::string& statistic) const;
};

// How far expectations are to be known.
struct SimulateTarget {
  std::optional<double> stderr_;
  std::uint64_t max_paths = 1'000'000'000;
  bool multilevel = false;
  std::uint64_t refinement = 2;
  std::optional<std::uint64_t> coarsest;  // steps of level 0; absent: 1, or what the steps asked for leave

  template <class V>
  void visit(V& v) {
    v("stderr", stderr_);
    v("max_paths", max_paths);
    v("multilevel", multilevel);
    v("refinement", refinement);
    v("coarsest", coarsest);
  }
};

// The first time at which an expression reaches a level.
struct SimulateEvent {
  std::string of;
  double level = 0;
  std::string direction = "either";  // or up, down
  bool stop = false;
  std::string correction = "bridge";  // or none
  std::uint64_t bins = 50;
  std::optional<std::array<double, 2>> range;  // of the histogram; absent: the time span

  template <class V>
  void visit(V& v) {
    v("of", of);
    v("level", level);
    v("direction", direction);
    v("stop", stop);
    v("correction", correction);
    v("bins", bins);
    v("range", range);
  }
};

struct SimulateOptions {
  std::optional<std::string> name, description;
  JsonText sde;
  SimulateTime time;
  SimulateSolver solver;
  std::uint64_t paths = 1000, seed = 0;
  SimulateBrownian brownian;
  SimulateOutput output;
  std::vector<std::string> expect;
  std::vector<std::string> control;  // "EXPR=MEAN", or "auto"
  SimulateTarget target;
  // Values of parameters, in place of the document's, and of "solver.dt" and the like: a list, or a text such
  // as "0.5:3:11".
  std::vector<std::pair<std::string, std::variant<double, std::string, std::vector<double>>>> sweep;
  // By name; a text is an expression that reaches 0.
  std::map<std::string, std::variant<std::string, SimulateEvent>> events;

  template <class V>
  void visit(V& v) {
    v("name", name);
    v("description", description);
    v("sde", sde);
    v("time", time);
    v("solver", solver);
    v("paths", paths);
    v("seed", seed);
    v("brownian", brownian);
    v("output", output);
    v("expect", expect);
    v("control", control);
    v("target", target);
    v("sweep", sweep);
    v("events", events);
  }
};

// How the options' paths depend on one another. Throws Error(Status::usage) for a number of paths that does
// not fit.
CouplingOptions coupling_of(const SimulateOptions& options);

// What the options come to for an SDE: the times, and whether steps adapt.
struct Schedule {
  TimeGrid grid;
  bool adaptive = false;
  AdaptiveOptions tolerance;  // where adaptive
};

// The tree that paths come from, its span and, with areas, area_step filled in; `areas`: whether the method
// takes Levy areas. Throws Error(Status::usage) for options of trees that nothing would read.
TreeOptions tree_of(const SimulateOptions& options, const Schedule& schedule, bool areas);

// What is computed of `states` at the save times, of an output that is stored and of a picture.
// Throws Error(Status::usage) with a JSON pointer.
void choose_statistics(SimulateOptions& options, const std::vector<std::string>& states, const TimeGrid& grid,
                       bool store, bool draw, StatisticsOptions& into);

// Fills time.start, time.end, tolerances and, where nothing was said, solver.steps (about a thousand) in
// `options`, so that the effective configuration states them. `solved` is the equation in the calculus of
// the method. Throws Error(Status::usage) with a JSON pointer.
Schedule make_schedule(SimulateOptions& options, const SdeDocument& document, const SdeExpressions& solved,
                       const Method& method);

}  // namespace sde
