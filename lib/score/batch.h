// Noised rows of data on the lanes of a tape, and the loss of what the network says about them.
#pragma once

#include <cstdint>
#include <vector>

#include "base/aligned.h"
#include "nn/tape.h"
#include "random/stream.h"
#include "score/loss.h"

namespace sde {

// Addresses of the random numbers of training (component 0) and validation (1).
struct BatchStreams {
  BatchStreams(std::uint64_t seed, std::size_t dimension, std::uint32_t component);

  Stream drops;  // of labels
  Stream times;
  std::vector<Stream> noise;  // one for every four columns
};

// Memory of one thread, for nn::kTapeLanes lanes.
class NoisedBatch {
 public:
  NoisedBatch(const nn::Network& network, const NoiseProcess& process, const DenoisingLoss& loss,
              double label_dropout);

  // Draws lanes `first` ... of a step: a row of `rows` (into data, [n][D], and labels, [n] or empty) for
  // each, a time, noise, and whether its label is dropped.
  void draw(const BatchStreams& streams, std::uint64_t step, std::uint64_t first, std::size_t lanes,
            const std::vector<float>& data, const std::vector<std::uint32_t>& rows,
            const std::vector<std::int32_t>& labels);
  // The sum over the first `used` lanes of their loss. With `gradient`, adds the gradient of `scale` times
  // that sum.
  double loss(const float* theta, std::size_t used, float* gradient, double scale);

 private:
  const NoiseProcess& process_;
  const DenoisingLoss& loss_;
  double label_dropout_;
  std::size_t dimension_, lanes_ = 0;
  nn::Tape<float> tape_;
  AlignedVector<double> u_, v_, t_, a_, s_, drop_, unused_;
  std::vector<std::int32_t> labels_;
  StateBlock<float> data_, noise_;
};

}  // namespace sde
