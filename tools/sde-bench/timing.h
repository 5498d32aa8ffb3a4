// Wall-clock times of the suites.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>

namespace sde::bench {

template <class F>
double seconds_of(const F& run) {
  const auto start = std::chrono::steady_clock::now();
  run();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// The shortest of `repeats` runs, after one that warms up.
template <class F>
double best_seconds(std::uint64_t repeats, const F& run) {
  run();
  double best = std::numeric_limits<double>::infinity();
  for (std::uint64_t i = 0; i < repeats; ++i) best = std::min(best, seconds_of(run));
  return best;
}

}  // namespace sde::bench
