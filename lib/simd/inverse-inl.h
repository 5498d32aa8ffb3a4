// Inverse trigonometric functions of f64 lanes.
#if defined(SDE_SIMD_INVERSE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SDE_SIMD_INVERSE_INL_H_
#undef SDE_SIMD_INVERSE_INL_H_
#else
#define SDE_SIMD_INVERSE_INL_H_
#endif

#include "simd/ops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sde::simd::HWY_NAMESPACE {

inline constexpr double kHalfPiHead = 0x1.921fb54442d18p+0;
inline constexpr double kHalfPiRest = 0x1.1a62633145c07p-54;

// (asin(x) - x) / x of z = x^2 <= 1/4, minimax to 2^-60.
template <class D, class V>
HWY_INLINE V AsinTail(D d, V z) {
  return hn::Mul(
      z, Horner(d, z, 0x1.5555555555578p-3, 0x1.333333332df60p-4, 0x1.6db6db722788dp-5, 0x1.f1c71a8d2d987p-6,
                0x1.6e8bdfb793132p-6, 0x1.1c49e17c67476p-6, 0x1.ca20ecea3f0c2p-7, 0x1.757a75f99d708p-7,
                0x1.6179ce8184570p-7, 0x1.e263bd1052e3dp-9, 0x1.64af0219d36b0p-6, -0x1.597d93b78ffe8p-6,
                0x1.0bbd885414f4ap-5));
}

// asin(|x|) = asin(s) or, from 1/2 on, pi/2 - 2 asin(s) with s = sqrt((1 - |x|) / 2).
template <class V, class M>
struct AsinParts {
  V s, tail;  // asin(s) = s + tail
  M beyond;   // |x| > 1/2
};

template <class D, class V>
HWY_INLINE auto ReduceAsin(D d, V a) {
  const auto beyond = hn::Gt(a, Const(d, 0.5));
  const V half =
      NegFma(a, Const(d, 0.5), Const(d, 0.5));  // exact; negative outside [-1, 1], whose root is NaN
  const V z = hn::IfThenElse(beyond, half, hn::Mul(a, a));
  const V s = hn::IfThenElse(beyond, hn::Sqrt(half), a);
  return AsinParts<V, decltype(beyond)>{s, hn::Mul(s, AsinTail(d, z)), beyond};
}

// Error below 2 ulp; NaN outside [-1, 1].
template <class D, class V>
HWY_INLINE V Asin(D d, V x) {
  const auto p = ReduceAsin(d, hn::Abs(x));
  const V near = hn::Add(p.s, p.tail);
  const V twice = hn::Sub(hn::Add(p.tail, p.tail), Const(d, kHalfPiRest));
  const V far = hn::Sub(Const(d, kHalfPiHead), hn::Add(hn::Add(p.s, p.s), twice));
  return hn::Or(hn::IfThenElse(p.beyond, far, near), hn::And(x, hn::SignBit(d)));
}

// Error below 2 ulp; NaN outside [-1, 1].
template <class D, class V>
HWY_INLINE V Acos(D d, V x) {
  const auto p = ReduceAsin(d, hn::Abs(x));
  const auto negative = hn::Lt(x, hn::Zero(d));
  const V s = hn::IfThenElse(negative, hn::Neg(p.s), p.s),
          tail = hn::IfThenElse(negative, hn::Neg(p.tail), p.tail);
  const V near = hn::Sub(Const(d, kHalfPiHead), hn::Add(s, hn::Sub(tail, Const(d, kHalfPiRest))));
  const V end = hn::IfThenElseZero(negative, Const(d, 2 * kHalfPiHead));
  const V rest = hn::IfThenElseZero(negative, Const(d, 2 * kHalfPiRest));
  const V far = hn::Add(end, hn::Add(hn::Add(s, s), hn::Add(hn::Add(tail, tail), rest)));
  return hn::IfThenElse(p.beyond, far, near);
}

// |x| is taken to a quotient t with |t| <= 1/2: itself, (|x| - 1) / (|x| + 1) with pi/4 to add, or -1 / |x|
// with pi/2. Error below 2 ulp.
template <class D, class V>
HWY_INLINE V Atan(D d, V x) {
  const V one = Const(d, 1);
  const V a = hn::Abs(x);
  const auto middle = hn::Gt(a, Const(d, 0.5)), far = hn::Gt(a, Const(d, 2.414213562373095));
  V over = hn::IfThenElse(middle, hn::Sub(a, one), a), under = hn::IfThenElse(middle, hn::Add(a, one), one);
  over = hn::IfThenElse(far, Const(d, -1), over);
  under = hn::IfThenElse(far, a, under);
  const V base =
      hn::IfThenElse(far, Const(d, kHalfPiHead), hn::IfThenElseZero(middle, Const(d, kHalfPiHead / 2)));
  const V rest =
      hn::IfThenElse(far, Const(d, kHalfPiRest), hn::IfThenElseZero(middle, Const(d, kHalfPiRest / 2)));
  const V t = hn::Div(over, under);
  const V z = hn::Mul(t, t);
  // (atan t - t) / t, minimax to 2^-62
  const V series = hn::Mul(
      z, Horner(d, z, -0x1.5555555555552p-2, 0x1.999999999905dp-3, -0x1.24924924516edp-3,
                0x1.c71c71aa656adp-4, -0x1.745d1383c59f2p-4, 0x1.3b1360109644dp-4, -0x1.110c6b4c88ccbp-4,
                0x1.e1828cf198a4ap-5, -0x1.ac716b50651f5p-5, 0x1.77f877d4cc7ccp-5, -0x1.301672b2ddc4bp-5,
                0x1.839ae9ab212fbp-6, -0x1.1230c498e2800p-7));
  const V value = hn::Add(base, hn::Add(t, Fma(t, series, rest)));
  return hn::Or(hn::Abs(value), hn::And(x, hn::SignBit(d)));
}

}  // namespace sde::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // SDE_SIMD_INVERSE_INL_H_
