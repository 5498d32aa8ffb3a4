// One node of a virtual Brownian tree: normals at its address, and the halving of an interval.
#if defined(SDE_BROWNIAN_TREE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SDE_BROWNIAN_TREE_INL_H_
#undef SDE_BROWNIAN_TREE_INL_H_
#else
#define SDE_BROWNIAN_TREE_INL_H_
#endif

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "random/box_muller-inl.h"
#include "random/philox-inl.h"
#include "random/philox.h"

HWY_BEFORE_NAMESPACE();
namespace sde::HWY_NAMESPACE {

using TreeF64 = hn::ScalableTag<double>;
using TreeU64 = hn::RebindToUnsigned<TreeF64>;

inline constexpr std::size_t kPairOfVectors = 2;  // in flight at once

// Two normals a lane at a node of the tree: node 0 is the whole span, node 2^l + j the middle of the j-th of
// 2^l parts.
template <class VU, class V>
HWY_INLINE void NodeNormals(const PhiloxKeys& keys, const VU (&id)[kPairOfVectors],
                            const VU (&node)[kPairOfVectors], LanePair<V> (&normals)[kPairOfVectors]) {
  PhiloxWords<VU> words[kPairOfVectors];
#pragma GCC unroll 2
  for (std::size_t g = 0; g < kPairOfVectors; ++g) words[g] = Counter(id[g], node[g]);
  PhiloxRounds(TreeU64(), words, keys);
  BoxMuller(TreeF64(), words, normals);
}

// Scales that halving an interval of length s takes.
struct HalvingScales {
  explicit HalvingScales(double s)
      : z(0.25 * std::sqrt(s)),
        n(0.25 * s * std::sqrt(s / 12)),
        skew(1.5 / s),
        turn(-0.25 * s),
        half(0.5 * s) {}
  double z, n, skew, turn, half;
};

template <class V>
struct Halves {
  V left_w, left_h, right_w, right_h;  // W and Hbar = length * H of the halves
  V w_m;                               // W at the middle, from the start of the span
};

// Halves of [a, b] with W = part_w and Hbar = part_h, where W_a = w_a: arXiv 2405.06464, with z ~ N(0, s/16)
// and n ~ N(0, s/12).
template <class V>
HWY_INLINE Halves<V> Halve(V part_w, V part_h, V w_a, const LanePair<V>& normals, const HalvingScales& s) {
  const TreeF64 d;
  const V z = hn::Mul(normals.even, hn::Set(d, s.z));
  const V n = hn::Mul(normals.odd, hn::Set(d, s.n));
  const V half_w = hn::Mul(part_w, hn::Set(d, 0.5));
  const V skew = Fma(part_h, hn::Set(d, s.skew), z);
  const V common = Fma(part_h, hn::Set(d, 0.125), hn::Mul(z, hn::Set(d, s.turn)));
  Halves<V> halves{hn::Add(half_w, skew), hn::Add(common, n), hn::Sub(half_w, skew), hn::Sub(common, n),
                   part_w};
  halves.w_m = hn::Add(w_a, halves.left_w);
  return halves;
}

// Chen: Hbar_{0,m} = Hbar_{0,a} + Hbar_{a,m} + (m W_a - a W_m) / 2
template <class V>
HWY_INLINE V AreaToMiddle(V h_a, V left_h, V w_a, V w_m, V time_a, V time_m) {
  const V turn = hn::Sub(hn::Mul(time_m, w_a), hn::Mul(time_a, w_m));
  return Fma(turn, hn::Set(TreeF64(), 0.5), hn::Add(h_a, left_h));
}

}  // namespace sde::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // SDE_BROWNIAN_TREE_INL_H_
