// Derivatives of derivatives: the gradient in theta of what depends on a network's output and on its
// Jacobian's products with given vectors. For plain multilayer perceptrons.
#pragma once

#include <cstddef>
#include <vector>

#include "base/block.h"
#include "nn/network.h"

namespace sde::nn {

// With y = N(t, x) and r_k = (dN/dx) v_k: fill input(), time() and tangent(), run forward, fill the adjoints
// dL/dy and dL/dr_k, run backward. Values and tangents go through the layers side by side, and their adjoints
// back; the second derivative of the activation couples the two. Memory of one thread.
template <class T>
class TangentTape {
 public:
  // Throws Error(Status::usage) for a network that is no plain multilayer perceptron.
  TangentTape(const Network& network, std::size_t most_lanes, std::size_t tangents);

  void resize(std::size_t lanes);  // a multiple of kLaneQuantum, at most most_lanes
  std::size_t lanes() const { return lanes_; }
  std::size_t tangents() const { return count_; }

  BlockView<T> input() { return {features_.data() + feature_rows_ * lanes_, inputs_, lanes_, lanes_}; }
  T* time() { return time_.data(); }
  BlockView<T> tangent();  // [inputs][tangent * lanes + lane]
  void forward(const T* theta, bool with_tangents = true);
  BlockView<const T> output() const;
  BlockView<const T> output_tangent() const;  // [outputs][tangent * lanes + lane]

  BlockView<T> output_adjoint();
  BlockView<T> tangent_adjoint();
  // Adds dL/dtheta to `gradient`, laid out like theta, and puts dL/dx in rows of `into`; either may be null.
  // Without tangents L depends on y alone. The adjoints of outputs stay as they are.
  void backward(const T* theta, T* gradient, T* into = nullptr, bool with_tangents = true);

 private:
  struct Layer {
    std::size_t weight = 0, stride = 0, bias = 0, columns = 0, rows = 0;
    bool active = false;
    AlignedVector<T> value, slope, curvature, tangent, raw;  // raw: tangents before the activation
    AlignedVector<T> adjoint, tangent_adjoint;
  };
  void activate_layer(Layer& layer);
  void add_weights(const Layer& layer, const T* back, const T* forward, std::size_t n, T* gradient);
  void pull(const Layer& layer, const T* theta, std::size_t skipped, const T* back, std::size_t n, T* into);

  Activation activation_;
  std::size_t inputs_, outputs_, feature_rows_, frequency_, lanes_, most_lanes_, count_;
  std::vector<Layer> layers_;
  AlignedVector<T> features_, time_, tangent_, transposed_, scratch_;
};

}  // namespace sde::nn
