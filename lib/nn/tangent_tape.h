// Derivatives of derivatives: the gradient in theta of what depends on a network's output and on its
// Jacobian's products with given vectors.
#pragma once

#include <cstddef>

#include "nn/frame.h"

namespace sde::nn {

// With y = N(t, x) and r_k = (dN/dx) v_k: fill input(), time() and tangent(), run forward, fill the adjoints
// dL/dy and dL/dr_k, run backward. Values and tangents go through the layers side by side, and their adjoints
// back; the second derivatives of activations and norms couple the two. Memory of one thread.
template <class T>
class TangentTape {
 public:
  // Throws Error(Status::usage) for a network with attention.
  TangentTape(const Network& network, std::size_t most_lanes, std::size_t tangents);

  void resize(std::size_t lanes);  // a multiple of kLaneQuantum, at most most_lanes
  std::size_t lanes() const { return frame_.lanes(); }
  std::size_t tangents() const { return count_; }

  BlockView<T> input() { return block(frame_.value(1), inputs_); }
  T* time() { return frame_.time(); }
  // One for each lane (null: one for all), read by forward and backward.
  void set_labels(const std::int32_t* labels, std::int32_t label = kNoClass) {
    frame_.set_labels(labels, label);
  }
  BlockView<T> tangent() {
    return wide_block(frame_.tangent(1), inputs_);
  }  // [inputs][tangent * lanes + lane]
  void forward(const T* theta, bool with_tangents = true);
  BlockView<const T> output() { return block(frame_.value(output_), outputs_); }
  // [outputs][tangent * lanes + lane]
  BlockView<const T> output_tangent() { return wide_block(frame_.tangent(output_), outputs_); }

  BlockView<T> output_adjoint() { return block(frame_.gradient(output_), outputs_); }
  BlockView<T> tangent_adjoint() { return wide_block(frame_.tangent_gradient(output_), outputs_); }
  // Adds dL/dtheta to `gradient`, laid out like theta, and puts dL/dx in rows of `into`; either may be null.
  // Without tangents L depends on y alone. The adjoints of outputs stay as they are.
  void backward(const T* theta, T* gradient, T* into = nullptr, bool with_tangents = true);

 private:
  BlockView<T> block(T* data, std::size_t rows) { return {data, rows, lanes(), lanes()}; }
  BlockView<T> wide_block(T* data, std::size_t rows) {
    return {data, rows, lanes() * count_, lanes() * count_};
  }

  Frame<T> frame_;
  std::size_t inputs_, outputs_, output_, features_, most_lanes_, count_;
  AlignedVector<T> memory_;
};

}  // namespace sde::nn
