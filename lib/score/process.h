// Noise processes: dx = f(t) x dt + g(t) dW on [0, 1], from data at 0 to noise at 1, with
// x_t = a(t) x_0 + s(t) eps (Song et al., ICLR 2021; Karras et al. 2022; Lipman et al. 2023; Albergo et al.
// 2023). All of them are held in this one form, whatever the time of their literature: flow matching counts
// from noise at 0 to data at 1, which is 1 - t here.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace sde {

enum class ProcessType { vp, vp_cosine, subvp, ve, edm, ddpm, ncsn, flow, interpolant, bridge, custom };
constexpr auto enum_names(ProcessType) {
  using enum ProcessType;
  return std::array{std::pair{"vp", vp},
                    std::pair{"vp_cosine", vp_cosine},
                    std::pair{"subvp", subvp},
                    std::pair{"ve", ve},
                    std::pair{"edm", edm},
                    std::pair{"ddpm", ddpm},
                    std::pair{"ncsn", ncsn},
                    std::pair{"flow", flow},
                    std::pair{"interpolant", interpolant},
                    std::pair{"bridge", bridge},
                    std::pair{"custom", custom}};
}

enum class FlowPath { ot, lipman, trigonometric, vp };
constexpr auto enum_names(FlowPath) {
  using enum FlowPath;
  return std::array{std::pair{"ot", ot}, std::pair{"lipman", lipman},
                    std::pair{"trigonometric", trigonometric}, std::pair{"vp", vp}};
}

enum class InterpolantPath { ot, trigonometric };
constexpr auto enum_names(InterpolantPath) {
  using enum InterpolantPath;
  return std::array{std::pair{"ot", ot}, std::pair{"trigonometric", trigonometric}};
}

struct ProcessOptions {
  ProcessType type = ProcessType::vp;
  double beta_min = 0.1, beta_max = 20;     // vp, subvp, ddpm, flow on the vp path: beta rises linearly in t
  double offset = 0.008;                    // vp_cosine
  double sigma_min = 0.01, sigma_max = 50;  // ve, ncsn: s = sigma_min (sigma_max / sigma_min)^t
  double edm_sigma_min = 0.002, edm_sigma_max = 80;  // edm: s = sigma_max t, cut off at sigma_min
  std::size_t levels = 1000;                         // ddpm, ncsn: times are multiples of 1 / levels
  FlowPath path = FlowPath::ot;                      // flow
  double path_sigma_min = 1e-4;                      // flow on the lipman path: s(0)
  InterpolantPath interpolant_path = InterpolantPath::ot;
  std::string gamma = "sqrt(2*t*(1-t))";  // interpolant: standard deviation of the noise between the ends
  double sigma = 1;                       // bridge: gamma = sigma sqrt(t (1 - t))
  // custom, expressions of t: the scales a and s; or beta of dx = -beta x / 2 dt + sqrt(beta) dW; or f and g
  // of dx = f x dt + g dW.
  std::optional<std::string> signal = {}, noise = {}, beta = {}, drift = {}, diffusion = {};

  template <class V>
  void visit(V& v) {
    v("type", type);
    switch (type) {
      case ProcessType::ddpm:
        v("levels", levels);
        [[fallthrough]];
      case ProcessType::vp:
      case ProcessType::subvp:
        v("beta_min", beta_min);
        v("beta_max", beta_max);
        break;
      case ProcessType::vp_cosine:
        v("offset", offset);
        break;
      case ProcessType::ncsn:
        v("levels", levels);
        [[fallthrough]];
      case ProcessType::ve:
        v("sigma_min", sigma_min);
        v("sigma_max", sigma_max);
        break;
      case ProcessType::edm:
        v("sigma_min", edm_sigma_min);
        v("sigma_max", edm_sigma_max);
        break;
      case ProcessType::flow:
        v("path", path);
        if (path == FlowPath::lipman) v("sigma_min", path_sigma_min);
        if (path == FlowPath::vp) {
          v("beta_min", beta_min);
          v("beta_max", beta_max);
        }
        break;
      case ProcessType::interpolant:
        v("path", interpolant_path);
        v("gamma", gamma);
        break;
      case ProcessType::bridge:
        v("sigma", sigma);
        break;
      case ProcessType::custom:
        v("signal", signal);
        v("noise", noise);
        v("beta", beta);
        v("drift", drift);
        v("diffusion", diffusion);
    }
  }
};

class NoiseProcess {
 public:
  virtual ~NoiseProcess() = default;

  virtual double signal(double t) const = 0;             // a
  virtual double noise(double t) const = 0;              // s
  virtual double drift_factor(double t) const = 0;       // f = a' / a
  virtual double diffusion_squared(double t) const = 0;  // g^2 = (s^2)' - 2 f s^2 = -2 lambda' s^2
  virtual double half_log_snr(double t) const = 0;       // lambda = ln(a / s), decreasing in t
  virtual double time_at(double half_log_snr) const;     // its inverse on (0, 1]
  virtual double prior_deviation() const = 0;            // of N(0, . I), where samplers start

  // a' and s'.
  double signal_rate(double t) const { return drift_factor(t) * signal(t); }
  double noise_rate(double t) const;

  // g^2 of the reverse-time SDE: dx = [f x - (g^2 + w^2) score / 2] dt + w dW backwards has the same
  // marginals for every w. w = g, but for processes whose g has no bound where the signal vanishes: w^2 = 2
  // s^2 / t.
  virtual double reverse_diffusion_squared(double t) const { return diffusion_squared(t); }

  // Of s, the part gamma that is drawn anew between the two ends of a stochastic interpolant,
  // x_t = a x_0 + b x_1 + gamma z with s^2 = b^2 + gamma^2; and the derivative of gamma^2.
  virtual double latent_noise(double) const { return 0; }
  virtual double latent_variance_rate(double) const { return 0; }

  // Of the discrete ladders: times are 1 / levels, 2 / levels, ..., 1. 0: every time has a meaning.
  virtual std::size_t levels() const { return 0; }

  // What a network sees as the time.
  virtual double network_time(double t) const { return t; }

  // For times drawn with density proportional to g^2 / s^2: its integral from t0 to t1, and the time at which
  // the integral from t0 is `part` of it. As g^2 / s^2 = -2 lambda', times are uniform in lambda.
  double importance(double t0, double t1) const { return 2 * (half_log_snr(t0) - half_log_snr(t1)); }
  double importance_time(double part, double t0, double t1) const;

  // signal() and noise() of n times, a multiple of kLaneQuantum; aligned.
  virtual void scales(const double* t, std::size_t n, double* a, double* s) const;

  // Where times are cut off before 0: 1 / s would be unbounded.
  virtual double training_cutoff() const { return 1e-5; }
  virtual double sampling_cutoff() const = 0;
  virtual double likelihood_cutoff() const { return 1e-5; }
};

inline constexpr double kHorizon = 1;  // of every process

// How times are stored and counted, as model files state it.
inline constexpr const char* kTimeConvention = "t = 0: data, t = 1: noise";

// What the table knows of each type.
struct ProcessTraits {
  ProcessType type;
  const char* name;
  const char* summary;
};
const std::vector<ProcessTraits>& processes();

// Throws Error(Status::usage) for parameters out of range, expressions that do not parse, have no finite
// value somewhere in (0, 1], or whose signal-to-noise ratio rises somewhere.
std::shared_ptr<const NoiseProcess> make_process(const ProcessOptions& options);

}  // namespace sde
