// Networks as the suites time them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "score/model.h"

namespace sde::bench {

// Three layers of `width`, SiLU, 32 features of time, weights as training starts with them, but for the last
// layer, which is not zero either.
std::shared_ptr<const ScoreModel> untrained(std::size_t width);

// Operations of one evaluation of untrained(width) on one lane of a block at one time, in products alone.
double operations_of(std::size_t width);

// Operations a second that multiply-adds in registers reach on one thread.
double peak(std::uint64_t repeats);

// Seconds on one thread by seconds on two; nothing where this run may not use two.
std::optional<double> gain_of_two_threads(std::uint64_t repeats, int allowed,
                                          const std::function<void()>& run);

}  // namespace sde::bench
