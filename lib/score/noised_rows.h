// Rows of data, noised at random times: what training draws before a network sees it.
#pragma once

#include <cstdint>
#include <vector>

#include "base/aligned.h"
#include "base/block.h"
#include "nn/options.h"
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

// Memory for nn::kTapeLanes lanes, and what they are after draw(); with a grid of consistency, which takes
// its times from `place`, no more than data, noise and labels.
class NoisedRows {
 public:
  // `process`, `loss` and `options` must outlive it.
  NoisedRows(std::size_t dimension, const NoiseProcess& process, const DenoisingLoss& loss,
             const BatchOptions& options);

  // Draws lanes `first` ... of a step: a row for each, a time, noise (by `transport`, which has coupled them,
  // where that is wanted), and whether its label is dropped.
  void draw(const BatchStreams& streams, std::uint64_t step, std::uint64_t first, std::size_t lanes,
            const BatchData& from, const Transport& transport);
  static double bytes(std::size_t dimension);  // about so many

  std::size_t lanes = 0;
  StateBlock<float> input, target;     // of the network
  AlignedVector<float> time;           // the network's
  AlignedVector<double> s, weight;     // of the error of what it predicts
  std::vector<Conversion> conversion;  // [lane]
  std::vector<std::int32_t> labels;    // [lane], or empty
  StateBlock<float> data, noise;
  AlignedVector<double> place;  // uniform numbers behind the times
  StateBlock<float> probes;     // of sliced score matching, else empty

 private:
  // What data, noise and, where there is some, latent noise are multiplied by; [lane].
  struct Parts {
    AlignedVector<float> data, noise, latent;
  };
  void add_noise();
  void mix(const Parts& parts, StateBlock<float>& to) const;

  const NoiseProcess& process_;
  const DenoisingLoss& loss_;
  const BatchOptions& options_;
  std::size_t dimension_;
  AlignedVector<double> u_, t_, a_, drop_, unused_, even_, odd_;
  StateBlock<float> latent_;
  Parts input_parts_, target_parts_;
};

}  // namespace sde
