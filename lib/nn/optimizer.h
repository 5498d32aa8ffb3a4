// Adam, AdamW and Adadelta with clipping, a schedule and a moving average of the weights.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/aligned.h"
#include "nn/elementwise.h"
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

// Parameters move in slices of so many, which may be done at the same time.
inline constexpr std::size_t kSlice = 2048;
constexpr std::size_t slices(std::size_t parameters) {
  return (parameters + kSlice - 1) / kSlice;
}

// One step of an optimiser.
struct Update {
  OptimizerType type = OptimizerType::adam;
  AdamStep step;
  // Of these parameters, the output layer's, the rate is so many times that of the others. Adam's steps are
  // as large as the rate whatever the loss is measured in: where outputs are to be of the size c, weights of
  // the last layer have c times as far to go. Adadelta finds the size of its steps itself.
  ParameterRange output = {};
  double output_scale = 1;
};

// Kingma & Ba (2015); decoupled decay after Loshchilov & Hutter (2019); Zeiler (2012). Step `step` (0-based)
// of `steps` with a gradient of norm `norm` (before clipping). `ema` is the average's weight on its past; the
// average starts as the mean of the first steps, min(ema, (1 + n) / (10 + n)) at step n.
Update next_update(const OptimizerOptions& options, std::uint64_t steps, double ema, std::uint64_t step,
                   double norm);
// Moves one slice of the trained parameters, against the gradient of the loss in all of them. state.step is
// left to the caller.
void move(const Update& update, std::size_t slice, const float* gradient, TrainingState& state);

}  // namespace sde::nn
