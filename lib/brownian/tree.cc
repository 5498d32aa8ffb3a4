#include "brownian/tree.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "brownian/tree.cc"
#include "hwy/foreach_target.h"
// after foreach_target.h
#include <algorithm>
#include <cassert>
#include <cmath>

#include "base/error.h"
#include "brownian/tree-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sde::HWY_NAMESPACE {

using F64 = TreeF64;
using U64 = TreeU64;

using V = hn::Vec<F64>;
using VU = hn::Vec<U64>;

// Where the lanes of a vector are on their way down: the part [a, b] that holds the target.
struct Descent {
  VU target, a;        // in ticks
  V part[2];           // coordinates of [a, b]
  V w_a, h_a, time_a;  // W and Hbar of [0, a], and its length
};

// One step down, from a part of length s to the half of it that holds the target.
HWY_INLINE void Descend(Descent& lane, const LanePair<V>& normals, double s, int level) {
  const F64 d;
  const U64 du;
  const hn::RebindToSigned<U64> di;
  const HalvingScales scales(s);
  const Halves<V, 2> halves = Halve<2>(lane.part, normals, normals, scales);
  const VU middle = hn::Add(lane.a, hn::Set(du, std::uint64_t{1} << (BrownianTree::kLevels - 1 - level)));
  const V time_m = hn::Add(lane.time_a, hn::Set(d, 0.5 * s));
  const V w_m = hn::Add(lane.w_a, halves.left[0]);
  const V left_h = hn::Mul(halves.left[1], hn::Set(d, 0.5 * s * kAreaOfCoordinate));
  const V h_m = AreaToMiddle(lane.h_a, left_h, lane.w_a, w_m, lane.time_a, time_m);

  // Ticks are below 2^63: as signed integers they compare the same, and faster. Lanes that are there stay
  // there.
  const auto before = hn::RebindMask(du, hn::Lt(hn::BitCast(di, lane.target), hn::BitCast(di, middle)));
  const auto right_ticks = hn::Not(hn::Or(hn::Eq(lane.a, lane.target), before));
  const auto right = hn::RebindMask(d, right_ticks);
  lane.a = hn::IfThenElse(right_ticks, middle, lane.a);
  lane.time_a = hn::IfThenElse(right, time_m, lane.time_a);
  lane.w_a = hn::IfThenElse(right, w_m, lane.w_a);
  lane.h_a = hn::IfThenElse(right, h_m, lane.h_a);
  for (std::size_t i = 0; i < 2; ++i) lane.part[i] = hn::IfThenElse(right, halves.right[i], halves.left[i]);
}

// One component. hbar may be null.
void TreeAt(const Stream& stream, double span, const std::uint64_t* ids, const std::uint64_t* ticks,
            std::size_t lanes, double* w, double* hbar) {
  const F64 d;
  const U64 du;
  const std::size_t width = hn::Lanes(d);
  const PhiloxKeys keys(stream);
  for (std::size_t i = 0; i < lanes; i += kPairOfVectors * width) {
    Descent lane[kPairOfVectors];
    VU id[kPairOfVectors], node[kPairOfVectors];
    LanePair<V> normals[kPairOfVectors];
    for (std::size_t g = 0; g < kPairOfVectors; ++g) {
      id[g] = hn::LoadU(du, ids + i + g * width);
      lane[g].target = hn::LoadU(du, ticks + i + g * width);
      node[g] = hn::Zero(du);
    }
    NodeNormals(keys, id, node, normals);
    for (std::size_t g = 0; g < kPairOfVectors; ++g) {
      lane[g].part[0] = hn::Mul(normals[g].even, hn::Set(d, std::sqrt(span)));
      lane[g].part[1] = hn::Mul(normals[g].odd, hn::Set(d, std::sqrt(span)));
      const auto at_end = hn::Eq(lane[g].target, hn::Set(du, BrownianTree::kTicks));
      lane[g].a = hn::IfThenElseZero(at_end, lane[g].target);
      lane[g].w_a = hn::IfThenElseZero(hn::RebindMask(d, at_end), lane[g].part[0]);
      lane[g].h_a = hn::IfThenElseZero(hn::RebindMask(d, at_end),
                                       hn::Mul(lane[g].part[1], hn::Set(d, span * kAreaOfCoordinate)));
      lane[g].time_a = hn::Zero(d);
    }
    double s = span;
    for (int level = 0; level < BrownianTree::kLevels; ++level, s *= 0.5) {
      if (hn::AllTrue(du, hn::Eq(lane[0].a, lane[0].target)) &&
          hn::AllTrue(du, hn::Eq(lane[1].a, lane[1].target)))
        break;
      const VU first = hn::Set(du, std::uint64_t{1} << level);
      for (std::size_t g = 0; g < kPairOfVectors; ++g) {
        node[g] = hn::Or(first, hn::ShiftRightSame(lane[g].target, BrownianTree::kLevels - level));
      }
      NodeNormals(keys, id, node, normals);
      for (std::size_t g = 0; g < kPairOfVectors; ++g) Descend(lane[g], normals[g], s, level);
    }
    for (std::size_t g = 0; g < kPairOfVectors; ++g) {
      hn::StoreU(lane[g].w_a, d, w + i + g * width);
      if (hbar) hn::StoreU(lane[g].h_a, d, hbar + i + g * width);
    }
  }
}

}  // namespace sde::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sde {

HWY_EXPORT(TreeAt);

BrownianTree::BrownianTree(std::uint64_t seed, std::size_t noises, double span, bool third) : span_(span) {
  if (!(span > 0) || !std::isfinite(span)) {
    fail(Status::usage, "a Brownian tree needs a span above 0 (got {})", span);
  }
  for (std::uint32_t c = 0; c < noises; ++c) {
    streams_.push_back(make_stream(seed, Purpose::tree, c));
    if (third) third_.push_back(make_stream(seed, Purpose::tree, kThirdComponents + c));
  }
}

std::uint64_t BrownianTree::ticks(double time, int granularity) const {
  const double fraction = std::clamp(time / span_, 0.0, 1.0);
  const auto units = static_cast<std::uint64_t>(std::nearbyint(std::ldexp(fraction, 62 - granularity)));
  return units << granularity;
}

void BrownianTree::at(const std::uint64_t* ids, const std::uint64_t* ticks, Block w, Block hbar) const {
  assert(third_.empty() && w.rows == noises() && w.lanes % kLaneQuantum == 0);
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
