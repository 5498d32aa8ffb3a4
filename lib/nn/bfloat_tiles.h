// The products of bfloat.h on matrix tiles.
#pragma once

#include "nn/bfloat.h"

namespace sde::nn {

// For processors where uses_tiles().
void multiply_on_tiles(const PackedProduct& p);

}  // namespace sde::nn
