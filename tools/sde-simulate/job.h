// What a run of sde-simulate is, once the configuration is understood.
#pragma once

#include <optional>
#include <string>

#include "cli/tool.h"
#include "config/sde_document.h"
#include "functionals.h"
#include "io/shard.h"
#include "options.h"
#include "sde/expressions.h"
#include "sde/transition.h"
#include "solve/ensemble.h"
#include "solve/method.h"

namespace sde {

// The law that the states follow exactly, and their moments at the end, to hold a run's against.
struct KnownLaw {
  std::string name;
  StateMoments end;
};

struct Job {
  config::FoundSde found;
  SimulateOptions options;
  SdeExpressions equation;      // as the document has it
  SdeExpressions solved;        // in the method's calculus
  SdeExpressions stepped;       // what steps are taken of: that, or its Lamperti transform
  PathFunctionals functionals;  // the last states of these equations
  std::optional<StateTransform> transform;
  std::optional<KnownLaw> known;  // then the last expectations are (x - E x)^2 of every state
  MethodChoice choice;
  Schedule schedule;
  EnsembleOptions ensemble;
  io::Shard shard;            // ids that are run here: all, without --shard
  bool store = false;         // an output of trajectories or statistics
  bool trajectories = false;  // in it
  bool fixed_steps = false;   // dt or their number was given

  const SdeDocument& document() const { return found.sde; }
  // The equation solved, without the states that are integrals over the path.
  SdeExpressions observed() const {
    SdeExpressions sde = solved;
    const std::size_t n = solved.dimension() - functionals.size();
    sde.states.resize(n);
    sde.drift.erase(sde.drift.begin() + static_cast<std::ptrdiff_t>(n), sde.drift.end());
    sde.diffusion.resize(n);
    sde.domains.resize(n);
    return sde;
  }
  // The states that results speak of: all, or all but the parameters that paths draw.
  std::size_t shown() const { return solved.dimension() - ensemble.hidden; }
  std::vector<std::string> shown_states() const {
    return {solved.states.begin(), solved.states.begin() + static_cast<std::ptrdiff_t>(shown())};
  }
};

// The shards of --merge into what one run would have written. Returns the exit status.
int merge_shards(cli::Context& context, Job& job);

// Runs the ensemble with checkpoints where they are asked for, and reports. Returns the exit status.
int run_ensemble(cli::Context& context, Job& job, const InitialStates& initial);

// Paths to add for the target, by what the error is now; 0 where it is reached, cannot be, or there is none.
std::uint64_t more_paths(const SimulateOptions& options, const Ensemble& ensemble);

// The expectations to a target error by multilevel Monte Carlo. Returns the exit status.
int run_multilevel(cli::Context& context, const Job& job, const InitialStates& initial);

}  // namespace sde
