#include "score/process.h"

#include <algorithm>
#include <cmath>

#include "base/aligned.h"
#include "base/error.h"
#include "simd/math.h"

namespace sde {

void NoiseProcess::scales(const double* t, std::size_t n, double* a, double* s) const {
  for (std::size_t i = 0; i < n; ++i) {
    a[i] = signal(t[i]);
    s[i] = noise(t[i]);
  }
}

namespace {

double softplus(double u) {
  return std::fmax(u, 0) + std::log1p(std::exp(-std::fabs(u)));
}
// ln(e^x - 1) for x > 0
double log_expm1(double x) {
  return x > 1 ? x + std::log1p(-std::exp(-x)) : std::log(std::expm1(x));
}

// beta(t) = beta_min + t (beta_max - beta_min); B is its integral from 0.
class LinearBeta : public NoiseProcess {
 public:
  LinearBeta(double min, double max) : min_(min), slope_(max - min) {}

  double beta(double t) const { return min_ + t * slope_; }
  double integral(double t) const { return t * (min_ + 0.5 * t * slope_); }
  double time_of_integral(double b) const { return 2 * b / (min_ + std::sqrt(min_ * min_ + 2 * slope_ * b)); }

  double signal(double t) const override { return std::exp(-0.5 * integral(t)); }
  double drift_factor(double t) const override { return -0.5 * beta(t); }
  double prior_deviation() const override { return 1; }
  double sampling_cutoff() const override { return 1e-3; }

  // a and 1 - a^2
  void signal_and_rest(const double* t, std::size_t n, double* a, double* rest) const {
    for (std::size_t i = 0; i < n; ++i) a[i] = -0.5 * integral(t[i]);
    simd::map(simd::Function::exp, a, a, n);
    for (std::size_t i = 0; i < n; ++i) rest[i] = 1 - a[i] * a[i];
  }

 private:
  double min_, slope_;
};

// dx = -beta x / 2 dt + sqrt(beta) dW, s^2 = 1 - e^{-B}.
class VariancePreserving final : public LinearBeta {
 public:
  using LinearBeta::LinearBeta;

  double noise(double t) const override { return std::sqrt(-std::expm1(-integral(t))); }
  double diffusion_squared(double t) const override { return beta(t); }
  double half_log_snr(double t) const override {
    const double b = integral(t);
    return -0.5 * (b + std::log(-std::expm1(-b)));
  }
  double time_at(double lambda) const override { return time_of_integral(softplus(-2 * lambda)); }
  // int beta / (1 - e^{-B}) dt = ln(e^B - 1)
  double importance(double t0, double t1) const override {
    return log_expm1(integral(t1)) - log_expm1(integral(t0));
  }
  double importance_time(double part, double t0, double t1) const override {
    const double u0 = log_expm1(integral(t0));
    return std::clamp(time_of_integral(softplus(u0 + part * (log_expm1(integral(t1)) - u0))), t0, t1);
  }
  void scales(const double* t, std::size_t n, double* a, double* s) const override {
    signal_and_rest(t, n, a, s);
    for (std::size_t i = 0; i < n; ++i) s[i] = std::sqrt(s[i]);
  }
};

// The same drift with g^2 = beta (1 - e^{-2B}), so that s = 1 - e^{-B}.
class SubVariancePreserving final : public LinearBeta {
 public:
  using LinearBeta::LinearBeta;

  double noise(double t) const override { return -std::expm1(-integral(t)); }
  double diffusion_squared(double t) const override { return -beta(t) * std::expm1(-2 * integral(t)); }
  double half_log_snr(double t) const override { return -std::log(2 * std::sinh(0.5 * integral(t))); }
  double time_at(double lambda) const override {
    return time_of_integral(2 * std::asinh(0.5 * std::exp(-lambda)));
  }
  // int beta coth(B / 2) dt = 2 ln sinh(B / 2)
  double importance(double t0, double t1) const override {
    return 2 * (std::log(std::sinh(0.5 * integral(t1))) - std::log(std::sinh(0.5 * integral(t0))));
  }
  double importance_time(double part, double t0, double t1) const override {
    const double u0 = 2 * std::log(std::sinh(0.5 * integral(t0)));
    const double u = u0 + part * importance(t0, t1);
    return std::clamp(time_of_integral(2 * std::asinh(std::exp(0.5 * u))), t0, t1);
  }
  void scales(const double* t, std::size_t n, double* a, double* s) const override {
    signal_and_rest(t, n, a, s);
  }
};

// dx = g dW, g^2 = d(s^2)/dt.
class VarianceExploding final : public NoiseProcess {
 public:
  VarianceExploding(double min, double max) : min_(min), max_(max), log_ratio_(std::log(max / min)) {}

  double signal(double) const override { return 1; }
  double noise(double t) const override { return min_ * std::exp(t * log_ratio_); }
  double drift_factor(double) const override { return 0; }
  double diffusion_squared(double t) const override { return 2 * log_ratio_ * noise(t) * noise(t); }
  double half_log_snr(double t) const override { return -(std::log(min_) + t * log_ratio_); }
  double time_at(double lambda) const override { return (-lambda - std::log(min_)) / log_ratio_; }
  double prior_deviation() const override { return max_; }
  double sampling_cutoff() const override { return 1e-5; }
  double importance(double t0, double t1) const override { return 2 * log_ratio_ * (t1 - t0); }
  double importance_time(double part, double t0, double t1) const override { return t0 + part * (t1 - t0); }
  void scales(const double* t, std::size_t n, double* a, double* s) const override {
    for (std::size_t i = 0; i < n; ++i) {
      a[i] = 1;
      s[i] = t[i] * log_ratio_;
    }
    simd::map(simd::Function::exp, s, s, n);
    for (std::size_t i = 0; i < n; ++i) s[i] *= min_;
  }

 private:
  double min_, max_, log_ratio_;
};

}  // namespace

const std::vector<ProcessTraits>& processes() {
  static const std::vector<ProcessTraits> table = {
      {ProcessType::vp, "vp", "variance preserving: the signal decays as the noise grows"},
      {ProcessType::subvp, "subvp", "sub-VP: the drift of vp with less noise"},
      {ProcessType::ve, "ve", "variance exploding: noise is added to the whole signal"},
  };
  return table;
}

std::shared_ptr<const NoiseProcess> make_process(const ProcessOptions& o) {
  if (o.type == ProcessType::ve) {
    if (!(o.sigma_min > 0)) fail(Status::usage, "/process/sigma_min: must be > 0 (got {})", o.sigma_min);
    if (!(o.sigma_max > o.sigma_min) || !std::isfinite(o.sigma_max)) {
      fail(Status::usage, "/process/sigma_max: must be > sigma_min = {} (got {})", o.sigma_min, o.sigma_max);
    }
    return std::make_shared<VarianceExploding>(o.sigma_min, o.sigma_max);
  }
  if (!(o.beta_min > 0)) fail(Status::usage, "/process/beta_min: must be > 0 (got {})", o.beta_min);
  if (!(o.beta_max >= o.beta_min) || !std::isfinite(o.beta_max)) {
    fail(Status::usage, "/process/beta_max: must be >= beta_min = {} (got {})", o.beta_min, o.beta_max);
  }
  if (o.type == ProcessType::subvp) return std::make_shared<SubVariancePreserving>(o.beta_min, o.beta_max);
  return std::make_shared<VariancePreserving>(o.beta_min, o.beta_max);
}

}  // namespace sde
