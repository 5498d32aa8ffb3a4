// What the steps of training work on: one gradient for each group of rows, one tape for each thread.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "score/batch.h"
#include "score/rows_ahead.h"
#include "score/train.h"

namespace sde {

struct Trainer::Work {
  explicit Work(const Trainer& t);

  void prepare(std::size_t members, const Trainer& t);  // before steps of so many
  std::size_t chunks_ahead(std::size_t members) const;

  BatchOptions options;
  Transport transport;
  BatchStreams streams;
  std::uint64_t group;  // rows of a batch whose gradient is one sum
  struct Chunk {
    std::uint64_t first;
    std::size_t count;
  };
  std::vector<Chunk> chunks;  // of all groups, each of at most nn::kTapeLanes rows
  std::size_t chunks_of_group = 0;
  std::vector<double> loss;
  std::vector<AlignedVector<float>> gradients;
  std::vector<double> squares;  // of the gradient, by slice
  struct Own {
    NoisedRows rows;
    BatchLoss loss;
  };
  Own make_own(const Trainer& t) const;
  std::vector<std::unique_ptr<Own>> own;    // by member
  RowsAhead<NoisedRows> ahead;              // of the first chunks
  std::optional<nn::PackedWeights> packed;  // where products are not of f32
  // A step is so many rounds of pieces: groups of coupled rows, packed weights, groups of rows, and twice a
  // share of the parameters for each member.
  enum class Stage { couple, pack, gradients, sums, update } stage = Stage::couple;
  nn::Update update;
};

}  // namespace sde
