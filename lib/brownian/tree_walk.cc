#include "brownian/tree_walk.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "brownian/tree_walk.cc"
#include "hwy/foreach_target.h"
// after foreach_target.h
#include <cassert>
#include <cmath>

#include "brownian/tree-inl.h"
#include "brownian/tree_node.h"

HWY_BEFORE_NAMESPACE();
namespace sde::HWY_NAMESPACE {

// W and Hbar of the span.
void WalkRoot(const Stream& stream, double span, std::uint64_t first_id, std::size_t lanes, double* w,
              double* h) {
  const TreeF64 d;
  const TreeU64 du;
  const std::size_t width = hn::Lanes(d);
  const PhiloxKeys keys(stream);
  const auto scale_w = hn::Set(d, std::sqrt(span)), scale_h = hn::Set(d, span * std::sqrt(span / 12));
  using VU = hn::Vec<TreeU64>;
  for (std::size_t i = 0; i < lanes; i += kPairOfVectors * width) {
    const VU id[] = {hn::Iota(du, first_id + i), hn::Iota(du, first_id + i + width)};
    const VU node[] = {hn::Zero(du), hn::Zero(du)};
    LanePair<hn::Vec<TreeF64>> normals[kPairOfVectors];
    NodeNormals(keys, id, node, normals);
    for (std::size_t g = 0; g < kPairOfVectors; ++g) {
      hn::Store(hn::Mul(normals[g].even, scale_w), d, w + i + g * width);
      hn::Store(hn::Mul(normals[g].odd, scale_h), d, h + i + g * width);
    }
  }
}

void WalkHalve(const Stream& stream, const TreeNode& in, std::size_t lanes) {
  const TreeF64 d;
  const TreeU64 du;
  using V = hn::Vec<TreeF64>;
  using VU = hn::Vec<TreeU64>;
  const std::size_t width = hn::Lanes(d);
  const PhiloxKeys keys(stream);
  const HalvingScales scales(in.length);
  const V time_a = hn::Set(d, in.time), time_m = hn::Set(d, in.time + scales.half);
  for (std::size_t i = 0; i < lanes; i += kPairOfVectors * width) {
    const VU id[] = {hn::Iota(du, in.first_id + i), hn::Iota(du, in.first_id + i + width)};
    const VU node[] = {hn::Set(du, in.node), hn::Set(du, in.node)};
    LanePair<V> normals[kPairOfVectors];
    NodeNormals(keys, id, node, normals);
#pragma GCC unroll 2
    for (std::size_t g = 0; g < kPairOfVectors; ++g) {
      const std::size_t at = i + g * width;
      const V w_a = hn::Load(d, in.w_a + at);
      const Halves<V> halves =
          Halve(hn::Load(d, in.part_w + at), hn::Load(d, in.part_h + at), w_a, normals[g], scales);
      hn::Store(halves.left_w, d, in.left_w + at);
      hn::Store(halves.left_h, d, in.left_h + at);
      hn::Store(halves.right_w, d, in.right_w + at);
      hn::Store(halves.right_h, d, in.right_h + at);
      hn::Store(halves.w_m, d, in.middle_w + at);
      if (in.h_a)
        hn::Store(AreaToMiddle(hn::Load(d, in.h_a + at), halves.left_h, w_a, halves.w_m, time_a, time_m), d,
                  in.middle_h + at);
    }
  }
}

}  // namespace sde::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sde {

HWY_EXPORT(WalkRoot);
HWY_EXPORT(WalkHalve);

TreeWalker::TreeWalker(const BrownianTree& tree, std::size_t lanes, bool areas)
    : tree_(tree), lanes_(lanes), areas_(areas), root_(2 * tree.noises() * lanes), zero_(lanes) {
  assert(lanes % kLaneQuantum == 0);
}

void TreeWalker::start(std::uint64_t first_id) {
  first_id_ = first_id;
  depth_ = 0;
  result_level_ = -1;
  at_end_ = false;
  path_[0] = {};
  nodes_ = 1;
  for (std::size_t c = 0; c < tree_.noises(); ++c) HWY_DYNAMIC_DISPATCH(WalkRoot)
  (tree_.streams()[c], tree_.span(), first_id, lanes_, root_.data() + 2 * c * lanes_,
   root_.data() + (2 * c + 1) * lanes_);
}

double* TreeWalker::row(int level, std::size_t c, int r) {
  return levels_[static_cast<std::size_t>(level)].data() + (c * kRows + static_cast<std::size_t>(r)) * lanes_;
}
const double* TreeWalker::row(int level, std::size_t c, int r) const {
  return levels_[static_cast<std::size_t>(level)].data() + (c * kRows + static_cast<std::size_t>(r)) * lanes_;
}

const double* TreeWalker::result(std::size_t c, int which) const {
  assert(which == 0 || areas_);
  if (at_end_) return root_.data() + (2 * c + static_cast<std::size_t>(which)) * lanes_;
  return result_level_ < 0 ? zero_.data() : row(result_level_, c, middle_w + which);
}

void TreeWalker::move(std::uint64_t tick) {
  assert(tick <= BrownianTree::kTicks);
  at_end_ = tick == BrownianTree::kTicks;
  if (at_end_) return;
  while ((path_[static_cast<std::size_t>(depth_)].start ^ tick) >> (BrownianTree::kLevels - depth_) != 0)
    --depth_;
  while (path_[static_cast<std::size_t>(depth_)].start != tick) {
    Interval& parent = path_[static_cast<std::size_t>(depth_)];
    if (!parent.halved) evaluate();
    const std::uint64_t half = std::uint64_t{1} << (BrownianTree::kLevels - 1 - depth_);
    Interval& child = path_[static_cast<std::size_t>(depth_) + 1];
    child = parent;
    child.right = tick - parent.start >= half;
    child.halved = false;
    if (child.right) {
      child.start += half;
      child.time += 0.5 * std::ldexp(tree_.span(), -depth_);
      child.value_level = depth_;
    }
    ++depth_;
  }
  result_level_ = path_[static_cast<std::size_t>(depth_)].value_level;
}

void TreeWalker::evaluate() {
  Interval& interval = path_[static_cast<std::size_t>(depth_)];
  const auto level = static_cast<std::size_t>(depth_);
  if (level >= levels_.size()) levels_.resize(level + 1);
  if (levels_[level].empty()) levels_[level].resize(kRows * tree_.noises() * lanes_);
  TreeNode node{};
  node.first_id = first_id_;
  node.node =
      depth_ == 0 ? 1 : (std::uint64_t{1} << depth_) | interval.start >> (BrownianTree::kLevels - depth_);
  node.length = std::ldexp(tree_.span(), -depth_);
  node.time = interval.time;
  for (std::size_t c = 0; c < tree_.noises(); ++c) {
    const double* root = root_.data() + 2 * c * lanes_;
    node.part_w = depth_ == 0 ? root : row(depth_ - 1, c, interval.right ? right_w : left_w);
    node.part_h = depth_ == 0 ? root + lanes_ : row(depth_ - 1, c, interval.right ? right_h : left_h);
    const int values = interval.value_level;
    node.w_a = values < 0 ? zero_.data() : row(values, c, middle_w);
    node.h_a = !areas_ ? nullptr : values < 0 ? zero_.data() : row(values, c, middle_h);
    node.left_w = row(depth_, c, left_w);
    node.left_h = row(depth_, c, left_h);
    node.right_w = row(depth_, c, right_w);
    node.right_h = row(depth_, c, right_h);
    node.middle_w = row(depth_, c, middle_w);
    node.middle_h = row(depth_, c, middle_h);
    HWY_DYNAMIC_DISPATCH(WalkHalve)(tree_.streams()[c], node, lanes_);
  }
  interval.halved = true;
  ++nodes_;
}

}  // namespace sde
#endif
