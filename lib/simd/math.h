// The functions of math-inl.h on arrays, for callers without kernels of their own.
#pragma once

#include <cstddef>

namespace sde::simd {

enum class Function { exp, log, sin, cos };

// y[i] = function(x[i]); n is a multiple of kLaneQuantum, the arrays are aligned to kAlignment and may be the
// same.
void map(Function function, const double* x, double* y, std::size_t n);

}  // namespace sde::simd
