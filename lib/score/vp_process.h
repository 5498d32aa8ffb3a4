// Variance preserving processes, given beta and its integral.
#pragma once

#include <algorithm>
#include <cmath>
#include <utility>

#include "score/process.h"

namespace sde {

// dx = -beta x / 2 dt + sqrt(beta) dW: a = e^{-B/2}, s^2 = 1 - e^{-B}. A Schedule has beta(t), its integral B
// from 0, the inverse of that, and the number of levels where it is a ladder.
template <class Schedule>
class VariancePreserving : public NoiseProcess {
 public:
  explicit VariancePreserving(Schedule schedule) : schedule_(std::move(schedule)) {}

  double signal(double t) const override { return std::exp(-0.5 * schedule_.integral(t)); }
  double noise(double t) const override { return std::sqrt(-std::expm1(-schedule_.integral(t))); }
  double drift_factor(double t) const override { return -0.5 * schedule_.beta(t); }
  double diffusion_squared(double t) const override { return schedule_.beta(t); }
  double half_log_snr(double t) const override {
    const double b = schedule_.integral(t);
    return -0.5 * (b + std::log(-std::expm1(-b)));
  }
  double time_at(double lambda) const override {
    const double u = -2 * lambda;  // ln(e^B - 1)
    return schedule_.time_of_integral(std::fmax(u, 0) + std::log1p(std::exp(-std::fabs(u))));
  }
  double prior_deviation() const override { return 1; }
  std::size_t levels() const override { return schedule_.levels(); }
  double sampling_cutoff() const override {
    return schedule_.levels() ? 1 / static_cast<double>(schedule_.levels()) : 1e-3;
  }

 protected:
  Schedule schedule_;
};

}  // namespace sde
