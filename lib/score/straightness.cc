#include "score/straightness.h"

#include <cmath>
#include <vector>

#include "base/error.h"
#include "random/stream.h"
#include "score/reverse.h"

namespace sde {

double straightness(const ScoreModel& model, std::uint64_t seed, std::size_t samples, std::size_t steps) {
  if (!samples || !steps) fail(Status::bug, "straightness of {} paths, {} steps", samples, steps);
  const std::size_t D = model.dimension();
  const ProbabilityFlow flow(std::shared_ptr<const ScoreModel>(std::shared_ptr<const ScoreModel>(), &model));
  const double end = model.process().sampling_cutoff();
  StateBlock<double> x(D, samples), start(D, samples), y(D, samples), total(D, samples);
  std::vector<StateBlock<double>> k(4, StateBlock<double>(D, samples));
  AlignedVector<double> unused(x.lanes());
  for (std::size_t c = 0; c < D; ++c) {
    const Stream stream = make_stream(seed, Purpose::prior, static_cast<std::uint32_t>(c));
    fill_normals(stream, 0, x.lanes(), 0, x.row(c), unused.data());
    for (std::size_t l = 0; l < x.lanes(); ++l) x.row(c)[l] *= model.process().prior_deviation();
  }
  start = x;
  const double h = (end - kHorizon) / static_cast<double>(steps);
  const std::size_t n = D * x.lanes();
  SdeWorkspace workspace;
  // With v_i the velocity at the nodes, the mean square of v by Simpson's rule on the stages of a step.
  double squares = 0;
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
  // int |d - v|^2 = mean |v|^2 - |d|^2 with d the mean velocity.
  double straight = 0;
  for (std::size_t c = 0; c < D; ++c) {
    for (std::size_t l = 0; l < samples; ++l) {
      straight += std::pow((x.row(c)[l] - start.row(c)[l]) / (end - kHorizon), 2);
    }
  }
  const double all = static_cast<double>(samples * D);
  return squares / static_cast<double>(steps) / all - straight / all;
}

}  // namespace sde
