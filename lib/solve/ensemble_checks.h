// Which options of an ensemble go together.
#pragma once

#include "solve/ensemble.h"
#include "solve/stepper.h"

namespace sde {

// Throws Error(Status::usage) with the place, the reason and what to do instead, for options of which one
// would undo the other: step control where it is not valid, antithetic or quasi-random increments where steps
// do not take their increments from a grid, events where they would be missed.
void require_combination(const EnsembleOptions& options, const Stepper& stepper, const SdeExpressions& sde);

}  // namespace sde
