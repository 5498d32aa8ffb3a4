#include "nn/frame.h"

#include <algorithm>
#include <cmath>

#include "nn/elementwise.h"
#include "nn/gemm.h"

namespace sde::nn {

namespace {
// Added to a variance before its root is taken (layer norm).
constexpr double kNormEpsilon = 1e-5;
}  // namespace

template <class T>
Frame<T>::Frame(const Network& network, std::size_t lanes, std::size_t tangents, bool slopes, bool gradients)
    : net_(&network),
      lanes_(lanes),
      tangent_count_(tangents),
      keep_slopes_(slopes),
      keep_gradients_(gradients) {
  memory_ = network.value_rows_ * kLaneQuantum +
            network.value_rows_ * lanes * (1 + (slopes ? 1 : 0) + tangents + (gradients ? 1 : 0)) +
            round_up_lanes(network.fold_rows_) + lanes + kLaneQuantum +
            4 * lanes * std::max<std::size_t>(1, tangents);
  if (gradients) memory_ += round_up_lanes(network.widest_ + network.inputs_) * lanes;
}

template <class T>
void Frame<T>::place(T* memory) {
  const std::size_t all = net_->value_rows_ * lanes_;
  const auto take = [&](std::size_t n) {
    T* const from = memory;
    memory += n;
    return from;
  };
  values_ = take(all);
  if (keep_slopes_) slopes_ = take(all);
  if (tangent_count_) tangents_ = take(all * tangent_count_);
  if (keep_gradients_) {
    gradients_ = take(all);
    transposed_ = take(round_up_lanes(net_->widest_ + net_->inputs_) * lanes_);
  }
  uniform_values_ = take(net_->value_rows_ * kLaneQuantum);
  fold_ = take(round_up_lanes(net_->fold_rows_));
  time_ = take(lanes_ + kLaneQuantum);
  row_ = take(4 * lanes_ * std::max<std::size_t>(1, tangent_count_));
}

template <class T>
void Frame<T>::features(const T* theta, const T* t, std::size_t lanes, T* out) {
  const std::size_t count = net_->features_ / 2;
  if (count) time_features(t, lanes, theta + net_->parameters_[net_->frequency_].offset, count, out);
  if (!net_->classes_) return;
  const Parameter& table = net_->parameters_[net_->embedding_];
  T* to = out + net_->features_ * lanes;
  for (std::size_t l = 0; l < lanes; ++l) {
    const T* row = theta + table.offset + class_of(l) * table.stride;
    for (std::size_t e = 0; e < table.columns; ++e) to[e * lanes + l] = row[e];
  }
}

template <class T>
void Frame<T>::class_backward(T* into) {
  const Parameter& table = net_->parameters_[net_->embedding_];
  const T* d = gradient(0) + net_->features_ * lanes_;
  for (std::size_t l = 0; l < lanes_; ++l) {
    T* row = into + table.offset + class_of(l) * table.stride;
    for (std::size_t e = 0; e < table.columns; ++e) row[e] += d[e * lanes_ + l];
  }
}

// Every lane is one chain of multiply-adds: bias, time, x. With the part of time folded into the bias the
// chain is the same, so the bits are.
template <class T>
void Frame<T>::prepare(const T* theta, T t, std::int32_t label) {
  uniform_ = true;
  set_labels(nullptr, label);
  std::fill_n(time_, kLaneQuantum, t);
  features(theta, time_, kLaneQuantum, value(0));
  for (const Layer& layer : net_->layers_) {
    if (layer.kind != Network::Kind::linear) continue;
    const std::size_t rows = net_->values_[layer.out].rows;
    const Parameter& bias = net_->parameters_[layer.bias];
    if (is_uniform(layer.out)) {
      linear(layer, theta);
      continue;
    }
    T* fold = fold_ + layer.fold;
    std::copy_n(theta + bias.offset, rows, fold);
    if (!layer.joined || !net_->values_[0].rows) continue;
    const Parameter& weight = net_->parameters_[layer.weight];
    T* out = value(layer.out);  // free until forward()
    multiply({.m = rows,
              .n = kLaneQuantum,
              .k = net_->values_[0].rows,
              .a = theta + weight.offset,
              .a_row = weight.stride,
              .a_col = 1,
              .b = value(0),
              .ldb = kLaneQuantum,
              .c = out,
              .ldc = kLaneQuantum,
              .row_start = fold});
    for (std::size_t i = 0; i < rows; ++i) fold[i] = out[i * kLaneQuantum];
  }
}

template <class T>
void Frame<T>::linear(const Layer& layer, const T* theta) {
  const std::size_t rows = net_->values_[layer.out].rows;
  const bool all_uniform = is_uniform(layer.out);
  const std::size_t n = all_uniform ? kLaneQuantum : lanes_;
  T* out = value(layer.out);
  const bool folded = uniform_ && !all_uniform;
  const T* bias = folded ? fold_ + layer.fold : theta + net_->parameters_[layer.bias].offset;
  // Where the part of time is in the bias, the columns after it are left.
  const std::size_t skipped = folded && layer.joined ? net_->values_[0].rows : 0;
  if (layer.columns > skipped) {
    const Parameter& weight = net_->parameters_[layer.weight];
    multiply({.m = rows,
              .n = n,
              .k = layer.columns - skipped,
              .a = theta + weight.offset + skipped,
              .a_row = weight.stride,
              .a_col = 1,
              .b = value(folded && layer.joined ? layer.in[1] : layer.in[0]),
              .ldb = n,
              .c = out,
              .ldc = n,
              .row_start = bias});
  } else {
    for (std::size_t i = 0; i < rows; ++i) std::fill_n(out + i * n, n, bias[i]);
  }
  if (layer.activation != Activation::identity) {
    activate(layer.activation, BlockView<T>{out, rows, n, n},
             keep_slopes_ && !all_uniform ? slope(layer.out) : nullptr);
  }
}

template <class T>
void Frame<T>::forward(const T* theta) {
  if (!uniform_) features(theta, time_, lanes_, value(0));
  for (const Layer& layer : net_->layers_) {
    switch (layer.kind) {
      case Network::Kind::linear:
        if (!is_uniform(layer.out)) linear(layer, theta);
        break;
      case Network::Kind::norm:
        norm(layer);
        break;
      case Network::Kind::add: {
        const T *a = value(layer.in[0]), *b = value(layer.in[1]);
        T* out = value(layer.out);
        const std::size_t n = net_->values_[layer.out].rows * lanes_;
        for (std::size_t i = 0; i < n; ++i) out[i] = a[i] + b[i];
      }
    }
  }
}

// Layer norm over the rows of each lane (Ba, Kiros & Hinton 2016). The normalised value is kept in the slope
// of the output, the inverse deviation of each lane behind row_.
template <class T>
void Frame<T>::norm(const Layer& layer) {
  const std::size_t rows = net_->values_[layer.out].rows, L = lanes_;
  const T* x = value(layer.in[0]);
  T *out = value(layer.out), *mean = row_, *inverse = row_ + L;
  const T scale = T(1) / static_cast<T>(rows);
  std::fill_n(mean, 2 * L, T(0));
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t l = 0; l < L; ++l) mean[l] += x[i * L + l];
  }
  for (std::size_t l = 0; l < L; ++l) mean[l] *= scale;
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t l = 0; l < L; ++l) {
      const T c = x[i * L + l] - mean[l];
      inverse[l] += c * c;
    }
  }
  for (std::size_t l = 0; l < L; ++l) inverse[l] = T(1) / std::sqrt(inverse[l] * scale + T(kNormEpsilon));
  const T *gain = value(layer.in[1]), *shift = gain + rows * (is_uniform(layer.in[1]) ? kLaneQuantum : L);
  for (std::size_t i = 0; i < rows; ++i) {
    T* y = out + i * L;
    for (std::size_t l = 0; l < L; ++l) y[l] = (x[i * L + l] - mean[l]) * inverse[l];
    if (keep_slopes_) std::copy_n(y, L, slope(layer.out) + i * L);
    if (is_uniform(layer.in[1])) {
      const T g = T(1) + gain[i * kLaneQuantum], s = shift[i * kLaneQuantum];
      for (std::size_t l = 0; l < L; ++l) y[l] = y[l] * g + s;
    } else {
      for (std::size_t l = 0; l < L; ++l) y[l] = y[l] * (T(1) + gain[i * L + l]) + shift[i * L + l];
    }
  }
}

// The inverse deviation is recovered from the input, whose normalised form is kept; the derivative of the
// norm is symmetric, so that one function serves both modes: out = inverse (d - mean(d) - n mean(n d)).
template <class T>
static void norm_derivative(const T* x, const T* n, std::size_t rows, std::size_t lanes, const T* d,
                            std::size_t ld, T* out, T* scratch, bool accumulate) {
  T *inverse = scratch, *mean = scratch + lanes, *product = scratch + 2 * lanes;
  const T scale = T(1) / static_cast<T>(rows);
  std::fill_n(scratch, 3 * lanes, T(0));
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t l = 0; l < lanes; ++l) mean[l] += x[i * lanes + l];
  }
  for (std::size_t l = 0; l < lanes; ++l) mean[l] *= scale;
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t l = 0; l < lanes; ++l) {
      const T c = x[i * lanes + l] - mean[l];
      inverse[l] += c * c;
    }
  }
  for (std::size_t l = 0; l < lanes; ++l) inverse[l] = T(1) / std::sqrt(inverse[l] * scale + T(kNormEpsilon));
  std::fill_n(mean, lanes, T(0));
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t l = 0; l < lanes; ++l) {
      mean[l] += d[i * ld + l];
      product[l] += d[i * ld + l] * n[i * lanes + l];
    }
  }
  for (std::size_t l = 0; l < lanes; ++l) {
    mean[l] *= scale;
    product[l] *= scale;
  }
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t l = 0; l < lanes; ++l) {
      const T g = inverse[l] * (d[i * ld + l] - mean[l] - n[i * lanes + l] * product[l]);
      T& to = out[i * ld + l];
      to = accumulate ? to + g : g;
    }
  }
}

template <class T>
void Frame<T>::norm_push(const Layer& layer) {
  const std::size_t rows = net_->values_[layer.out].rows, ld = lanes_ * tangent_count_;
  const bool uniform = is_uniform(layer.in[1]);
  const T* gain = value(layer.in[1]);
  for (std::size_t k = 0; k < tangent_count_; ++k) {
    T* out = tangent(layer.out) + k * lanes_;
    norm_derivative<T>(value(layer.in[0]), slope(layer.out), rows, lanes_, tangent(layer.in[0]) + k * lanes_,
                       ld, out, row_, false);
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t l = 0; l < lanes_; ++l) {
        out[i * ld + l] *= T(1) + (uniform ? gain[i * kLaneQuantum] : gain[i * lanes_ + l]);
      }
    }
  }
}

template <class T>
void Frame<T>::norm_backward(const Layer& layer, bool first, bool first_film) {
  const std::size_t rows = net_->values_[layer.out].rows, L = lanes_;
  const T *gain = value(layer.in[1]), *n = slope(layer.out);
  T *d = gradient(layer.out), *film = gradient(layer.in[1]);
  for (std::size_t i = 0; i < rows * L; ++i) {
    const T dg = d[i] * n[i];
    film[i] = first_film ? dg : film[i] + dg;
    film[rows * L + i] = first_film ? d[i] : film[rows * L + i] + d[i];
    d[i] *= T(1) + gain[i];
  }
  norm_derivative<T>(value(layer.in[0]), n, rows, L, d, L, gradient(layer.in[0]), row_, !first);
}

template <class T>
void Frame<T>::push(const T* theta) {
  const std::size_t ld = lanes_ * tangent_count_;
  for (const Layer& layer : net_->layers_) {
    if (net_->values_[layer.out].time_only) continue;
    const std::size_t rows = net_->values_[layer.out].rows;
    T* out = tangent(layer.out);
    if (layer.kind == Network::Kind::norm) {
      norm_push(layer);
    } else if (layer.kind == Network::Kind::add) {
      const T *a = tangent(layer.in[0]), *b = tangent(layer.in[1]);
      for (std::size_t i = 0; i < rows * ld; ++i) out[i] = a[i] + b[i];
    } else {
      const Parameter& weight = net_->parameters_[layer.weight];
      const std::size_t v = layer.joined ? layer.in[1] : layer.in[0];
      multiply({.m = rows,
                .n = ld,
                .k = net_->values_[v].rows,
                .a = theta + weight.offset + (weight.columns - net_->values_[v].rows),
                .a_row = weight.stride,
                .a_col = 1,
                .b = tangent(v),
                .ldb = ld,
                .c = out,
                .ldc = ld});
      if (layer.activation != Activation::identity) scale_by(out, slope(layer.out), rows, ld, lanes_);
    }
  }
}

template <class T>
void Frame<T>::linear_backward(const Layer& layer, const T* theta, T* into, std::vector<char>& seen,
                               bool with_input) {
  const std::size_t rows = net_->values_[layer.out].rows, L = lanes_;
  T* d = gradient(layer.out);
  T* bias = into + net_->parameters_[layer.bias].offset;
  const BlockView<T> block{d, rows, L, L};
  if (layer.activation != Activation::identity) {
    scale_and_add_row_sums(block, slope(layer.out), bias);
  } else {
    add_row_sums<T>(block, bias);
  }
  if (!layer.columns) return;
  const Parameter& weight = net_->parameters_[layer.weight];
  transpose(value(layer.in[0]), weight.columns, L, L, transposed_, weight.stride);
  multiply({.m = rows,
            .n = weight.stride,
            .k = L,
            .a = d,
            .a_row = L,
            .a_col = 1,
            .b = transposed_,
            .ldb = weight.stride,
            .c = into + weight.offset,
            .ldc = weight.stride,
            .accumulate = true});
  // The gradient of value v from its row `from` on, which begins at column `first` of the weights.
  const auto pass_on = [&](std::size_t v, std::size_t from, std::size_t first) {
    multiply({.m = net_->values_[v].rows - from,
              .n = L,
              .k = rows,
              .a = theta + weight.offset + first,
              .a_row = 1,
              .a_col = weight.stride,
              .b = d,
              .ldb = L,
              .c = gradient(v) + from * L,
              .ldc = L,
              .accumulate = seen[v] != 0});
    seen[v] = 1;
  };
  // The features of time need no gradient, the class after them does; so do the data on request alone.
  const std::size_t v = layer.in[0];
  if (v == 0 && net_->classes_) pass_on(0, net_->features_, net_->features_);
  if (v > 1) pass_on(v, 0, 0);
  if (layer.joined && with_input) pass_on(1, 0, net_->values_[v].rows);
}

template <class T>
void Frame<T>::backward(const T* theta, T* into, bool with_input) {
  std::vector<char> seen(net_->values_.size(), 0);  // whether a gradient has been written yet
  for (std::size_t k = net_->layers_.size(); k-- > 0;) {
    const Layer& layer = net_->layers_[k];
    switch (layer.kind) {
      case Network::Kind::linear:
        linear_backward(layer, theta, into, seen, with_input);
        break;
      case Network::Kind::norm:
        norm_backward(layer, !seen[layer.in[0]], !seen[layer.in[1]]);
        seen[layer.in[0]] = seen[layer.in[1]] = 1;
        break;
      case Network::Kind::add:
        for (const std::size_t v : layer.in) {
          const T* d = gradient(layer.out);
          T* to = gradient(v);
          const std::size_t n = net_->values_[layer.out].rows * lanes_;
          for (std::size_t i = 0; i < n; ++i) to[i] = seen[v] ? to[i] + d[i] : d[i];
          seen[v] = 1;
        }
    }
  }
  if (net_->classes_) class_backward(into);
}

template class Frame<float>;
template class Frame<double>;

}  // namespace sde::nn
