// The weights of a network's linear layers as factors of products of bfloat16.
#pragma once

#include <vector>

#include "nn/bfloat.h"
#include "nn/network.h"

namespace sde::nn {

// A left factor of rows x depth numbers.
struct PackedLeft {
  const Word* words;
  std::size_t rows, depth;
};

class PackedWeights {
 public:
  // `precision` is not f32.
  PackedWeights(const Network& network, Precision precision);

  // Takes those of theta, piece by piece: 0 to pieces() - 1, in any order or at once.
  std::size_t pieces() const { return 2 * weights_.size(); }
  void pack(std::size_t piece, const float* theta);

  Precision precision() const { return precision_; }
  // Of the layer with the parameter `weight`: the weights, and the weights transposed.
  PackedLeft forward(std::size_t weight) const;
  PackedLeft backward(std::size_t weight) const;
  double bytes() const { return static_cast<double>(words_.size()) * sizeof(Word); }

 private:
  struct Place {
    std::size_t forward = 0, backward = 0;
  };

  const Network* network_;
  Precision precision_;
  std::vector<std::size_t> weights_;  // the parameters that are weights of linear layers
  std::vector<Place> places_;         // by parameter
  AlignedVector<Word> words_, columns_;
};

}  // namespace sde::nn
