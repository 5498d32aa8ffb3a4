// Noise processes: dx = f(t) x dt + g(t) dW on [0, 1], from data at 0 to noise at 1, with
// x_t = a(t) x_0 + s(t) eps (Song et al., ICLR 2021).
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace sde {

enum class ProcessType { vp, subvp, ve };
constexpr auto enum_names(ProcessType) {
  using enum ProcessType;
  return std::array{std::pair{"vp", vp}, std::pair{"subvp", subvp}, std::pair{"ve", ve}};
}

struct ProcessOptions {
  ProcessType type = ProcessType::vp;
  double beta_min = 0.1, beta_max = 20;     // vp, subvp: beta rises linearly in t
  double sigma_min = 0.01, sigma_max = 50;  // ve: s = sigma_min (sigma_max / sigma_min)^t

  template <class V>
  void visit(V& v) {
    v("type", type);
    if (type == ProcessType::ve) {
      v("sigma_min", sigma_min);
      v("sigma_max", sigma_max);
    } else {
      v("beta_min", beta_min);
      v("beta_max", beta_max);
    }
  }
};

class NoiseProcess {
 public:
  virtual ~NoiseProcess() = default;

  virtual double signal(double t) const = 0;              // a
  virtual double noise(double t) const = 0;               // s
  virtual double drift_factor(double t) const = 0;        // f
  virtual double diffusion_squared(double t) const = 0;   // g^2
  virtual double half_log_snr(double t) const = 0;        // lambda = ln(a / s), decreasing in t
  virtual double time_at(double half_log_snr) const = 0;  // its inverse
  virtual double prior_deviation() const = 0;             // of N(0, . I), where samplers start

  // For times drawn with density proportional to g^2 / s^2: its integral from t0 to t1, and the time at which
  // the integral from t0 is `part` of it.
  virtual double importance(double t0, double t1) const = 0;
  virtual double importance_time(double part, double t0, double t1) const = 0;

  // signal() and noise() of n times, a multiple of kLaneQuantum; aligned.
  virtual void scales(const double* t, std::size_t n, double* a, double* s) const;

  // Where times are cut off before 0: 1 / s would be unbounded.
  virtual double training_cutoff() const { return 1e-5; }
  virtual double sampling_cutoff() const = 0;
  virtual double likelihood_cutoff() const { return 1e-5; }
};

inline constexpr double kHorizon = 1;  // of every process

// What the table knows of each type.
struct ProcessTraits {
  ProcessType type;
  const char* name;
  const char* summary;
};
const std::vector<ProcessTraits>& processes();

// Throws Error(Status::usage) for parameters out of range.
std::shared_ptr<const NoiseProcess> make_process(const ProcessOptions& options);

}  // namespace sde
