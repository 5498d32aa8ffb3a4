// Samples of score models.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/hooks.h"
#include "base/json_text.h"
#include "score/model.h"
#include "solve/stepper.h"
#include "stats/moments.h"

namespace sde {

enum class GridType { uniform, quadratic, logsnr, karras };
constexpr auto enum_names(GridType) {
  using enum GridType;
  return std::array{std::pair{"uniform", uniform}, std::pair{"quadratic", quadratic},
                    std::pair{"logsnr", logsnr}, std::pair{"karras", karras}};
}

// `steps` + 1 times falling from 1 to `eps`: equispaced in t, in sqrt(t), in ln(a / s), or in (s / a)^{1 /
// rho} (Karras et al. 2022). Throws Error(Status::usage) for zero steps, an eps outside (0, 1), or a time
// that repeats.
std::vector<double> sampling_grid(const NoiseProcess& process, GridType type, std::uint64_t steps, double eps,
                                  double rho = 7);

// What a sampler is; `steps` are grid intervals.
struct SamplerTraits {
  const char* name;
  const char* summary;
  std::uint64_t default_steps;  // 0: adaptive, without a grid
  unsigned evaluations;         // of the score, each step
  bool stochastic;
};
const std::vector<SamplerTraits>& samplers();
const SamplerTraits& find_sampler(const std::string& name);  // throws Error(Status::usage) with a suggestion

struct SampleOptions {
  JsonText model;  // of the program: a score document, or the name of a file
  std::uint64_t samples = 1000;
  std::string sampler = "euler_maruyama";
  std::optional<std::uint64_t> steps;  // the sampler's own number where absent
  GridType grid = GridType::uniform;
  double rho = 7;                   // of the karras grid
  std::optional<double> eps;        // where sampling ends; the process's own cut-off where absent
  double rtol = 1e-5, atol = 1e-5;  // rk45: of each sample's local error
  double eta = 0;                   // ddim: 0 deterministic, 1 as noisy as ancestral sampling
  bool denoise = true;              // the last step of a stochastic sampler adds no noise
  std::uint64_t seed = 0;

  template <class V>
  void visit(V& v) {
    v("model", model);
    v("samples", samples);
    v("sampler", sampler);
    v("steps", steps);
    v("grid", grid);
    v("rho", rho);
    v("eps", eps);
    v("rtol", rtol);
    v("atol", atol);
    v("eta", eta);
    v("denoise", denoise);
    v("seed", seed);
  }
};

struct SamplerWorkspace {
  StepWorkspace step;
  StateBlock<double> next, noise;
  AlignedVector<double> normals;
};

// One sampler for one model; immutable.
class Sampler {
 public:
  // Throws Error(Status::usage) for options out of range.
  Sampler(std::shared_ptr<const ScoreModel> model, const SampleOptions& options);

  const SamplerTraits& traits() const { return traits_; }
  const std::vector<double>& grid() const { return grid_; }  // rk45: its ends

  // Standard normals of a step, [D][lane].
  using Noise = std::function<void(std::uint64_t step, double* normals)>;
  // Moves x, draws from the prior at t = 1, to grid().back(). Adds evaluations of the score to
  // evaluations[lane]. False where it was stopped.
  bool run(Block x, const Noise& noise, double* evaluations, SamplerWorkspace& workspace,
           const Hooks& hooks) const;

 private:
  void ddim(std::size_t step, Block x, const Noise& noise, SamplerWorkspace& workspace) const;

  std::shared_ptr<const ScoreModel> model_;
  SampleOptions options_;
  const SamplerTraits& traits_;
  std::vector<double> grid_;
  std::unique_ptr<const Stepper> stepper_;  // null for ddim
};

// Some neighbouring samples, in the data's units; valid only during the call.
struct SampleBlock {
  std::uint64_t first_id = 0;
  std::size_t samples = 0, dimension = 0;
  const double* values = nullptr;  // [sample][component]
};

struct SampleResult {
  std::uint64_t samples = 0;     // made
  std::uint64_t non_finite = 0;  // of them; left out of the moments
  double nfe = 0;                // evaluations of the score a sample, their mean
  std::vector<Moments> moments;  // [D]
  std::vector<double> grid;
  bool interrupted = false;
};

inline constexpr std::size_t kSampleBlock = 256;

// Samples first_id ... first_id + samples - 1 (first_id a multiple of kSampleBlock), handed to `sink` in
// order of id, one call at a time. A sample is a function of (model, options, seed, id) alone.
SampleResult sample(std::shared_ptr<const ScoreModel> model, const SampleOptions& options,
                    std::uint64_t first_id, const std::function<void(const SampleBlock&)>& sink,
                    const Hooks& hooks = {});

// Memory that sample() takes at its largest, in bytes.
double sampling_memory(const ScoreModel& model, unsigned threads);

}  // namespace sde
