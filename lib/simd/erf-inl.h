// The error function of f64 lanes.
#if defined(SDE_SIMD_ERF_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SDE_SIMD_ERF_INL_H_
#undef SDE_SIMD_ERF_INL_H_
#else
#define SDE_SIMD_ERF_INL_H_
#endif

#include "simd/exp-inl.h"
#include "simd/ops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sde::simd::HWY_NAMESPACE {

// Error below 1.5 ulp.
template <class D, class V>
HWY_INLINE V Erf(D d, V x) {
  const V one = Const(d, 1);
  const V a = Lesser(Const(d, 6), hn::Abs(x));  // 1 from 5.93 on; NaN passes
  const V z = hn::Mul(a, a);
  // erf(x) / x - 1 on |x| <= 1, minimax to 2^-62
  const V near =
      Fma(a,
          Horner(d, z, 0x1.06eba8214db69p-3, -0x1.812746b0379e6p-2, 0x1.ce2f21a042b34p-4,
                 -0x1.b82ce31284f37p-6, 0x1.565bcd0dbd8fap-8, -0x1.c02db3db491ebp-11, 0x1.f9a321e4b0eb9p-14,
                 -0x1.f4d1e4345a4d2p-17, 0x1.b9df3059beeb2p-20, -0x1.5f1f40f0be426p-23, 0x1.f7b99d98f55b1p-27,
                 -0x1.38ac245c8ded7p-30, 0x1.0627620b74277p-34),
          a);
  // erfc(x) e^(x^2) in t = (x - 2) / (x + 2) (Shepherd & Laframboise, Math. Comp. 36, 1981), minimax to 2^-55
  // of 1 after the exponential.
  const V t = hn::Div(hn::Sub(a, Const(d, 2)), hn::Add(a, Const(d, 2)));
  const V scaled =
      Horner(d, t, 0x1.058671b52c78ep-2, -0x1.b57034efd3e5cp-2, 0x1.eeea7dc89afeep-3, -0x1.437f0b6a33d7bp-4,
             0x1.e9471673e3f38p-9, 0x1.ca95f95fb080fp-8, -0x1.bc248f2d0b3cbp-11, -0x1.0170a636aa418p-10,
             0x1.691291a54289ap-15, 0x1.6d14efca455ecp-13, 0x1.12c86f6d198f1p-15, -0x1.8ff4afc0235e9p-17);
  const V far = NegFma(Exp(d, hn::Neg(z)), scaled, one);
  return hn::Or(hn::IfThenElse(hn::Gt(a, one), far, near), hn::And(x, hn::SignBit(d)));
}

}  // namespace sde::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // SDE_SIMD_ERF_INL_H_
