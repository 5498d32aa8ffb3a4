#include "score/train.h"

#include <tbb/enumerable_thread_specific.h>
#include <tbb/parallel_for.h>

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "random/stream.h"
#include "score/rounds.h"
#include "score/standardise.h"
#include "score/train_steps.h"

namespace sde {
namespace {

constexpr std::uint64_t kBatch = 512;
constexpr std::uint64_t kCurvePoints = 200, kCurveSpacing = 10;  // at most so many, at least so far apart
// Steps between copies of the whole state, each of which takes some tenths of a step.
constexpr std::uint64_t kGoodSpacing = 50;
constexpr double kDiverged = 100;         // times the loss of the first step, or 1
constexpr std::size_t kFloorRows = 8192;  // of images
constexpr std::size_t kValidationDraws = 4096, kCurveDraws = 1024;

void check(const TrainOptions& o) {
  if (o.batch && (*o.batch < 1 || *o.batch > 1'048'576))
    fail(Status::usage, "/batch: must be 1 to 1048576 (got {})", *o.batch);
  if (o.steps < 1) fail(Status::usage, "/steps: must be at least 1 (got 0)");
  if (!(o.ema >= 0 && o.ema < 1)) fail(Status::usage, "/ema: must lie in [0, 1) (got {})", o.ema);
  if (!(o.validation_fraction >= 0 && o.validation_fraction < 1)) {
    fail(Status::usage, "/validation_fraction: must lie in [0, 1) (got {})", o.validation_fraction);
  }
  if (!(o.label_dropout >= 0 && o.label_dropout <= 1))
    fail(Status::usage, "/label_dropout: must lie in [0, 1] (got {})", o.label_dropout);
  if (!(o.dequantise >= 0) || !std::isfinite(o.dequantise))
    fail(Status::usage, "/dequantise: must be >= 0 (got {})", o.dequantise);
  if (o.dequantise > 0 && o.coupling == Coupling::reflow)
    fail(Status::usage, "/dequantise: is for data, where reflow learns the teacher's; leave it out");
  if (o.patience && o.validation_fraction == 0)
    fail(Status::usage, "/patience: needs validation rows, and /validation_fraction is 0");
  const nn::OptimizerOptions& p = o.optimizer;
  if (!(p.decay > 0 && p.decay <= 1))
    fail(Status::usage, "/optimizer/decay: must lie in (0, 1] (got {})", p.decay);
  if (!(p.lr > 0)) fail(Status::usage, "/optimizer/lr: must be > 0 (got {})", p.lr);
  if (!(p.beta1 >= 0 && p.beta1 < 1))
    fail(Status::usage, "/optimizer/beta1: must lie in [0, 1) (got {})", p.beta1);
  if (!(p.beta2 >= 0 && p.beta2 < 1))
    fail(Status::usage, "/optimizer/beta2: must lie in [0, 1) (got {})", p.beta2);
  if (!(p.epsilon > 0)) fail(Status::usage, "/optimizer/epsilon: must be > 0 (got {})", p.epsilon);
  if (!(p.weight_decay >= 0))
    fail(Status::usage, "/optimizer/weight_decay: must be >= 0 (got {})", p.weight_decay);
  if (!(p.clip >= 0)) fail(Status::usage, "/optimizer/clip: must be >= 0 (got {})", p.clip);
}

std::vector<std::int32_t> check_labels(const std::vector<std::int64_t>& labels, std::size_t n,
                                       std::uint64_t classes) {
  if (labels.empty()) {
    fail(Status::bad_data,
         "there are no labels, which {} classes need: a column named by --label-column, or /data/labels",
         classes);
  }
  if (labels.size() != n) fail(Status::bad_data, "{} labels for {} rows", labels.size(), n);
  std::vector<std::int32_t> out;
  for (std::size_t k = 0; k < n; ++k) {
    if (labels[k] < 0 || static_cast<std::uint64_t>(labels[k]) >= classes) {
      fail(Status::bad_data, "row {}: the label must be 0 to {}, as /classes is {} (got {})", k + 1,
           classes - 1, classes, labels[k]);
    }
    out.push_back(static_cast<std::int32_t>(labels[k]));
  }
  return out;
}

}  // namespace

Trainer::~Trainer() = default;

Trainer::Trainer(const TrainOptions& options, const std::vector<double>& data, std::size_t n,
                 std::size_t dimension, std::vector<std::string> columns,
                 const std::vector<std::int64_t>& labels, std::shared_ptr<const ScoreModel> teacher)
    : options_(completed(options)),
      dimension_(dimension),
      process_(make_process(options.process)),
      teacher_(std::move(teacher)),
      network_(options_.network, dimension, outputs_of(options.prediction, options.network, dimension),
               options.classes) {
  check(options);
  check_objective(teacher_.get());
  if (options.classes) labels_ = check_labels(labels, n, options.classes);
  for (std::size_t i = columns.size(); i < dimension; ++i) columns.push_back(std::to_string(i + 1));
  if (n < 2) fail(Status::bad_data, "training needs at least two rows of data (got {})", n);
  if (n > std::numeric_limits<std::uint32_t>::max()) fail(Status::bad_data, "at most 2^32 rows (got {})", n);
  if (options.network.time_embedding.type == nn::TimeEmbedding::none) {
    fail(Status::usage,
         "/network/time_embedding/type: a score network needs the time; choose fourier or sinusoidal");
  }
  for (std::size_t i = 0; i < data.size(); ++i) {
    if (!std::isfinite(data[i])) {
      fail(Status::bad_data, "row {}, column {}: must be a finite number (got {})", i / dimension + 1,
           columns[i % dimension], data[i]);
    }
  }
  const Stream split = make_stream(options.seed, Purpose::split);
  for (std::size_t k = 0; k < n; ++k) {
    const bool held_out = uniform_pair(split, k, 0)[0] < options.validation_fraction;
    (held_out ? validation_ : rows_).push_back(static_cast<std::uint32_t>(k));
  }
  if (options.patience && validation_.empty())
    fail(Status::bad_data, "{} rows of data leave none to validate on, which /patience needs", n);
  if (rows_.size() < 2) fail(Status::bad_data, "{} rows of data leave fewer than two to train on", n);

  const bool image = options.network.type == nn::NetworkType::unet;
  Standardisation standard =
      standardise(data, dimension, rows_, image ? options.network.image[0] : 0, columns);
  if (options.dequantise > 0) {
    check_steps(data, columns);
    for (std::size_t c = 0; c < dimension; ++c) {
      standard.mean[c] += options.dequantise / 2;
      standard.deviation[c] = std::hypot(standard.deviation[c], options.dequantise / std::sqrt(12.0));
    }
  }
  if (options.normalization == Normalization::standard) standardisation_ = standard;
  if (teacher_) standardisation_ = teacher_->standardisation();
  if (!image) refuse_repeats(data, dimension, rows_, columns);
  data_.resize(data.size());
  for (std::size_t i = 0; i < data.size(); ++i) {
    const std::size_t c = i % dimension;
    data_[i] = static_cast<float>(standardisation_.identity()
                                      ? data[i]
                                      : (data[i] - standardisation_.mean[c]) / standardisation_.deviation[c]);
    if (!std::isfinite(data_[i])) {
      fail(Status::bad_data, "row {}, column {}: {} is beyond the range of single precision",
           i / dimension + 1, columns[c], data[i]);
    }
  }
  batch_ = options.batch.value_or(std::min<std::uint64_t>(kBatch, rows_.size()));
  if (batch_ > rows_.size()) {
    fail(Status::usage,
         "/batch: must be at most the {} rows to train on (got {}); leave it out to take so many",
         rows_.size(), batch_);
  }
  if (options.coupling == Coupling::reflow) pair_with(*teacher_);
  double added = 0;  // to the variance
  for (std::size_t c = 0; c < dimension && options.dequantise > 0; ++c) {
    spread_.push_back(static_cast<float>(options.dequantise /
                                         (standardisation_.identity() ? 1 : standardisation_.deviation[c])));
    added += std::pow(static_cast<double>(spread_[c]), 2) / (12 * static_cast<double>(dimension));
  }
  sigma_data_ = std::hypot(measure_deviation(data_, dimension, rows_), std::sqrt(added));
  loss_.emplace(*process_, options.prediction, options.weighting, *options_.time_sampling, options.lognormal,
                sigma_data_);
  if (is_consistency(options.objective)) {
    grid_.emplace(*process_, options.consistency, sigma_data_, options.objective == Objective::consistency);
  }
  if (!grid_) target_scale_ = loss_->target_scale();
  state_.network = nn::TrainingState(network_, options.seed);
  good_ = state_;
  work_ = std::make_unique<Work>(*this);
}

void Trainer::resume(TrainState state) {
  const nn::TrainingState &to = state_.network, &from = state.network;
  if (from.weights.size() != to.weights.size() || from.ema.size() != to.ema.size() ||
      from.first.size() != to.first.size() || from.second.size() != to.second.size()) {
    fail(Status::bug, "a training state of another network");
  }
  state_ = std::move(state);
  good_ = state_;
}

double Trainer::validation_loss() const {
  return validation_loss(kValidationDraws);
}

double Trainer::validation_loss(std::size_t draws) const {
  if (validation_.empty()) return std::numeric_limits<double>::quiet_NaN();
  const BatchStreams streams(options_.seed, dimension_, 1);
  tbb::enumerable_thread_specific<Work::Own> locals([this] { return work_->make_own(*this); });
  const std::size_t lanes = nn::kTapeLanes;
  // Couplings by transport are made for groups as large as those of training.
  const std::size_t group = Transport::wanted(options_.coupling) ? coupling_rows() : lanes;
  const std::size_t chunks = (group + lanes - 1) / lanes, count = (draws + group - 1) / group;
  const std::size_t levels = grid_ ? grid_->most_steps() : 0;
  const BatchData from = batch_data(validation_);
  std::vector<double> sums(count);
  tbb::parallel_for(std::size_t{0}, count, [&](std::size_t k) {
    Work::Own& local = locals.local();
    Transport transport(work_->options, dimension_, k * group, group, group);
    for (std::size_t g = 0; g < transport.groups(); ++g) transport.couple(g, streams, 0, from);
    sums[k] = 0;
    for (std::size_t c = 0; c < chunks; ++c) {
      const std::size_t used = std::min(lanes, group - c * lanes);
      local.rows.draw(streams, 0, k * group + c * lanes, round_up_lanes(used), from, transport);
      sums[k] += local.loss(local.rows, state_.network.ema.data(), used, nullptr, 0, true, levels);
    }
  });
  return std::accumulate(sums.begin(), sums.end(), 0.0) / static_cast<double>(count * group);
}

// Of the rows of images every so-manieth: their covariance is a large matrix, and some thousand rows fix it.
double Trainer::loss_floor() const {
  if (options_.coupling != Coupling::independent || grid_) return std::numeric_limits<double>::quiet_NaN();
  const auto D = static_cast<Eigen::Index>(dimension_);
  const std::size_t every = dimension_ > 64 ? std::max<std::size_t>(1, rows_.size() / kFloorRows) : 1;
  const std::size_t count = (rows_.size() + every - 1) / every;
  Eigen::MatrixXd x(D, static_cast<Eigen::Index>(count));
  for (std::size_t k = 0; k < count; ++k) {
    x.col(static_cast<Eigen::Index>(k)) =
        Eigen::Map<const Eigen::VectorXf>(data_.data() + rows_[k * every] * dimension_, D).cast<double>();
  }
  x.colwise() -= x.rowwise().mean().eval();
  Eigen::MatrixXd covariance = x * x.transpose() / static_cast<double>(count);
  for (std::size_t c = 0; c < spread_.size(); ++c) {
    const auto i = static_cast<Eigen::Index>(c);
    covariance(i, i) += std::pow(static_cast<double>(spread_[c]), 2) / 12;
  }
  const Eigen::VectorXd values = Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd>(covariance).eigenvalues();
  return loss_->gaussian_floor({values.data(), values.data() + values.size()});
}

double Trainer::memory_bytes() const {
  const double theta = static_cast<double>(network_.size()) * sizeof(float);
  const std::size_t members = round_members(work_->loss.size());
  const double tapes = static_cast<double>(network_.tape_bytes(nn::kTapeLanes, options_.precision) * members),
               rows = NoisedRows::bytes(dimension_) *
                      static_cast<double>(members + work_->chunks_ahead(members));
  return theta * (2 * 4 + static_cast<double>(work_->loss.size())) + tapes + rows +
         Transport::cost_bytes(options_.coupling, coupling_rows()) +
         (work_->packed ? work_->packed->bytes() : 0) +
         static_cast<double>(data_.size() + noise_.size()) * sizeof(float);
}

std::shared_ptr<const NetworkModel> Trainer::model() const {
  return std::make_shared<NetworkModel>(process_, network_meaning(options_, sigma_data_), network_,
                                        state_.network.ema, standardisation_);
}

void Trainer::record() {
  LossCurve& curve = state_.curve;
  curve.step.push_back(state_.network.step);
  curve.loss.push_back(state_.loss_sum / static_cast<double>(state_.loss_count));
  // No more than the training between two points, which would be most of the time of small batches.
  curve.validation.push_back(
      validation_loss(static_cast<std::size_t>(std::min<std::uint64_t>(kCurveDraws, 4 * batch_))));
  state_.loss_sum = 0;
  state_.loss_count = 0;
}

Trainer::End Trainer::run(const Hooks& hooks, const std::function<void()>& checkpoint, double seconds) {
  using Clock = std::chrono::steady_clock;
  auto last = Clock::now();
  const std::uint64_t every = std::max<std::uint64_t>(kCurveSpacing, options_.steps / kCurvePoints);
  const auto due = [&] {
    return checkpoint && seconds > 0 && std::chrono::duration<double>(Clock::now() - last).count() >= seconds;
  };
  // With patience the averaged weights are in the end the best ones.
  const auto end = [&](End how) {
    if (options_.patience && !state_.best.empty()) state_.network.ema = std::move(state_.best);
    return how;
  };
  while (state_.network.step < options_.steps) {
    if (hooks.stopped()) return End::stopped;
    const std::uint64_t from = state_.network.step;
    const std::uint64_t until = from ? std::min(options_.steps, (from / every + 1) * every) : 1;
    const bool finite = advance(until, [&] {
      hooks.report(state_.network.step, options_.steps);
      return !hooks.stopped() && !due();
    });
    if (!finite) {
      state_ = good_;
      return end(End::diverged);
    }
    if (state_.network.step == until) {
      record();
      // The validation loss tells of the weights that the next step starts from.
      const double most = kDiverged * std::max(1.0, state_.curve.loss.front());
      if (state_.curve.loss.back() > most || state_.curve.validation.back() > most) {
        state_ = good_;
        return end(End::diverged);
      }
      if (options_.patience && impatient()) return end(End::early);
      if (until == 1 || until / kGoodSpacing > good_.network.step / kGoodSpacing) good_ = state_;
      hooks.report(until, options_.steps);
    }
    if (due()) {
      checkpoint();
      last = Clock::now();
    }
  }
  return end(End::finished);
}

// Keeps the best averaged weights; whether they are too old by now.
bool Trainer::impatient() {
  const double loss = state_.curve.validation.back();
  const std::uint64_t step = state_.network.step;
  if (state_.best.empty() || loss < state_.best_loss) {
    state_.best = state_.network.ema;
    state_.best_loss = loss;
    state_.best_step = step;
  }
  return step - state_.best_step >= options_.patience;
}

}  // namespace sde
