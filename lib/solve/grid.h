// The times at which a run steps and saves.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace sde {

// From one save time to the next: `steps` steps, all of length `h` but the last, which is `last`.
struct Segment {
  double start = 0, end = 0;
  std::uint64_t steps = 0;
  double h = 0, last = 0;
};

struct TimeGrid {
  std::vector<double> save;  // increasing; the first may be the start itself
  std::vector<Segment>
      segments;  // one for each save time after the start, and one to the end where it is not saved
  bool saves_start = false;
  std::uint64_t steps = 0;  // of a path
  bool shortened = false;   // some segment ends in a step shorter than dt

  double start() const { return segments.front().start; }
  // When step `number` of a path begins.
  double step_start(std::uint64_t number) const;
  std::vector<double> step_lengths() const;  // [step]
  double end() const { return segments.back().end; }
};

inline constexpr double kMostSteps = 4611686018427387904.0;  // 2^62, what a step's number has room for

// `save` must lie within [start, end] and increase strictly. `dt` is used as given wherever it divides the
// way to the next save time (to a relative 1e-9, or what rounding the times makes of it), else the last step
// there is shorter. Throws Error(Status::usage).
TimeGrid make_grid(double start, double end, const std::vector<double>& save, double dt);

// One segment between save times and no steps inside: for adaptive and exact methods.
TimeGrid make_grid(double start, double end, const std::vector<double>& save);

// `count` equispaced times from start to end, both included (count 1: the end alone).
std::vector<double> equispaced(double start, double end, std::uint64_t count);

}  // namespace sde
