// The functions of math-inl.h on arrays, for callers without kernels of their own.
#pragma once

#include <cstddef>

namespace sde::simd {

enum class Function {
  exp,
  expm1,
  log,
  log1p,
  sin,
  cos,
  tan,
  asin,
  acos,
  atan,
  sinh,
  cosh,
  tanh,
  erf,
  sigmoid,
  softplus
};

// y[i] = function(x[i]); n is a multiple of kLaneQuantum, the arrays are aligned to kAlignment and may be the
// same.
void map(Function function, const double* x, double* y, std::size_t n);

enum class FloatFunction { exp, log, sin, cos, tanh, sigmoid };

void map(FloatFunction function, const float* x, float* y, std::size_t n);

// z[i] = x[i]^y[i], likewise.
void pow(const double* x, const double* y, double* z, std::size_t n);

}  // namespace sde::simd
