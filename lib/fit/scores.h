// How well an SDE foretells data that it was not fitted to.
#pragma once

#include <cstdint>
#include <vector>

#include "fit/observations.h"
#include "sde/document.h"

namespace sde {

// The continuous ranked probability score of every transition and component, E|X - x'| - E|X - X*|/2 for X
// and X* independent draws of the state after (Gneiting & Raftery, JASA 102, 2007, eq. 21), in the units of
// the state, 0 the best: [transition * dimension + component]. `samples` >= 2 draws by `steps` pieces of
// Euler-Maruyama from the observation before; the estimate is unbiased for their law. Not-a-number where a
// draw is not finite.
std::vector<double> crps(const SdeDocument& document, const Observations& data, int samples, int steps,
                         std::uint64_t seed);

}  // namespace sde
