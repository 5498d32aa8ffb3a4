// Training of score networks by denoising score matching (Vincent 2011; Song et al. 2021).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/hooks.h"
#include "base/json_text.h"
#include "nn/optimizer.h"
#include "score/consistency.h"
#include "score/loss.h"
#include "score/network_model.h"
#include "score/objective.h"

namespace sde {

enum class Normalization { standard, none };
constexpr auto enum_names(Normalization) {
  using enum Normalization;
  return std::array{std::pair{"standard", standard}, std::pair{"none", none}};
}

struct TrainOptions {
  ProcessOptions process;
  nn::NetworkOptions network;
  Prediction prediction = Prediction::epsilon;
  Weighting weighting = Weighting::sigma2;
  std::optional<TimeSampling> time_sampling;  // absent: see completed()
  LognormalOptions lognormal;                 // time_sampling lognormal
  Objective objective = Objective::denoising;
  Coupling coupling = Coupling::independent;
  // Couplings ot and sinkhorn: rows of a batch that are coupled to as many draws of the noise, rounded up to
  // sixteens; 0: the whole batch. An exact assignment takes time of their cube, and memory of their square.
  std::uint64_t coupling_rows = 256;
  double sinkhorn_regularization = 0.05;  // over the mean cost
  ConsistencyOptions consistency;         // objectives consistency and distillation
  JsonText teacher;  // reflow, distillation: a score document, or the name of a model's file
  nn::OptimizerOptions optimizer;
  // Of the matrix products of training; weights, sums and all else are f32, and so is the loss of validation.
  // Results are the same everywhere; faster than f32 are the others on processors with matrix tiles (AMX).
  nn::Precision precision = nn::Precision::f32;
  // Rows, drawn with replacement; absent: 512, or as many as are trained on where they are fewer.
  std::optional<std::uint64_t> batch;
  std::uint64_t steps = 20000;       // of the optimiser
  double ema = 0.999;                // of the weights that are used afterwards
  double validation_fraction = 0.1;  // of the rows, left out of training
  // Training ends early where the validation loss of the averaged weights, at the points of the curve, has
  // not fallen below its least for so many steps; the averaged weights are then those of the least. 0: never.
  std::uint64_t patience = 0;
  // standard: columns are shifted and scaled to mean 0 and variance 1, and samples back.
  Normalization normalization = Normalization::standard;
  // Of data in whole steps (pixels, counts): the step. In every batch each value x becomes uniform on [x, x +
  // step), so that there is a density, and bits a dimension are known (Uria, Murray & Larochelle 2013). 0:
  // the data are taken as they are.
  double dequantise = 0;
  // Of the data, 0 to classes - 1; with 0 labels are not read. Of a part of the samples the label is dropped,
  // so that one network learns the score with and without it (Ho & Salimans 2021).
  std::uint64_t classes = 0;
  double label_dropout = 0.1;
  std::uint64_t seed = 0;

  template <class V>
  void visit(V& v) {
    v("process", process);
    v("network", network);
    v("prediction", prediction);
    v("weighting", weighting);
    v("time_sampling", time_sampling);
    v("lognormal", lognormal);
    v("objective", objective);
    v("coupling", coupling);
    v("coupling_rows", coupling_rows);
    v("sinkhorn_regularization", sinkhorn_regularization);
    v("consistency", consistency);
    v("teacher", teacher);
    v("optimizer", optimizer);
    v("precision", precision);
    v("batch", batch);
    v("steps", steps);
    v("ema", ema);
    v("validation_fraction", validation_fraction);
    v("patience", patience);
    v("normalization", normalization);
    v("dequantise", dequantise);
    v("classes", classes);
    v("label_dropout", label_dropout);
    v("seed", seed);
  }
};

// With what is absent written out, where it depends on nothing but other options: time_sampling,
// network.time_embedding.scale and .max_frequency.
TrainOptions completed(TrainOptions options);

// What the output of a network trained so stands for.
NetworkMeaning network_meaning(const TrainOptions& options, double sigma_data);

// What training has recorded, at no more than two hundred steps.
struct LossCurve {
  std::vector<std::uint64_t> step;
  std::vector<double> loss;        // mean since the one before
  std::vector<double> validation;  // of the averaged weights; NaN where there are no validation rows
};

// Everything that continues: with the options and the data it determines the rest of a run bit for bit,
// because the random numbers of a step are addressed by its number.
struct TrainState {
  nn::TrainingState network;
  LossCurve curve;
  double loss_sum = 0;  // since the last point of the curve
  std::uint64_t loss_count = 0;
  // With patience: the averaged weights of the least validation loss, empty before the first point.
  AlignedVector<float> best;
  double best_loss = 0;
  std::uint64_t best_step = 0;
};

struct BatchOptions;
struct BatchData;
class NoisedRows;

class Trainer {
 public:
  // data is [n][dimension]; `columns` name them in messages. Throws Error(Status::bad_data) for rows that are
  // not finite, fewer than two of them, or a constant column; Error(Status::usage) for options out of range.
  // `labels` are read where there are classes, one for each row; bad_data for one that is none of them.
  Trainer(const TrainOptions& options, const std::vector<double>& data, std::size_t n, std::size_t dimension,
          std::vector<std::string> columns = {}, const std::vector<std::int64_t>& labels = {},
          std::shared_ptr<const ScoreModel> teacher = nullptr);
  ~Trainer();
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  enum class End { finished, early, stopped, diverged };
  // Runs to options.steps from where the state is. `checkpoint`, where given, is called between steps at
  // least every `seconds`. Where the loss stops being finite, or it or that of validation is a hundred times
  // that of the first step, goes back to a good point of the curve, fifty steps or one point before, and
  // returns `diverged`. `early` is the end of patience.
  End run(const Hooks& hooks, const std::function<void()>& checkpoint = {}, double seconds = 0);

  const TrainOptions& options() const { return options_; }
  const nn::Network& network() const { return network_; }
  const Standardisation& standardisation() const { return standardisation_; }
  const NoiseProcess& process() const { return *process_; }
  const TrainState& state() const { return state_; }
  void resume(TrainState state);  // throws Error(Status::bug) where sizes differ

  std::uint64_t batch() const { return batch_; }
  std::size_t training_rows() const { return rows_.size(); }
  std::size_t validation_rows() const { return validation_.size(); }
  // See DenoisingLoss::gaussian_floor, for the training rows' covariance; NaN for a coupling or an objective
  // of which it is not known.
  double loss_floor() const;
  // Of the averaged weights on the validation rows, at times and noise that are always the same; NaN without
  // rows.
  double validation_loss() const;
  double memory_bytes() const;
  std::shared_ptr<const NetworkModel> model() const;  // with the averaged weights
  double sigma_data() const { return sigma_data_; }   // of the data as the network sees them

 private:
  struct Work;
  // Steps up to number `until`, as long as `go_on` says so after each of them but that one; false where the
  // loss or the gradient of the next is not finite. In train_steps.cc.
  bool advance(std::uint64_t until, const std::function<bool()>& go_on);
  void draw(std::size_t chunk, std::uint64_t step, NoisedRows& to) const;
  void differentiate(std::size_t group, std::size_t member);
  void add_gradients(std::size_t slice);
  void record();
  bool impatient();
  double validation_loss(std::size_t draws) const;
  void check_objective(const ScoreModel* teacher) const;
  void pair_with(const ScoreModel& teacher);  // fills data_ and noise_
  BatchOptions batch_options() const;
  BatchData batch_data(const std::vector<std::uint32_t>& rows) const;
  std::size_t coupling_rows() const;
  void check_steps(const std::vector<double>& data, const std::vector<std::string>& columns) const;

  TrainOptions options_;
  std::uint64_t batch_ = 0;
  std::size_t dimension_;
  std::shared_ptr<const NoiseProcess> process_;
  std::shared_ptr<const ScoreModel> teacher_;
  std::optional<DenoisingLoss> loss_;
  std::optional<ConsistencyGrid> grid_;
  double sigma_data_ = 1, target_scale_ = 1;
  nn::Network network_;
  Standardisation standardisation_;
  std::vector<float> data_;           // [n][dimension], standardised
  std::vector<float> noise_;          // the same where a teacher has paired them, else empty
  std::vector<std::int32_t> labels_;  // [n] or empty
  std::vector<float> spread_;         // [D]: the step of dequantised data, standardised; else empty
  std::vector<std::uint32_t> rows_, validation_;
  TrainState state_, good_;
  std::unique_ptr<Work> work_;
};

}  // namespace sde
