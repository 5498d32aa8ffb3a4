#include "solve/ensemble_checks.h"

#include <string>

#include "base/error.h"
#include "solve/adaptive_sde.h"

namespace sde {
namespace {

void require_coupling(const EnsembleOptions& options, const Stepper& stepper, const SdeExpressions& sde) {
  const CouplingOptions& coupling = options.coupling;
  if (!coupling.antithetic && coupling.quasi_points == 0) return;
  const char* const what = coupling.antithetic ? "antithetic" : "points";
  if (coupling.antithetic && coupling.quasi_points > 0)
    fail(Status::usage,
         "/brownian/antithetic: sobol points are balanced by themselves; use either antithetic or sobol");
  if (options.precision == Precision::f32)
    fail(Status::usage, "/brownian/{}: steps in f32 have increments of their own; use f64", what);
  if (stepper.noises() == 0)
    fail(Status::usage, "/brownian/{}: an ODE has no increments; leave it out", what);
  if (options.brownian == BrownianSource::tree)
    fail(Status::usage, "/brownian/{}: takes increments from a grid (got the type tree); use grid", what);
  if (options.adaptive)
    fail(Status::usage, "/brownian/{}: needs the same steps on all paths; use a fixed dt", what);
  if (stepper.draws_numbers())
    fail(Status::usage, "/brownian/{}: {} draws numbers of its own beside the increments; use another method",
         what, options.method->name);
  if (!options.controls.empty())
    fail(Status::usage, "/control: control variates are fitted on independent paths; leave out {}",
         coupling.antithetic ? "antithetic" : "sobol");
  if (!options.events.empty())
    fail(Status::usage,
         "/events: their standard errors are for independent paths; leave out antithetic and sobol");
  if (!sde.extremes.empty())
    fail(Status::usage,
         "/expect: extremes of the path draw numbers of their own beside the increments; leave out {}",
         coupling.antithetic ? "antithetic" : "sobol");
}

}  // namespace

void require_combination(const EnsembleOptions& options, const Stepper& stepper, const SdeExpressions& sde) {
  if (options.controls.size() != options.control_means.size())
    fail(Status::bug, "{} control variates with {} means", options.controls.size(),
         options.control_means.size());
  if (options.event_bins.size() != options.events.size())
    fail(Status::bug, "{} events with {} histograms", options.events.size(), options.event_bins.size());
  require_coupling(options, stepper, sde);
  if (options.adaptive) {
    const std::string reason = adaptive_refusal(*options.method, sde.calculus, sde.noise_kind);
    if (!reason.empty()) fail(Status::usage, "/solver/adaptive: {}", reason);
  }
  if (options.precision == Precision::f32 && options.brownian == BrownianSource::tree)
    fail(Status::usage, "/solver/precision: the paths of a tree are f64 (got f32); use a grid, or \"f64\"");
  if (options.adaptive && !options.events.empty())
    fail(Status::usage, "/events: adaptive steps pass over crossings; give dt or steps");
  if (options.adaptive && !sde.extremes.empty())
    fail(Status::usage, "/expect: adaptive steps pass over extremes of the path; give dt or steps");
}

}  // namespace sde
