#include "score/loss.h"

#include <cmath>

namespace sde {

DenoisingLoss::DenoisingLoss(const NoiseProcess& process, Prediction prediction, Weighting weighting,
                             TimeSampling sampling)
    : process_(process),
      prediction_(prediction),
      weighting_(weighting),
      sampling_(sampling),
      first_(process.training_cutoff()),
      mean_rate_(process.importance(first_, kHorizon) / (kHorizon - first_)) {}

void DenoisingLoss::times(const double* u, std::size_t n, double* t) const {
  for (std::size_t i = 0; i < n; ++i) {
    t[i] = sampling_ == TimeSampling::importance ? process_.importance_time(u[i], first_, kHorizon)
                                                 : first_ + u[i] * (kHorizon - first_);
    if (const auto steps = static_cast<double>(process_.levels()); steps > 0) {
      t[i] = std::ceil(t[i] * steps) / steps;
    }
  }
}

double DenoisingLoss::epsilon_weight(double t, double a, double s) const {
  switch (weighting_) {
    case Weighting::likelihood:
      return process_.diffusion_squared(t) / (s * s * mean_rate_);
    case Weighting::uniform:
      return 1 / std::pow(s * conversion(prediction_, a, s).from_output, 2);
    case Weighting::sigma2:
      break;
  }
  return 1;
}

double DenoisingLoss::weight(double t, double a, double s) const {
  const double rate = process_.diffusion_squared(t) / (s * s * mean_rate_);
  if (sampling_ == TimeSampling::importance && weighting_ == Weighting::likelihood) {
    return std::pow(s * conversion(prediction_, a, s).from_output, 2);
  }
  const double importance = sampling_ == TimeSampling::importance ? 1 / rate : 1;
  if (weighting_ == Weighting::uniform) return importance;
  return epsilon_weight(t, a, s) * importance * std::pow(s * conversion(prediction_, a, s).from_output, 2);
}

double DenoisingLoss::gaussian_floor(const std::vector<double>& eigenvalues) const {
  // Midpoints in the importance's own variable, where the integrand is smooth at both ends.
  constexpr int n = 20000;
  double sum = 0;
  for (int i = 0; i < n; ++i) {
    const double t = process_.importance_time((i + 0.5) / n, first_, kHorizon);
    const double a = process_.signal(t), s = process_.noise(t);
    double floor = 0;
    for (const double value : eigenvalues) {
      floor += a * a * value / (a * a * value + s * s) / static_cast<double>(eigenvalues.size());
    }
    sum += floor * epsilon_weight(t, a, s) * mean_rate_ * s * s / process_.diffusion_squared(t);
  }
  return sum / n;
}

}  // namespace sde
