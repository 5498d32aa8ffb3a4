// What a stepper needs of the Brownian path, served step by step for one block of lanes.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>

#include "brownian/area.h"
#include "brownian/grid.h"
#include "solve/stepper.h"

namespace sde {

// One thread's. Steps are those of a grid of length `base`; a step of another length (the last before a save
// time) has the same normals, scaled.
class Increments {
 public:
  Increments(std::uint64_t seed, std::size_t noises, double base, BrownianNeeds needs, AreaLaw law,
             std::size_t lanes)
      : needs_(needs),
        base_(base),
        grid_({.seed = seed,
               .noises = noises,
               .step = base,
               .space_time = needs.space_time || needs.levy_area}),
        reader_(grid_, 0, lanes) {
    if (needs.levy_area) {
      areas_.emplace(seed, noises, law);
      area_.resize(areas_->rows(), lanes);
    }
  }
  Increments(const Increments&) = delete;  // reader_ refers to grid_
  Increments& operator=(const Increments&) = delete;

  void start(std::uint64_t first_id) {
    first_id_ = first_id;
    reader_.restart(first_id);
  }

  // Points `input` to the values of step `number`, of length h; valid until the next call.
  void serve(std::uint64_t number, double h, StepInput& input) {
    ConstBlock dW = scaled(reader_.increments(number), h, dW_), H;
    input.dW = dW.data;
    if (needs_.space_time || needs_.levy_area) {
      H = scaled(reader_.areas(number), h, H_);
      input.H = H.data;
    }
    if (!areas_) return;
    areas_->fill(first_id_, number, h, dW, H, area_);
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

  BrownianNeeds needs_;
  double base_;
  std::uint64_t first_id_ = 0;
  BrownianGrid grid_;
  GridReader reader_;
  std::optional<AreaSource> areas_;
  StateBlock<double> area_, dW_, H_;
};

}  // namespace sde
