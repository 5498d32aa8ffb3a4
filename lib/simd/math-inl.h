// Elementary functions on lanes: template <class D, class V> V Exp(D d, V x) and the like, for any Highway
// descriptor d.
//
// The largest errors, in units of the last place, as measured and asserted by tests/simd (Pow is given x^y):
//   Exp .97  Expm1 1.3  Log .81  Log1p .79  Pow 1.2  Erf 1.1  Sigmoid 2.3  Softplus 1.6
//   Sin .77  Cos .77  SinCos .77  Tan .93  Asin 1.6  Acos 1.1  Atan 1.4  Sinh 1.5  Cosh 1.5  Tanh 1.0
// f32: Exp .98  Log .78  Sin, Cos, SinCos 1.6  Tanh 1.8  Sigmoid 2.4
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

#include "simd/erf-inl.h"
#include "simd/exp-inl.h"
#include "simd/float-inl.h"
#include "simd/inverse-inl.h"
#include "simd/log-inl.h"
#include "simd/ops-inl.h"
#include "simd/pow-inl.h"
#include "simd/trig-inl.h"

#endif  // SDE_SIMD_MATH_INL_H_
