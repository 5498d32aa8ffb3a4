// What a fit tells of its data and residuals.
#pragma once

#include <vector>

#include "fit/fit.h"
#include "fit/log_likelihood.h"
#include "fit/observations.h"

namespace sde {

// Counts, steps and columns; with `terms` the times and values that the transitions end at.
void describe_data(const Observations& data, bool terms, FitResult& result);

// Residuals, what was foretold of every term, and the tests of the residuals, at these parameters.
void add_diagnostics(const LogLikelihood& likelihood, const std::vector<double>& parameters,
                     FitResult& result);

}  // namespace sde
