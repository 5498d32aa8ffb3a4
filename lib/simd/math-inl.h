// Elementary functions on lanes: template <class D, class V> V Exp(D d, V x) and the like, for any Highway
// descriptor d.
//
// Own code rather than Highway's contrib/math, whose results differ between targets: here each lane does the
// same operations in the same order on every target, fused multiply-adds through ops-inl.h only. Zeros keep
// their sign where the function is odd, infinities, NaN, subnormals, overflow and underflow are treated as in
// <cmath>.
#if defined(SDE_SIMD_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SDE_SIMD_MATH_INL_H_
#undef SDE_SIMD_MATH_INL_H_
#else
#define SDE_SIMD_MATH_INL_H_
#endif

#include "simd/exp-inl.h"
#include "simd/log-inl.h"
#include "simd/ops-inl.h"
#include "simd/trig-inl.h"

#endif  // SDE_SIMD_MATH_INL_H_
