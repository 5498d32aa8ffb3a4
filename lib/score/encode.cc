// Data to noise along the flow, and ways from one noise to another.
#include <tbb/enumerable_thread_specific.h>
#include <tbb/parallel_for.h>

#include <cmath>

#include "base/error.h"
#include "score/reverse.h"
#include "score/sampler.h"
#include "solve/adaptive.h"

namespace sde {

std::vector<double> encode(std::shared_ptr<const ScoreModel> model, const SampleOptions& options,
                           const std::vector<double>& rows, std::uint64_t& evaluations, const Hooks& hooks) {
  const std::size_t D = model->dimension(), n = rows.size() / D;
  const SamplerTraits& traits = find_sampler(options.sampler.value_or("rk45"));
  if (traits.default_steps || !traits.method) {
    fail(Status::usage, "/sampler: data are carried to noise with rk45 or tsit5 (got {})", traits.name);
  }
  const double eps = options.eps.value_or(model->process().sampling_cutoff());
  if (!(eps > 0 && eps < kHorizon)) fail(Status::usage, "/eps: must lie between 0 and 1 (got {})", eps);
  const auto stepper = make_stepper(std::make_shared<ProbabilityFlow>(model), find_method(traits.method));
  AdaptiveOptions tolerance;
  tolerance.rtol = options.rtol.value_or(1e-5);
  tolerance.atol = options.atol.value_or(1e-5);
  std::vector<double> out(rows.size());
  const std::size_t blocks = (n + kSampleBlock - 1) / kSampleBlock;
  std::vector<std::uint64_t> spent(blocks, 0);
  std::vector<char> whole(blocks, 0);
  tbb::enumerable_thread_specific<StepWorkspace> workspaces;
  Hooks quiet;
  quiet.stop = hooks.stop;
  tbb::parallel_for(std::size_t{0}, blocks, [&](std::size_t b) {
    const std::size_t first = b * kSampleBlock, count = std::min(kSampleBlock, n - first);
    StateBlock<double> x(D, count);
    for (std::size_t l = 0; l < x.lanes(); ++l) {
      for (std::size_t i = 0; i < D; ++i) x.row(i)[l] = rows[(first + std::min(l, count - 1)) * D + i];
    }
    model->standardisation().to_model(x);
    AdaptiveIntegrator integrator(*stepper, tolerance, x.lanes());
    whole[b] = integrator.advance(eps, kHorizon, x, workspaces.local(), quiet);
    for (std::size_t l = 0; l < count; ++l) {
      for (std::size_t i = 0; i < D; ++i) out[(first + l) * D + i] = x.row(i)[l];
      spent[b] += integrator.evaluations(l) * model->cost();
    }
  });
  evaluations = 0;
  for (std::size_t b = 0; b < blocks; ++b) {
    if (!whole[b]) return {};
    evaluations += spent[b];
  }
  return out;
}

std::vector<double> interpolate(const std::vector<double>& rows, std::size_t dimension,
                                std::uint64_t points) {
  const std::size_t D = dimension, pairs = rows.size() / D / 2;
  if (points < 2) fail(Status::usage, "/points: must be at least 2 (got {})", points);
  if (!pairs || rows.size() != 2 * pairs * D) {
    fail(Status::bad_data, "interpolation needs pairs of rows (got {} rows)", rows.size() / D);
  }
  std::vector<double> out;
  for (std::size_t k = 0; k < pairs; ++k) {
    const double *a = rows.data() + 2 * k * D, *b = a + D;
    double aa = 0, bb = 0, ab = 0;
    for (std::size_t i = 0; i < D; ++i) {
      aa += a[i] * a[i];
      bb += b[i] * b[i];
      ab += a[i] * b[i];
    }
    const double length_a = std::sqrt(aa), length_b = std::sqrt(bb);
    const double angle = std::acos(std::fmax(-1, std::fmin(1, ab / (length_a * length_b))));
    for (std::uint64_t p = 0; p < points; ++p) {
      const double w = static_cast<double>(p) / static_cast<double>(points - 1);
      double u = 1 - w, v = w, scale = 1;
      if (std::sin(angle) > 1e-6) {
        // Unit vectors turn by equal angles; lengths change geometrically.
        u = std::sin((1 - w) * angle) / (std::sin(angle) * length_a);
        v = std::sin(w * angle) / (std::sin(angle) * length_b);
        scale = std::pow(length_a, 1 - w) * std::pow(length_b, w);
      }
      for (std::size_t i = 0; i < D; ++i)
        out.push_back(p == 0 ? a[i] : p + 1 == points ? b[i] : scale * (u * a[i] + v * b[i]));
    }
  }
  return out;
}

}  // namespace sde
