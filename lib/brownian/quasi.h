// Brownian motion on a grid from randomised quasi-random points.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/aligned.h"
#include "random/stream.h"

namespace sde {

// Paths id = r * points + i, i < points, are made from the points of a Sobol sequence (Joe & Kuo 2008) with
// randomisation r: a random linear scramble of the digits and a digital shift (Matousek 1998), so that each
// path has the law of a Brownian motion, averages over one randomisation are unbiased, and different
// randomisations are independent: the spread of their averages is an honest standard error. Coordinates go to
// W(T), then to midpoints in a Brownian bridge, coarse before fine (Moskowitz & Caflisch 1996), so that the
// best coordinates decide most. Scrambles are drawn with Purpose::brownian, components from 2^31 on.
// Immutable; threads share it.
class QuasiPaths {
 public:
  static constexpr std::size_t kMostDimensions = 3667;  // that Boost has direction numbers for

  // `lengths` of all steps, > 0; `points` a power of two from 64 to 2^31. Throws Error(Status::usage) where
  // steps times noises exceed kMostDimensions.
  QuasiPaths(std::uint64_t seed, std::size_t noises, std::vector<double> lengths, std::uint64_t points);

  // Throws that error.
  static void require_dimensions(std::uint64_t steps, std::size_t noises);

  std::size_t noises() const { return noises_; }
  std::size_t steps() const { return lengths_.size(); }
  std::uint64_t points() const { return points_; }

  // Memory of one thread: the scrambled direction numbers of the randomisation at hand.
  struct Workspace {
    bool filled = false;
    std::uint64_t randomisation = 0;
    std::vector<std::uint32_t> directions;  // [dimension][bit]
    std::vector<std::uint64_t> shifts;      // [dimension]
    AlignedVector<double> uniforms, logs, nodes;
  };

  // Increments [step][noise][lane] of paths first_id ...; first_id and lanes are multiples of 64.
  void fill(std::uint64_t first_id, std::size_t lanes, double* out, Workspace& workspace) const;

 private:
  // W at node `node` given those at `left` and `right`.
  struct Bridge {
    std::size_t node, left, right;
    double from_left, from_right, deviation;
  };

  void scramble(std::uint64_t randomisation, Workspace& workspace) const;
  void fill_group(std::uint64_t first_point, double* out, std::size_t lanes, Workspace& workspace) const;

  std::uint64_t seed_;
  std::size_t noises_;
  std::vector<double> lengths_;
  std::uint64_t points_;
  std::size_t bits_ = 0;                   // log2 of points
  std::vector<std::uint32_t> directions_;  // [dimension][bit], the sequence's own
  std::vector<Bridge> bridge_;             // in the order of the coordinates
};

// The direction numbers of a Sobol sequence of 32 bits, [dimension][bit].
std::vector<std::uint32_t> sobol_directions(std::size_t dimensions, std::size_t bits);

// z with Phi(z) = u for u in (0, 1), to a relative error of 1e-15 (Wichura 1988, AS 241); n is a multiple of
// kLaneQuantum, `logs` scratch of n. The same bits on every machine.
void normal_quantiles(const double* u, double* z, std::size_t n, double* logs);

}  // namespace sde
