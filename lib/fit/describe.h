// What a fit tells of its data and residuals.
#pragma once

#include <vector>

#include "fit/fit.h"
#include "fit/log_likelihood.h"
#include "fit/observations.h"

namespace sde {

// Counts, steps and columns; with `terms` the times and values that the transitions end at.
void describe_data(const Observations& data, bool terms, FitResult& result);

// The tests of the residuals at these parameters; with `terms` (always where the result holds
// observed values already, as a filter's does) also every residual and what was foretold. Without, memory is
// one number a residual.
void add_diagnostics(const LogLikelihood& likelihood, const std::vector<double>& parameters, bool terms,
                     FitResult& result);

}  // namespace sde
