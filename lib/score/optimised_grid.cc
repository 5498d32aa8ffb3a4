// Grids made for one sampler.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "score/mixture.h"
#include "score/sampler_rule.h"

namespace sde {
namespace {

// Deviations of Gaussian data, in units of a model whose data have deviation about 1: coarse and fine.
constexpr std::array kDeviations = {2.0, 1.0, 0.5, 0.25, 0.125, 0.0625};
constexpr std::size_t kKnots = 5;

// Of Gaussian data the score is linear, and so is the sampler: its result has a deviation that is known
// without drawing. The error of a grid is the mean square of ln(deviation that it leads to / that of the
// noised data at its end).
class GaussianError {
 public:
  GaussianError(std::shared_ptr<const NoiseProcess> process, const SampleOptions& options)
      : process_(std::move(process)), options_(options) {
    constexpr std::size_t D = kDeviations.size();
    MixtureModel::Component c;
    c.mean.assign(D, 0.0);
    c.covariance.assign(D, std::vector<double>(D, 0.0));
    for (std::size_t i = 0; i < D; ++i) c.covariance[i][i] = kDeviations[i] * kDeviations[i];
    model_ = std::make_shared<MixtureModel>(process_, std::vector{c});
  }

  double operator()(const std::vector<double>& grid) {
    std::vector<NoiseLevel> levels;
    for (const double t : grid) levels.push_back(level_at(*process_, t));
    const auto rule = make_rule(model_, options_, levels);
    // Lane 0 is a draw 1 from the prior, lane k + 1 only draw k of the steps.
    const std::size_t draws = rule->steps() * rule->draws(), D = kDeviations.size();
    x_.resize(D, 1 + draws);
    const std::size_t L = x_.lanes();
    const double start = grid.front() < kHorizon ? levels.front().s : process_->prior_deviation();
    for (std::size_t i = 0; i < D; ++i) x_.row(i)[0] = start;
    workspace_.noise.resize(D, L);
    workspace_.vectors.resize(std::max(workspace_.vectors.size(), rule->vectors()));
    for (StateBlock<double>& v : workspace_.vectors) v.resize(D, L);
    const Sampler::Noise unit = [&](std::uint64_t number, double* z) {
      std::fill_n(z, D * L, 0.0);
      for (std::size_t i = 0; i < D; ++i) z[i * L + 1 + number] = 1;
    };
    const SamplerPass pass{*model_, unit, workspace_, options_.denoise};
    for (std::size_t i = 0; i < rule->steps(); ++i) rule->step(i, x_, pass);
    double error = 0;
    for (std::size_t i = 0; i < D; ++i) {
      double variance = 0;
      for (std::size_t l = 0; l <= draws; ++l) variance += x_.row(i)[l] * x_.row(i)[l];
      const NoiseLevel& end = levels.back();
      const double exact = std::pow(end.a * kDeviations[i], 2) + end.s * end.s;
      error += std::pow(0.5 * std::log(variance / exact), 2) / static_cast<double>(D);
    }
    return std::isfinite(error) ? error : std::numeric_limits<double>::infinity();
  }

 private:
  std::shared_ptr<const NoiseProcess> process_;
  SampleOptions options_;
  std::shared_ptr<const ScoreModel> model_;
  SamplerWorkspace workspace_;
  StateBlock<double> x_;
};

// The grid whose steps in lambda are those of `base` times e^p, p linear between knots.
std::vector<double> stretched(const NoiseProcess& process, const std::vector<double>& base,
                              const std::array<double, kKnots>& p, bool to_data) {
  const std::size_t n = base.size() - (to_data ? 2 : 1);
  std::vector<double> lambda(n + 1), grid = base;
  const double first = process.half_log_snr(base[0]), last = process.half_log_snr(base[n]);
  for (std::size_t i = 0; i < n; ++i) {
    const double at = (static_cast<double>(i) + 0.5) / static_cast<double>(n) * (kKnots - 1);
    const auto k = std::min(static_cast<std::size_t>(at), kKnots - 2);
    const double weight = at - static_cast<double>(k), power = (1 - weight) * p[k] + weight * p[k + 1];
    lambda[i + 1] =
        lambda[i] + (process.half_log_snr(base[i + 1]) - process.half_log_snr(base[i])) * std::exp(power);
  }
  for (std::size_t i = 1; i < n; ++i) {
    grid[i] = process.time_at(first + (last - first) * lambda[i] / lambda[n]);
  }
  return grid;
}

}  // namespace

std::vector<double> optimised_grid(std::shared_ptr<const NoiseProcess> process, const SampleOptions& options,
                                   std::uint64_t steps, double eps, bool to_data, double start) {
  if (steps > 1000) fail(Status::usage, "/steps: a grid is optimised for at most 1000 steps (got {})", steps);
  if (!(eps > 0)) fail(Status::usage, "/eps: must be > 0 for an optimised grid (got {})", eps);
  GaussianError error(process, options);
  std::vector<double> base;
  double best = std::numeric_limits<double>::infinity();
  for (const GridType type : {GridType::uniform, GridType::quadratic, GridType::logsnr, GridType::karras}) {
    std::vector<double> grid = sampling_grid(*process, type, steps, eps, {}, to_data, start);
    const double e = error(grid);
    if (base.empty() || e < best) {
      best = e;
      base = std::move(grid);
    }
  }
  if (base.size() < 4) return base;
  // A pattern search: one knot after the other, up and down, with steps that shrink.
  std::array<double, kKnots> p = {};
  for (double step = 0.8; step > 0.04; step /= 2) {
    for (bool better = true; better;) {
      better = false;
      for (std::size_t k = 0; k < kKnots; ++k) {
        for (const double move : {step, -step}) {
          auto q = p;
          q[k] += move;
          if (std::fabs(q[k]) > 4) continue;
          const double e = error(stretched(*process, base, q, to_data));
          if (!(e < best * (1 - 1e-3))) continue;
          best = e;
          p = q;
          better = true;
          break;
        }
      }
    }
  }
  return stretched(*process, base, p, to_data);
}

}  // namespace sde
