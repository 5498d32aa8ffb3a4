// Denoising score matching: weights, times, and what is the least that can be reached.
#pragma once

#include <array>
#include <cstddef>
#include <utility>
#include <vector>

#include "score/prediction.h"
#include "score/process.h"

namespace sde {

// Weight of the squared error of epsilon (mean over components) at time t, t uniform on [cut-off, 1].
enum class Weighting {
  sigma2,      // 1: the score's error weighted by s^2 ("simple", Ho et al. 2020)
  likelihood,  // g^2 / s^2, scaled to mean 1: an upper bound of the negative log-likelihood (Song et al.
               // 2021)
  uniform,     // 1 on the error of what the network predicts
};
constexpr auto enum_names(Weighting) {
  using enum Weighting;
  return std::array{std::pair{"sigma2", sigma2}, std::pair{"likelihood", likelihood},
                    std::pair{"uniform", uniform}};
}

enum class TimeSampling {
  uniform,
  importance,  // density proportional to g^2 / s^2; the weight is divided by it, so that the loss stays what
               // it is
};
constexpr auto enum_names(TimeSampling) {
  using enum TimeSampling;
  return std::array{std::pair{"uniform", uniform}, std::pair{"importance", importance}};
}

class DenoisingLoss {
 public:
  DenoisingLoss(const NoiseProcess& process, Prediction prediction, Weighting weighting,
                TimeSampling sampling);

  // Times for uniform numbers u in (0, 1).
  void times(const double* u, std::size_t n, double* t) const;
  // The factor of (network's output - target)^2 at time t, importance included; a = a(t), s = s(t).
  double weight(double t, double a, double s) const;
  Conversion target(double a, double s) const { return conversion(prediction_, a, s); }

  // The expected loss of the exact score where the data are Gaussian with a covariance of these eigenvalues:
  // E_t[w mean_i a^2 L_i / (a^2 L_i + s^2)].
  double gaussian_floor(const std::vector<double>& eigenvalues) const;

 private:
  double epsilon_weight(double t, double a, double s) const;

  const NoiseProcess& process_;
  Prediction prediction_;
  Weighting weighting_;
  TimeSampling sampling_;
  double first_, mean_rate_;  // mean of g^2 / s^2 over [first_, 1]
};

}  // namespace sde
