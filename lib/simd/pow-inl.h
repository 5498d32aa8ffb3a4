// Powers of f64 lanes.
#if defined(SDE_SIMD_POW_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SDE_SIMD_POW_INL_H_
#undef SDE_SIMD_POW_INL_H_
#else
#define SDE_SIMD_POW_INL_H_
#endif

#include <limits>

#include "simd/exp-inl.h"
#include "simd/log-inl.h"
#include "simd/ops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sde::simd::HWY_NAMESPACE {

// ln a to a relative 2^-65, for positive finite a, so that y ln a up to 745 leaves an error of 2^-55 in the
// exponential.
template <class D, class V>
HWY_INLINE Compensated<V> LogCompensated(D d, V a) {
  const V one = Const(d, 1), two = Const(d, 2);
  const auto subnormal = hn::Lt(a, Const(d, std::numeric_limits<double>::min()));
  const Decomposed<V> p = Decompose(d, hn::IfThenElse(subnormal, hn::Mul(a, Const(d, 0x1p54)), a));
  const V k = hn::Sub(p.k, hn::IfThenElseZero(subnormal, Const(d, 54)));

  // s = f / (2 + f) twice as long as a double.
  const V f = hn::Sub(p.m, one);
  const V under = hn::Add(two, f), under_rest = hn::Sub(f, hn::Sub(under, two));
  const V inverse = hn::Div(one, under);
  const V s = hn::Mul(f, inverse);
  const V s_rest = hn::Mul(NegFma(s, under_rest, NegFma(s, under, f)), inverse);

  // ln m = s (2 + z (2/3 + z T(z))), z = s^2; T minimax to 2^-73 of ln m.
  const V z = hn::Mul(s, s);
  const V z_rest = Fma(hn::Add(s, s), s_rest, Fms(s, s, z));
  const V high = hn::Mul(
      z, Horner(d, z, 0x1.9999999999996p-2, 0x1.2492492493049p-2, 0x1.c71c71c57e030p-3, 0x1.745d1833790efp-3,
                0x1.3b13626788467p-3, 0x1.1120c170f39cap-3, 0x1.de3190b60b3b4p-4, 0x1.eb20c2f47c44cp-4));
  const V third = Const(d, 0x1.5555555555555p-1);
  const V q = hn::Add(third, high);
  const V q_rest = hn::Add(hn::Add(hn::Sub(third, q), high), Const(d, 0x1.5555555555555p-55));
  const V v = hn::Mul(z, q);
  const V v_rest = hn::Add(Fms(z, q, v), Fma(z, q_rest, hn::Mul(z_rest, q)));
  const V g = hn::Add(two, v);
  const V g_rest = hn::Add(hn::Add(hn::Sub(two, g), v), v_rest);
  const V ln_m = hn::Mul(s, g);
  const V ln_m_rest = hn::Add(Fms(s, g, ln_m), Fma(s, g_rest, hn::Mul(s_rest, g)));

  const V whole = hn::Mul(k, Const(d, kLn2High));  // exact, and 0 or larger than ln m
  const V sum = hn::Add(whole, ln_m);
  const V rest = hn::Add(hn::Add(hn::Sub(whole, sum), ln_m), Fma(k, Const(d, kLn2Low), ln_m_rest));
  const V head = hn::Add(sum, rest);
  return {head, hn::Add(hn::Sub(sum, head), rest)};
}

// x^y with the special cases of std::pow (IEEE 754-2019, 9.2.1). Error below 1.5 ulp.
template <class D, class V>
HWY_INLINE V Pow(D d, V x, V y) {
  const V zero = hn::Zero(d), one = Const(d, 1);
  const V infinity = Const(d, std::numeric_limits<double>::infinity());
  const V a = hn::Abs(x);
  const Compensated<V> log = LogCompensated(d, a);
  const V head =
      hn::IfThenElse(hn::Eq(a, zero), hn::Neg(infinity), hn::IfThenElse(hn::Lt(a, infinity), log.value, a));

  // y ln a, beyond +-750 (0, infinite) without its rest.
  const V exact = hn::Mul(y, head);
  const auto beyond = hn::Gt(hn::Abs(exact), Const(d, 750));
  const V p = hn::IfThenElse(beyond, hn::CopySign(Const(d, 750), exact), exact);
  const V p_rest = hn::IfThenElse(beyond, zero, Fma(y, log.rest, Fms(y, head, exact)));
  const ExpArgument<V> e = ReduceExp(d, p);
  const V r = hn::Add(e.r, p_rest);
  const V magnitude = ScaleByPowerOfTwo(d, hn::Add(one, Fma(hn::Mul(r, r), ExpTail(d, r), r)), e.k);

  // 1^inf and (-1)^inf are 1; 1^NaN and NaN^0 below.
  V result = hn::IfThenElse(hn::And(hn::Eq(a, one), hn::Eq(y, y)), one, magnitude);
  const V half = hn::Mul(y, Const(d, 0.5));
  const auto integer = hn::Eq(hn::Floor(y), y);
  const auto odd = hn::And(integer, hn::Ne(hn::Floor(half), half));
  result = hn::Xor(result, hn::IfThenElseZero(odd, hn::And(x, hn::SignBit(d))));
  const auto undefined = hn::And(hn::And(hn::Lt(x, zero), hn::Gt(x, hn::Neg(infinity))), hn::Not(integer));
  result = hn::IfThenElse(undefined, Const(d, std::numeric_limits<double>::quiet_NaN()), result);
  return hn::IfThenElse(hn::Or(hn::Eq(x, one), hn::Eq(y, zero)), one, result);
}

}  // namespace sde::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // SDE_SIMD_POW_INL_H_
