// Trigonometric functions of f64 lanes.
#if defined(SDE_SIMD_TRIG_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SDE_SIMD_TRIG_INL_H_
#undef SDE_SIMD_TRIG_INL_H_
#else
#define SDE_SIMD_TRIG_INL_H_
#endif

#include <cstddef>
#include <cstdint>

#include "simd/ops-inl.h"
#include "simd/reduce.h"

HWY_BEFORE_NAMESPACE();
namespace sde::simd::HWY_NAMESPACE {

inline constexpr double kTwoOverPi = 0x1.45f306dc9c883p-1;
inline constexpr double kHalfPi0 = 0x1.921fb54442d18p+0;  // pi/2 to 159 bits
inline constexpr double kHalfPi1 = 0x1.1a62633145c07p-54;
inline constexpr double kHalfPi2 = -0x1.f1976b7ed8fbcp-110;

// |x| = quadrant pi/2 + head + tail modulo 2 pi; the quadrant is in the two low bits.
template <class V, class VU>
struct Angle {
  V head, tail;
  VU quadrant;
};

// The lanes that the vector reduction does not reach.
template <class D, class V, class VU>
HWY_NOINLINE void ReduceLarge(D d, V a, Angle<V, VU>& angle) {
  const hn::RebindToUnsigned<D> du;
  constexpr std::size_t kMax = HWY_MAX_BYTES / sizeof(double);
  HWY_ALIGN double x[kMax], head[kMax], tail[kMax];
  HWY_ALIGN std::uint64_t quadrant[kMax];
  hn::Store(a, d, x);
  hn::Store(angle.head, d, head);
  hn::Store(angle.tail, d, tail);
  hn::Store(angle.quadrant, du, quadrant);
  for (std::size_t i = 0; i < hn::Lanes(d); ++i) {
    if (x[i] <= 0x1p30) continue;
    const ReducedAngle r = reduce_large_angle(x[i]);
    head[i] = r.head;
    tail[i] = r.tail;
    quadrant[i] = static_cast<std::uint64_t>(r.quadrant);
  }
  angle = {hn::Load(d, head), hn::Load(d, tail), hn::Load(du, quadrant)};
}

template <class D, class V = hn::Vec<D>, class VU = hn::Vec<hn::RebindToUnsigned<D>>>
HWY_INLINE Angle<V, VU> ReduceAngle(D d, V a) {
  const hn::RebindToUnsigned<D> du;
  const V rounded = Fma(a, Const(d, kTwoOverPi), Const(d, 0x1.8p52));
  const V n = hn::Sub(rounded, Const(d, 0x1.8p52));
  // Exact: a multiple of 2^-53 below 1. Then a fast two-sum, exact too since it is also a multiple of ulp(n
  // kHalfPi1).
  const V first = NegFma(n, Const(d, kHalfPi0), a);
  const V second = hn::Mul(n, Const(d, kHalfPi1));
  const V head = hn::Sub(first, second);
  const V rest = Fma(n, Const(d, kHalfPi2), Fms(n, Const(d, kHalfPi1), second));
  Angle<V, VU> angle{head, hn::Sub(hn::Sub(hn::Sub(first, head), second), rest), hn::BitCast(du, rounded)};
  const auto large = hn::Gt(a, Const(d, 0x1p30));
  if (HWY_UNLIKELY(!hn::AllFalse(d, large))) ReduceLarge(d, a, angle);
  return angle;
}

// Sine and cosine of |head + tail| <= pi/4 as value + rest, the rest being what rounding the value lost.
template <class D, class V>
HWY_INLINE Compensated<V> SinKernel(D d, V head, V tail) {
  const V z = hn::Mul(head, head);
  // (sin x / x - 1) / x^2, minimax to 2^-58 of sin x
  const V series = Horner(d, z, -0x1.5555555555549p-3, 0x1.111111110f861p-7, -0x1.a01a019c0e4bcp-13,
                          0x1.71de3574ba230p-19, -0x1.ae5e63cd71e56p-26, 0x1.5d9246ce55ddap-33);
  const V turned = NegFma(tail, hn::Mul(z, Const(d, 0.5)), tail);  // tail cos(head)
  const V small = Fma(hn::Mul(head, z), series, turned);
  const V value = hn::Add(head, small);
  return {value, hn::Add(hn::Sub(head, value), small)};
}

template <class D, class V>
HWY_INLINE Compensated<V> CosKernel(D d, V head, V tail) {
  const V one = Const(d, 1);
  const V z = hn::Mul(head, head);
  const V half = hn::Mul(z, Const(d, 0.5));
  const V w = hn::Sub(one, half);
  // (cos x - 1 + x^2/2) / x^4, minimax to 2^-64
  const V series = Horner(d, z, 0x1.555555555554cp-5, -0x1.6c16c16c15162p-10, 0x1.a01a019caef42p-16,
                          -0x1.27e4f807d6805p-22, 0x1.1ee9ea6ced186p-29, -0x1.8fadd07d41210p-37);
  const V lost = hn::Sub(hn::Sub(one, w), half);
  const V small = hn::Add(lost, Fma(hn::Mul(z, z), series, NegFma(head, tail, hn::Zero(d))));
  const V value = hn::Add(w, small);
  return {value, hn::Add(hn::Sub(w, value), small)};
}

// Sine and cosine at once. Error below 1 ulp for every finite argument: up to 2^30 on lanes, beyond it by
// reduction of one lane at a time; NaN at infinities.
template <class D, class V>
HWY_INLINE void SinCos(D d, V x, V& sin, V& cos) {
  const hn::RebindToUnsigned<D> du;
  const V a = hn::Abs(x);
  const auto angle = ReduceAngle(d, a);
  const V s = SinKernel(d, angle.head, angle.tail).value;
  const V c = CosKernel(d, angle.head, angle.tail).value;
  const auto swap = hn::TestBit(angle.quadrant, hn::Set(du, 1));
  const auto swapped = hn::RebindMask(d, swap);
  const V sign_of_sin =
      hn::Xor(hn::Xor(a, x), hn::BitCast(d, hn::ShiftLeft<63>(hn::ShiftRight<1>(angle.quadrant))));
  const V sign_of_cos =
      hn::BitCast(d, hn::ShiftLeft<63>(hn::ShiftRight<1>(hn::Add(angle.quadrant, hn::Set(du, 1)))));
  sin = hn::Xor(hn::IfThenElse(swapped, c, s), sign_of_sin);
  cos = hn::Xor(hn::IfThenElse(swapped, s, c), sign_of_cos);
}

template <class D, class V>
HWY_INLINE V Sin(D d, V x) {
  V sin, cos;
  SinCos(d, x, sin, cos);
  return sin;
}

template <class D, class V>
HWY_INLINE V Cos(D d, V x) {
  V sin, cos;
  SinCos(d, x, sin, cos);
  return cos;
}

// Sine over cosine, or its negative reciprocal, the quotient of two compensated values. Error below 1.5 ulp;
// arguments as in SinCos.
template <class D, class V>
HWY_INLINE V Tan(D d, V x) {
  const hn::RebindToUnsigned<D> du;
  const V a = hn::Abs(x);
  const auto angle = ReduceAngle(d, a);
  const Compensated<V> s = SinKernel(d, angle.head, angle.tail), c = CosKernel(d, angle.head, angle.tail);
  const auto turned = hn::TestBit(angle.quadrant, hn::Set(du, 1));
  const auto swap = hn::RebindMask(d, turned);
  const V over = hn::IfThenElse(swap, c.value, s.value), over_rest = hn::IfThenElse(swap, c.rest, s.rest);
  const V under = hn::IfThenElse(swap, s.value, c.value), under_rest = hn::IfThenElse(swap, s.rest, c.rest);
  const V inverse = hn::Div(Const(d, 1), under);
  const V q = hn::Mul(over, inverse);
  const V remainder = hn::Add(NegFma(q, under, over), NegFma(q, under_rest, over_rest));
  const V value = Fma(remainder, inverse, q);
  const V sign = hn::BitCast(d, hn::ShiftLeft<63>(angle.quadrant));
  return hn::Xor(value, hn::Xor(hn::Xor(a, x), sign));
}

}  // namespace sde::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // SDE_SIMD_TRIG_INL_H_
