// Brownian motion on a grid of fixed steps: increments, and space-time Levy areas, as pure functions of
// (seed, path id, step, component).
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "base/aligned.h"
#include "base/block.h"
#include "brownian/chen.h"
#include "random/stream.h"

namespace sde {

struct GridOptions {
  std::uint64_t seed = 0;
  std::size_t noises = 1;                                           // independent Brownian motions
  double step = 0;                                                  // length h of a fine step, > 0
  std::uint64_t steps = std::numeric_limits<std::uint64_t>::max();  // fine steps there are
  double last_step = 0;          // length of the last fine step where it is another; 0: it is not
  std::uint64_t coarsen = 1;     // fine steps to a step that is served: the same path on a coarser grid
  bool space_time = false;       // areas are wanted
  bool space_time_time = false;  // and K
};

// Fine step j of component c has dW = sqrt(h) z with z the normal of Purpose::brownian at (id, j, c), and the
// space-time Levy area H = sqrt(h / 12) z' with z' of Purpose::space_time, K = sqrt(h / 720) z'' with z'' of
// its components from kThirdComponents on. Immutable; threads share it.
class BrownianGrid {
 public:
  // Throws Error(Status::usage) for a length that is not positive and finite, or a coarsening of 0.
  explicit BrownianGrid(const GridOptions& options);

  const GridOptions& options() const { return options_; }
  std::uint64_t steps() const { return steps_; }  // steps served; the last may hold fewer fine ones
  double length(std::uint64_t step) const;        // of a step served
  double fine_length(std::uint64_t fine_step) const;
  const std::vector<Stream>& increments() const { return increments_; }  // one a component
  const std::vector<Stream>& areas() const { return areas_; }
  const std::vector<Stream>& thirds() const { return thirds_; }

 private:
  GridOptions options_;
  std::uint64_t steps_;
  std::vector<Stream> increments_, areas_, thirds_;
};

// The steps of one block of lanes, whose path ids follow one another, from a buffer that stays in the
// first-level cache. One thread's. Any step may be asked for; one after the other is fast.
class GridReader {
 public:
  // `lanes` is a multiple of kLaneQuantum. The grid must outlive the reader.
  GridReader(const BrownianGrid& grid, std::uint64_t first_id, std::size_t lanes);

  // Moves to another block of as many lanes.
  void restart(std::uint64_t first_id);

  // [noises][lanes]: the increments over a step, valid until the next call. A coarse one is the sum of its
  // fine ones from the first to the last.
  ConstBlock increments(std::uint64_t step);

  // [noises][lanes]: H over a step, H = (1/h) int (W_r - W_start - (r - start)/h dW) dr ~ N(0, h/12),
  // independent of dW. Coarse ones follow from Chen's relation. Valid until the next call of areas. Only
  // where options().space_time.
  ConstBlock areas(std::uint64_t step);

  // [noises][lanes]: K over a step, ~ N(0, h/720), independent of dW and H (see BrownianNeeds). Only where
  // options().space_time and space_time_time, and of steps that are fine ones.
  ConstBlock thirds(std::uint64_t step);

 private:
  // Fine steps first_pair * 2 ... in the layout of fill_normal_steps.
  struct Buffer {
    AlignedVector<double> values;
    std::uint64_t first = 0, count = 0;  // fine steps held
  };

  const double* fine(Buffer& buffer, const std::vector<Stream>& streams, double variance,
                     std::uint64_t fine_step);
  const double* fine_increments(std::uint64_t fine_step);
  const double* fine_areas(std::uint64_t fine_step);
  ConstBlock view(const double* data) const;

  const BrownianGrid& grid_;
  std::uint64_t first_id_;
  std::size_t lanes_, row_;  // row_ = noises * lanes
  std::uint64_t pairs_;      // of steps in a full buffer
  Buffer increments_, areas_, thirds_;
  AlignedVector<double> coarse_, coarse_area_, end_value_, end_;
};

}  // namespace sde
