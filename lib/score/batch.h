// Noised rows of data on the lanes of a tape, and the loss of what the network says about them.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/aligned.h"
#include "nn/tangent_tape.h"
#include "nn/tape.h"
#include "random/stream.h"
#include "score/consistency.h"
#include "score/loss.h"
#include "score/objective.h"
#include "score/transport.h"

namespace sde {

// Addresses of the random numbers of training (component 0) and validation (1).
struct BatchStreams {
  BatchStreams(std::uint64_t seed, std::size_t dimension, std::uint32_t component);

  Stream drops;  // of labels
  Stream times;
  std::vector<Stream> noise;   // one for every four columns
  std::vector<Stream> latent;  // the same, of what lies between the ends of an interpolant
  std::vector<Stream> probes;  // the same, directions of sliced score matching
  Stream plan;                 // partners drawn from a plan of transport
  std::vector<Stream> spread;  // one for every two columns: what fills the steps of quantised data
};

struct BatchOptions {
  Objective objective = Objective::denoising;
  Coupling coupling = Coupling::independent;
  double regularization = 0.05;  // of Sinkhorn's plans, over the mean cost
  double label_dropout = 0;
  const ConsistencyGrid* grid = nullptr;         // consistency, distillation
  const ScoreModel* teacher = nullptr;           // distillation
  nn::Precision precision = nn::Precision::f32;  // of the products behind gradients
};

// Memory of one thread, for nn::kTapeLanes lanes.
class NoisedBatch {
 public:
  // Throws Error(Status::usage) for an objective that the network cannot have.
  NoisedBatch(const nn::Network& network, const NoiseProcess& process, const DenoisingLoss& loss,
              const BatchOptions& options);

  // Draws lanes `first` ... of a step: a row for each, a time, noise (by `transport`, which has coupled them,
  // where that is wanted), and whether its label is dropped.
  void draw(const BatchStreams& streams, std::uint64_t step, std::uint64_t first, std::size_t lanes,
            const BatchData& from, const Transport& transport);
  // The sum over the first `used` lanes of their loss. With `gradient`, adds the gradient of `scale` times
  // that sum. `levels`: of the consistency grid. `packed`: theta's weights, where gradients are not of f32.
  double loss(const float* theta, std::size_t used, float* gradient, double scale, std::size_t levels = 0,
              const nn::PackedWeights* packed = nullptr);

 private:
  double squared_errors(BlockView<const float> out, std::size_t used, double scale,
                        BlockView<float> back) const;
  double denoising(const float* theta, std::size_t used, float* gradient, double scale);
  double energy(const float* theta, std::size_t used, float* gradient, double scale);
  double matching(const float* theta, std::size_t used, float* gradient, double scale);
  double consistency(const float* theta, std::size_t used, float* gradient, double scale, std::size_t levels);
  void teach(std::size_t lanes);
  BlockView<float> input() { return tangent_ ? tangent_->input() : tape_->input(); }
  float* time() { return tangent_ ? tangent_->time() : tape_->time(); }

  const NoiseProcess& process_;
  const DenoisingLoss& loss_;
  BatchOptions options_;
  std::size_t dimension_, lanes_ = 0;
  std::optional<nn::Tape<float>> tape_;
  std::optional<nn::TangentTape<float>> tangent_;  // where derivatives in x are trained
  AlignedVector<double> u_, v_, t_, a_, s_, drop_, unused_, weight_, even_, odd_;
  std::vector<Conversion> conversion_;  // [lane]
  std::vector<std::int32_t> labels_;
  StateBlock<float> data_, noise_, latent_, target_, probes_;
  // Consistency: noisy states and times of either end, in units of the data's.
  StateBlock<double> high_, low_, slope_, next_slope_;
  StateBlock<float> goal_;
  AlignedVector<double> sigma_high_, sigma_low_, t_high_, t_low_;
  SdeWorkspace workspace_;
};

}  // namespace sde
