#include "brownian/tree.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "brownian/tree.cc"
#include "hwy/foreach_target.h"
// after foreach_target.h
#include <algorithm>
#include <cassert>
#include <cmath>

#include "base/error.h"
#include "random/box_muller-inl.h"
#include "random/philox-inl.h"
#include "random/philox.h"

HWY_BEFORE_NAMESPACE();
namespace sde::HWY_NAMESPACE {

using F64 = hn::ScalableTag<double>;
using U64 = hn::RebindToUnsigned<F64>;

inline constexpr int kLevels = 62;

// Two normals at a node of the tree: node 0 is the whole span, node 2^l + j the middle of the j-th of 2^l
// parts.
template <class VU>
HWY_INLINE auto NodeNormals(const PhiloxKeys& keys, VU id, VU node) {
  const U64 du;
  PhiloxWords<VU> words{id, hn::ShiftRight<32>(id), node, hn::ShiftRight<32>(node)};
#pragma GCC unroll 10
  for (std::size_t r = 0; r < kPhiloxRounds; ++r) PhiloxRound(du, words, keys, r);
  return BoxMuller(F64(), words);
}

// One component. hbar may be null.
void TreeAt(const Stream& stream, double span, const std::uint64_t* ids, const std::uint64_t* ticks,
            std::size_t lanes, double* w, double* hbar) {
  const F64 d;
  const U64 du;
  const hn::RebindToSigned<U64> di;
  using V = hn::Vec<F64>;
  using VU = hn::Vec<U64>;
  const PhiloxKeys keys(stream);
  const V half = hn::Set(d, 0.5);
  for (std::size_t i = 0; i < lanes; i += hn::Lanes(d)) {
    const VU id = hn::LoadU(du, ids + i), target = hn::LoadU(du, ticks + i);
    const auto root = NodeNormals(keys, id, hn::Zero(du));
    // The part [a, b] that holds the target: W and Hbar = length * H of [0, a] and of [a, b], the time of a.
    V part_w = hn::Mul(root.even, hn::Set(d, std::sqrt(span)));
    V part_h = hn::Mul(root.odd, hn::Set(d, span * std::sqrt(span / 12)));
    const auto at_end = hn::Eq(target, hn::Set(du, BrownianTree::kTicks));
    V w_a = hn::IfThenElseZero(hn::RebindMask(d, at_end), part_w);
    V h_a = hn::IfThenElseZero(hn::RebindMask(d, at_end), part_h);
    V time_a = hn::Zero(d);
    VU a = hn::IfThenElseZero(at_end, target);
    double s = span;
    for (int level = 0; level < kLevels; ++level, s *= 0.5) {
      const auto done = hn::Eq(a, target);
      if (hn::AllTrue(du, done)) break;
      const VU node =
          hn::Or(hn::Set(du, std::uint64_t{1} << level), hn::ShiftRightSame(target, kLevels - level));
      const auto normals = NodeNormals(keys, id, node);
      // Halves of W and Hbar: arXiv 2405.06464, with z ~ N(0, s/16) and n ~ N(0, s/12).
      const V z = hn::Mul(normals.even, hn::Set(d, 0.25 * std::sqrt(s)));
      const V n = hn::Mul(normals.odd, hn::Set(d, 0.25 * s * std::sqrt(s / 12)));
      const V half_w = hn::Mul(part_w, half);
      const V skew = Fma(part_h, hn::Set(d, 1.5 / s), z);
      const V common = Fma(part_h, hn::Set(d, 0.125), hn::Mul(z, hn::Set(d, -0.25 * s)));
      const V left_w = hn::Add(half_w, skew), left_h = hn::Add(common, n);
      const V right_w = hn::Sub(half_w, skew), right_h = hn::Sub(common, n);

      const VU middle = hn::Add(a, hn::Set(du, std::uint64_t{1} << (kLevels - 1 - level)));
      const V time_m = hn::Add(time_a, hn::Set(d, 0.5 * s));
      const V w_m = hn::Add(w_a, left_w);
      // Chen: Hbar_{0,m} = Hbar_{0,a} + Hbar_{a,m} + (m W_a - a W_m) / 2
      const V turn = hn::Sub(hn::Mul(time_m, w_a), hn::Mul(time_a, w_m));
      const V h_m = Fma(turn, half, hn::Add(h_a, left_h));

      // Ticks are below 2^63, so a signed comparison serves.
      // Ticks are below 2^63: as signed integers they compare the same, and faster.
      const auto before = hn::RebindMask(du, hn::Lt(hn::BitCast(di, target), hn::BitCast(di, middle)));
      const auto right_bits = hn::Not(hn::Or(done, before));
      const auto right = hn::RebindMask(d, right_bits);
      a = hn::IfThenElse(right_bits, middle, a);
      time_a = hn::IfThenElse(right, time_m, time_a);
      w_a = hn::IfThenElse(right, w_m, w_a);
      h_a = hn::IfThenElse(right, h_m, h_a);
      part_w = hn::IfThenElse(right, right_w, left_w);
      part_h = hn::IfThenElse(right, right_h, left_h);
    }
    hn::StoreU(w_a, d, w + i);
    if (hbar) hn::StoreU(h_a, d, hbar + i);
  }
}

}  // namespace sde::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sde {

HWY_EXPORT(TreeAt);

BrownianTree::BrownianTree(std::uint64_t seed, std::size_t noises, double span) : span_(span) {
  if (!(span > 0) || !std::isfinite(span)) {
    fail(Status::usage, "a Brownian tree needs a span above 0 (got {})", span);
  }
  for (std::uint32_t c = 0; c < noises; ++c) streams_.push_back(make_stream(seed, Purpose::tree, c));
}

std::uint64_t BrownianTree::ticks(double time, int granularity) const {
  const double fraction = std::clamp(time / span_, 0.0, 1.0);
  const auto units = static_cast<std::uint64_t>(std::nearbyint(std::ldexp(fraction, 62 - granularity)));
  return units << granularity;
}

void BrownianTree::at(const std::uint64_t* ids, const std::uint64_t* ticks, Block w, Block hbar) const {
  assert(w.rows == noises() && w.lanes % kLaneQuantum == 0);
  for (std::size_t c = 0; c < noises(); ++c) {
    HWY_DYNAMIC_DISPATCH(TreeAt)
    (streams_[c], span_, ids, ticks, w.lanes, w.row(c), hbar.data ? hbar.row(c) : nullptr);
  }
}

void tree_increments(const BrownianTree& tree, const std::uint64_t* from, const std::uint64_t* to,
                     ConstBlock w_from, ConstBlock w_to, ConstBlock hbar_from, ConstBlock hbar_to, Block dw,
                     Block h) {
  for (std::size_t c = 0; c < dw.rows; ++c) {
    for (std::size_t i = 0; i < dw.lanes; ++i) {
      const double ws = w_from.row(c)[i], wt = w_to.row(c)[i];
      dw.row(c)[i] = wt - ws;
      if (!h.data) continue;
      // Hbar_{s,t} = Hbar_t - Hbar_s - (t W_s - s W_t) / 2
      const double s = tree.time(from[i]), t = tree.time(to[i]);
      const double hbar = hbar_to.row(c)[i] - hbar_from.row(c)[i] - 0.5 * (t * ws - s * wt);
      h.row(c)[i] = from[i] == to[i] ? 0 : hbar / tree.time(to[i] - from[i]);
    }
  }
}

}  // namespace sde
#endif
