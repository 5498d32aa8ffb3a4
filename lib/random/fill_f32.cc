// f32 normals: four from the four words of Philox, sixteen lanes to an AVX-512 vector.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "random/fill_f32.cc"
#include "hwy/foreach_target.h"
// after foreach_target.h
#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>

#include "base/block.h"
#include "random/box_muller.h"
#include "random/lanes-inl.h"
#include "random/philox-inl.h"
#include "random/stream.h"
#include "simd/ops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sde::HWY_NAMESPACE {

using F32 = hn::ScalableTag<float>;
using simd::HWY_NAMESPACE::Const;
using simd::HWY_NAMESPACE::Fma;
using simd::HWY_NAMESPACE::Horner;

// The unsigned integer k as the nearest float.
template <class D, class VU>
HWY_INLINE hn::Vec<D> FromUnsigned(D d, VU k) {
#if HWY_TARGET == HWY_AVX3
  if constexpr (hn::MaxLanes(d) == 16) return hn::Vec<D>{_mm512_cvtepu32_ps(k.raw)};
#endif
  const hn::RebindToSigned<D> di;
  const hn::RebindToUnsigned<D> du;
  const auto high = hn::ConvertTo(d, hn::BitCast(di, hn::ShiftRight<16>(k)));
  const auto low = hn::ConvertTo(d, hn::BitCast(di, hn::And(k, hn::Set(du, 0xffffu))));
  return Fma(high, Const(d, 65536), low);
}

// floor(log2 v) for normal v.
template <class D, class V>
HWY_INLINE V ExponentF32(D d, V v) {
#if HWY_TARGET == HWY_AVX3
  if constexpr (hn::MaxLanes(d) == 16) return V{_mm512_getexp_ps(v.raw)};
#endif
  const hn::RebindToSigned<D> di;
  return hn::Sub(hn::ConvertTo(d, hn::ShiftRight<23>(hn::BitCast(di, v))), Const(d, 127));
}

template <class V>
struct LanePairF32 {
  V even, odd;
};

// As BoxMuller in f64, from a 32-bit radius (tails to 6.66 sigma) and a 32-bit angle.
template <class D, class VU>
HWY_INLINE LanePairF32<hn::Vec<D>> BoxMullerF32(D d, VU x0, VU x1) {
  using V = hn::Vec<D>;
  const hn::RebindToUnsigned<D> du;
  const hn::RebindToSigned<D> di;
  const V v = FromUnsigned(d, hn::Or(x0, hn::Set(du, 1u)));  // u 2^32, in [1, 2^32]
  const V m =
      hn::BitCast(d, hn::OrAnd(hn::Set(du, 0x3f800000u), hn::BitCast(du, v), hn::Set(du, 0x007fffffu)));
  const V root = Const(d, 0x1.6a09e6p+0);
  const V s = hn::Div(hn::Sub(m, root), hn::Add(m, root));
  const V series = Horner(d, hn::Mul(s, s), -4.0, -0x1.5555b4p+0, -0x1.994040p-1, -0x1.343484p-1);
  // -ln 2 is rounded up so that the sum near u = 1 never falls below 0.
  const V whole =
      Fma(hn::Sub(ExponentF32(d, v), Const(d, 32)), Const(d, -0x1.62e430p+0), Const(d, -0x1.62e420p-1));
  const V radius = hn::Sqrt(Fma(s, series, whole));

  const V f = hn::Mul(hn::ConvertTo(d, hn::BitCast(di, hn::ShiftLeft<2>(x1))), Const(d, 0x1p-32));
  const V z = hn::Mul(f, f);
  const V sine = hn::Mul(f, Horner(d, z, 0x1.921fb4p+0, -0x1.4abba8p-1, 0x1.465a42p-4, -0x1.2cf68ap-8));
  const V cosine = Horner(d, z, 1.0, -0x1.3bd392p+0, 0x1.03af5cp-2, -0x1.4e5ed6p-6);
  const V a = hn::Mul(radius, sine);
  const V b = hn::CopySignToAbs(hn::Mul(radius, cosine), hn::BitCast(d, x1));
  const auto swap = hn::RebindMask(d, hn::TestBit(x1, hn::Set(du, 1u << 30)));
  return {hn::IfThenElse(swap, a, b), hn::IfThenElse(swap, b, a)};
}

// Low words of even lanes and of odd lanes to one vector in the order of lanes.
template <class VU>
HWY_INLINE auto Interleave(VU even, VU odd) {
  const U64 du;
  const hn::Repartition<std::uint32_t, U64> d32;
  return hn::BitCast(d32, hn::OrAnd(hn::ShiftLeft<32>(odd), even, hn::Set(du, 0xffffffff)));
}

void FillNormalsF32(const Stream& stream, std::uint64_t first_id, std::size_t lanes, std::uint64_t quad,
                    const std::array<float*, 4>& out) {
  const F32 d;
  const PhiloxKeys keys(stream);
  const StepRounds step(keys, static_cast<std::uint32_t>(first_id >> 32), static_cast<std::uint32_t>(quad));
  for (std::size_t start = 0; start < lanes; start += kTile) {
    const std::size_t count = std::min(kTile, lanes - start);
    const LaneRounds lane(keys, first_id + start, count, static_cast<std::uint32_t>(quad >> 32),
                          LaneOrder::even_odd);
    for (std::size_t i = 0; i < count; i += hn::Lanes(d)) {
      PhiloxWords<hn::Vec<U64>> w[2];
      DrawWords(keys, lane, step, i, w);
      const auto first = BoxMullerF32(d, Interleave(w[0].x0, w[1].x0), Interleave(w[0].x1, w[1].x1));
      const auto second = BoxMullerF32(d, Interleave(w[0].x2, w[1].x2), Interleave(w[0].x3, w[1].x3));
      hn::Store(first.even, d, out[0] + start + i);
      hn::Store(first.odd, d, out[1] + start + i);
      hn::Store(second.even, d, out[2] + start + i);
      hn::Store(second.odd, d, out[3] + start + i);
    }
  }
}

void OneBoxMullerF32(std::uint32_t x0, std::uint32_t x1, float* out) {
  const hn::CappedTag<float, 1> d;
  const hn::RebindToUnsigned<decltype(d)> du;
  const auto numbers = BoxMullerF32(d, hn::Set(du, x0), hn::Set(du, x1));
  hn::StoreU(numbers.even, d, out);
  hn::StoreU(numbers.odd, d, out + 1);
}

}  // namespace sde::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sde {

HWY_EXPORT(FillNormalsF32);
HWY_EXPORT(OneBoxMullerF32);

std::array<float, 2> box_muller_f32(std::uint32_t x0, std::uint32_t x1) {
  std::array<float, 2> out;
  HWY_DYNAMIC_DISPATCH(OneBoxMullerF32)(x0, x1, out.data());
  return out;
}

void fill_normals(const Stream& stream, std::uint64_t first_id, std::size_t lanes, std::uint64_t quad,
                  const std::array<float*, 4>& out) {
  assert(lanes % kLaneQuantum == 0);
  if (lanes == 0) return;
  if (first_id >> 32 == (first_id + lanes - 1) >> 32) {
    HWY_DYNAMIC_DISPATCH(FillNormalsF32)(stream, first_id, lanes, quad, out);
    return;
  }
  // Ids that cross a multiple of 2^32, which the kernel does not take.
  for (std::size_t i = 0; i < lanes; ++i) {
    const std::uint64_t id = first_id + i;
    const auto w = philox({static_cast<std::uint32_t>(id), static_cast<std::uint32_t>(id >> 32),
                           static_cast<std::uint32_t>(quad), static_cast<std::uint32_t>(quad >> 32)},
                          stream.key);
    const auto first = box_muller_f32(w[0], w[1]), second = box_muller_f32(w[2], w[3]);
    out[0][i] = first[0];
    out[1][i] = first[1];
    out[2][i] = second[0];
    out[3][i] = second[1];
  }
}

}  // namespace sde
#endif
