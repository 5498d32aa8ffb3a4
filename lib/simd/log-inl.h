// Logarithms of f64 lanes.
#if defined(SDE_SIMD_LOG_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SDE_SIMD_LOG_INL_H_
#undef SDE_SIMD_LOG_INL_H_
#else
#define SDE_SIMD_LOG_INL_H_
#endif

#include <cstdint>
#include <limits>

#include "simd/exp-inl.h"
#include "simd/ops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sde::simd::HWY_NAMESPACE {

// ln 2 = high + low, where k * high is exact for |k| < 2^11.
inline constexpr double kLn2High = 0x1.62e42fefa3800p-1;
inline constexpr double kLn2Low = 0x1.ef35793c76730p-45;

// x = 2^k m with sqrt(1/2) <= m < sqrt(2), for positive normal x.
template <class V>
struct Decomposed {
  V k, m;
};

template <class D, class V>
HWY_INLINE Decomposed<V> Decompose(D d, V x) {
  const hn::RebindToUnsigned<D> du;
  constexpr std::uint64_t kSqrtHalf = 0x3fe6a09e667f3bcd, kOne = 0x3ff0000000000000;
  const auto shifted = hn::Add(hn::BitCast(du, x), hn::Set(du, kOne - kSqrtHalf));
  const auto mantissa = hn::And(shifted, hn::Set(du, 0x000fffffffffffff));
  const auto exponent = hn::Or(hn::ShiftRight<52>(shifted), hn::Set(du, 0x4330000000000000));  // 2^52 + e
  return {hn::Sub(hn::BitCast(d, exponent), Const(d, 0x1p52 + 1023)),
          hn::BitCast(d, hn::Add(mantissa, hn::Set(du, kSqrtHalf)))};
}

// ln(1 + s f') with f' = 2 s / (1 - s): the series of 2 atanh(s) without its first term, over s, as a
// polynomial in z = s^2, minimax to 2^-59 on |s| <= 0.1716.
template <class D, class V>
HWY_INLINE V AtanhTail(D d, V z) {
  return hn::Mul(
      z, Horner(d, z, 0x1.5555555555593p-1, 0x1.999999997fb2ep-2, 0x1.2492494217d55p-2, 0x1.c71c51e7cf9bcp-3,
                0x1.7466463422f9fp-3, 0x1.39a0f44c71cf9p-3, 0x1.2f0d954534405p-3));
}

// k ln 2 + ln(1 + f) + c for sqrt(1/2) <= 1 + f < sqrt(2) and small c.
template <class D, class V>
HWY_INLINE V LogParts(D d, V k, V f, V c) {
  const V s = hn::Div(f, hn::Add(Const(d, 2), f));
  const V half_square = hn::Mul(Const(d, 0.5), hn::Mul(f, f));
  // ln(1 + f) = f - (f^2/2 - s (f^2/2 + tail)): the large terms are added last.
  const V small = Fma(s, hn::Add(half_square, AtanhTail(d, hn::Mul(s, s))), Fma(k, Const(d, kLn2Low), c));
  return Fma(k, Const(d, kLn2High), hn::Sub(f, hn::Sub(half_square, small)));
}

// ln x. Error below 1 ulp; -inf at zeros, NaN below.
template <class D, class V>
HWY_INLINE V Log(D d, V x) {
  const V zero = hn::Zero(d);
  const auto subnormal = hn::Lt(x, Const(d, std::numeric_limits<double>::min()));
  const V scaled = hn::IfThenElse(subnormal, hn::Mul(x, Const(d, 0x1p54)), x);
  const Decomposed<V> p = Decompose(d, scaled);
  const V k = hn::Sub(p.k, hn::IfThenElseZero(subnormal, Const(d, 54)));
  V y = LogParts(d, k, hn::Sub(p.m, Const(d, 1)), zero);
  y = hn::IfThenElse(hn::Lt(x, Const(d, std::numeric_limits<double>::infinity())), y, x);  // inf and NaN
  y = hn::IfThenElse(hn::Lt(x, zero), Const(d, std::numeric_limits<double>::quiet_NaN()), y);
  return hn::IfThenElse(hn::Eq(x, zero), Const(d, -std::numeric_limits<double>::infinity()), y);
}

// ln(1 + x). Error below 1.5 ulp; -inf at -1, NaN below.
template <class D, class V>
HWY_INLINE V Log1p(D d, V x) {
  const V one = Const(d, 1);
  const V u = hn::Add(one, x);
  const V part = hn::Sub(u, one);
  const V lost = hn::Add(hn::Sub(one, hn::Sub(u, part)), hn::Sub(x, part));  // u + lost = 1 + x exactly
  const Decomposed<V> p = Decompose(d, u);
  V y = LogParts(d, p.k, hn::Sub(p.m, one), hn::Div(lost, u));
  y = hn::IfThenElse(hn::Lt(x, Const(d, std::numeric_limits<double>::infinity())), y, x);
  y = hn::IfThenElse(hn::Eq(x, hn::Zero(d)), x, y);  // -0 stays
  y = hn::IfThenElse(hn::Lt(x, Const(d, -1)), Const(d, std::numeric_limits<double>::quiet_NaN()), y);
  return hn::IfThenElse(hn::Eq(x, Const(d, -1)), Const(d, -std::numeric_limits<double>::infinity()), y);
}

// ln(1 + e^x), without overflow. Error below 2 ulp.
template <class D, class V>
HWY_INLINE V Softplus(D d, V x) {
  const V tail = Log1p(d, Exp(d, hn::Neg(hn::Abs(x))));
  return hn::Add(Greater(hn::Zero(d), x), tail);
}

}  // namespace sde::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // SDE_SIMD_LOG_INL_H_
