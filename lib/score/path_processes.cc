// Processes given by their scales: flow matching, stochastic interpolants, bridges, custom a(t) and s(t).
#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/aligned.h"
#include "base/block.h"
#include "base/error.h"
#include "score/process_families.h"
#include "score/time_functions.h"

namespace sde {
namespace {

// x = a x_0 + b x_1 + gamma z at a point of the path, with the derivatives along it; c = gamma^2.
struct PathPoint {
  double a, da, b, db, c = 0, dc = 0;

  double variance() const { return b * b + c; }
};

// A path runs over u = way t, way = 1 or 1 - kLastSignal where the signal would vanish at u = 1.
template <class Path>
class PathProcess final : public NoiseProcess {
 public:
  PathProcess(Path path, double way) : path_(std::move(path)), way_(way) {}

  double signal(double t) const override { return at(t).a; }
  double noise(double t) const override { return std::sqrt(at(t).variance()); }
  double drift_factor(double t) const override {
    const PathPoint p = at(t);
    return way_ * p.da / p.a;
  }
  double diffusion_squared(double t) const override {
    const PathPoint p = at(t);
    return 2 * way_ * (p.b * p.db + 0.5 * p.dc - p.variance() * p.da / p.a);
  }
  double reverse_diffusion_squared(double t) const override {
    return way_ == 1 ? diffusion_squared(t) : 2 * at(t).variance() / t;
  }
  double half_log_snr(double t) const override {
    const PathPoint p = at(t);
    return std::log(p.a) - 0.5 * std::log(p.variance());
  }
  double time_at(double lambda) const override {
    if constexpr (requires { path_.inverse(1.0); }) {
      return std::min(path_.inverse(std::exp(-lambda)) / way_, kHorizon);
    } else {
      return NoiseProcess::time_at(lambda);
    }
  }
  double latent_noise(double t) const override { return std::sqrt(at(t).c); }
  double latent_variance_rate(double t) const override { return way_ * at(t).dc; }
  double prior_deviation() const override { return noise(kHorizon); }
  double sampling_cutoff() const override { return way_ == 1 ? 1e-3 : 1e-5; }
  void scales(const double* t, std::size_t n, double* a, double* s) const override {
    if constexpr (requires { path_.scales(t, n, a, s, 1.0); }) {
      path_.scales(t, n, a, s, way_);
    } else {
      for (std::size_t i = 0; i < n; ++i) {
        const PathPoint p = at(t[i]);
        a[i] = p.a;
        s[i] = std::sqrt(p.variance());
      }
    }
  }

 private:
  PathPoint at(double t) const { return path_.at(way_ * t); }

  Path path_;
  double way_;
};

// Lipman et al. (2023), eq. 20, in u = 1 - t: s = 1 - (1 - smin) (1 - u); smin = 0 is the straight path of
// optimal transport and rectified flow (Liu et al. 2023).
struct StraightPath {
  double smin = 0;

  PathPoint at(double u) const { return {1 - u, -1, smin + (1 - smin) * u, 1 - smin}; }
  double inverse(double ratio) const { return (ratio - smin) / (ratio + 1 - smin); }
};

// Albergo & Vanden-Eijnden (2023).
struct TrigonometricPath {
  PathPoint at(double u) const {
    constexpr double half_pi = 0.5 * std::numbers::pi;
    const double c = std::cos(half_pi * u), s = std::sin(half_pi * u);
    return {c, -half_pi * s, s, half_pi * c};
  }
  double inverse(double ratio) const { return std::atan(ratio) * 2 / std::numbers::pi; }
};

// gamma = sigma sqrt(u (1 - u)) between the ends (Tong et al. 2024).
struct BridgePath {
  double sigma2;

  PathPoint at(double u) const { return {1 - u, -1, u, 1, sigma2 * u * (1 - u), sigma2 * (1 - 2 * u)}; }
  // u^2 + sigma^2 u (1 - u) = ratio^2 (1 - u)^2
  double inverse(double ratio) const {
    const double q = ratio * ratio, a = 1 - sigma2 - q, b = sigma2 + 2 * q;
    return 2 * q / (b + std::sqrt(b * b + 4 * a * q));
  }
};

// An interpolant with gamma(u) of the user's, whose square and its derivative are functions_.
struct GammaPath {
  InterpolantPath path;
  TimeFunctions functions;

  PathPoint at(double u) const {
    PathPoint p = path == InterpolantPath::ot ? StraightPath().at(u) : TrigonometricPath().at(u);
    double c[2];
    functions.at(u, c);
    p.c = c[0];
    p.dc = c[1];
    return p;
  }
};

// a, a', s, s' of the user's.
struct CustomPath {
  TimeFunctions functions;

  PathPoint at(double u) const {
    double v[4];
    functions.at(u, v);
    return {v[0], v[1], v[2], v[3]};
  }
  void scales(const double* t, std::size_t n, double* a, double* s, double way) const {
    thread_local StateBlock<double> block;
    if (block.rows() < 3 || block.lanes() < n) block.resize(3, n);
    for (std::size_t i = 0; i < n; ++i) block.row(0)[i] = way * t[i];
    double* rows[] = {a, block.row(1), s, block.row(2)};
    functions.at(block.row(0), n, rows);
  }
};

template <class Path>
std::shared_ptr<const NoiseProcess> make(Path path, double way = 1 - kLastSignal) {
  return std::make_shared<PathProcess<Path>>(std::move(path), way);
}

}  // namespace

std::shared_ptr<const NoiseProcess> make_path(const ProcessOptions& o) {
  if (o.type == ProcessType::bridge) {
    if (!(o.sigma >= 0) || !std::isfinite(o.sigma)) {
      fail(Status::usage, "/process/sigma: must be >= 0 (got {})", o.sigma);
    }
    return make(BridgePath{o.sigma * o.sigma});
  }
  if (o.type == ProcessType::interpolant) {
    const expr::Expr gamma = parse_time_function(o.gamma, "/process/gamma"), square = gamma * gamma;
    const auto process =
        make(GammaPath{o.interpolant_path, TimeFunctions({square, expr::differentiate(square, "t")})});
    check_falling_snr(*process);
    const double ends[] = {process->latent_noise(1e-12), process->latent_noise(kHorizon)};
    for (const double value : ends) {
      if (!(std::fabs(value) < 0.01)) {
        fail(Status::usage, "/process/gamma: must vanish at t = 0 and t = 1 (got {} and {})", ends[0],
             ends[1]);
      }
    }
    return process;
  }
  if (o.path == FlowPath::trigonometric) return make(TrigonometricPath{});
  if (o.path == FlowPath::ot) return make(StraightPath{});
  if (!(o.path_sigma_min >= 0 && o.path_sigma_min < 1)) {
    fail(Status::usage, "/process/sigma_min: must lie in [0, 1) (got {})", o.path_sigma_min);
  }
  return make(StraightPath{o.path_sigma_min});
}

std::shared_ptr<const NoiseProcess> make_custom_scales(const ProcessOptions& o) {
  const expr::Expr a = parse_time_function(*o.signal, "/process/signal"),
                   s = parse_time_function(*o.noise, "/process/noise");
  const CustomPath path{TimeFunctions({a, expr::differentiate(a, "t"), s, expr::differentiate(s, "t")})};
  const PathPoint first = path.at(0), last = path.at(1);
  if (!(std::fabs(first.a - 1) < 1e-9)) {
    fail(Status::usage, "/process/signal: must be 1 at t = 0, where the data are (got {})", first.a);
  }
  if (!(last.a > -1e-9))
    fail(Status::usage, "/process/signal: must not be negative (got {} at t = 1)", last.a);
  const auto process = make(path, last.a < kLastSignal ? 1 - kLastSignal : 1);
  check_falling_snr(*process);
  for (int i = 0; i <= 1000; ++i) {
    const double value = path.at(i / 1000.0).b;
    if (!(value >= 0))
      fail(Status::usage, "/process/noise: must be >= 0 (got {} at t = {})", value, i / 1000.0);
  }
  return process;
}

}  // namespace sde
