// Exponentials of f64 lanes.
#if defined(SDE_SIMD_EXP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SDE_SIMD_EXP_INL_H_
#undef SDE_SIMD_EXP_INL_H_
#else
#define SDE_SIMD_EXP_INL_H_
#endif

#include "simd/ops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sde::simd::HWY_NAMESPACE {

// Adding this to |x| < 2^51 rounds x to an integer, which is then in the low bits.
inline constexpr double kRoundMagic = 0x1.8p52;
inline constexpr double kLog2E = 0x1.71547652b82fep+0;
inline constexpr double kLn2Head = 0x1.62e42fefa39efp-1;  // ln 2 = head + tail to 106 bits
inline constexpr double kLn2Tail = 0x1.abc9e3b39803fp-56;

// 2^k for integers -1022 <= k <= 1023.
template <class D, class V>
HWY_INLINE V PowerOfTwo(D d, V k) {
  const hn::RebindToUnsigned<D> du;
  const V biased = hn::Add(k, Const(d, 0x1p52 + 1023));
  return hn::BitCast(d, hn::ShiftLeft<52>(hn::BitCast(du, biased)));
}

// p * 2^k for integers -1100 <= k <= 1024 and 0.5 < p < 2, rounded once where the result is subnormal.
template <class D, class V>
HWY_INLINE V ScaleByPowerOfTwo(D d, V p, V k) {
  const V first = Lesser(Greater(k, Const(d, -1000)), Const(d, 1023));
  return hn::Mul(hn::Mul(p, PowerOfTwo(d, first)), PowerOfTwo(d, hn::Sub(k, first)));
}

// The reduced argument of an exponential: x = k ln 2 + r, |r| <= ln 2 / 2.
template <class V>
struct ExpArgument {
  V k, r;
};

template <class D, class V>
HWY_INLINE ExpArgument<V> ReduceExp(D d, V x) {
  const V k = hn::Sub(Fma(x, Const(d, kLog2E), Const(d, kRoundMagic)), Const(d, kRoundMagic));
  // The first difference is exact: both terms are multiples of 2^-54 and it is less than 1/2.
  return {k, NegFma(k, Const(d, kLn2Tail), NegFma(k, Const(d, kLn2Head), x))};
}

// (exp(r) - 1 - r) / r^2 on |r| <= ln 2 / 2, minimax to 2^-63 of exp(r).
template <class D, class V>
HWY_INLINE V ExpTail(D d, V r) {
  return Horner(d, r, 0.5, 0x1.555555555555cp-3, 0x1.55555555554fap-5, 0x1.111111110e95ep-7,
                0x1.6c16c16c325ffp-10, 0x1.a01a01b4ab5ecp-13, 0x1.a01a013024ee5p-16, 0x1.71dded27a669cp-19,
                0x1.27e5bbafb0cb9p-22, 0x1.af71235064f48p-26, 0x1.1e39af64a992ap-29);
}

// e^x 2^scale (the scale keeps halves of an exponential near overflow finite). Error below 1 ulp.
template <class D, class V>
HWY_INLINE V ExpScaled(D d, V x, double scale) {
  // Beyond these the result is infinite or zero anyway; NaN passes.
  const V clamped = Lesser(Const(d, 711), Greater(Const(d, -747), x));
  const ExpArgument<V> a = ReduceExp(d, clamped);
  const V p = hn::Add(Const(d, 1), Fma(hn::Mul(a.r, a.r), ExpTail(d, a.r), a.r));
  return ScaleByPowerOfTwo(d, p, hn::Add(a.k, Const(d, scale)));
}

// e^x. Error below 1 ulp, subnormal results included.
template <class D, class V>
HWY_INLINE V Exp(D d, V x) {
  return ExpScaled(d, x, 0);
}

// (e^x - 1) / 2, finite where sinh is.
template <class D, class V>
HWY_INLINE Compensated<V> HalfExpm1(D d, V x) {
  const V clamped = Lesser(Const(d, 710.6), Greater(Const(d, -40), x));  // e^-40 is nothing beside 1
  const V k = hn::Sub(Fma(clamped, Const(d, kLog2E), Const(d, kRoundMagic)), Const(d, kRoundMagic));
  const V exact = NegFma(k, Const(d, kLn2Head), clamped);
  const V r = NegFma(k, Const(d, kLn2Tail), exact);
  const V lost = NegFma(k, Const(d, kLn2Tail), hn::Sub(exact, r));
  const V t = Fma(hn::Mul(r, r), ExpTail(d, r), lost);
  // 2^k (1 + r + t) - 1 from its largest term to its smallest, a quarter of it so that 2^1025 is in range.
  const V s = PowerOfTwo(d, hn::Sub(k, Const(d, 2)));
  const V first = hn::Sub(s, Const(d, 0.25));
  const V second = Fma(s, r, first);
  const V third = Fma(s, t, second);
  const V rest = hn::Add(Fma(s, r, hn::Sub(first, second)), Fma(s, t, hn::Sub(second, third)));
  return {hn::Add(third, third), hn::Add(rest, rest)};
}

// e^x - 1. Error below 1.5 ulp.
template <class D, class V>
HWY_INLINE V Expm1(D d, V x) {
  const V half = HalfExpm1(d, x).value;
  return hn::IfThenElse(hn::Eq(x, hn::Zero(d)), x, hn::Add(half, half));  // -0 stays
}

// Error below 2 ulp.
template <class D, class V>
HWY_INLINE V Sinh(D d, V x) {
  const V one = Const(d, 1);
  const auto h = HalfExpm1(d, hn::Abs(x));  // sinh = h + h / (2 h + 1)
  const V finite = Lesser(Const(d, 0x1p100), h.value);
  const V inverse = hn::Div(one, Fma(Const(d, 2), finite, one));
  const V rest =
      hn::IfThenElseZero(hn::Lt(h.value, Const(d, 0x1p100)), Fma(hn::Mul(inverse, inverse), h.rest, h.rest));
  return hn::CopySignToAbs(hn::Add(h.value, Fma(finite, inverse, rest)), x);
}

// Error below 2 ulp.
template <class D, class V>
HWY_INLINE V Cosh(D d, V x) {
  const V h = ExpScaled(d, hn::Abs(x), -1);
  return hn::Add(h, hn::Div(Const(d, 0.25), h));
}

// Error below 1.5 ulp.
template <class D, class V>
HWY_INLINE V Tanh(D d, V x) {
  const V one = Const(d, 1);
  const V a = Lesser(Const(d, 20), hn::Abs(x));  // 1 - 2 e^-40 rounds to 1; NaN passes
  const auto h = HalfExpm1(d, hn::Add(a, a));    // tanh = h / (h + 1)
  const V under = hn::Add(h.value, one);
  const V under_rest = hn::Sub(h.value, hn::Sub(under, one));  // exact up to h = 1; beyond it matters less
  const V inverse = hn::Div(one, under);
  const V q = hn::Mul(h.value, inverse);
  const V remainder = Fma(hn::Sub(one, q), h.rest, NegFma(q, under_rest, NegFma(q, under, h.value)));
  return hn::CopySignToAbs(Fma(remainder, inverse, q), x);
}

// 1 / (1 + e^-x), without overflow, and without cancellation on either side. Error below 2.5 ulp.
template <class D, class V>
HWY_INLINE V Sigmoid(D d, V x) {
  const V one = Const(d, 1);
  const V e = Exp(d, hn::Neg(hn::Abs(x)));
  return hn::Div(hn::IfThenElse(hn::Lt(x, hn::Zero(d)), e, one), hn::Add(one, e));
}

}  // namespace sde::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // SDE_SIMD_EXP_INL_H_
