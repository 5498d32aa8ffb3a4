// Processes of diffusions: variance preserving, sub-VP, variance exploding, and the ladders of both.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/aligned.h"
#include "base/error.h"
#include "score/process_families.h"
#include "score/vp_process.h"
#include "simd/math.h"

namespace sde {
namespace {

// beta(t) = beta_min + t (beta_max - beta_min); B is its integral from 0.
struct LinearBeta {
  double min, slope;

  double beta(double t) const { return min + t * slope; }
  double integral(double t) const { return t * (min + 0.5 * t * slope); }
  double time_of_integral(double b) const { return 2 * b / (min + std::sqrt(min * min + 2 * slope * b)); }
  std::size_t levels() const { return 0; }
};

// a = cos(p(t)) / cos(p(0)), p = (t + offset) / (1 + offset) pi / 2 (Nichol & Dhariwal 2021), and beta no
// more than 999: what a bound of .999 on the beta of one of a thousand steps is.
struct CosineBeta {
  static constexpr double kMost = 999;
  double offset, rate, bend, at_bend;  // rate = p'; beta reaches kMost at t = bend

  explicit CosineBeta(double o) : offset(o), rate(0.5 * std::numbers::pi / (1 + o)) {
    bend = std::min(1.0, std::atan(kMost / (2 * rate)) / rate - o);
    at_bend = smooth(bend);
  }
  double phase(double t) const { return rate * (t + offset); }
  // -2 ln(cos(p) / cos(p0)) with the difference of cosines as a product, so that small t keep their digits.
  double smooth(double t) const {
    const double p0 = phase(0), p = phase(t);
    return -2 * std::log1p(-2 * std::sin(0.5 * (p + p0)) * std::sin(0.5 * (p - p0)) / std::cos(p0));
  }
  double beta(double t) const { return t < bend ? 2 * rate * std::tan(phase(t)) : kMost; }
  double integral(double t) const { return t <= bend ? smooth(t) : at_bend + kMost * (t - bend); }
  double time_of_integral(double b) const {
    if (b > at_bend) return bend + (b - at_bend) / kMost;
    // cos p = cos p0 e^{-b/2}; by sin^2 of half the difference of angles where b is small.
    const double p0 = phase(0), c0 = std::cos(p0), drop = -c0 * std::expm1(-0.5 * b);  // cos p0 - cos p
    const double c = c0 - drop, s0 = std::sin(p0);
    // sin(p - p0) = sin p cos p0 - cos p sin p0, with sin p - sin p0 = (c0^2 - c^2) / (sin p + sin p0).
    const double sine = std::sqrt((1 - c) * (1 + c));
    const double rise = drop * (c0 + c) / (sine + s0);
    const double difference = rise * c0 + drop * s0, cosine = c * c0 + sine * s0;
    return std::atan2(difference, cosine) / rate;
  }
  std::size_t levels() const { return 0; }
};

// beta_i = linspace(beta_min / N, beta_max / N, N), 1 - beta_i the signal's factor (squared) at step i (Ho et
// al. 2020). Between the levels B is a monotone cubic (Fritsch & Carlson 1980), so that its rate has no kinks
// that adaptive solvers would search for.
struct LadderBeta {
  std::vector<double> sums, rates;  // B at i / N, and its derivative there by i

  LadderBeta(double min, double max, std::size_t n) : sums(n + 1, 0.0), rates(n + 1) {
    for (std::size_t i = 0; i < n; ++i) {
      const double part = n > 1 ? static_cast<double>(i) / static_cast<double>(n - 1) : 0;
      sums[i + 1] = sums[i] - std::log1p(-(min + part * (max - min)) / static_cast<double>(n));
    }
    // Those of the parabola through three levels, within the bounds that keep the cubics rising.
    const auto rise = [&](std::size_t i) { return sums[i + 1] - sums[i]; };
    for (std::size_t i = 1; i < n; ++i) {
      const double mean = 0.5 * (rise(i - 1) + rise(i));
      rates[i] = std::min(mean, 3 * std::min(rise(i - 1), rise(i)));
    }
    const auto end = [](double near, double next) {
      return std::clamp(near + 0.5 * (near - next), 0.25 * near, 3 * near);
    };
    rates[0] = n > 1 ? end(rise(0), rise(1)) : rise(0);
    rates[n] = n > 1 ? end(rise(n - 1), rise(n - 2)) : rise(0);
  }
  std::size_t levels() const { return sums.size() - 1; }
  double count() const { return static_cast<double>(levels()); }
  // The step that ends at or after t, and how far t is in it.
  std::size_t step(double t) const {
    const double steps = std::ceil(t * count() * (1 - 1e-13));
    return std::clamp<std::size_t>(static_cast<std::size_t>(std::fmax(steps, 1)), 1, levels());
  }
  double part(double t, std::size_t i) const { return t * count() - static_cast<double>(i - 1); }
  // What B has risen by at part u of step i, from the end that is nearer; and its derivative.
  double risen(std::size_t i, double u) const {
    const double all = sums[i] - sums[i - 1], m0 = rates[i - 1], m1 = rates[i];
    return u * (m0 + u * (3 * all - 2 * m0 - m1 + u * (m0 + m1 - 2 * all)));
  }
  double slope(std::size_t i, double u) const {
    const double all = sums[i] - sums[i - 1], m0 = rates[i - 1], m1 = rates[i];
    return m0 + u * (2 * (3 * all - 2 * m0 - m1) + 3 * u * (m0 + m1 - 2 * all));
  }
  double beta(double t) const {
    const std::size_t i = step(t);
    return count() * slope(i, part(t, i));
  }
  double integral(double t) const {
    const std::size_t i = step(t);
    const double u = part(t, i);
    // Levels themselves to the last bit.
    return u >= 1 - 1e-12 ? sums[i] : sums[i - 1] + risen(i, u);
  }
  double time_of_integral(double b) const {
    auto i = static_cast<std::size_t>(std::lower_bound(sums.begin(), sums.end(), b) - sums.begin());
    i = std::clamp<std::size_t>(i, 1, levels());
    const double target = b - sums[i - 1];
    double low = 0, high = 1, u = target / (sums[i] - sums[i - 1]);
    for (int k = 0; k < 60; ++k) {
      const double off = risen(i, u) - target;
      (off > 0 ? high : low) = u;
      const double newton = u - off / slope(i, u);
      const double next = newton > low && newton < high ? newton : 0.5 * (low + high);
      if (std::fabs(next - u) <= 1e-16 * u) break;
      u = next;
    }
    return (static_cast<double>(i - 1) + std::fmin(u, 1)) / count();
  }
};

class LinearVp final : public VariancePreserving<LinearBeta> {
 public:
  using VariancePreserving::VariancePreserving;
  void scales(const double* t, std::size_t n, double* a, double* s) const override {
    for (std::size_t i = 0; i < n; ++i) a[i] = -0.5 * schedule_.integral(t[i]);
    simd::map(simd::Function::exp, a, a, n);
    for (std::size_t i = 0; i < n; ++i) s[i] = std::sqrt(1 - a[i] * a[i]);
  }
};

// The drift of vp with g^2 = beta (1 - e^{-2B}), so that s = 1 - e^{-B}.
class SubVariancePreserving final : public NoiseProcess {
 public:
  explicit SubVariancePreserving(LinearBeta schedule) : schedule_(schedule) {}

  double signal(double t) const override { return std::exp(-0.5 * schedule_.integral(t)); }
  double noise(double t) const override { return -std::expm1(-schedule_.integral(t)); }
  double drift_factor(double t) const override { return -0.5 * schedule_.beta(t); }
  double diffusion_squared(double t) const override {
    return -schedule_.beta(t) * std::expm1(-2 * schedule_.integral(t));
  }
  double half_log_snr(double t) const override {
    return -std::log(2 * std::sinh(0.5 * schedule_.integral(t)));
  }
  double time_at(double lambda) const override {
    return schedule_.time_of_integral(2 * std::asinh(0.5 * std::exp(-lambda)));
  }
  double prior_deviation() const override { return 1; }
  double sampling_cutoff() const override { return 1e-3; }
  void scales(const double* t, std::size_t n, double* a, double* s) const override {
    for (std::size_t i = 0; i < n; ++i) a[i] = -0.5 * schedule_.integral(t[i]);
    simd::map(simd::Function::exp, a, a, n);
    for (std::size_t i = 0; i < n; ++i) s[i] = 1 - a[i] * a[i];
  }

 private:
  LinearBeta schedule_;
};

// dx = g dW, g^2 = d(s^2)/dt, s = first (max / first)^t; a ladder where `levels` is not 0.
class VarianceExploding final : public NoiseProcess {
 public:
  VarianceExploding(double first, double max, std::size_t levels)
      : first_(first), max_(max), log_ratio_(std::log(max / first)), levels_(levels) {}

  double signal(double) const override { return 1; }
  double noise(double t) const override { return first_ * std::exp(t * log_ratio_); }
  double drift_factor(double) const override { return 0; }
  double diffusion_squared(double t) const override { return 2 * log_ratio_ * noise(t) * noise(t); }
  double half_log_snr(double t) const override { return -(std::log(first_) + t * log_ratio_); }
  double time_at(double lambda) const override { return (-lambda - std::log(first_)) / log_ratio_; }
  double prior_deviation() const override { return max_; }
  double sampling_cutoff() const override { return levels_ ? 1 / static_cast<double>(levels_) : 1e-5; }
  std::size_t levels() const override { return levels_; }
  void scales(const double* t, std::size_t n, double* a, double* s) const override {
    for (std::size_t i = 0; i < n; ++i) {
      a[i] = 1;
      s[i] = t[i] * log_ratio_;
    }
    simd::map(simd::Function::exp, s, s, n);
    for (std::size_t i = 0; i < n; ++i) s[i] *= first_;
  }

 private:
  double first_, max_, log_ratio_;
  std::size_t levels_;
};

// s = sigma_max t: the process of Karras et al. (2022), whose time is the noise itself, up to scale.
class LinearNoise final : public NoiseProcess {
 public:
  LinearNoise(double min, double max) : min_(min), max_(max) {}

  double signal(double) const override { return 1; }
  double noise(double t) const override { return max_ * t; }
  double drift_factor(double) const override { return 0; }
  double diffusion_squared(double t) const override { return 2 * max_ * max_ * t; }
  double half_log_snr(double t) const override { return -std::log(max_ * t); }
  double time_at(double lambda) const override { return std::exp(-lambda) / max_; }
  double prior_deviation() const override { return max_; }
  double network_time(double t) const override { return 0.25 * std::log(max_ * t); }
  double training_cutoff() const override { return min_ / max_; }
  double sampling_cutoff() const override { return min_ / max_; }
  double likelihood_cutoff() const override { return min_ / max_; }

 private:
  double min_, max_;
};

void check_sigmas(double min, double max) {
  if (!(min > 0)) fail(Status::usage, "/process/sigma_min: must be > 0 (got {})", min);
  if (!(max > min) || !std::isfinite(max)) {
    fail(Status::usage, "/process/sigma_max: must be > sigma_min = {} (got {})", min, max);
  }
}

}  // namespace

std::shared_ptr<const NoiseProcess> make_diffusion(const ProcessOptions& o) {
  const bool ladder = o.type == ProcessType::ddpm || o.type == ProcessType::ncsn;
  if (ladder && (o.levels < 2 || o.levels > 1'000'000)) {
    fail(Status::usage, "/process/levels: must be 2 to 1000000 (got {})", o.levels);
  }
  switch (o.type) {
    case ProcessType::edm:
      check_sigmas(o.edm_sigma_min, o.edm_sigma_max);
      return std::make_shared<LinearNoise>(o.edm_sigma_min, o.edm_sigma_max);
    case ProcessType::ve:
      check_sigmas(o.sigma_min, o.sigma_max);
      return std::make_shared<VarianceExploding>(o.sigma_min, o.sigma_max, 0);
    case ProcessType::ncsn: {
      check_sigmas(o.sigma_min, o.sigma_max);
      // sigma_min at the first of the times 1 / N, ..., 1.
      const double ratio = std::pow(o.sigma_min / o.sigma_max, 1 / (static_cast<double>(o.levels) - 1));
      return std::make_shared<VarianceExploding>(o.sigma_min * ratio, o.sigma_max, o.levels);
    }
    case ProcessType::vp_cosine:
      if (!(o.offset >= 0 && o.offset < 1)) {
        fail(Status::usage, "/process/offset: must lie in [0, 1) (got {})", o.offset);
      }
      return std::make_shared<VariancePreserving<CosineBeta>>(CosineBeta(o.offset));
    default:
      break;
  }
  if (!(o.beta_min > 0)) fail(Status::usage, "/process/beta_min: must be > 0 (got {})", o.beta_min);
  if (!(o.beta_max >= o.beta_min) || !std::isfinite(o.beta_max)) {
    fail(Status::usage, "/process/beta_max: must be >= beta_min = {} (got {})", o.beta_min, o.beta_max);
  }
  const LinearBeta linear{o.beta_min, o.beta_max - o.beta_min};
  switch (o.type) {
    case ProcessType::ddpm:
      if (!(o.beta_max < static_cast<double>(o.levels))) {
        fail(Status::usage, "/process/beta_max: must be < levels = {} (got {})", o.levels, o.beta_max);
      }
      return std::make_shared<VariancePreserving<LadderBeta>>(LadderBeta(o.beta_min, o.beta_max, o.levels));
    case ProcessType::subvp:
      return std::make_shared<SubVariancePreserving>(linear);
    default:
      return std::make_shared<LinearVp>(linear);
  }
}

}  // namespace sde
