// A whole step carried out in f32: half the bytes, twice the lanes to a vector, and f32 normals.
#pragma once

#include <memory>

#include "solve/symbolic_step.h"

namespace sde {

// States are rounded to f32 after every step; between steps they stand in f64 blocks as ever, so that
// domains, statistics and output need not know. The increments are f32 normals of (seed, Purpose::brownian,
// id, step, component), drawn here and not served: another path than the f64 one of the same seed. Throws
// Error(Status::usage) for a step that needs Levy areas.
std::unique_ptr<Stepper> make_float_stepper(const SdeExpressions& sde, const SymbolicStep& step);

}  // namespace sde
