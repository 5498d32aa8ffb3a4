// What a stepper needs of the Brownian path, served step by step for one block of lanes.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>

#include "brownian/area.h"
#include "brownian/grid.h"
#include "brownian/quasi.h"
#include "solve/stepper.h"

namespace sde {

// How the increments of different paths hang together.
struct PathCoupling {
  bool antithetic = false;            // path 2k + 1 has the increments of path 2k with their signs turned
  const QuasiPaths* quasi = nullptr;  // increments from quasi-random points; areas stay pseudo-random

  bool independent() const { return !antithetic && !quasi; }
};

// One thread's. Steps are those of a grid of length `base`; a step of another length (the last before a save
// time) has the same normals, scaled.
class Increments {
 public:
  // `steps`: how many there are, so that no more are drawn ahead.
  Increments(std::uint64_t seed, std::size_t noises, double base, BrownianNeeds needs, AreaLaw law,
             std::size_t lanes, PathCoupling coupling = {}, std::uint64_t steps = GridOptions{}.steps)
      : needs_(needs),
        base_(base),
        noises_(noises),
        lanes_(lanes),
        coupling_(coupling),
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
  }
  Increments(const Increments&) = delete;  // reader_ refers to grid_
  Increments& operator=(const Increments&) = delete;

  void start(std::uint64_t first_id) {
    first_id_ = first_id;
    reader_.restart(first_id);
    if (!coupling_.quasi) return;
    quasi_.resize(coupling_.quasi->steps() * noises_ * lanes_);
    coupling_.quasi->fill(first_id, lanes_, quasi_.data(), quasi_workspace_);
  }

  // Points `input` to the values of step `number`, of length h; valid until the next call.
  void serve(std::uint64_t number, double h, StepInput& input) {
    ConstBlock dW, H;
    if (coupling_.quasi)
      dW = {quasi_.data() + number * noises_ * lanes_, noises_, lanes_, lanes_};
    else
      dW = scaled(reader_.increments(number), h, dW_);
    if (coupling_.antithetic) dW = mirrored(dW, dW_);
    input.dW = dW.data;
    if (needs_.space_time || needs_.levy_area) {
      H = scaled(reader_.areas(number), h, H_);
      if (coupling_.antithetic) H = mirrored(H, H_);
      input.H = H.data;
    }
    if (!areas_) return;
    areas_->fill(first_id_, number, h, dW, H, area_);
    // Of -W the areas are those of W.
    for (std::size_t r = 0; coupling_.antithetic && r < area_.rows(); ++r)
      for (std::size_t i = 1; i < lanes_; i += 2) area_.row(r)[i] = area_.row(r)[i - 1];
    input.area = area_.row(0);
  }

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
  BrownianGrid grid_;
  GridReader reader_;
  std::optional<AreaSource> areas_;
  StateBlock<double> area_, dW_, H_;
};

}  // namespace sde
