#include "nn/tangent_tape.h"

#include <algorithm>

#include "base/error.h"
#include "nn/elementwise.h"
#include "nn/gemm.h"

namespace sde::nn {

template <class T>
TangentTape<T>::TangentTape(const Network& network, std::size_t most_lanes, std::size_t tangents)
    : activation_(network.options().activation),
      inputs_(network.inputs()),
      outputs_(network.outputs()),
      feature_rows_(0),
      frequency_(0),
      lanes_(most_lanes),
      most_lanes_(most_lanes),
      count_(tangents) {
  if (network.options().type != NetworkType::mlp) {
    fail(Status::usage, "/network/type: second derivatives are known for mlp only; take that");
  }
  std::size_t widest = 0, layer_count = 0;
  for (const Parameter& p : network.parameters()) {
    if (!p.trained) {
      frequency_ = p.offset;
      feature_rows_ = 2 * p.columns;
      continue;
    }
    if (!p.vector) {
      Layer layer;
      layer.weight = p.offset;
      layer.stride = p.stride;
      layer.columns = p.columns;
      layer.rows = p.rows;
      layers_.push_back(std::move(layer));
    } else {
      layers_[layer_count++].bias = p.offset;
    }
    widest = std::max({widest, p.rows, p.stride});
  }
  if (layers_.size() != layer_count || layers_.front().columns != feature_rows_ + inputs_) {
    fail(Status::usage, "/network: second derivatives are known for networks of the time and the state only");
  }
  for (Layer& layer : layers_) {
    layer.active = &layer != &layers_.back() && activation_ != Activation::identity;
    const std::size_t n = layer.rows * most_lanes;
    for (AlignedVector<T>* v : {&layer.value, &layer.slope, &layer.curvature, &layer.adjoint}) v->resize(n);
    for (AlignedVector<T>* v : {&layer.tangent, &layer.raw, &layer.tangent_adjoint}) v->resize(n * count_);
  }
  features_.resize((feature_rows_ + inputs_) * most_lanes);
  tangent_.resize((feature_rows_ + inputs_) * most_lanes * count_);
  time_.resize(most_lanes);
  transposed_.resize(round_up_lanes(widest) * most_lanes * std::max<std::size_t>(1, count_));
  scratch_.resize(2 * widest * most_lanes);
}

template <class T>
void TangentTape<T>::resize(std::size_t lanes) {
  if (lanes > most_lanes_) fail(Status::bug, "{} lanes on a tape of {}", lanes, most_lanes_);
  lanes_ = lanes;
}

template <class T>
BlockView<T> TangentTape<T>::tangent() {
  const std::size_t n = lanes_ * count_;
  return {tangent_.data() + feature_rows_ * n, inputs_, n, n};
}
template <class T>
BlockView<const T> TangentTape<T>::output() const {
  return {layers_.back().value.data(), outputs_, lanes_, lanes_};
}
template <class T>
BlockView<const T> TangentTape<T>::output_tangent() const {
  return {layers_.back().tangent.data(), outputs_, lanes_ * count_, lanes_ * count_};
}
template <class T>
BlockView<T> TangentTape<T>::output_adjoint() {
  return {layers_.back().adjoint.data(), outputs_, lanes_, lanes_};
}
template <class T>
BlockView<T> TangentTape<T>::tangent_adjoint() {
  return {layers_.back().tangent_adjoint.data(), outputs_, lanes_ * count_, lanes_ * count_};
}

// Value, slope and second derivative of the activation; `value` holds what it is applied to. The logistic
// function that the second derivatives are made of is the slope of softplus.
template <class T>
void TangentTape<T>::activate_layer(Layer& layer) {
  const std::size_t n = layer.rows * lanes_;
  T *x = layer.value.data(), *slope = layer.slope.data(), *second = layer.curvature.data();
  T *z = scratch_.data(), *unused = scratch_.data() + n;
  std::copy_n(x, n, z);
  if (activation_ != Activation::tanh) {
    std::copy_n(x, n, unused);
    activate(Activation::softplus, BlockView<T>{unused, layer.rows, lanes_, lanes_}, second);
  }
  activate(activation_, BlockView<T>{x, layer.rows, lanes_, lanes_}, slope);
  const T factor = activation_ == Activation::lipswish ? T(0.909) : T(1);
  for (std::size_t i = 0; i < n; ++i) {
    const T s = second[i];
    switch (activation_) {
      case Activation::tanh:
        second[i] = T(-2) * x[i] * slope[i];
        break;
      case Activation::softplus:
        second[i] = s * (T(1) - s);
        break;
      default:
        second[i] = factor * s * (T(1) - s) * (T(2) + z[i] * (T(1) - T(2) * s));
    }
  }
}

template <class T>
void TangentTape<T>::forward(const T* theta, bool with_tangents) {
  const std::size_t L = lanes_, ld = L * count_;
  if (feature_rows_) {
    time_features(time_.data(), L, theta + frequency_, feature_rows_ / 2, features_.data());
    std::fill_n(tangent_.data(), feature_rows_ * ld, T(0));
  }
  const T *value = features_.data(), *tangent = tangent_.data();
  for (Layer& layer : layers_) {
    multiply({.m = layer.rows,
              .n = L,
              .k = layer.columns,
              .a = theta + layer.weight,
              .a_row = layer.stride,
              .a_col = 1,
              .b = value,
              .ldb = L,
              .c = layer.value.data(),
              .ldc = L,
              .row_start = theta + layer.bias});
    if (layer.active) activate_layer(layer);
    if (with_tangents && count_) {
      multiply({.m = layer.rows,
                .n = ld,
                .k = layer.columns,
                .a = theta + layer.weight,
                .a_row = layer.stride,
                .a_col = 1,
                .b = tangent,
                .ldb = ld,
                .c = layer.tangent.data(),
                .ldc = ld});
      if (layer.active) {
        std::copy_n(layer.tangent.data(), layer.rows * ld, layer.raw.data());
        scale_by(layer.tangent.data(), layer.slope.data(), layer.rows, ld, L);
      }
    }
    value = layer.value.data();
    tangent = layer.tangent.data();
  }
}

template <class T>
void TangentTape<T>::backward(const T* theta, T* gradient, T* into, bool with_tangents) {
  const std::size_t L = lanes_, count = with_tangents ? count_ : 0, ld = L * count;
  for (std::size_t k = layers_.size(); k-- > 0;) {
    Layer& layer = layers_[k];
    T *p = layer.adjoint.data(), *q = layer.tangent_adjoint.data();
    for (std::size_t i = 0; layer.active && i < layer.rows; ++i) {
      // Before the activation: p <- f' p + f'' sum_j raw_j q_j, q <- f' q.
      T* to = p + i * L;
      const T *slope = layer.slope.data() + i * L, *second = layer.curvature.data() + i * L;
      for (std::size_t l = 0; l < L; ++l) to[l] *= slope[l];
      for (std::size_t j = 0; j < count; ++j) {
        const T* raw = layer.raw.data() + i * ld + j * L;
        T* back = q + i * ld + j * L;
        for (std::size_t l = 0; l < L; ++l) {
          to[l] += second[l] * raw[l] * back[l];
          back[l] *= slope[l];
        }
      }
    }
    if (gradient) {
      add_row_sums<T>(BlockView<const T>{p, layer.rows, L, L}, gradient + layer.bias);
      add_weights(layer, p, k ? layers_[k - 1].value.data() : features_.data(), L, gradient);
      if (count) add_weights(layer, q, k ? layers_[k - 1].tangent.data() : tangent_.data(), ld, gradient);
    }
    if (k) {
      pull(layer, theta, 0, p, L, layers_[k - 1].adjoint.data());
      if (count) pull(layer, theta, 0, q, ld, layers_[k - 1].tangent_adjoint.data());
    } else if (into) {
      pull(layer, theta, feature_rows_, p, L, into);
    }
  }
}

// gradient += back forward^T
template <class T>
void TangentTape<T>::add_weights(const Layer& layer, const T* back, const T* forward, std::size_t n,
                                 T* gradient) {
  transpose(forward, layer.columns, n, n, transposed_.data(), layer.stride);
  multiply({.m = layer.rows,
            .n = round_up_lanes(layer.columns),
            .k = n,
            .a = back,
            .a_row = n,
            .a_col = 1,
            .b = transposed_.data(),
            .ldb = layer.stride,
            .c = gradient + layer.weight,
            .ldc = layer.stride,
            .accumulate = true});
}

// into = W^T back, of the columns of W from `skipped` on.
template <class T>
void TangentTape<T>::pull(const Layer& layer, const T* theta, std::size_t skipped, const T* back,
                          std::size_t n, T* into) {
  multiply({.m = layer.columns - skipped,
            .n = n,
            .k = layer.rows,
            .a = theta + layer.weight + skipped,
            .a_row = 1,
            .a_col = layer.stride,
            .b = back,
            .ldb = n,
            .c = into,
            .ldc = n});
}

template class TangentTape<float>;
template class TangentTape<double>;

}  // namespace sde::nn
