// The table of processes, and what follows from lambda alone.
#include "score/process.h"

#include <algorithm>
#include <boost/math/tools/toms748_solve.hpp>
#include <cmath>

#include "base/error.h"
#include "score/process_families.h"

namespace sde {

double NoiseProcess::noise_rate(double t) const {
  const double s = noise(t);
  return drift_factor(t) * s + 0.5 * diffusion_squared(t) / s;
}

double NoiseProcess::time_at(double lambda) const {
  // In ln t, in which lambda of most processes is nearly a straight line at small t.
  const auto excess = [&](double log_t) { return half_log_snr(std::exp(log_t)) - lambda; };
  double low = std::log(1e-12), high = 0;
  const double at_low = excess(low), at_high = excess(high);
  if (at_low <= 0) return std::exp(low);
  if (at_high >= 0) return kHorizon;
  std::uintmax_t iterations = 200;
  const auto found = boost::math::tools::toms748_solve(
      excess, low, high, at_low, at_high, boost::math::tools::eps_tolerance<double>(52), iterations);
  return std::exp(0.5 * (found.first + found.second));
}

double NoiseProcess::importance_time(double part, double t0, double t1) const {
  const double from = half_log_snr(t0);
  return std::clamp(time_at(from + part * (half_log_snr(t1) - from)), t0, t1);
}

void NoiseProcess::scales(const double* t, std::size_t n, double* a, double* s) const {
  for (std::size_t i = 0; i < n; ++i) {
    a[i] = signal(t[i]);
    s[i] = noise(t[i]);
  }
}

const std::vector<ProcessTraits>& processes() {
  static const std::vector<ProcessTraits> table = {
      {ProcessType::vp, "vp", "variance preserving: the signal decays as the noise grows, at a linear rate"},
      {ProcessType::vp_cosine, "vp_cosine", "variance preserving, the signal a cosine of t"},
      {ProcessType::subvp, "subvp", "sub-VP: the drift of vp with less noise"},
      {ProcessType::ve, "ve", "variance exploding: noise is added to the whole signal, geometrically"},
      {ProcessType::edm, "edm", "noise added to the whole signal, linearly in t"},
      {ProcessType::ddpm, "ddpm", "the discrete ladder of vp"},
      {ProcessType::ncsn, "ncsn", "the discrete ladder of ve"},
      {ProcessType::flow, "flow", "flow matching: a path from data to noise, straight or of another shape"},
      {ProcessType::interpolant, "interpolant", "stochastic interpolant: a flow with noise between its ends"},
      {ProcessType::bridge, "bridge", "a flow with the noise of a Brownian bridge between its ends"},
      {ProcessType::custom, "custom", "any linear process, by expressions of t"},
  };
  return table;
}

std::shared_ptr<const NoiseProcess> make_process(const ProcessOptions& o) {
  switch (o.type) {
    case ProcessType::flow:
      if (o.path == FlowPath::vp) break;
      [[fallthrough]];
    case ProcessType::interpolant:
    case ProcessType::bridge:
      return make_path(o);
    case ProcessType::custom: {
      const bool scales = o.signal || o.noise, linear = o.drift || o.diffusion;
      if (scales + linear + o.beta.has_value() != 1 || (scales && !(o.signal && o.noise)) ||
          (linear && !(o.drift && o.diffusion))) {
        fail(Status::usage,
             "/process: custom needs either signal and noise, or beta, or drift and diffusion, expressions "
             "of t");
      }
      return scales ? make_custom_scales(o) : make_custom_linear(o);
    }
    default:
      break;
  }
  return make_diffusion(o);
}

void check_falling_snr(const NoiseProcess& process) {
  constexpr int n = 2000;
  double before = std::numeric_limits<double>::infinity(), t_before = 0;
  for (int i = 0; i <= n; ++i) {
    // Half of the points by ratio, half by difference.
    const double t = i <= n / 2 ? std::pow(10.0, -6 + 5.0 * i / (n / 2)) : 0.1 + 0.9 * (i - n / 2) / (n / 2);
    const double lambda = process.half_log_snr(t);
    if (!std::isfinite(lambda) || !(process.signal(t) > 0)) {
      fail(Status::usage,
           "/process: the signal-to-noise ratio at t = {} is not a positive number (ln(a/s) = {})", t,
           lambda);
    }
    if (lambda > before + 1e-12 * std::fabs(before)) {
      fail(Status::usage, "/process: the signal-to-noise ratio rises from t = {} to {}; it must fall",
           t_before, t);
    }
    before = lambda;
    t_before = t;
  }
}

}  // namespace sde
