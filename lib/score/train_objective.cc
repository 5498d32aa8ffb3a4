// Which objectives, couplings and teachers go together, and what a teacher gives.
#include <tbb/enumerable_thread_specific.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/suggest.h"
#include "random/stream.h"
#include "score/batch.h"
#include "score/dequantise.h"
#include "score/reverse.h"
#include "score/train.h"
#include "solve/adaptive.h"

namespace sde {

namespace {
constexpr std::size_t kPairBlock = 256;
constexpr std::size_t kMostTraced = 64;  // dimensions whose whole trace is trained
// Of the frequencies of ln(sigma) / 4, and the highest. A consistency function learns each noise level from
// the one below: what a network that is rough in sigma gets wrong is carried on (Song & Dhariwal 2024, who
// take .02).
constexpr double kConsistencyScale = 0.1, kConsistencyFrequency = 2;

template <class E>
const char* name_of(E value) {
  for (const auto& [name, e] : enum_names(E{})) {
    if (e == value) return name;
  }
  return "";
}
}  // namespace

TrainOptions completed(TrainOptions o) {
  if (!o.time_sampling) o.time_sampling = default_time_sampling(o.process.type, o.prediction);
  const bool smooth = is_consistency(o.objective);
  nn::TimeEmbeddingOptions& time = o.network.time_embedding;
  if (!time.scale) time.scale = smooth ? kConsistencyScale : time.kScale;
  if (!time.max_frequency) time.max_frequency = smooth ? kConsistencyFrequency : time.kMaxFrequency;
  return o;
}

NetworkMeaning network_meaning(const TrainOptions& options, double sigma_data) {
  NetworkMeaning meaning;
  meaning.prediction = options.prediction;
  meaning.sigma_data = sigma_data;
  meaning.flow_only = options.coupling != Coupling::independent;
  meaning.consistency = is_consistency(options.objective);
  return meaning;
}

std::size_t Trainer::coupling_rows() const {
  const std::uint64_t asked = options_.coupling_rows ? options_.coupling_rows : batch_;
  return static_cast<std::size_t>(std::min(batch_, (asked + kLaneQuantum - 1) / kLaneQuantum * kLaneQuantum));
}

BatchData Trainer::batch_data(const std::vector<std::uint32_t>& rows) const {
  return {data_, noise_, rows, labels_, spread_};
}

BatchOptions Trainer::batch_options() const {
  BatchOptions batch;
  batch.objective = options_.objective;
  batch.coupling = options_.coupling;
  batch.regularization = options_.sinkhorn_regularization;
  batch.label_dropout = options_.label_dropout;
  batch.grid = grid_ ? &*grid_ : nullptr;
  batch.precision = options_.precision;
  batch.teacher = options_.objective == Objective::distillation ? teacher_.get() : nullptr;
  return batch;
}

void Trainer::check_objective(const ScoreModel* teacher) const {
  const TrainOptions& o = options_;
  check_prediction(o.prediction, *process_, name_of(o.process.type));
  const bool consistency = is_consistency(o.objective);
  const bool matching = o.objective == Objective::sliced || o.objective == Objective::implicit;
  const bool coupled = o.coupling != Coupling::independent;
  const bool taught = o.objective == Objective::distillation || o.coupling == Coupling::reflow;
  if (matching || o.prediction == Prediction::energy) {
    nn::TangentTape<float>(network_, kLaneQuantum, 1);
    if (o.precision != nn::Precision::f32) {
      fail(Status::usage, "/precision: {} needs second derivatives, which are computed in f32 (got {})",
           matching ? std::string("objective ") + name_of(o.objective) : "prediction energy",
           name_of(o.precision));
    }
  }
  if (o.precision != nn::Precision::f32 && o.network.type == nn::NetworkType::unet) {
    fail(Status::usage,
         "/precision: convolutions are computed in f32; {} is for networks of type mlp and resmlp",
         name_of(o.precision));
  }
  if (consistency && o.prediction != Prediction::edm) {
    fail(Status::usage,
         "/prediction: a consistency function is of the form that edm gives it; take edm (got {})",
         name_of(o.prediction));
  }
  if (consistency && process_->levels()) {
    fail(Status::usage, "/objective: {} has no flow between its levels for a consistency function to follow",
         name_of(o.process.type));
  }
  if (matching && o.prediction == Prediction::energy) {
    fail(Status::usage, "/objective: {} of an energy needs third derivatives; take denoising",
         name_of(o.objective));
  }
  if (o.objective == Objective::implicit && dimension_ > kMostTraced) {
    fail(Status::usage, "/objective: implicit is for at most {} columns (got {}); take sliced", kMostTraced,
         dimension_);
  }
  if (coupled && (o.prediction != Prediction::flow || o.objective != Objective::denoising)) {
    fail(Status::usage,
         "/coupling: {} couples noise and data, of which only a velocity can be learned; take the prediction "
         "flow "
         "and the objective denoising",
         name_of(o.coupling));
  }
  if (!(o.sinkhorn_regularization >= 0.001) || !std::isfinite(o.sinkhorn_regularization)) {
    fail(Status::usage, "/sinkhorn_regularization: must be at least 0.001 (got {})",
         o.sinkhorn_regularization);
  }
  if (taught && !teacher) {
    fail(Status::usage, "/teacher: {} needs one: the file of a trained model, or a score document",
         o.coupling == Coupling::reflow ? "reflow" : "distillation");
  }
  if (!teacher) return;
  if (!taught)
    fail(Status::usage, "/teacher: is for coupling reflow and objective distillation; leave it out");
  if (teacher->dimension() != dimension_) {
    fail(Status::usage, "/teacher: has {} columns where the data have {}", teacher->dimension(), dimension_);
  }
  if (teacher->has_no_score())
    fail(Status::usage, "/teacher: is a consistency model, which has no flow to teach");
  if (o.normalization == Normalization::none && !teacher->standardisation().identity()) {
    fail(Status::usage, "/normalization: is the teacher's, standard; leave it so");
  }
  if (o.objective != Objective::distillation) return;
  for (const double t : {0.01, 0.1, 0.5, 1.0}) {
    const NoiseProcess& other = teacher->process();
    const double a = process_->signal(t), s = process_->noise(t);
    if (std::fabs(other.signal(t) - a) > 1e-9 * a || std::fabs(other.noise(t) - s) > 1e-9 * s) {
      fail(Status::usage, "/process: must be the teacher's (at t = {} the noise is {} and the teacher's {})",
           t, s, other.noise(t));
    }
  }
}

void Trainer::check_steps(const std::vector<double>& data, const std::vector<std::string>& columns) const {
  if (find_lattice(data, options_.dequantise)) return;
  const double origin = *std::min_element(data.begin(), data.end());
  for (std::size_t i = 0; i < data.size(); ++i) {
    const double k = (data[i] - origin) / options_.dequantise;
    if (std::fabs(k - std::round(k)) > 1e-3) {
      fail(Status::bad_data, "row {}, column {}: {} is no whole number of steps of {} (/dequantise) from {}",
           i / dimension_ + 1, columns[i % dimension_], data[i], options_.dequantise, origin);
    }
  }
  fail(Status::bad_data, "the data have more than 65536 steps of {} (/dequantise); take them as they are",
       options_.dequantise);
}

// Row k becomes where the teacher's flow takes noise k.
void Trainer::pair_with(const ScoreModel& teacher) {
  const std::size_t D = dimension_, n = data_.size() / D;
  noise_.resize(data_.size());
  std::vector<Stream> streams;
  for (std::size_t c = 0; c < D; ++c) {
    streams.push_back(make_stream(options_.seed, Purpose::prior, static_cast<std::uint32_t>(c)));
  }
  const auto flow = std::make_shared<ProbabilityFlow>(
      std::shared_ptr<const ScoreModel>(std::shared_ptr<const ScoreModel>(), &teacher));
  const auto stepper = make_stepper(flow, find_method("dopri5"));
  AdaptiveOptions tolerance;
  tolerance.rtol = tolerance.atol = 1e-5;
  tolerance.max_steps = 100'000;
  const double deviation = teacher.process().prior_deviation(), end = teacher.process().sampling_cutoff();
  tbb::enumerable_thread_specific<StepWorkspace> workspaces;
  tbb::parallel_for(std::size_t{0}, (n + kPairBlock - 1) / kPairBlock, [&](std::size_t b) {
    const std::size_t first = b * kPairBlock, count = std::min(kPairBlock, n - first);
    StateBlock<double> x(D, count);
    AlignedVector<double> unused(x.lanes());
    for (std::size_t c = 0; c < D; ++c) {
      fill_normals(streams[c], first, x.lanes(), 0, x.row(c), unused.data());
      for (std::size_t l = 0; l < x.lanes(); ++l) {
        if (l < count) noise_[(first + l) * D + c] = static_cast<float>(x.row(c)[l]);
        x.row(c)[l] *= deviation;
      }
    }
    AdaptiveIntegrator integrator(*stepper, tolerance, x.lanes());
    integrator.advance(kHorizon, end, x, workspaces.local());
    for (std::size_t c = 0; c < D; ++c) {
      for (std::size_t l = 0; l < count; ++l) data_[(first + l) * D + c] = static_cast<float>(x.row(c)[l]);
    }
  });
  for (const float value : data_) {
    if (!std::isfinite(value)) {
      fail(Status::bad_data, "/teacher: its flow does not reach the data from every draw of the noise");
    }
  }
}

}  // namespace sde
