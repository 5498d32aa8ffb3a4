#include "score/loss.h"

#include <Eigen/Core>
#include <algorithm>
#include <boost/math/special_functions/erf.hpp>
#include <cmath>
#include <numbers>

#include "base/error.h"

namespace sde {
namespace {
constexpr std::size_t kIntervals = 2000;  // of the density of times of least variance
}

DenoisingLoss::DenoisingLoss(const NoiseProcess& process, Prediction prediction, Weighting weighting,
                             TimeSampling sampling, const LognormalOptions& lognormal, double sigma_data)
    : process_(process),
      prediction_(prediction),
      weighting_(weighting),
      sampling_(sampling),
      lognormal_(lognormal),
      sigma_data_(sigma_data),
      // Ladders have no noise before their first level; half a step before it bounds what that one stands
      // for.
      first_(process.levels() ? 0.5 / static_cast<double>(process.levels()) : process.training_cutoff()),
      lambda_first_(process.half_log_snr(first_)),
      lambda_last_(process.half_log_snr(kHorizon)),
      mean_rate_(2 * (lambda_first_ - lambda_last_) / (process.levels() ? kHorizon : kHorizon - first_)) {
  if (sampling == TimeSampling::least_variance) tabulate();
  if (sampling != TimeSampling::lognormal) return;
  if (!std::isfinite(lognormal.mean)) {
    fail(Status::usage, "/lognormal/mean: must be a finite number (got {})", lognormal.mean);
  }
  if (!(lognormal.deviation > 0) || !std::isfinite(lognormal.deviation)) {
    fail(Status::usage, "/lognormal/deviation: must be > 0 (got {})", lognormal.deviation);
  }
  const auto probability = [&](double lambda) {
    return 0.5 * std::erfc((lognormal.mean + lambda) / (lognormal.deviation * std::numbers::sqrt2));
  };
  least_ = probability(lambda_first_);
  most_ = probability(lambda_last_);
  if (!(most_ - least_ > 1e-6)) {
    fail(Status::usage,
         "/lognormal: ln sigma of this process lies between {:.3g} and {:.3g}, where the law has no weight",
         -lambda_first_, -lambda_last_);
  }
}

// Intervals equal in lambda, in which both ends of the process are smooth; of ladders, the steps.
void DenoisingLoss::tabulate() {
  const std::size_t levels = process_.levels(), n = levels ? levels : kIntervals;
  const auto edge = [&](double k) {
    if (levels) return k / static_cast<double>(levels);
    return process_.importance_time(k / static_cast<double>(n), first_, kHorizon);
  };
  edges_.push_back(levels ? 0 : first_);
  probabilities_.push_back(0);
  for (std::size_t k = 1; k <= n; ++k) {
    edges_.push_back(k < n ? edge(static_cast<double>(k)) : kHorizon);
    const double t = levels ? edges_[k] : edge(static_cast<double>(k) - 0.5);
    const double a = process_.signal(t), s = process_.noise(t), signal = a * sigma_data_;
    const Conversion c = conversion_at(t, a, s);
    // Of the target, from that of epsilon.
    const double deviation = signal / std::hypot(signal, s) / std::fabs(s * c.from_output);
    probabilities_.push_back(probabilities_.back() +
                             (edges_[k] - edges_[k - 1]) * weight(t, a, s, c) * deviation);
  }
  for (double& p : probabilities_) p /= probabilities_.back();
}

double DenoisingLoss::density(double t) const {
  // The last edge before t: times of ladders are the ends of their steps.
  const auto after = std::lower_bound(edges_.begin() + 1, edges_.end() - 1, t) - edges_.begin();
  const auto k = static_cast<std::size_t>(after);
  return (probabilities_[k] - probabilities_[k - 1]) * (edges_.back() - edges_.front()) /
         (edges_[k] - edges_[k - 1]);
}

void DenoisingLoss::times(const double* u, std::size_t n, double* t) const {
  const auto steps = static_cast<double>(process_.levels());
  switch (sampling_) {
    case TimeSampling::uniform: {
      const double from = steps > 0 ? 0 : first_, length = steps > 0 ? 1 : kHorizon - first_;
      for (std::size_t i = 0; i < n; ++i) t[i] = from + u[i] * length;
      break;
    }
    case TimeSampling::importance:
      for (std::size_t i = 0; i < n; ++i)
        t[i] = process_.time_at(lambda_first_ + u[i] * (lambda_last_ - lambda_first_));
      break;
    case TimeSampling::lognormal:
      for (std::size_t i = 0; i < n; ++i) {
        const double p = least_ + u[i] * (most_ - least_);
        const double z = -std::numbers::sqrt2 * boost::math::erfc_inv(2 * p);
        t[i] = process_.time_at(-(lognormal_.mean + lognormal_.deviation * z));
      }
      break;
    case TimeSampling::least_variance:
      for (std::size_t i = 0; i < n; ++i) {
        const auto after = std::upper_bound(probabilities_.begin() + 1, probabilities_.end() - 1, u[i]) -
                           probabilities_.begin();
        const auto k = static_cast<std::size_t>(after);
        const double part = (u[i] - probabilities_[k - 1]) / (probabilities_[k] - probabilities_[k - 1]);
        t[i] = edges_[k - 1] + part * (edges_[k] - edges_[k - 1]);
      }
      break;
  }
  const double first = steps > 0 ? 0 : first_;
  for (std::size_t i = 0; i < n; ++i) t[i] = std::clamp(t[i], first, kHorizon);
  for (std::size_t i = 0; i < n && steps > 0; ++i) t[i] = std::max(std::ceil(t[i] * steps), 1.0) / steps;
}

double DenoisingLoss::rate(double t, double s) const {
  const auto steps = static_cast<double>(process_.levels());
  if (steps > 0) {
    const double from = std::fmax(t - 1 / steps, first_);
    return steps * process_.importance(from, t) / mean_rate_;
  }
  return process_.diffusion_squared(t) / (s * s * mean_rate_);
}

double DenoisingLoss::epsilon_weight(double t, double s, double sigma) const {
  switch (weighting_) {
    case Weighting::likelihood:
      return rate(t, s);
    case Weighting::edm:
      return 1 + std::pow(sigma / sigma_data_, 2);
    case Weighting::min_snr:
      return std::fmin(1, 5 * sigma * sigma);
    case Weighting::sigma2:
    case Weighting::uniform:  // on the output, see weight()
      break;
  }
  return 1;
}

Conversion DenoisingLoss::conversion_at(double t, double a, double s) const {
  Scales scales{a, s, 0, 0};
  if (prediction_ == Prediction::flow) {
    scales.da = process_.drift_factor(t) * a;
    scales.ds = process_.drift_factor(t) * s + 0.5 * process_.diffusion_squared(t) / s;
  }
  return conversion(prediction_, scales, sigma_data_);
}

double DenoisingLoss::weight(double t, double a, double s, const Conversion& c) const {
  if (weighting_ == Weighting::uniform) return 1;
  const double of_output = std::pow(s * c.from_output, 2);
  const bool bounded = weighting_ == Weighting::sigma2 && prediction_ == Prediction::sample;
  return epsilon_weight(t, s, s / a) * (bounded ? std::fmin(of_output, kMostSampleWeight) : of_output);
}

DenoisingLoss::At DenoisingLoss::at(double t, double a, double s) const {
  At out{conversion_at(t, a, s), 1};
  if (sampling_ == TimeSampling::importance && weighting_ == Weighting::likelihood) {
    out.weight = std::pow(s * out.conversion.from_output, 2);
    return out;
  }
  out.weight = weight(t, a, s, out.conversion);
  if (sampling_ == TimeSampling::importance) out.weight /= rate(t, s);
  if (sampling_ == TimeSampling::least_variance) out.weight /= density(t);
  return out;
}

void DenoisingLoss::at(const double* t, const double* a, const double* s, std::size_t n,
                       Conversion* conversion, double* weight) const {
  for (std::size_t i = 0; i < n; ++i) {
    const At here = at(t[i], a[i], s[i]);
    conversion[i] = here.conversion;
    weight[i] = here.weight;
  }
}

// By midpoints of u; of uniform times in the importance's own variable, where integrands are smooth at both
// ends.
template <class Sum, class F>
Sum DenoisingLoss::expectation(Sum sum, const F& f) const {
  const auto value = [&](double t) -> Sum {
    const double a = process_.signal(t), s = process_.noise(t);
    return f(a, s, at(t, a, s));
  };
  const std::size_t levels = process_.levels();
  const bool uniform = sampling_ == TimeSampling::uniform;
  if (uniform && levels) {
    for (std::size_t i = 1; i <= levels; ++i) {
      const double t = static_cast<double>(i) / static_cast<double>(levels);
      sum += value(t) / static_cast<double>(levels);
    }
    return sum;
  }
  constexpr int n = 20000;
  for (int i = 0; i < n; ++i) {
    double u = (i + 0.5) / n, t = 0;
    if (uniform) {
      t = process_.importance_time(u, first_, kHorizon);
      sum += value(t) / rate(t, process_.noise(t)) / n;
    } else {
      times(&u, 1, &t);
      sum += value(t) / n;
    }
  }
  return sum;
}

double DenoisingLoss::gaussian_floor(const std::vector<double>& eigenvalues) const {
  return expectation(0.0, [&](double a, double s, const At& here) {
    double floor = 0;
    for (const double value : eigenvalues) {
      floor += a * a * value / (a * a * value + s * s) / static_cast<double>(eigenvalues.size());
    }
    // In the units of the loss: its weight over that of an error of epsilon.
    return floor * here.weight / std::pow(s * here.conversion.from_output, 2);
  });
}

double DenoisingLoss::target_scale() const {
  // The mean of the weight, and of the weighted square.
  const Eigen::Array2d mean = expectation(Eigen::Array2d(0, 0), [&](double, double, const At& here) {
    const Conversion& c = here.conversion;
    const double square = std::pow(c.target_data * sigma_data_, 2) + std::pow(c.target_noise, 2);
    return Eigen::Array2d(here.weight, here.weight * square);
  });
  return std::sqrt(mean[1] / mean[0]);
}

}  // namespace sde
