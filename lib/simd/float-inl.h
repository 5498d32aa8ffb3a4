// The functions that networks and f32 normals use, on f32 lanes: overloads of the f64 ones, chosen by the
// descriptor.
#if defined(SDE_SIMD_FLOAT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SDE_SIMD_FLOAT_INL_H_
#undef SDE_SIMD_FLOAT_INL_H_
#else
#define SDE_SIMD_FLOAT_INL_H_
#endif

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "simd/ops-inl.h"
#include "simd/reduce.h"

HWY_BEFORE_NAMESPACE();
namespace sde::simd::HWY_NAMESPACE {

template <class D>
concept F32Tag = std::same_as < hn::TFromD<D>,
float > ;

// 2^k for integers -126 <= k <= 127.
template <F32Tag D, class V>
HWY_INLINE V PowerOfTwo(D d, V k) {
  const hn::RebindToUnsigned<D> du;
  return hn::BitCast(d, hn::ShiftLeft<23>(hn::BitCast(du, hn::Add(k, Const(d, 0x1p23 + 127)))));
}

// e^x. Error below 1 ulp, subnormal results included.
template <F32Tag D, class V>
HWY_INLINE V Exp(D d, V x) {
  const V clamped = Lesser(Const(d, 89), Greater(Const(d, -105), x));  // NaN passes
  const V k = hn::Sub(Fma(clamped, Const(d, 0x1.715476p+0), Const(d, 0x1.8p23)), Const(d, 0x1.8p23));
  const V r = NegFma(k, Const(d, -0x1.05c610p-29), NegFma(k, Const(d, 0x1.62e430p-1), clamped));
  const V tail = Horner(d, r, 0x1.fffffcp-2, 0x1.55548ap-3, 0x1.555916p-5, 0x1.123fc6p-7, 0x1.6a1a90p-10);
  const V p = hn::Add(Const(d, 1), Fma(hn::Mul(r, r), tail, r));
  const V first = Lesser(Greater(k, Const(d, -100)), Const(d, 127));
  return hn::Mul(hn::Mul(p, PowerOfTwo(d, first)), PowerOfTwo(d, hn::Sub(k, first)));
}

// ln x. Error below 1 ulp; -inf at zeros, NaN below.
template <F32Tag D, class V>
HWY_INLINE V Log(D d, V x) {
  const hn::RebindToUnsigned<D> du;
  const V zero = hn::Zero(d), infinity = Const(d, std::numeric_limits<float>::infinity());
  const auto subnormal = hn::Lt(x, Const(d, std::numeric_limits<float>::min()));
  const V scaled = hn::IfThenElse(subnormal, hn::Mul(x, Const(d, 0x1p24)), x);
  constexpr std::uint32_t kSqrtHalf = 0x3f3504f3, kOne = 0x3f800000;
  const auto shifted = hn::Add(hn::BitCast(du, scaled), hn::Set(du, kOne - kSqrtHalf));
  const V biased = hn::BitCast(d, hn::Or(hn::ShiftRight<23>(shifted), hn::Set(du, 0x4b000000u)));
  const V k = hn::Sub(hn::Sub(biased, Const(d, 0x1p23 + 127)), hn::IfThenElseZero(subnormal, Const(d, 24)));
  const V m = hn::BitCast(d, hn::Add(hn::And(shifted, hn::Set(du, 0x007fffffu)), hn::Set(du, kSqrtHalf)));

  const V f = hn::Sub(m, Const(d, 1));
  const V s = hn::Div(f, hn::Add(Const(d, 2), f));
  const V z = hn::Mul(s, s);
  const V half_square = hn::Mul(Const(d, 0.5), hn::Mul(f, f));
  const V tail = hn::Mul(z, Horner(d, z, 0x1.55557ap-1, 0x1.995e9cp-2, 0x1.31e678p-2));
  const V small = Fma(s, hn::Add(half_square, tail), hn::Mul(k, Const(d, 0x1.7f7d1cp-20)));
  V y = Fma(k, Const(d, 0x1.62e400p-1), hn::Sub(f, hn::Sub(half_square, small)));  // the product is exact
  y = hn::IfThenElse(hn::Lt(x, infinity), y, x);
  y = hn::IfThenElse(hn::Lt(x, zero), Const(d, std::numeric_limits<double>::quiet_NaN()), y);
  return hn::IfThenElse(hn::Eq(x, zero), hn::Neg(infinity), y);
}

// The lanes that the vector reduction of SinCos does not reach: r and the quadrant by way of f64.
template <F32Tag D, class V, class VU>
HWY_NOINLINE void ReduceLargeF32(D d, V a, V& r, VU& quadrant) {
  const hn::RebindToUnsigned<D> du;
  constexpr std::size_t kMax = HWY_MAX_BYTES / sizeof(float);
  HWY_ALIGN float x[kMax], angle[kMax];
  HWY_ALIGN std::uint32_t turns[kMax];
  hn::Store(a, d, x);
  hn::Store(r, d, angle);
  hn::Store(quadrant, du, turns);
  for (std::size_t i = 0; i < hn::Lanes(d); ++i) {
    if (x[i] <= 0x1p15f) continue;
    const ReducedAngle reduced = reduce_large_angle(x[i]);
    angle[i] = static_cast<float>(reduced.head);
    turns[i] = static_cast<std::uint32_t>(reduced.quadrant);
  }
  r = hn::Load(d, angle);
  quadrant = hn::Load(du, turns);
}

// Sine and cosine at once. Error below 2 ulp for every finite argument: up to 2^15 on lanes, beyond it by
// reduction of one lane at a time; NaN at infinities.
template <F32Tag D, class V>
HWY_INLINE void SinCos(D d, V x, V& sin, V& cos) {
  const hn::RebindToUnsigned<D> du;
  const V a = hn::Abs(x);
  const V rounded = Fma(a, Const(d, 0x1.45f306p-1), Const(d, 0x1.8p23));
  const V n = hn::Sub(rounded, Const(d, 0x1.8p23));
  // pi/2 to 75 bits; the first difference is exact
  V r = NegFma(n, Const(d, 0x1.921fb6p+0), a);
  r = NegFma(n, Const(d, -0x1.ee59dap-50), NegFma(n, Const(d, -0x1.777a5cp-25), r));
  auto quadrant = hn::BitCast(du, rounded);
  const auto large = hn::Gt(a, Const(d, 0x1p15));
  if (HWY_UNLIKELY(!hn::AllFalse(d, large))) ReduceLargeF32(d, a, r, quadrant);

  const V z = hn::Mul(r, r);
  const V s = Fma(hn::Mul(r, z), Horner(d, z, -0x1.555546p-3, 0x1.11074cp-7, -0x1.9947cap-13), r);
  const V half = Fma(z, Const(d, -0.5), Const(d, 1));
  const V c = Fma(hn::Mul(z, z), Horner(d, z, 0x1.55554ap-5, -0x1.6c0c76p-10, 0x1.99fc26p-16), half);
  const auto swap = hn::RebindMask(d, hn::TestBit(quadrant, hn::Set(du, 1u)));
  const V sine_sign = hn::BitCast(d, hn::ShiftLeft<31>(hn::ShiftRight<1>(quadrant)));
  const V cosine_sign =
      hn::BitCast(d, hn::ShiftLeft<31>(hn::ShiftRight<1>(hn::Add(quadrant, hn::Set(du, 1u)))));
  sin = hn::Xor(hn::IfThenElse(swap, c, s), hn::Xor(sine_sign, hn::Xor(a, x)));
  cos = hn::Xor(hn::IfThenElse(swap, s, c), cosine_sign);
}

template <F32Tag D, class V>
HWY_INLINE V Sin(D d, V x) {
  V sin, cos;
  SinCos(d, x, sin, cos);
  return sin;
}

template <F32Tag D, class V>
HWY_INLINE V Cos(D d, V x) {
  V sin, cos;
  SinCos(d, x, sin, cos);
  return cos;
}

// Error below 2 ulp.
template <F32Tag D, class V>
HWY_INLINE V Tanh(D d, V x) {
  const V one = Const(d, 1), two = Const(d, 2);
  const V a = Lesser(Const(d, 10), hn::Abs(x));  // 1 from 9.02 on; NaN passes
  const V z = hn::Mul(a, a);
  // tanh(x) / x - 1 on |x| <= 0.625, minimax to 2^-28
  const V near =
      Fma(hn::Mul(a, z),
          Horner(d, z, -0x1.555534p-2, 0x1.110768p-3, -0x1.b84844p-5, 0x1.5256d4p-6, -0x1.76ac08p-8), a);
  const V far = hn::Sub(one, hn::Div(two, hn::Add(Exp(d, hn::Add(a, a)), one)));
  return hn::CopySignToAbs(hn::IfThenElse(hn::Gt(a, Const(d, 0.625)), far, near), x);
}

// 1 / (1 + e^-x). Error below 2.5 ulp.
template <F32Tag D, class V>
HWY_INLINE V Sigmoid(D d, V x) {
  const V one = Const(d, 1);
  const V e = Exp(d, hn::Neg(hn::Abs(x)));
  return hn::Div(hn::IfThenElse(hn::Lt(x, hn::Zero(d)), e, one), hn::Add(one, e));
}

}  // namespace sde::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // SDE_SIMD_FLOAT_INL_H_
