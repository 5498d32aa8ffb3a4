// 128 random bits to two standard normals (Box & Muller 1958), with no branch, table or rejection.
//
// The radius takes 64 bits: u = (64-bit integer | 1) 2^-64 reaches down to 2^-64, so tails reach 9.4 sigma.
// The angle takes 64 more: a quadrant from two of them, and 62 as the exact fraction of a quarter turn within
// it.
#if defined(SDE_RANDOM_BOX_MULLER_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SDE_RANDOM_BOX_MULLER_INL_H_
#undef SDE_RANDOM_BOX_MULLER_INL_H_
#else
#define SDE_RANDOM_BOX_MULLER_INL_H_
#endif

#include <bit>
#include <cstdint>

#include "random/philox-inl.h"
#include "simd/ops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sde::HWY_NAMESPACE {

using simd::HWY_NAMESPACE::Const;
using simd::HWY_NAMESPACE::Fma;
using simd::HWY_NAMESPACE::Horner;

// bits of c with the masked bits of w (which lie in the zeros of c) put into it.
template <class DU, class VU>
HWY_INLINE VU Insert(DU du, std::uint64_t c, VU w, std::uint64_t mask) {
  return hn::OrAnd(hn::Set(du, c), w, hn::Set(du, mask));
}

// floor(log2 u) for normal u.
template <class D, class V>
HWY_INLINE V Exponent(D d, V u) {
#if HWY_TARGET == HWY_AVX3
  if constexpr (hn::MaxLanes(d) == 8) return V{_mm512_getexp_pd(u.raw)};
#endif
  const hn::RebindToUnsigned<D> du;
  const auto biased = hn::Or(hn::ShiftRight<52>(hn::BitCast(du, u)), hn::Set(du, 0x4330000000000000));
  return hn::Sub(hn::BitCast(d, biased), Const(d, 0x1p52 + 1023));
}

// u in (0, 1] from 64 bits, the lowest taken as 1: rounded once, to the nearest double.
template <class D, class VU, class V = hn::Vec<D>>
HWY_INLINE V RadiusUniform(D d, VU high, VU low) {
  const hn::RebindToUnsigned<D> du;
  // Words in the mantissas of 2^20 and 2^-12, whose last places are 2^-32 and 2^-64.
  const V h = hn::BitCast(d, Insert(du, std::bit_cast<std::uint64_t>(0x1p20), high, 0xffffffff));
  const V l = hn::BitCast(d, Insert(du, std::bit_cast<std::uint64_t>(0x1p-12) | 1, low, 0xffffffff));
  return hn::Add(hn::Sub(h, Const(d, 0x1p20 + 0x1p-12)), l);
}

template <class V>
struct LanePair {
  V even, odd;
};

// (k + 1/2) 2^-52 from the 52 leading bits k of two words: symmetric, in (0, 1), exact.
template <class D, class VU, class V = hn::Vec<D>>
HWY_INLINE V OpenUniform(D d, VU high, VU low) {
  const hn::RebindToUnsigned<D> du;
  const VU top = Insert(du, 0x3ff0000000000000, hn::ShiftLeft<20>(high), 0x000ffffffff00000);
  const VU bits = hn::Or(top, hn::ShiftRight<44>(hn::ShiftLeft<32>(low)));
  return hn::Sub(hn::BitCast(d, bits), Const(d, 1 - 0x1p-53));
}

// Box-Muller of kCount vectors in seven stages, so that a caller can put other work between them: alone each
// would wait, for its division and its root above all.
//
// -2 ln u is right to about 2^-52 absolutely and never negative: u = 2^e m with 1 <= m < 2, and
// ln m = ln sqrt(2) + 2 atanh(s) with s = (m - sqrt(2)) / (m + sqrt(2)), |s| < 0.172.
template <class D, std::size_t kCount>
class BoxMullerStages {
 public:
  using V = hn::Vec<D>;
  using VU = hn::Vec<hn::RebindToUnsigned<D>>;

  HWY_INLINE void Uniform(const PhiloxWords<VU> (&w)[kCount]) {
#pragma GCC unroll 2
    for (std::size_t g = 0; g < kCount; ++g) {
      u_[g] = RadiusUniform(D(), w[g].x0, w[g].x1);
      quadrant_[g] = w[g].x2;
      low_[g] = w[g].x3;
    }
  }

  HWY_INLINE void Divide() {
    const D d;
    const hn::RebindToUnsigned<D> du;
    const V root = Const(d, 0x1.6a09e667f3bcdp+0);
#pragma GCC unroll 2
    for (std::size_t g = 0; g < kCount; ++g) {
      const V m = hn::BitCast(d, Insert(du, 0x3ff0000000000000, hn::BitCast(du, u_[g]), 0x000fffffffffffff));
      s_[g] = hn::Div(hn::Sub(m, root), hn::Add(m, root));
      // -ln 2 is rounded up so that -2 ln u never falls below 0 near u = 1.
      whole_[g] = Fma(Exponent(d, u_[g]), Const(d, -0x1.62e42fefa39efp+0), Const(d, -0x1.62e42fefa39ebp-1));
    }
  }

  // f in [-1/2, 1/2), 62 bits in the mantissas of 2^22 and 2^-10, and the higher terms of the sine and cosine
  // of f quarter turns, minimax to 2e-18 and 5e-17.
  HWY_INLINE void Angle() {
    const D d;
    const hn::RebindToUnsigned<D> du;
#pragma GCC unroll 2
    for (std::size_t g = 0; g < kCount; ++g) {
      const V h = hn::BitCast(d, Insert(du, std::bit_cast<std::uint64_t>(0x1p22), quadrant_[g], 0x3fffffff));
      const V l = hn::BitCast(d, Insert(du, std::bit_cast<std::uint64_t>(0x1p-10), low_[g], 0xffffffff));
      f_[g] = hn::Add(hn::Sub(h, Const(d, 0x1p22 + 0x1p-10 + 0.5)), l);
      z_[g] = hn::Mul(f_[g], f_[g]);
      sine_[g] = Horner(d, z_[g], -0x1.32d2cce12d1ffp-8, 0x1.50782e6abd3f4p-13, -0x1.e2ff4bb63abddp-19,
                        0x1.e39909417b8ddp-25);
      cosine_[g] = Horner(d, z_[g], -0x1.55d3c7dbfe12dp-6, 0x1.e1f4fb611daeap-11, -0x1.a6c9c22b85f91p-16,
                          0x1.f3dbf2e0583d0p-22);
    }
  }

  // The higher terms of -4 atanh(s) / s in s^2, minimax to 6e-17.
  HWY_INLINE void LogHigh() {
    const D d;
#pragma GCC unroll 2
    for (std::size_t g = 0; g < kCount; ++g) {
      square_[g] = hn::Mul(s_[g], s_[g]);
      log_[g] = Horner(d, square_[g], -0x1.24923c36217fcp-1, -0x1.c724ccc15fdbap-2, -0x1.72ecb2277df6ep-2,
                       -0x1.5b0f91775f2abp-2);
    }
  }

  HWY_INLINE void Root() {
    const D d;
#pragma GCC unroll 2
    for (std::size_t g = 0; g < kCount; ++g) {
      V log = Fma(square_[g], log_[g], Const(d, -0x1.999999ae15487p-1));
      log = Fma(square_[g], log, Const(d, -0x1.555555554e34fp+0));
      log = Fma(square_[g], log, Const(d, -0x1.0000000000006p+2));
      radius_[g] = hn::Sqrt(Fma(s_[g], log, whole_[g]));
    }
  }

  HWY_INLINE void SineCosine() {
    const D d;
#pragma GCC unroll 2
    for (std::size_t g = 0; g < kCount; ++g) {
      V sine = Fma(z_[g], sine_[g], Const(d, 0x1.466bc677567dep-4));
      sine = Fma(z_[g], sine, Const(d, -0x1.4abbce625be21p-1));
      sine_[g] = hn::Mul(f_[g], Fma(z_[g], sine, Const(d, 0x1.921fb54442d18p+0)));
      V cosine = Fma(z_[g], cosine_[g], Const(d, 0x1.03c1f081b078fp-2));
      cosine = Fma(z_[g], cosine, Const(d, -0x1.3bd3cc9be458bp+0));
      cosine_[g] = Fma(z_[g], cosine, Const(d, 1));
    }
  }

  // The quadrant: bit 31 turns the cosine's sign, bit 30 exchanges the two.
  HWY_INLINE LanePair<V> Finish(std::size_t g) const {
    const D d;
    const hn::RebindToUnsigned<D> du;
    const V a = hn::Mul(radius_[g], sine_[g]);
    const V b =
        hn::CopySignToAbs(hn::Mul(radius_[g], cosine_[g]), hn::BitCast(d, hn::ShiftLeft<32>(quadrant_[g])));
    const auto swap = hn::RebindMask(d, hn::TestBit(quadrant_[g], hn::Set(du, std::uint64_t{1} << 30)));
    return {hn::IfThenElse(swap, a, b), hn::IfThenElse(swap, b, a)};
  }

 private:
  VU quadrant_[kCount], low_[kCount];
  V u_[kCount], s_[kCount], square_[kCount], whole_[kCount], log_[kCount], radius_[kCount];
  V f_[kCount], z_[kCount], sine_[kCount], cosine_[kCount];
};

// All seven at once.
template <class D, class VU, std::size_t kCount>
HWY_INLINE void BoxMuller(D, const PhiloxWords<VU> (&w)[kCount], LanePair<hn::Vec<D>> (&normals)[kCount]) {
  BoxMullerStages<D, kCount> stages;
  stages.Uniform(w);
  stages.Divide();
  stages.Angle();
  stages.LogHigh();
  stages.Root();
  stages.SineCosine();
#pragma GCC unroll 2
  for (std::size_t g = 0; g < kCount; ++g) normals[g] = stages.Finish(g);
}

}  // namespace sde::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // SDE_RANDOM_BOX_MULLER_INL_H_
