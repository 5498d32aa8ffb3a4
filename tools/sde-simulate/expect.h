// The expressions whose means sde-simulate is asked for, and their control variates.
#pragma once

#include <string>
#include <vector>

#include "functionals.h"
#include "options.h"
#include "sde/expressions.h"
#include "solve/ensemble.h"

namespace sde {

// Fills options.expect, and options.controls with their means. `initial` is where the paths start, `end`
// where they end. Throws Error(Status::usage) that begins with "/expect/0" or "/control/0".
void parse_expectations(const SimulateOptions& options, const SdeExpressions& equation,
                        const PathFunctionals& functionals, const InitialStates& initial, double start,
                        double end, EnsembleOptions& into);

}  // namespace sde
