#include "score/straightness.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "base/error.h"
#include "random/stream.h"
#include "score/reverse.h"

namespace sde {
namespace {

constexpr std::size_t kPathBlock = 64;

// Draws of the prior, shifted and scaled to its mean and variance exactly (moment matching, Boyle et al.
// 1997): bends are to a good part quadratic in them.
StateBlock<double> matched_draws(std::size_t D, std::size_t samples, std::uint64_t seed, double deviation) {
  StateBlock<double> x(D, samples);
  AlignedVector<double> unused(x.lanes());
  const double n = static_cast<double>(samples);
  for (std::size_t c = 0; c < D; ++c) {
    double* row = x.row(c);
    fill_normals(make_stream(seed, Purpose::prior, static_cast<std::uint32_t>(c)), 0, x.lanes(), 0, row,
                 unused.data());
    const double mean = std::accumulate(row, row + samples, 0.0) / n;
    double squares = 0;
    for (std::size_t l = 0; l < samples; ++l) squares += std::pow(row[l] - mean, 2);
    const double scale = squares > 0 ? deviation / std::sqrt(squares / n) : deviation;
    for (std::size_t l = 0; l < x.lanes(); ++l) row[l] = scale * (row[l] - mean);
  }
  return x;
}

// int |d - v|^2 dt = int |v|^2 dt - |d|^2 with d the mean velocity, summed over the paths from x. With v_i
// the velocity at the nodes, the integral is Simpson's rule on the stages of a step.
double bend(const ProbabilityFlow& flow, StateBlock<double>& x, std::size_t samples, double end,
            std::size_t steps) {
  const std::size_t D = x.rows(), n = D * x.lanes();
  const StateBlock<double> start = x;
  StateBlock<double> y(D, samples);
  std::vector<StateBlock<double>> k(4, StateBlock<double>(D, samples));
  const double h = (end - kHorizon) / static_cast<double>(steps);
  SdeWorkspace workspace;
  double squares = 0, straight = 0;
  for (std::size_t i = 0; i < steps; ++i) {
    const double t = kHorizon + h * static_cast<double>(i);
    const auto stage = [&](std::size_t j, double from, double shift, double at) {
      for (std::size_t m = 0; m < n; ++m) {
        y.row(0)[m] = x.row(0)[m] + shift * h * (from > 0 ? k[j - 1].row(0)[m] : 0);
      }
      flow.drift({at, nullptr}, y, k[j], workspace);
    };
    stage(0, 0, 0, t);
    stage(1, 1, 0.5, t + 0.5 * h);
    stage(2, 1, 0.5, t + 0.5 * h);
    stage(3, 1, 1, std::fmax(t + h, end));
    for (std::size_t c = 0; c < D; ++c) {
      for (std::size_t l = 0; l < samples; ++l) {
        const double v0 = k[0].row(c)[l], v1 = k[1].row(c)[l], v2 = k[2].row(c)[l], v3 = k[3].row(c)[l];
        x.row(c)[l] += h / 6 * (v0 + 2 * v1 + 2 * v2 + v3);
        squares += (v0 * v0 + 2 * v1 * v1 + 2 * v2 * v2 + v3 * v3) / 6;
      }
    }
  }
  for (std::size_t c = 0; c < D; ++c) {
    for (std::size_t l = 0; l < samples; ++l) {
      straight += std::pow((x.row(c)[l] - start.row(c)[l]) / (end - kHorizon), 2);
    }
  }
  return squares / static_cast<double>(steps) - straight;
}

}  // namespace

double straightness(const ScoreModel& model, std::uint64_t seed, std::size_t samples, std::size_t steps) {
  if (!samples || !steps) fail(Status::bug, "straightness of {} paths, {} steps", samples, steps);
  const std::size_t D = model.dimension();
  const ProbabilityFlow flow(std::shared_ptr<const ScoreModel>(std::shared_ptr<const ScoreModel>(), &model));
  const double end = model.process().sampling_cutoff();
  const StateBlock<double> draws = matched_draws(D, samples, seed, model.process().prior_deviation());
  std::vector<double> bends((samples + kPathBlock - 1) / kPathBlock);
  tbb::parallel_for(std::size_t{0}, bends.size(), [&](std::size_t b) {
    const std::size_t first = b * kPathBlock, count = std::min(kPathBlock, samples - first);
    StateBlock<double> x(D, count);
    for (std::size_t c = 0; c < D; ++c) std::copy_n(draws.row(c) + first, count, x.row(c));
    bends[b] = bend(flow, x, count, end, steps);
  });
  return std::accumulate(bends.begin(), bends.end(), 0.0) / static_cast<double>(samples * D);
}

}  // namespace sde
