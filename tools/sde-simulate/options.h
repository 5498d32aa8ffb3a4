// The configuration of sde-simulate (schemas/simulate.schema.json) as plain structs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/json_text.h"
#include "sde/document.h"
#include "solve/adaptive.h"
#include "solve/grid.h"

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
  std::variant<std::uint64_t, std::vector<double>, SaveEvery> save = std::uint64_t{101};

  template <class V>
  void visit(V& v) {
    v("start", start);
    v("end", end);
    v("save", save);
  }
};

struct SimulateTolerance {
  double rtol = AdaptiveOptions{}.rtol, atol = AdaptiveOptions{}.atol;

  template <class V>
  void visit(V& v) {
    v("rtol", rtol);
    v("atol", atol);
  }
};

struct SimulateSolver {
  std::string method = "auto";
  std::optional<double> dt;
  std::optional<std::uint64_t> steps;
  std::optional<SimulateTolerance> adaptive;

  template <class V>
  void visit(V& v) {
    v("method", method);
    v("dt", dt);
    v("steps", steps);
    v("adaptive", adaptive);
  }
};

struct SimulateBrownian {
  std::string type = "grid";
  std::string levy_area = "foster";

  template <class V>
  void visit(V& v) {
    v("type", type);
    v("levy_area", levy_area);
  }
};

struct SimulateOutput {
  bool trajectories = true;
  std::vector<std::string> statistics = {"mean", "variance"};
  std::vector<double> quantiles = {0.05, 0.25, 0.5, 0.75, 0.95};

  template <class V>
  void visit(V& v) {
    v("trajectories", trajectories);
    v("statistics", statistics);
    v("quantiles", quantiles);
  }

  bool wants(const std::string& statistic) const;
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
  }
};

// What the options come to for an SDE: the times, and whether steps adapt.
struct Schedule {
  TimeGrid grid;
  bool adaptive = false;
};

// Fills time.start, time.end and, where nothing was said, solver.steps (about a thousand) in `options`, so
// that the effective configuration states them. Throws Error(Status::usage) with a JSON pointer.
Schedule make_schedule(SimulateOptions& options, const SdeDocument& document, const std::string& method);

}  // namespace sde
