// Simulate and refit: what the estimator does to data of which the parameters are known.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/hooks.h"
#include "fit/fit.h"
#include "fit/observations.h"
#include "fit/options.h"
#include "fit/series.h"

namespace sde {

// Over the refits that converged. Errors are those of the finite number of replicas.
struct BootstrapEstimate {
  std::string name;
  double value = 0;                  // the fit's, which the replicas were drawn with
  double bias = 0, bias_stderr = 0;  // mean of the refits less `value`
  double se = 0;                     // standard deviation of the refits
  double low = 0, high = 0;          // percentiles of the refits at the level of the intervals
  double coverage = 0;               // share of refits whose Wald interval holds `value`
  double coverage_stderr = 0;
};

struct BootstrapResult {
  std::string method;  // how paths were drawn: "exact", "milstein", "euler-maruyama"
  int pieces = 1;      // steps between two rows
  std::size_t replicas = 0, used = 0, failed = 0;  // used: converged; failed: the others
  // Why replicas failed, and how many did so.
  std::vector<std::pair<std::string, std::size_t>> failures;
  bool interrupted = false;
  std::vector<BootstrapEstimate> estimates;
  std::vector<double> value, se;  // [replica][estimate], not-a-number where it failed
};

// Draws `replicas` data sets from `fitted` (a result of fit(data, options)) at the times of `data`, missing
// values in the same places, and fits each from those estimates (parametric bootstrap, Efron 1979; Davison &
// Hinkley 1997, section 2.2). A pure function of options.seed: threads change nothing.
BootstrapResult bootstrap(const FitResult& fitted, const Observations& data, const FitOptions& options,
                          int replicas, const Hooks& hooks = {});
BootstrapResult bootstrap(const FitResult& fitted, const SeriesTable& data, const FitOptions& options,
                          int replicas, const Hooks& hooks = {});

}  // namespace sde
