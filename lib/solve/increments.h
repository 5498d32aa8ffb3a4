// What a stepper needs of the Brownian path, served step by step for one block of lanes.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>

#include "brownian/area.h"
#include "brownian/grid.h"
#include "brownian/quasi.h"
#include "brownian/tree.h"
#include "brownian/tree_steps.h"
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
  tree,  // by time: the same path whatever the steps, on trees of one span
};

// What a step is given of the Brownian path, to and from.
inline void point_to(const PathPiece& piece, StepInput& input) {
  input.dW = piece.dW.data;
  input.H = piece.H.data;
  input.K = piece.K.data;
  input.area = piece.area.data;
}
inline PathPiece piece_of(const StepInput& input, std::size_t noises, std::size_t lanes) {
  const auto block = [lanes](const double* data, std::size_t rows) {
    return ConstBlock{data, rows, lanes, lanes};
  };
  return {input.h.value, block(input.dW, noises), block(input.H, noises), block(input.K, noises),
          block(input.area, AreaSource::pairs(noises))};
}

// Times of a tree that steps use are multiples of this part of its span, so that one costs at most 36
// halvings.
inline constexpr int kTreeGranularity = BrownianTree::kLevels - 36;

// One thread's.
//
// grid: steps are those of a grid of length `base`; a step of another length (the last before a save time)
// has the same normals, scaled.
// tree: steps between times from 0 to the tree's span (see TreeSteps); paths are independent.
class Increments {
 public:
  // `steps`: how many there are, so that no more are drawn ahead. On a tree Levy areas belong to parts of at
  // most `area_length`.
  Increments(std::uint64_t seed, std::size_t noises, double base, BrownianNeeds needs, AreaLaw law,
             std::size_t lanes, PathCoupling coupling = {}, std::uint64_t steps = GridOptions{}.steps,
             const BrownianTree* tree = nullptr, double area_length = 0)
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
               .space_time = needs.uses_space_time(),
               .space_time_time = needs.space_time_time}),
        reader_(grid_, 0, lanes) {
    if (tree) {
      tree_steps_.emplace(*tree, seed, needs, law, area_length > 0 ? area_length : base, lanes);
    } else if (needs.levy_area) {
      areas_.emplace(seed, noises, law, base);
      area_.resize(areas_->rows(), lanes);
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
    if (tree_steps_) tree_steps_->start(first_id);
  }

  // Points `input` to the values of step `number`, of length h, between times counted from the start; valid
  // until the next call. Steps one after the other are fast.
  void serve(std::uint64_t number, double h, double from, double to, StepInput& input) {
    if (tree_steps_) {
      point_to(tree_steps_->serve(tree_->ticks(from, kTreeGranularity), tree_->ticks(to, kTreeGranularity)),
               input);
      return;
    }
    ConstBlock dW, H, K;
    if (coupling_.quasi)
      dW = {quasi_.data() + number * noises_ * lanes_, noises_, lanes_, lanes_};
    else
      dW = scaled(reader_.increments(number), h, dW_);
    if (coupling_.antithetic) dW = mirrored(dW, dW_);
    if (needs_.uses_space_time()) H = scaled(reader_.areas(number), h, H_);
    if (needs_.uses_space_time() && coupling_.antithetic) H = mirrored(H, H_);
    if (needs_.space_time_time) K = scaled(reader_.thirds(number), h, K_);
    if (needs_.space_time_time && coupling_.antithetic) K = mirrored(K, K_);
    input.dW = dW.data;
    input.H = H.data;
    input.K = K.data;
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

  BrownianNeeds needs_;
  double base_;
  std::size_t noises_, lanes_;
  PathCoupling coupling_;
  AlignedVector<double> quasi_;  // [step][noise][lane]
  QuasiPaths::Workspace quasi_workspace_;
  std::uint64_t first_id_ = 0;
  const BrownianTree* tree_;
  BrownianGrid grid_;
  GridReader reader_;
  std::optional<TreeSteps> tree_steps_;
  std::optional<AreaSource> areas_;
  StateBlock<double> area_, dW_, H_, K_;
};

}  // namespace sde
