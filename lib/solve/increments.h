// What a stepper needs of the Brownian path, served step by step for one block of lanes.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>

#include "brownian/area.h"
#include "brownian/grid.h"
#include "brownian/quasi.h"
#include "brownian/tree.h"
#include "brownian/tree_walk.h"
#include "solve/stepper.h"

namespace sde {

// How the increments of different paths hang together.
struct PathCoupling {
  bool antithetic = false;            // path 2k + 1 has the increments of path 2k with their signs turned
  const QuasiPaths* quasi = nullptr;  // increments from quasi-random points; areas stay pseudo-random

  bool independent() const { return !antithetic && !quasi; }
};

// How Brownian paths are addressed.
enum class BrownianSource {
  grid,  // by the number of the step: fastest
  tree,  // by time: the same path whatever the steps
};

// Times of a tree that steps use are multiples of this part of its span, so that a query costs at most 36
// halvings.
inline constexpr int kTreeGranularity = BrownianTree::kLevels - 36;

// One thread's.
//
// grid: steps are those of a grid of length `base`; a step of another length (the last before a save time)
// has the same normals, scaled.
// tree: steps are differences of the path between times from 0 to the tree's span; paths are independent.
class Increments {
 public:
  // `steps`: how many there are, so that no more are drawn ahead.
  Increments(std::uint64_t seed, std::size_t noises, double base, BrownianNeeds needs, AreaLaw law,
             std::size_t lanes, PathCoupling coupling = {}, std::uint64_t steps = GridOptions{}.steps,
             const BrownianTree* tree = nullptr)
      : needs_(needs),
        base_(base),
        noises_(noises),
        lanes_(lanes),
        coupling_(coupling),
        tree_(tree),
        grid_({.seed = seed,
               .noises = noises,
               .step = base,
               .steps = steps,
               .space_time = needs.space_time || needs.levy_area}),
        reader_(grid_, 0, lanes) {
    if (needs.levy_area) {
      areas_.emplace(seed, noises, law, base);
      area_.resize(areas_->rows(), lanes);
    }
    if (tree) {
      walker_.emplace(*tree, lanes, uses_space_time());
      for (StateBlock<double>* block : {&dW_, &w_}) block->resize(noises, lanes);
      for (StateBlock<double>* block : {&H_, &hbar_})
        if (uses_space_time()) block->resize(noises, lanes);
    }
  }
  Increments(const Increments&) = delete;  // reader_ refers to grid_
  Increments& operator=(const Increments&) = delete;

  void start(std::uint64_t first_id) {
    first_id_ = first_id;
    reader_.restart(first_id);
    if (coupling_.quasi) {
      quasi_.resize(coupling_.quasi->steps() * noises_ * lanes_);
      coupling_.quasi->fill(first_id, lanes_, quasi_.data(), quasi_workspace_);
    }
    if (!walker_) return;
    walker_->start(first_id);
    tick_ = 0;
    for (StateBlock<double>* block : {&w_, &hbar_})
      for (std::size_t r = 0; r < block->rows(); ++r) std::fill_n(block->row(r), block->lanes(), 0.0);
  }

  // Points `input` to the values of step `number`, of length h, between times counted from the start; valid
  // until the next call. Steps one after the other are fast.
  void serve(std::uint64_t number, double h, double from, double to, StepInput& input) {
    ConstBlock dW, H;
    if (walker_) {
      if (const std::uint64_t tick = tree_->ticks(from, kTreeGranularity); tick != tick_) walk(tick);
      walk(tree_->ticks(to, kTreeGranularity));
      dW = dW_.view();
      H = H_.view();
    } else {
      if (coupling_.quasi)
        dW = {quasi_.data() + number * noises_ * lanes_, noises_, lanes_, lanes_};
      else
        dW = scaled(reader_.increments(number), h, dW_);
      if (coupling_.antithetic) dW = mirrored(dW, dW_);
      if (uses_space_time()) H = scaled(reader_.areas(number), h, H_);
      if (uses_space_time() && coupling_.antithetic) H = mirrored(H, H_);
    }
    input.dW = dW.data;
    if (uses_space_time()) input.H = H.data;
    if (!areas_) return;
    areas_->fill(first_id_, number, h, dW, H, area_);
    // Of -W the areas are those of W.
    for (std::size_t r = 0; coupling_.antithetic && r < area_.rows(); ++r)
      for (std::size_t i = 1; i < lanes_; i += 2) area_.row(r)[i] = area_.row(r)[i - 1];
    input.area = area_.row(0);
  }

  // The same of a grid, which does not ask for the time.
  void serve(std::uint64_t number, double h, StepInput& input) { serve(number, h, 0, h, input); }

 private:
  bool uses_space_time() const { return needs_.space_time || needs_.levy_area; }

  ConstBlock scaled(ConstBlock values, double h, StateBlock<double>& buffer) const {
    if (h == base_) return values;
    buffer.resize(values.rows, values.lanes);
    const double factor = std::sqrt(h / base_);
    for (std::size_t r = 0; r < values.rows; ++r)
      for (std::size_t i = 0; i < values.lanes; ++i) buffer.row(r)[i] = factor * values.row(r)[i];
    return buffer.view();
  }

  // Blocks begin with an even id. `values` may be the buffer itself.
  static ConstBlock mirrored(ConstBlock values, StateBlock<double>& buffer) {
    buffer.resize(values.rows, values.lanes);
    for (std::size_t r = 0; r < values.rows; ++r) {
      const double* from = values.row(r);
      double* to = buffer.row(r);
      for (std::size_t i = 0; i < values.lanes; i += 2) {
        const double x = from[i];
        to[i] = x;
        to[i + 1] = -x;
      }
    }
    return buffer.view();
  }

  // From tick_ to another: dW_ and H_, by Chen's relation (see tree_increments), and the values at the end.
  void walk(std::uint64_t tick) {
    walker_->move(tick);
    const double s = tree_->time(tick_), t = tree_->time(tick), length = tree_->time(tick - tick_);
    for (std::size_t c = 0; c < dW_.rows(); ++c) {
      const double* end = walker_->w(c);
      double *start = w_.row(c), *dW = dW_.row(c);
      if (uses_space_time()) {
        const double* hbar = walker_->hbar(c);
        double *before = hbar_.row(c), *H = H_.row(c);
        for (std::size_t i = 0; i < dW_.lanes(); ++i) {
          H[i] = (hbar[i] - before[i] - 0.5 * (t * start[i] - s * end[i])) / length;
          before[i] = hbar[i];
        }
      }
      for (std::size_t i = 0; i < dW_.lanes(); ++i) {
        dW[i] = end[i] - start[i];
        start[i] = end[i];
      }
    }
    tick_ = tick;
  }

  BrownianNeeds needs_;
  double base_;
  std::size_t noises_, lanes_;
  PathCoupling coupling_;
  AlignedVector<double> quasi_;  // [step][noise][lane]
  QuasiPaths::Workspace quasi_workspace_;
  std::uint64_t first_id_ = 0, tick_ = 0;
  const BrownianTree* tree_;
  BrownianGrid grid_;
  GridReader reader_;
  std::optional<TreeWalker> walker_;
  std::optional<AreaSource> areas_;
  StateBlock<double> area_, dW_, H_, w_, hbar_;  // w_, hbar_: at tick_
};

}  // namespace sde
