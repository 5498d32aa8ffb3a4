// Expectations by multilevel Monte Carlo (Giles, Operations Research 56, 2008).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/hooks.h"
#include "expr/expr.h"
#include "sde/expressions.h"
#include "solve/ensemble.h"
#include "solve/method.h"
#include "stats/moments.h"
#include "stats/slope.h"

namespace sde {

struct MultilevelOptions {
  const Method* method = nullptr;
  double start = 0, end = 1;
  std::uint64_t seed = 0;
  MethodOptions tuning;
  AreaLaw areas = AreaLaw::foster;
  std::vector<expr::Expr> expect;  // of the final state, the parameters and t
  double target = 0;               // standard error of every expectation
  std::uint64_t coarsest = 1;      // steps of level 0
  std::uint64_t refinement = 2;    // steps of a level by those of the one below
  // Level of the answer: that of a plain run with coarsest * refinement^finest steps, bias included. Absent:
  // levels are added until the estimated bias is no larger than the target.
  std::optional<unsigned> finest;
  std::uint64_t pilot = 256;                     // paths from which a level is first judged
  std::uint64_t most_paths = 1'000'000'000'000;  // on all levels
};

struct MultilevelLevel {
  std::uint64_t steps = 0;  // of a fine path
  std::uint64_t paths = 0;
  std::uint64_t cost = 0;  // path-steps a path, those of the coarse one with it
  double seconds = 0;
  std::vector<Moments> difference;  // [expectation] fine - coarse; level 0: the value itself
  std::vector<Moments> fine;        // [expectation]
};

struct MultilevelEstimate {
  double value = 0, standard_error = 0;
  double bias = 0;              // estimated, of the finest level
  Slope alpha, beta;            // |E[difference]| ~ h^alpha, Var[difference] ~ h^beta; value 0 where not seen
  std::uint64_t undefined = 0;  // paths on which a difference was not finite: there is no mean then
};

struct MultilevelResult {
  std::vector<MultilevelEstimate> expect;
  std::vector<MultilevelLevel> levels;
  double gamma = 0;       // cost of a path ~ h^-gamma
  double work = 0;        // path-steps
  double plain_work = 0;  // that plain Monte Carlo takes for these standard errors with the finest steps
  // Of the paths: those with a state, fine or coarse, that is not finite, and fine ones that end absorbed.
  std::uint64_t non_finite = 0, absorbed = 0;
  bool reached = false;  // the target, and where levels are free a bias below it
  bool interrupted = false;
};

// Level l pairs a path of coarsest * refinement^l steps with one of refinement times fewer on the same
// Brownian path; paths of level l have ids from l * 2^48 on, so that those of level 0 are those of a plain
// run. Numbers of paths follow from the variances and costs that are seen (eq. 12 of Giles), which depend on
// the seed alone: results are the same bits for any number of threads. Throws Error(Status::usage) for a
// method that does not couple (exact laws, ODE methods).
MultilevelResult run_multilevel(const SdeExpressions& sde, const InitialStates& initial,
                                const MultilevelOptions& options, const Hooks& hooks = {});

}  // namespace sde
