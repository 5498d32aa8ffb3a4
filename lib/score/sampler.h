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
#include "score/observed.h"
#include "solve/stepper.h"
#include "stats/moments.h"

namespace sde {

enum class GridType { uniform, quadratic, logsnr, karras, exponential, optimised };
constexpr auto enum_names(GridType) {
  using enum GridType;
  return std::array{std::pair{"uniform", uniform},         std::pair{"quadratic", quadratic},
                    std::pair{"logsnr", logsnr},           std::pair{"karras", karras},
                    std::pair{"exponential", exponential}, std::pair{"optimised", optimised}};
}

// `steps` + 1 times falling from `start` to `eps`: equispaced in t, in sqrt(t), in ln(a / s), in sigma^{1 /
// rho} with sigma = s / a (Karras et al. 2022; rho is 7 where absent), or with ln sigma falling as the power
// rho of the steps that are left (1 where absent: sigma falls by the same factor at each step). Where
// `to_data`, the last step goes from eps to 0. Throws Error(Status::usage) for zero steps, an eps outside (0,
// 1), or a time that repeats; eps = 0 only where the times alone say how they are spaced (uniform,
// quadratic).
std::vector<double> sampling_grid(const NoiseProcess& process, GridType type, std::uint64_t steps, double eps,
                                  std::optional<double> rho = {}, bool to_data = false,
                                  double start = kHorizon);

struct SampleOptions;

// The grid of `options.sampler`, with all its settings filled in, that makes the mean square of ln(deviation
// reached / true deviation) least over Gaussian data of deviations 2, 1, 1/2, ..., 1/16 in the model's units.
// Such samplers are linear, so the deviation is computed and not drawn. The search starts from the best of
// the other grids and stretches its steps in lambda. At most 1000 steps.
std::vector<double> optimised_grid(std::shared_ptr<const NoiseProcess> process, const SampleOptions& options,
                                   std::uint64_t steps, double eps, bool to_data, double start);

enum class Predictor { reverse_diffusion, euler_maruyama, ancestral };
constexpr auto enum_names(Predictor) {
  using enum Predictor;
  return std::array{std::pair{"reverse_diffusion", reverse_diffusion},
                    std::pair{"euler_maruyama", euler_maruyama}, std::pair{"ancestral", ancestral}};
}

enum class Corrector { langevin, none };
constexpr auto enum_names(Corrector) {
  using enum Corrector;
  return std::array{std::pair{"langevin", langevin}, std::pair{"none", none}};
}

// How a sampler moves, which decides what it can be used for.
enum class SamplerKind {
  sde,          // the reverse SDE, in the time of the process
  ode,          // the probability flow
  either,       // the one or the other, as eta says
  consistency,  // a model that knows where the flow ends
  exact,        // a model that can draw from the distribution of the data
};

// What a sampler is; `steps` are grid intervals.
struct SamplerTraits {
  const char* name;
  const char* summary;
  const char* source;
  SamplerKind kind;
  const char* method;           // of lib/solve, for plain solvers; null for others
  std::uint64_t default_steps;  // 0: no grid
  GridType default_grid;
  double order;         // of convergence on the flow, or weak order on the SDE; 0: none
  const char* nfe;      // evaluations of the score by n steps, for people
  bool stochastic;      // may draw normals after the start
  bool reaches_data;    // eps may be 0
  const char* options;  // keys of SampleOptions that only some samplers take, those it takes: " eta rho "
};
const std::vector<SamplerTraits>& samplers();
const SamplerTraits& find_sampler(const std::string& name);  // throws Error(Status::usage) with a suggestion

// "" where the sampler may run on the model; else why not, and which samplers may.
std::string refusal(const SamplerTraits& sampler, const ScoreModel& model);

// Keys that only some samplers take are optional here; Sampler::options() has those of its sampler filled in.
struct SampleOptions {
  JsonText model;  // of the program: a score document, or the name of a file
  std::uint64_t samples = 1000;
  std::optional<std::string> sampler;        // absent: see default_sampler()
  std::optional<std::uint64_t> steps;        // the sampler's own number where absent
  std::optional<GridType> grid;              // the sampler's own where absent
  std::optional<std::vector<double>> times;  // the grid itself, falling, instead of steps, grid, rho and eps
  std::optional<double> rho;                 // of the karras (7) and exponential (1) grids
  std::optional<double> eps;                 // where sampling ends; the process's own cut-off where absent
  std::optional<double> rtol, atol;          // adaptive samplers: of each sample's local error; 1e-5
  std::optional<double> eta;  // ddim: 0 deterministic (default), 1 as noisy as ancestral; dpmpp_2m_sde: 1
  std::optional<std::uint64_t> order;                    // unipc: 1 to 3; 2
  std::optional<Predictor> predictor;                    // pc: reverse_diffusion
  std::optional<Corrector> corrector;                    // pc: langevin
  std::optional<double> snr;                             // pc: signal to noise ratio of the corrector; 0.16
  std::optional<std::uint64_t> corrector_steps;          // pc: 1
  std::optional<double> S_churn, S_min, S_max, S_noise;  // edm: 0, 0, no limit, 1
  std::optional<double> start_time;               // where given data are noised to and sampling starts; 1
  bool denoise = true;                            // the last step of a stochastic sampler adds no noise
  std::optional<std::int64_t> label;              // class of the samples, see guide()
  std::optional<double> guidance_scale;           // 1 where absent
  std::optional<ObservationOptions> observation;  // what is known of the samples
  // Files of data, one of which may be given: to start from at start_time; to carry to noise along the flow;
  // noise to carry to data; pairs of rows to pass between, in `points` steps through the noise.
  std::optional<std::string> start, encode, decode, interpolate;
  std::optional<std::uint64_t> points;
  bool trajectory = false;  // states at all times of the grid are kept too
  std::uint64_t seed = 0;

  template <class V>
  void visit(V& v) {
    v("model", model);
    v("samples", samples);
    v("sampler", sampler);
    v("steps", steps);
    v("grid", grid);
    v("times", times);
    v("rho", rho);
    v("eps", eps);
    v("rtol", rtol);
    v("atol", atol);
    v("eta", eta);
    v("order", order);
    v("predictor", predictor);
    v("corrector", corrector);
    v("snr", snr);
    v("corrector_steps", corrector_steps);
    v("S_churn", S_churn);
    v("S_min", S_min);
    v("S_max", S_max);
    v("S_noise", S_noise);
    v("start_time", start_time);
    v("denoise", denoise);
    v("label", label);
    v("guidance_scale", guidance_scale);
    v("observation", observation);
    v("start", start);
    v("encode", encode);
    v("decode", decode);
    v("interpolate", interpolate);
    v("points", points);
    v("trajectory", trajectory);
    v("seed", seed);
  }
};

// "exact" for a model that stands for data, where the options say nothing of how to sample; "consistency" for
// a consistency model; "heun" for a flow without a score; else "euler_maruyama".
std::string default_sampler(const ScoreModel& model, const SampleOptions& options);

struct SamplerWorkspace {
  StepWorkspace step;
  StateBlock<double> noise;
  std::vector<StateBlock<double>> vectors;
  AlignedVector<double> normals;
};

class SamplerRule;

// One sampler for one model; immutable.
class Sampler {
 public:
  // Throws Error(Status::usage) for options out of range, for those that the sampler has no use for, and for
  // a sampler that does not fit the model. An observation that is by_steps() holds its components at their
  // noised values; it needs a sampler without memory.
  Sampler(std::shared_ptr<const ScoreModel> model, const SampleOptions& options,
          std::optional<Observation> observation = {});
  ~Sampler();
  Sampler(Sampler&&) noexcept;

  const SamplerTraits& traits() const { return traits_; }
  const SampleOptions& options() const { return options_; }  // with every default of this sampler
  // The times of the steps; of adaptive samplers those at which a trajectory is kept, at least the ends.
  const std::vector<double>& grid() const { return grid_; }
  // Of the score by one sample, where that is known beforehand.
  std::optional<std::uint64_t> evaluations() const;
  std::uint64_t draws() const;  // vectors of normals that a sample takes after its start

  // Vector `number` of standard normals, [D][lane].
  using Noise = std::function<void(std::uint64_t number, double* normals)>;
  // Sees x at grid()[i], before the first step and after every one.
  using Observer = std::function<void(std::size_t i, ConstBlock x)>;
  // Moves x from grid()[0] to grid().back(). Adds evaluations of the score to evaluations[lane]. False where
  // it was stopped. Not for "exact", which has no path.
  bool run(Block x, const Noise& noise, double* evaluations, SamplerWorkspace& workspace, const Hooks& hooks,
           const Observer& observer = {}) const;

 private:
  std::shared_ptr<const ScoreModel> model_;
  void hold(const struct NoiseLevel& at, Block x, const Noise& noise, std::uint64_t number,
            SamplerWorkspace& workspace) const;
  std::uint64_t repeats() const;
  void choose_grid(const SampleOptions& options);

  SampleOptions options_;
  const SamplerTraits& traits_;
  std::optional<Observation> observation_;  // by steps
  std::vector<double> grid_;
  std::unique_ptr<const SamplerRule> rule_;
  std::unique_ptr<const Stepper> adaptive_;
};

// Some neighbouring samples, in the data's units; valid only during the call.
struct SampleBlock {
  std::uint64_t first_id = 0;
  std::size_t samples = 0, dimension = 0;
  const double* values = nullptr;      // [sample][component]
  const double* trajectory = nullptr;  // [sample][time][component] where it was asked for
  std::uint64_t evaluations = 0;       // of the score, by these samples
};

struct SampleResult {
  std::uint64_t samples = 0;      // made
  std::uint64_t non_finite = 0;   // of them; left out of the moments
  std::uint64_t evaluations = 0;  // of the score, by all samples
  std::vector<Moments> moments;   // [D]
  std::vector<double> grid;
  bool interrupted = false;

  double nfe() const {  // a sample
    return samples ? static_cast<double>(evaluations) / static_cast<double>(samples) : 0;
  }
};

// Where samples start instead of at draws from the prior: sample `id` at row id modulo their number.
struct SampleStart {
  enum class From {
    data,   // in the data's units; noised to start_time
    noise,  // states of the model at start_time, as encode() gives them
  };
  From from = From::data;
  std::vector<double> rows;  // [n][D]
};

inline constexpr std::size_t kSampleBlock = 256;

// Samples first_id ... first_id + samples - 1 (first_id a multiple of kLeafPaths), handed to `sink` in
// order of id, one call at a time. A sample is a function of (model, options, seed, id) alone.
SampleResult sample(std::shared_ptr<const ScoreModel> model, const SampleOptions& options,
                    std::uint64_t first_id, const std::function<void(const SampleBlock&)>& sink,
                    const Hooks& hooks = {}, const SampleStart* start = nullptr,
                    const std::optional<Observation>& observation = {});

// Moments and counts of samples, whatever pieces they come in.
class SampleTally {
 public:
  explicit SampleTally(std::size_t dimension);

  // values is [samples][D] from id `first_id`, a multiple of kSampleBlock beyond what came before.
  void add(std::uint64_t first_id, std::size_t samples, const double* values);
  std::uint64_t samples() const { return samples_; }
  std::uint64_t non_finite() const { return non_finite_; }
  std::vector<Moments> moments() const { return tree_.total(); }

 private:
  std::size_t dimension_;
  std::uint64_t samples_ = 0, non_finite_ = 0;
  MomentTree tree_;
  std::vector<double> column_;
};

// Data [n][D] carried along the flow to t = 1, in the model's units, with rk45 or tsit5 (options.sampler;
// rk45 where absent) from options.eps. `evaluations` receives those of all rows. Empty where it was stopped.
std::vector<double> encode(std::shared_ptr<const ScoreModel> model, const SampleOptions& options,
                           const std::vector<double>& rows, std::uint64_t& evaluations,
                           const Hooks& hooks = {});

// Between rows 2k and 2k + 1 of [n][D], `points` >= 2 rows from the one to the other along a great circle,
// with lengths in between: noise in many dimensions has one length, which straight lines leave.
std::vector<double> interpolate(const std::vector<double>& rows, std::size_t dimension, std::uint64_t points);

// Memory that sample() takes at its largest, in bytes.
double sampling_memory(const ScoreModel& model, unsigned threads);

}  // namespace sde
