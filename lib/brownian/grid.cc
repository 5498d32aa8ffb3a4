#include "brownian/grid.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "base/error.h"

namespace sde {
namespace {

constexpr std::size_t kBufferBytes = 16384;  // half of a small first-level cache

void check_length(double length, const char* what) {
  if (!(length > 0) || !std::isfinite(length)) {
    fail(Status::usage, "a Brownian grid needs a {} above 0 (got {})", what, length);
  }
}

}  // namespace

BrownianGrid::BrownianGrid(const GridOptions& options) : options_(options) {
  check_length(options.step, "step");
  if (options.last_step != 0) check_length(options.last_step, "last step");
  if (options.coarsen == 0)
    fail(Status::usage, "a Brownian grid needs at least 1 fine step to a step (got 0)");
  if (options_.last_step == 0) options_.last_step = options.step;
  steps_ = options.steps / options.coarsen + (options.steps % options.coarsen != 0);
  for (std::uint32_t c = 0; c < options.noises; ++c) {
    increments_.push_back(make_stream(options.seed, Purpose::brownian, c));
    areas_.push_back(make_stream(options.seed, Purpose::space_time, c));
    thirds_.push_back(make_stream(options.seed, Purpose::space_time, kThirdComponents + c));
  }
}

double BrownianGrid::fine_length(std::uint64_t fine_step) const {
  return fine_step + 1 == options_.steps ? options_.last_step : options_.step;
}

double BrownianGrid::length(std::uint64_t step) const {
  assert(step < steps_);
  const std::uint64_t first = step * options_.coarsen;
  const std::uint64_t count = std::min(options_.coarsen, options_.steps - first);
  return static_cast<double>(count - 1) * options_.step + fine_length(first + count - 1);
}

GridReader::GridReader(const BrownianGrid& grid, std::uint64_t first_id, std::size_t lanes)
    : grid_(grid), first_id_(first_id), lanes_(lanes), row_(grid.options().noises * lanes) {
  assert(lanes % kLaneQuantum == 0);
  pairs_ = std::max<std::uint64_t>(1, kBufferBytes / sizeof(double) / std::max<std::size_t>(1, 2 * row_));
  increments_.values.resize(2 * pairs_ * row_);
  if (grid.options().space_time) areas_.values.resize(2 * pairs_ * row_);
  if (grid.options().space_time_time) thirds_.values.resize(2 * pairs_ * row_);
  if (grid.options().coarsen > 1) {
    coarse_.resize(row_);
    if (grid.options().space_time) {
      coarse_area_.resize(row_);
      end_value_.resize(row_);
    }
  }
  if (grid.options().last_step != grid.options().step) end_.resize(2 * row_);
}

void GridReader::restart(std::uint64_t first_id) {
  first_id_ = first_id;
  increments_.count = areas_.count = thirds_.count = 0;
}

ConstBlock GridReader::view(const double* data) const {
  return {data, grid_.options().noises, lanes_, lanes_};
}

// `variance` is that of a number over a step of length 1.
const double* GridReader::fine(Buffer& buffer, const std::vector<Stream>& streams, double variance,
                               std::uint64_t fine_step) {
  const GridOptions& o = grid_.options();
  if (fine_step - buffer.first >= buffer.count) {
    const std::uint64_t first_pair = fine_step / 2;
    const std::uint64_t pairs = std::min(pairs_, (o.steps - 1) / 2 - first_pair + 1);
    fill_normal_steps(streams.data(), o.noises, first_id_, lanes_, first_pair, pairs, buffer.values.data(),
                      std::sqrt(o.step * variance));
    buffer.first = 2 * first_pair;
    buffer.count = 2 * pairs;
    const std::uint64_t last = o.steps - 1;
    if (o.last_step != o.step && last - buffer.first < buffer.count) {
      fill_normal_steps(streams.data(), o.noises, first_id_, lanes_, last / 2, 1, end_.data(),
                        std::sqrt(o.last_step * variance));
      std::copy_n(end_.data() + last % 2 * row_, row_, buffer.values.data() + (last - buffer.first) * row_);
    }
  }
  return buffer.values.data() + (fine_step - buffer.first) * row_;
}

const double* GridReader::fine_increments(std::uint64_t fine_step) {
  return fine(increments_, grid_.increments(), 1, fine_step);
}

const double* GridReader::fine_areas(std::uint64_t fine_step) {
  return fine(areas_, grid_.areas(), 1.0 / 12, fine_step);
}

ConstBlock GridReader::increments(std::uint64_t step) {
  assert(step < grid_.steps());
  const GridOptions& o = grid_.options();
  if (o.coarsen == 1) return view(fine_increments(step));
  const std::uint64_t first = step * o.coarsen, end = first + std::min(o.coarsen, o.steps - first);
  std::copy_n(fine_increments(first), row_, coarse_.data());
  for (std::uint64_t j = first + 1; j < end; ++j) {
    const double* dw = fine_increments(j);
    for (std::size_t i = 0; i < row_; ++i) coarse_[i] += dw[i];
  }
  return view(coarse_.data());
}

ConstBlock GridReader::areas(std::uint64_t step) {
  assert(grid_.options().space_time && step < grid_.steps());
  const GridOptions& o = grid_.options();
  if (o.coarsen == 1) return view(fine_areas(step));
  // int W dr over a fine step is h (W + dW/2 + H); over the coarse one it is h (dW/2 + H) again.
  const std::uint64_t first = step * o.coarsen, end = first + std::min(o.coarsen, o.steps - first);
  double* w = end_value_.data();
  std::fill_n(w, row_, 0.0);
  std::fill(coarse_area_.begin(), coarse_area_.end(), 0);
  for (std::uint64_t j = first; j < end; ++j) {
    const double h = grid_.fine_length(j);
    const double *dw = fine_increments(j), *area = fine_areas(j);
    for (std::size_t i = 0; i < row_; ++i) {
      coarse_area_[i] += h * (w[i] + 0.5 * dw[i] + area[i]);
      w[i] += dw[i];
    }
  }
  const double length = grid_.length(step);
  for (std::size_t i = 0; i < row_; ++i) coarse_area_[i] = coarse_area_[i] / length - 0.5 * w[i];
  return view(coarse_area_.data());
}

ConstBlock GridReader::thirds(std::uint64_t step) {
  assert(grid_.options().space_time_time && grid_.options().coarsen == 1 && step < grid_.steps());
  return view(fine(thirds_, grid_.thirds(), 1.0 / 720, step));
}

}  // namespace sde
