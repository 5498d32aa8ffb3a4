// One node of a virtual Brownian tree: normals at its address, and the halving of a part.
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

// A part of length s has the coordinates x0 = W, x1 = -2 sqrt(3) H and, in trees that have it, x2 = 12
// sqrt(5) K: integrals of the first shifted Legendre polynomials against dW, independent and of variance s.
// Those of its halves, as sums and differences, are rotations of them and of new normals z: with e = sqrt(s)
// z, d0 = e1/2 - sqrt(3)/2 x1 and s1 = x1/2 + sqrt(3)/2 e1, d1 = e2 where x2 is left free and else d1 = e2/4
// - sqrt(15)/4 x2 and s2 = x2/4 + sqrt(15)/4 e2, d2 = e3; halves are (s +- d)/2, s0 = x0. The first two lines
// are the midpoint rule of arXiv 2405.06464.
struct HalvingScales {
  explicit HalvingScales(double s)
      : quarter(0.25 * std::sqrt(s)),
        root3(0.25 * std::sqrt(3 * s)),
        half(0.5 * std::sqrt(s)),
        eighth(0.125 * std::sqrt(s)),
        root15(0.125 * std::sqrt(15 * s)) {}
  double quarter, root3, half, eighth, root15;
};

template <class V, std::size_t kOrder>
struct Halves {
  V left[kOrder], right[kOrder];
};

// `third` is read where kOrder is 3.
template <std::size_t kOrder, class V>
HWY_INLINE Halves<V, kOrder> Halve(const V (&x)[kOrder], const LanePair<V>& normals, const LanePair<V>& third,
                                   const HalvingScales& s) {
  const TreeF64 d;
  const auto by = [&](V v, double factor) HWY_ATTR { return hn::Mul(v, hn::Set(d, factor)); };
  // Half of each sum and difference.
  V sum[kOrder], difference[kOrder];
  sum[0] = by(x[0], 0.5);
  difference[0] = Fma(x[1], hn::Set(d, -0.43301270189221932338), by(normals.even, s.quarter));
  sum[1] = Fma(x[1], hn::Set(d, 0.25), by(normals.even, s.root3));
  if constexpr (kOrder == 2) {
    difference[1] = by(normals.odd, s.half);
  } else {
    difference[1] = Fma(x[2], hn::Set(d, -0.48412291827592711065), by(normals.odd, s.eighth));
    sum[2] = Fma(x[2], hn::Set(d, 0.125), by(normals.odd, s.root15));
    difference[2] = by(third.even, s.half);
  }
  Halves<V, kOrder> halves;
  for (std::size_t i = 0; i < kOrder; ++i) {
    halves.left[i] = hn::Add(sum[i], difference[i]);
    halves.right[i] = hn::Sub(sum[i], difference[i]);
  }
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
