// What this processor can do at most, to state the speed of kernels as a share of it.
#pragma once

#include <cstdint>

namespace sde::simd {

// Runs f32 multiply-adds that wait for nothing, in registers, with the widest vectors of the current target,
// at least `least` of them; returns how many floating-point operations that were (two for each multiply-add).
double spin_multiply_adds(std::uint64_t least);

}  // namespace sde::simd
