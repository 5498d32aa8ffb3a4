// Reverse mode on blocks.
#pragma once

#include "nn/frame.h"

namespace sde::nn {

// So many lanes keep the values of usual networks and their weights in the second-level cache: four AVX-512
// vectors. Gradients of weights gain from more (each lane adds to sums that are read and written once), all
// else loses.
inline constexpr std::size_t kTapeLanes = 64;

// Fill input() and time(), run forward, fill output_gradient(), run backward.
template <class T>
class Tape {
 public:
  // `precision`: of packed weights that use() will name.
  Tape(const Network& network, std::size_t most_lanes, Precision precision = Precision::f32);

  void resize(std::size_t lanes);  // a multiple of kLaneQuantum, at most most_lanes
  BlockView<T> input();            // [inputs][lane]
  T* time();                       // [lane]
  // [lane], read by forward and backward; null: no class.
  void set_labels(const std::int32_t* labels);
  // Weights of linear layers, packed from the theta of forward and backward; null: theta's, in the precision
  // of T.
  void use(const PackedWeights* packed) { frame_.use(packed); }
  BlockView<const T> forward(const T* theta);
  BlockView<T> output_gradient();
  // Adds dL/dtheta to `gradient`, laid out like theta, or writes it over what is there, but for padding.
  // Overwrites the output gradient.
  void backward(const T* theta, T* gradient, bool with_input_gradient = false, bool add = true);
  BlockView<const T> input_gradient();

 private:
  Frame<T> frame_;
  std::size_t output_, rows_[2];
  AlignedVector<T> memory_;
};

}  // namespace sde::nn
