// Elementary operations with the same bits on every target. Highway's MulAdd, Min and Max round, or treat NaN
// and signed zeros, differently from target to target; kernels use these instead.
#if defined(SDE_SIMD_OPS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SDE_SIMD_OPS_INL_H_
#undef SDE_SIMD_OPS_INL_H_
#else
#define SDE_SIMD_OPS_INL_H_
#endif

#include <cmath>
#include <cstddef>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace sde::simd::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_EMU128

// a * b + c, rounded once.
template <class T, std::size_t N>
HWY_INLINE hn::Vec128<T, N> Fma(hn::Vec128<T, N> a, hn::Vec128<T, N> b, hn::Vec128<T, N> c) {
  for (std::size_t i = 0; i < N; ++i) c.raw[i] = std::fma(a.raw[i], b.raw[i], c.raw[i]);
  return c;
}

// c - a * b, rounded once.
template <class T, std::size_t N>
HWY_INLINE hn::Vec128<T, N> NegFma(hn::Vec128<T, N> a, hn::Vec128<T, N> b, hn::Vec128<T, N> c) {
  for (std::size_t i = 0; i < N; ++i) c.raw[i] = std::fma(-a.raw[i], b.raw[i], c.raw[i]);
  return c;
}

// a * b - c, rounded once.
template <class T, std::size_t N>
HWY_INLINE hn::Vec128<T, N> Fms(hn::Vec128<T, N> a, hn::Vec128<T, N> b, hn::Vec128<T, N> c) {
  for (std::size_t i = 0; i < N; ++i) c.raw[i] = std::fma(a.raw[i], b.raw[i], -c.raw[i]);
  return c;
}

// -(a * b) - c, rounded once.
template <class T, std::size_t N>
HWY_INLINE hn::Vec128<T, N> NegFms(hn::Vec128<T, N> a, hn::Vec128<T, N> b, hn::Vec128<T, N> c) {
  for (std::size_t i = 0; i < N; ++i) c.raw[i] = std::fma(-a.raw[i], b.raw[i], -c.raw[i]);
  return c;
}

#else
static_assert(HWY_NATIVE_FMA, "every other target fuses in hardware");

template <class V>
HWY_INLINE V Fma(V a, V b, V c) {
  return hn::MulAdd(a, b, c);
}
template <class V>
HWY_INLINE V NegFma(V a, V b, V c) {
  return hn::NegMulAdd(a, b, c);
}
template <class V>
HWY_INLINE V Fms(V a, V b, V c) {
  return hn::MulSub(a, b, c);
}
template <class V>
HWY_INLINE V NegFms(V a, V b, V c) {
  return hn::NegMulSub(a, b, c);
}

#endif

// a < b ? a : b, hence b where either is NaN and where both are zeros: what x86 does in one instruction.
template <class V>
HWY_INLINE V Lesser(V a, V b) {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_EMU128
  return hn::Min(a, b);
#else
  return hn::IfThenElse(hn::Lt(a, b), a, b);
#endif
}

// a > b ? a : b, likewise.
template <class V>
HWY_INLINE V Greater(V a, V b) {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_EMU128
  return hn::Max(a, b);
#else
  return hn::IfThenElse(hn::Gt(a, b), a, b);
#endif
}

// The same constant in every lane.
template <class D>
HWY_INLINE hn::Vec<D> Const(D d, double value) {
  return hn::Set(d, static_cast<hn::TFromD<D>>(value));
}

// Horner's rule with fused multiply-adds: c0 + x (c1 + x (c2 + ...)).
template <class D, class V>
HWY_INLINE V Horner(D d, V, double c) {
  return Const(d, c);
}
template <class D, class V, class... C>
HWY_INLINE V Horner(D d, V x, double c0, C... rest) {
  return Fma(x, Horner(d, x, rest...), Const(d, c0));
}

// A value and what rounding it lost.
template <class V>
struct Compensated {
  V value, rest;
};

}  // namespace sde::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // SDE_SIMD_OPS_INL_H_
