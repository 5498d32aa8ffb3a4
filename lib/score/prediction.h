// What a network predicts, and the score that follows.
#pragma once

#include <array>
#include <utility>

namespace sde {

enum class Prediction { epsilon, score, sample, v_prediction };
constexpr auto enum_names(Prediction) {
  using enum Prediction;
  return std::array{std::pair{"epsilon", epsilon}, std::pair{"score", score}, std::pair{"sample", sample},
                    std::pair{"v_prediction", v_prediction}};
}

// With x = a x_0 + s eps, a prediction p is trained towards target_data x_0 + target_noise eps, and
// score = from_state x + from_output p. For exact predictions all four give the same score:
//   epsilon       eps = -s score
//   score         s score, of order one at all times (Song & Ermon 2020, technique 3)
//   sample        x_0 = (x + s^2 score) / a
//   v_prediction  v = a eps - s x_0 (Salimans & Ho 2022)
struct Conversion {
  double target_data, target_noise;
  double from_state, from_output;
};

constexpr Conversion conversion(Prediction prediction, double a, double s) {
  switch (prediction) {
    case Prediction::score:
      return {0, -1, 0, 1 / s};
    case Prediction::sample:
      return {1, 0, -1 / (s * s), a / (s * s)};
    case Prediction::v_prediction: {
      const double r = a * a + s * s;
      return {-s, a, -1 / r, -a / (s * r)};
    }
    case Prediction::epsilon:
      break;
  }
  return {0, 1, 0, -1 / s};
}

}  // namespace sde
