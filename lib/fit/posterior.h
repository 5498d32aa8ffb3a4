// Draws from the posterior law of the parameters.
#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <string>
#include <vector>

#include "base/hooks.h"
#include "fit/fit.h"
#include "fit/objective.h"
#include "fit/observations.h"
#include "fit/series.h"

namespace sde {

struct ParameterDraws {
  std::string name;
  // Of the draws; the interval has equal tails at the fit's confidence.
  double mean = 0, deviation = 0, median = 0, low = 0, high = 0;
  double error = 0;                              // Monte Carlo standard error of the mean
  double r_hat = 0, ess_bulk = 0, ess_tail = 0;  // chains.h
};

struct Posterior {
  int chains = 0, draws = 0, warmup = 0;  // draws and warm-up: a chain
  std::vector<ParameterDraws> parameters;
  std::vector<double> value;            // [chain][draw][parameter], natural units
  std::vector<double> log_density;      // [chain][draw]: likelihood times prior, in natural units
  std::vector<std::uint8_t> divergent;  // [chain][draw]
  std::vector<int> steps;               // [chain][draw], of the trajectory
  std::uint64_t divergences = 0;
  std::uint64_t deepest = 0;             // trajectories that reached the largest depth
  std::vector<double> acceptance, step;  // a chain: mean acceptance statistic, step after warm-up
  std::uint64_t evaluations = 0;
  bool interrupted = false;           // then there are no draws
  std::vector<std::string> warnings;  // one sentence each
};

// Where a parameter may be: its bounds and sign, cut by the support of its prior.
struct Support {
  double low = 0, high = 0;  // infinite where open
};

// The no-U-turn sampler in coordinates without bounds: the logarithm of the distance from one end of the
// support, the logit between two. The density sampled is the likelihood times the priors in natural units,
// flat where a parameter has no prior; constraints cut it off. Chains start around `mode` (coordinates of the
// space), spread twice as wide as the curvature there says. A pure function of seed: threads change nothing.
Posterior draw_posterior(const FitProblem& problem, const Eigen::VectorXd& mode,
                         const std::vector<Support>& supports, const FitOptions& options, const Hooks& hooks);

// The same for `fitted`, a result of fit(data, options) with options.inference.posterior. Error(usage) where
// the law cannot be sampled: equalities as constraints, or a parameter without prior that the data do not
// determine.
Posterior sample_posterior(const FitResult& fitted, const Observations& data, const FitOptions& options,
                           const Hooks& hooks = {});
Posterior sample_posterior(const FitResult& fitted, const SeriesTable& data, const FitOptions& options,
                           const Hooks& hooks = {});

}  // namespace sde
