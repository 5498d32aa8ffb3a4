// Networks as the suites time them.
#pragma once

#include <cstddef>
#include <memory>

#include "score/model.h"

namespace sde::bench {

// Three layers of `width`, SiLU, 32 features of time, weights as training starts with them, but for the last
// layer, which is not zero either.
std::shared_ptr<const ScoreModel> untrained(std::size_t width);

}  // namespace sde::bench
