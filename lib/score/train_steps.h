// What the steps of training work on: one gradient for each group of rows, one batch for each thread.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "score/batch.h"
#include "score/train.h"

namespace sde {

struct Trainer::Work {
  explicit Work(const Trainer& t);

  BatchOptions options;
  Transport transport;
  BatchStreams streams;
  std::uint64_t group;  // rows of a batch whose gradient is one sum
  std::vector<double> loss;
  std::vector<AlignedVector<float>> gradients;
  std::vector<double> squares;                        // of the gradient, by slice
  std::vector<std::unique_ptr<NoisedBatch>> batches;  // by member
  std::optional<nn::PackedWeights> packed;            // where products are not of f32
  // A step is so many rounds of pieces: groups of coupled rows, packed weights, groups of rows, and twice a
  // share of the parameters for each member.
  enum class Stage { couple, pack, gradients, sums, update } stage = Stage::couple;
  nn::Update update;
};

}  // namespace sde
