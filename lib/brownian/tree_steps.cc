#include "brownian/tree_steps.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace sde {
namespace {

// The largest power of two of ticks that is no longer than `length`.
int log2_ticks(const BrownianTree& tree, double length) {
  return std::clamp(BrownianTree::kLevels + std::ilogb(length * (1 + 1e-9) / tree.span()), 0,
                    BrownianTree::kLevels);
}

BrownianNeeds without_areas(BrownianNeeds needs) {
  needs.space_time = needs.uses_space_time();
  needs.levy_area = false;
  return needs;
}

void scale(ConstBlock from, double factor, StateBlock<double>& to) {
  for (std::size_t c = 0; c < from.rows; ++c) {
    const double* in = from.row(c);
    double* out = to.row(c);
    for (std::size_t i = 0; i < from.lanes; ++i) out[i] = factor * in[i];
  }
}

}  // namespace

TreeSteps::TreeSteps(const BrownianTree& tree, std::uint64_t seed, BrownianNeeds needs, AreaLaw law,
                     double area_length, std::size_t lanes)
    : tree_(tree),
      needs_(needs),
      lanes_(lanes),
      area_ticks_(log2_ticks(tree, area_length)),
      walker_(tree, lanes),
      sum_(tree.noises(), without_areas(needs), lanes),
      area_sum_(tree.noises(), {.levy_area = needs.levy_area}, needs.levy_area ? lanes : 0) {
  assert(!needs.space_time_time || !tree.third().empty());
  if (needs.uses_space_time()) H_.resize(tree.noises(), lanes);
  if (needs.space_time_time) K_.resize(tree.noises(), lanes);
  if (!needs.levy_area) return;
  areas_.emplace(seed, tree.noises(), law, tree.time(std::uint64_t{1} << area_ticks_));
  area_.resize(areas_->rows(), lanes);
  part_H_.resize(tree.noises(), lanes);
}

void TreeSteps::start(std::uint64_t first_id) {
  first_id_ = first_id;
  walker_.start(first_id);
}

PathPiece TreeSteps::piece(const TreePart& part) {
  walker_.move(part);
  PathPiece piece;
  piece.length = tree_.time(part.ticks());
  piece.dW = walker_.coordinate(0);
  if (needs_.uses_space_time()) piece.H = walker_.coordinate(1);
  if (needs_.space_time_time) piece.K = walker_.coordinate(2);
  piece.scale_h = kAreaOfCoordinate;
  piece.scale_k = kThirdOfCoordinate;
  return piece;
}

const PathPiece& TreeSteps::serve(std::uint64_t from, std::uint64_t to) {
  TreePart part = longest_part(from, to);
  if (from + part.ticks() == to) {
    step_ = piece(part);
    if (step_.H.data) {
      scale(step_.H, step_.scale_h, H_);
      step_.H = H_.view();
    }
    if (step_.K.data) {
      scale(step_.K, step_.scale_k, K_);
      step_.K = K_.view();
    }
  } else {
    sum_.clear();
    for (std::uint64_t at = from; at < to; at += part.ticks()) {
      part = longest_part(at, to);
      sum_.add(piece(part));
    }
    step_ = sum_.total();
  }
  step_.scale_h = step_.scale_k = 1;
  if (!needs_.levy_area) return step_;
  area_sum_.clear();
  for (std::uint64_t at = from; at < to; at += part.ticks()) {
    part = longest_part(at, to, area_ticks_);
    PathPiece fine = piece(part);
    scale(fine.H, fine.scale_h, part_H_);
    areas_->fill(first_id_, part.node(), fine.length, fine.dW, part_H_.view(), area_.view());
    fine.area = area_.view();
    area_sum_.add(fine);
  }
  step_.area = area_sum_.total().area;
  return step_;
}

}  // namespace sde
