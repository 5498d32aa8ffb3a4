// Adam, AdamW and Adadelta with clipping, a schedule and a moving average of the weights.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "base/aligned.h"
#include "nn/network.h"
#include "nn/options.h"

namespace sde::nn {

// The learning rate of step `step` (0-based) of `steps`.
double learning_rate(const OptimizerOptions& options, std::uint64_t step, std::uint64_t steps);

// Everything that training changes; with the step's number it is all that a resumed run needs.
struct TrainingState {
  AlignedVector<float> weights, ema;   // laid out like theta
  AlignedVector<float> first, second;  // Adam's moments; Adadelta's mean squares of steps and of gradients
  std::uint64_t step = 0;              // steps done

  TrainingState() = default;
  // Freshly initialised.
  TrainingState(const Network& network, std::uint64_t seed);
};

// Calls part(first, count) for slices of n numbers, in parallel; slices begin at whole vectors.
void for_slices(std::size_t n, const std::function<void(std::size_t first, std::size_t count)>& part);

// Kingma & Ba (2015); decoupled decay after Loshchilov & Hutter (2019); Zeiler (2012). One step with the
// gradient of the loss, whose norm is returned (before clipping). `ema` is the average's weight on its past;
// the average starts as the mean of the first steps, min(ema, (1 + n) / (10 + n)) at step n. A gradient that
// is not finite changes nothing.
double optimise(const OptimizerOptions& options, std::uint64_t steps, double ema, const Network& network,
                const float* gradient, TrainingState& state);

}  // namespace sde::nn
