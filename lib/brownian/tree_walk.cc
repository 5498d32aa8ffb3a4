#include "brownian/tree_walk.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "brownian/tree_walk.cc"
#include "hwy/foreach_target.h"
// after foreach_target.h
#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>

#include "brownian/tree-inl.h"
#include "brownian/tree_node.h"

HWY_BEFORE_NAMESPACE();
namespace sde::HWY_NAMESPACE {

// Coordinates of the span.
void WalkRoot(const TreeNode& out, std::size_t lanes) {
  const TreeF64 d;
  const TreeU64 du;
  const std::size_t width = hn::Lanes(d);
  const PhiloxKeys keys(*out.stream), third_keys(out.third ? *out.third : *out.stream);
  const auto scale = hn::Set(d, std::sqrt(out.length));
  using VU = hn::Vec<TreeU64>;
  for (std::size_t i = 0; i < lanes; i += kPairOfVectors * width) {
    const VU id[] = {hn::Iota(du, out.first_id + i), hn::Iota(du, out.first_id + i + width)};
    const VU node[] = {hn::Zero(du), hn::Zero(du)};
    LanePair<hn::Vec<TreeF64>> normals[kPairOfVectors], third[kPairOfVectors];
    NodeNormals(keys, id, node, normals);
    if (out.third) NodeNormals(third_keys, id, node, third);
    for (std::size_t g = 0; g < kPairOfVectors; ++g) {
      const std::size_t at = i + g * width;
      hn::Store(hn::Mul(normals[g].even, scale), d, out.left[0] + at);
      hn::Store(hn::Mul(normals[g].odd, scale), d, out.left[1] + at);
      if (out.third) hn::Store(hn::Mul(third[g].even, scale), d, out.left[2] + at);
    }
  }
}

template <std::size_t kOrder>
HWY_INLINE void HalveLanes(const TreeNode& in, std::size_t lanes) {
  const TreeF64 d;
  const TreeU64 du;
  using V = hn::Vec<TreeF64>;
  using VU = hn::Vec<TreeU64>;
  const std::size_t width = hn::Lanes(d);
  const PhiloxKeys keys(*in.stream), third_keys(kOrder == 3 ? *in.third : *in.stream);
  const HalvingScales scales(in.length);
  for (std::size_t i = 0; i < lanes; i += kPairOfVectors * width) {
    const VU id[] = {hn::Iota(du, in.first_id + i), hn::Iota(du, in.first_id + i + width)};
    const VU node[] = {hn::Set(du, in.node), hn::Set(du, in.node)};
    LanePair<V> normals[kPairOfVectors], third[kPairOfVectors];
    NodeNormals(keys, id, node, normals);
    if constexpr (kOrder == 3) NodeNormals(third_keys, id, node, third);
#pragma GCC unroll 2
    for (std::size_t g = 0; g < kPairOfVectors; ++g) {
      const std::size_t at = i + g * width;
      V x[kOrder];
      for (std::size_t k = 0; k < kOrder; ++k) x[k] = hn::Load(d, in.part[k] + at);
      const Halves<V, kOrder> halves =
          Halve<kOrder>(x, normals[g], kOrder == 3 ? third[g] : normals[g], scales);
      for (std::size_t k = 0; k < kOrder; ++k) {
        hn::Store(halves.left[k], d, in.left[k] + at);
        hn::Store(halves.right[k], d, in.right[k] + at);
      }
    }
  }
}

void WalkHalve(const TreeNode& in, std::size_t lanes) {
  if (in.third)
    HalveLanes<3>(in, lanes);
  else
    HalveLanes<2>(in, lanes);
}

}  // namespace sde::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sde {

HWY_EXPORT(WalkRoot);
HWY_EXPORT(WalkHalve);

TreePart longest_part(std::uint64_t from, std::uint64_t to, int longest) {
  assert(from < to && to <= BrownianTree::kTicks);
  const int most = std::min(longest, BrownianTree::kLevels);
  const int aligned = from == 0 ? most : std::countr_zero(from);
  const int fitting = std::bit_width(to - from) - 1;
  return {from, BrownianTree::kLevels - std::min({most, aligned, fitting})};
}

TreeWalker::TreeWalker(const BrownianTree& tree, std::size_t lanes)
    : tree_(tree),
      lanes_(lanes),
      coordinates_(tree.third().empty() ? 2 : 3),
      root_(coordinates_ * tree.noises() * lanes) {
  assert(lanes % kLaneQuantum == 0);
}

void TreeWalker::start(std::uint64_t first_id) {
  first_id_ = first_id;
  depth_ = 0;
  path_[0] = {};
  nodes_ = 1;
  TreeNode node{};
  node.first_id = first_id;
  node.length = tree_.span();
  for (std::size_t c = 0; c < tree_.noises(); ++c) {
    node.stream = &tree_.streams()[c];
    node.third = coordinates_ == 3 ? &tree_.third()[c] : nullptr;
    for (std::size_t k = 0; k < coordinates_; ++k)
      node.left[k] = root_.data() + (k * tree_.noises() + c) * lanes_;
    HWY_DYNAMIC_DISPATCH(WalkRoot)(node, lanes_);
  }
}

double* TreeWalker::row(int level, std::size_t r, std::size_t c) {
  return levels_[static_cast<std::size_t>(level)].data() + (r * tree_.noises() + c) * lanes_;
}

ConstBlock TreeWalker::coordinate(std::size_t i) const {
  assert(i < coordinates_);
  const std::size_t block = tree_.noises() * lanes_;
  const double* data = root_.data() + i * block;
  if (depth_ > 0) {
    const auto at = static_cast<std::size_t>(depth_);
    data = levels_[at - 1].data() + (i + (path_[at].right ? coordinates_ : 0)) * block;
  }
  return {data, tree_.noises(), lanes_, lanes_};
}

void TreeWalker::move(const TreePart& part) {
  while (depth_ > part.depth ||
         (path_[static_cast<std::size_t>(depth_)].start ^ part.start) >> (BrownianTree::kLevels - depth_) !=
             0)
    --depth_;
  for (; depth_ < part.depth; ++depth_) {
    const Step& parent = path_[static_cast<std::size_t>(depth_)];
    if (!parent.halved) evaluate();
    const std::uint64_t half = std::uint64_t{1} << (BrownianTree::kLevels - 1 - depth_);
    Step& child = path_[static_cast<std::size_t>(depth_) + 1];
    child.right = part.start - parent.start >= half;
    child.start = parent.start + (child.right ? half : 0);
    child.halved = false;
  }
}

void TreeWalker::evaluate() {
  Step& step = path_[static_cast<std::size_t>(depth_)];
  const auto level = static_cast<std::size_t>(depth_);
  if (level >= levels_.size()) levels_.resize(level + 1);
  if (levels_[level].empty()) levels_[level].resize(2 * coordinates_ * tree_.noises() * lanes_);
  TreeNode node{};
  node.first_id = first_id_;
  node.node = TreePart{step.start, depth_}.node();
  node.length = std::ldexp(tree_.span(), -depth_);
  for (std::size_t c = 0; c < tree_.noises(); ++c) {
    node.stream = &tree_.streams()[c];
    node.third = coordinates_ == 3 ? &tree_.third()[c] : nullptr;
    for (std::size_t k = 0; k < coordinates_; ++k) {
      node.part[k] = coordinate(k).row(c);
      node.left[k] = row(depth_, k, c);
      node.right[k] = row(depth_, coordinates_ + k, c);
    }
    HWY_DYNAMIC_DISPATCH(WalkHalve)(node, lanes_);
  }
  step.halved = true;
  ++nodes_;
}

}  // namespace sde
#endif
