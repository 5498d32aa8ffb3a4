// Reverse mode through tangents: second derivatives of networks.
#include <algorithm>

#include "nn/elementwise.h"
#include "nn/frame.h"
#include "nn/norm_twice.h"

namespace sde::nn {

// f''(z) of y = f(z) with slope f'(z), for n elements. The logistic function that most are made of is the
// slope of softplus, which `unused` takes.
template <class T>
static void curvature(Activation activation, const T* z, const T* y, const T* slope, std::size_t n, T* unused,
                      T* out) {
  if (activation != Activation::tanh) {
    std::copy_n(z, n, unused);
    activate(Activation::softplus, BlockView<T>{unused, 1, n, n}, out);
  }
  const T factor = activation == Activation::lipswish ? T(0.909) : T(1);
  for (std::size_t i = 0; i < n; ++i) {
    const T s = out[i];
    switch (activation) {
      case Activation::identity:
        out[i] = 0;
        break;
      case Activation::tanh:
        out[i] = T(-2) * y[i] * slope[i];
        break;
      case Activation::softplus:
        out[i] = s * (T(1) - s);
        break;
      case Activation::silu:
      case Activation::lipswish:
        out[i] = factor * s * (T(1) - s) * (T(2) + z[i] * (T(1) - T(2) * s));
    }
  }
}

// Gradients before the activation, in place: p <- f' p + f'' sum_j z'_j q_j, q <- f' q.
template <class T>
void Frame<T>::activation_twice(const Layer& layer, bool with_tangents) {
  if (layer.activation == Activation::identity) return;
  const std::size_t rows = net_->values_[layer.out].rows, L = lanes_, ld = L * tangent_count_;
  const T* slopes = slope(layer.out) + (layer.kind == Network::Kind::norm ? rows * L : 0);
  T* const p = gradient(layer.out);
  if (!with_tangents) return scale_by<T>(p, slopes, rows, L, L);
  T *const second = scratch_, *const unused = scratch_ + L;
  for (std::size_t i = 0; i < rows; ++i) {
    const T* by = slopes + i * L;
    T* to = p + i * L;
    curvature(layer.activation, before(layer.out) + i * L, value(layer.out) + i * L, by, L, unused, second);
    for (std::size_t l = 0; l < L; ++l) to[l] *= by[l];
    for (std::size_t k = 0; k < tangent_count_; ++k) {
      const T* along = raw(layer.out) + i * ld + k * L;
      T* back = tangent_gradient(layer.out) + i * ld + k * L;
      for (std::size_t l = 0; l < L; ++l) {
        to[l] += second[l] * along[l] * back[l];
        back[l] *= by[l];
      }
    }
  }
}

template <class T>
void Frame<T>::norm_twice(const Layer& layer, Side& values, Side& tangents) {
  const NormForward<T> f = norm_of(layer);
  const std::size_t in = layer.in[0], film = layer.in[1];
  NormTwice<T> p;
  p.shape = f.shape;
  p.lanes = lanes_;
  p.count = tangent_count_;
  p.normalised = f.normalised;
  p.inverse = f.inverse;
  p.gain = f.gain;
  p.tangent = tangent(in);
  p.d = gradient(layer.out);
  p.e = tangent_gradient(layer.out);
  p.x_gradient = gradient(in);
  p.tangent_gradient = tangent_gradient(in);
  p.gain_gradient = gradient(film);
  p.shift_gradient = p.gain_gradient + p.shape.channels * lanes_;
  p.add_x = values.seen[in] != 0;
  p.add_tangent = tangents.seen[in] != 0;
  p.add_film = values.seen[film] != 0;
  p.scratch = scratch_;
  normalise_twice(p);
  values.seen[in] = values.seen[film] = tangents.seen[in] = 1;
}

template <class T>
void Frame<T>::backward_twice(const T* theta, T* into, bool with_input, bool with_tangents) {
  Side values = side_of_values(true, false), tangents = side_of_tangents();
  for (std::size_t k = net_->layers_.size(); k-- > 0;) {
    const Layer& layer = net_->layers_[k];
    const bool twice = with_tangents && tangent_count_ && !net_->values_[layer.out].time_only;
    activation_twice(layer, twice);
    if (layer.kind == Network::Kind::norm) {
      if (twice) {
        norm_twice(layer, values, tangents);
      } else {
        norm_backward(layer, values.seen);
      }
    } else if (layer.kind == Network::Kind::linear) {
      if (into) {
        const BlockView<const T> block{gradient(layer.out), net_->values_[layer.out].rows, lanes_, lanes_};
        add_row_sums<T>(block, into + net_->parameters_[layer.bias].offset);
      }
      linear_backward(layer, theta, into, values, with_input);
      if (twice) linear_backward(layer, theta, into, tangents, false);
    } else {
      combine_backward(layer, theta, into, values, with_input);
      if (twice) combine_backward(layer, theta, into, tangents, false);
    }
  }
  if (net_->classes_ && into) class_backward(into, true);
}

template void Frame<float>::backward_twice(const float*, float*, bool, bool);
template void Frame<double>::backward_twice(const double*, double*, bool, bool);

}  // namespace sde::nn
