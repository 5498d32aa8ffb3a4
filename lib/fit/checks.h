// What fit() refuses, and the sentences it says so with.
#pragma once

#include <vector>

#include "fit/density.h"
#include "fit/likelihood.h"
#include "fit/observations.h"
#include "fit/options.h"

namespace sde {

// Error(usage) with the JSON pointer of the option.
void check_options(const FitOptions& options);

// Error(bad_data), naming the row: no transition, a state outside the law's or the document's domain, a
// constant series.
void check_data(const Observations& data, const TransitionDensity& density, const SdeExpressions& sde);

// A likelihood that is not finite at the start: the fault of a row (bad_data) or of the starting values
// (usage)?
[[noreturn]] void explain_not_finite(const LogLikelihood& likelihood, const TransitionDensity& density,
                                     const Observations& data, const SdeExpressions& sde,
                                     const std::vector<double>& parameters);

}  // namespace sde
