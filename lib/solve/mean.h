// The exact mean of an SDE whose drift is affine.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sde/expressions.h"

namespace sde {

// E[X(end)] given E[X(start)], where the Ito drift is A x + b with constant A and b: d m / dt = A m + b,
// solved by the exponential of [[A, b], [0, 0]]. True of the process itself, whatever its noise; a
// discretisation has a mean that is off by its weak error. Nothing, and a reason, where the drift is not
// affine, depends on t, or a domain's boundary takes part.
std::optional<std::vector<double>> exact_mean(const SdeExpressions& sde,
                                              const std::vector<double>& start_mean, double duration,
                                              std::string& reason);

}  // namespace sde
