#include "nn/optimizer.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace sde::nn {

double learning_rate(const OptimizerOptions& options, std::uint64_t step, std::uint64_t steps) {
  if (step < options.warmup) {
    return options.lr * static_cast<double>(step + 1) / static_cast<double>(options.warmup);
  }
  const double rest = steps > options.warmup ? static_cast<double>(steps - options.warmup) : 1;
  const double part = std::min(1.0, static_cast<double>(step - options.warmup) / rest);
  switch (options.schedule) {
    case Schedule::constant:
      break;
    case Schedule::linear:
      return options.lr * (1 - part);
    case Schedule::exponential:
      return options.lr * std::pow(options.decay, static_cast<double>(step - options.warmup));
    case Schedule::cosine:
      return options.lr * 0.5 * (1 + std::cos(std::numbers::pi * part));
  }
  return options.lr;
}

TrainingState::TrainingState(const Network& network, std::uint64_t seed)
    : weights(network.size()), first(network.trained_size()), second(network.trained_size()) {
  network.initialise(seed, weights.data());
  ema = weights;
}

Update next_update(const OptimizerOptions& options, std::uint64_t steps, double ema, std::uint64_t step,
                   double norm) {
  const double count = static_cast<double>(step + 1);
  const double rate = learning_rate(options, step, steps);
  AdamStep s;
  s.rate = static_cast<float>(rate / (1 - std::pow(options.beta1, count)));
  s.beta1 = static_cast<float>(options.beta1);
  s.one_minus_beta1 = static_cast<float>(1 - options.beta1);
  s.beta2 = static_cast<float>(options.beta2);
  s.one_minus_beta2 = static_cast<float>(1 - options.beta2);
  s.second_scale = static_cast<float>(1 / (1 - std::pow(options.beta2, count)));
  s.epsilon = static_cast<float>(options.epsilon);
  if (options.type != OptimizerType::adamw) {
    s.l2 = static_cast<float>(options.weight_decay);
  } else {
    s.decay = static_cast<float>(rate * options.weight_decay);
  }
  if (options.clip > 0 && norm > options.clip) s.gradient_scale = static_cast<float>(options.clip / norm);
  s.ema_rate = static_cast<float>(1 - std::min(ema, count / (9 + count)));
  if (options.type == OptimizerType::adadelta) s.rate = static_cast<float>(rate);
  return {.type = options.type, .step = s};
}

void move(const Update& update, std::size_t slice, const float* gradient, TrainingState& state) {
  const bool scales = update.type != OptimizerType::adadelta;
  const auto optimiser = scales ? adam : adadelta;
  const auto move_some = [&](std::size_t begin, std::size_t end, const AdamStep& step) {
    if (begin == end) return;
    optimiser(step, end - begin, gradient + begin, state.weights.data() + begin, state.first.data() + begin,
              state.second.data() + begin, state.ema.data() + begin);
  };
  const std::size_t first = slice * kSlice, last = std::min(first + kSlice, state.first.size());
  const std::size_t begin = std::clamp(update.output.begin, first, last),
                    end = std::clamp(update.output.end, first, last);
  AdamStep of_output = update.step;
  if (scales) of_output.rate = static_cast<float>(of_output.rate * update.output_scale);
  move_some(first, begin, update.step);
  move_some(begin, end, of_output);
  move_some(end, last, update.step);
}

}  // namespace sde::nn
