// How far the paths of a flow are from straight lines.
#pragma once

#include <cstddef>
#include <cstdint>

#include "score/model.h"

namespace sde {

// E int |x_1 - x_0 - dx/dt|^2 dt / D over the paths of the probability flow from the prior (Liu et al. 2023,
// in model units): 0 where one step of Euler's method is exact. `samples` paths by `steps` steps of the
// classical Runge-Kutta method.
double straightness(const ScoreModel& model, std::uint64_t seed, std::size_t samples = 1024,
                    std::size_t steps = 100);

}  // namespace sde
