// What a network predicts, and the score that follows.
#pragma once

#include <array>
#include <cmath>
#include <utility>

#include "score/process.h"

namespace sde {

enum class Prediction { epsilon, score, sample, v_prediction, flow, edm, energy };
constexpr auto enum_names(Prediction) {
  using enum Prediction;
  return std::array{std::pair{"epsilon", epsilon}, std::pair{"score", score},
                    std::pair{"sample", sample},   std::pair{"v_prediction", v_prediction},
                    std::pair{"flow", flow},       std::pair{"edm", edm},
                    std::pair{"energy", energy}};
}

// The scales of a process at one time, with their derivatives.
struct Scales {
  double a, s, da, ds;
};
inline Scales scales_at(const NoiseProcess& process, double t) {
  return {process.signal(t), process.noise(t), process.signal_rate(t), process.noise_rate(t)};
}

// With x = a x_0 + s eps, the network sees `input` x; what it says, p, is trained towards target_data x_0 +
// target_noise eps, and score = from_state x + from_output p. For exact predictions all give the same score:
//   epsilon       eps = -s score
//   score         s score, of order one at all times (Song & Ermon 2020, technique 3)
//   sample        x_0 = (x + s^2 score) / a
//   v_prediction  v = a eps - s x_0 (Salimans & Ho 2022)
//   flow          u = a' x_0 + s' eps, the velocity dx/dt of the probability flow (Lipman et al. 2023); flows
//                 that count time from the noise have -u
//   edm           x_0 = c_skip x / a + c_out p with c_skip, c_out and the input's scale such that input and
//                 target have unit variance for data of standard deviation sigma_data (Karras et al. 2022)
//   energy        p is the gradient of a scalar network in its input, and stands for eps: the score is minus
//                 the gradient of an energy (Song & Kingma 2021)
struct Conversion {
  double target_data, target_noise;
  double from_state, from_output;
  double input;
};

inline Conversion conversion(Prediction prediction, const Scales& c, double sigma_data = 1) {
  const double a = c.a, s = c.s, input = 1 / std::sqrt(a * a + s * s);
  switch (prediction) {
    case Prediction::score:
      return {0, -1, 0, 1 / s, input};
    case Prediction::sample:
      return {1, 0, -1 / (s * s), a / (s * s), input};
    case Prediction::v_prediction: {
      const double r = a * a + s * s;
      return {-s, a, -1 / r, -a / (s * r), input};
    }
    case Prediction::flow: {
      const double turn = s * (a * c.ds - s * c.da);  // > 0
      return {c.da, c.ds, c.da / turn, -a / turn, input};
    }
    case Prediction::edm: {
      const double sigma = s / a, v = sigma * sigma + sigma_data * sigma_data, root = std::sqrt(v);
      const double out = sigma * sigma_data / root;
      // 1 - c_skip = sigma^2 / v; x_0 - c_skip x / a = (sigma^2 x_0 - sigma sd^2 eps) / v.
      return {sigma / (sigma_data * root), -sigma_data / root, -1 / (a * a * v), a * out / (s * s),
              1 / (a * root)};
    }
    case Prediction::epsilon:
    case Prediction::energy:
      break;
  }
  return {0, 1, 0, -1 / s, input};
}

// What the network sees as the time: that of the process, or ln(s / a) / 4 for edm.
inline double network_time(Prediction prediction, const NoiseProcess& process, double t) {
  return prediction == Prediction::edm ? -0.25 * process.half_log_snr(t) : process.network_time(t);
}

// Throws Error(Status::usage) for a prediction that means nothing, or cannot be sampled, with the process.
void check_prediction(Prediction prediction, const NoiseProcess& process, const char* process_name);

}  // namespace sde
