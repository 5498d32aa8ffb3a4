#include "nn/frame.h"

#include <algorithm>

#include "nn/elementwise.h"
#include "nn/gemm.h"

namespace sde::nn {

template <class T>
Frame<T>::Frame(const Network& network, std::size_t lanes, std::size_t tangents, bool slopes, bool gradients,
                bool twice, Precision precision)
    : net_(&network),
      lanes_(lanes),
      tangent_count_(tangents),
      keep_slopes_(slopes),
      keep_gradients_(gradients),
      twice_(twice),
      parts_(parts_of(precision)) {
  memory_ = network.value_rows_ * kLaneQuantum +
            network.value_rows_ * lanes * (1 + tangents + (gradients ? 1 : 0)) +
            (slopes ? network.slope_rows_ * lanes : 0) + round_up_lanes(network.fold_rows_) + lanes +
            kLaneQuantum + lanes * (network.groups_ + attention_rows());
  if (gradients)
    memory_ +=
        transposed_rows() * lanes * (twice ? std::max<std::size_t>(1, tangents) : 1) + network.flipped_;
  if (twice)
    memory_ += network.value_rows_ * lanes * (1 + 2 * tangents) + (network.widest_ + kTwiceRows) * lanes;
  memory_ += 2 * packed_size();
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
  if (keep_slopes_) slopes_ = take(net_->slope_rows_ * lanes_);
  if (tangent_count_) tangents_ = take(all * tangent_count_);
  if (keep_gradients_) {
    gradients_ = take(all);
    transposed_ = take(transposed_rows() * lanes_ * (twice_ ? std::max<std::size_t>(1, tangent_count_) : 1));
    flipped_ = take(net_->flipped_);
  }
  if (twice_) {
    tangent_gradients_ = take(all * tangent_count_);
    raw_ = take(all * tangent_count_);
    before_ = take(all);
    scratch_ = take((net_->widest_ + kTwiceRows) * lanes_);
  }
  uniform_values_ = take(net_->value_rows_ * kLaneQuantum);
  fold_ = take(round_up_lanes(net_->fold_rows_));
  time_ = take(lanes_ + kLaneQuantum);
  inverse_ = take(net_->groups_ * lanes_);
  attention_ = take(attention_rows() * lanes_);
  left_ = take(packed_size());
  right_ = take(packed_size());
}

template <class T>
static void put(const T* from, std::size_t n, T* to, bool accumulate) {
  for (std::size_t i = 0; i < n; ++i) to[i] = accumulate ? to[i] + from[i] : from[i];
}

template <class T>
Convolution<T> Frame<T>::convolution(const Layer& layer, const T* theta) const {
  const Parameter& weight = net_->parameters_[layer.weight];
  return {layer.image,   weight.rows, layer.window, theta + weight.offset,
          weight.stride, layer.pixel, weight.rows};
}

template <class T>
std::pair<std::size_t, std::size_t> Frame<T>::joined_rows(const Layer& layer, std::size_t n) const {
  const std::size_t pixels = layer.image.pixels();
  return {net_->values_[layer.in[0]].rows / pixels * n, net_->values_[layer.in[1]].rows / pixels * n};
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
void Frame<T>::class_backward(T* into, bool add) {
  const Parameter& table = net_->parameters_[net_->embedding_];
  T* const sums = sum_of(table, into, add);
  const T* d = gradient(0) + net_->features_ * lanes_;
  for (std::size_t l = 0; l < lanes_; ++l) {
    T* row = sums + class_of(l) * table.stride;
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
  if (packed_ && !uniform_ && layer.columns > 0) {
    packed_product(packed_->forward(layer.weight), value(layer.in[0]), n, bias, false, out);
  } else if (layer.columns > skipped) {
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
    if (twice_) std::copy_n(out, rows * n, before(layer.out));
    activate(layer.activation, BlockView<T>{out, rows, n, n},
             keep_slopes_ && !all_uniform ? slope(layer.out) : nullptr);
  }
}

template <class T>
void Frame<T>::forward(const T* theta) {
  if (!uniform_) features(theta, time_, lanes_, value(0));
  for (const Layer& layer : net_->layers_) {
    if (layer.kind == Network::Kind::linear) {
      if (!is_uniform(layer.out)) linear(layer, theta);
    } else if (layer.kind == Network::Kind::norm) {
      norm(layer);
    } else if (layer.kind == Network::Kind::attention) {
      attend<T>(attention_of(layer), value(layer.in[0]), keep_slopes_ ? slope(layer.out) : attention_,
                value(layer.out));
    } else {
      combine(layer, theta, value(layer.in[0]), value(layer.in[1]), lanes_, true, value(layer.out));
    }
  }
}

// The layers that are linear in x: the same on values, with the bias, and on tangents, without.
template <class T>
void Frame<T>::combine(const Layer& layer, const T* theta, const T* a, const T* b, std::size_t n, bool bias,
                       T* out) {
  const ImageShape& image = layer.image;
  switch (layer.kind) {
    case Network::Kind::add: {
      const std::size_t count = net_->values_[layer.out].rows * n;
      for (std::size_t i = 0; i < count; ++i) out[i] = a[i] + b[i];
      break;
    }
    case Network::Kind::convolution:
      convolve(convolution(layer, theta), bias ? theta + net_->parameters_[layer.bias].offset : nullptr, a, n,
               out);
      break;
    case Network::Kind::windows:
      planes_to_windows(image, a, n, round_up_lanes(9 * image.channels), out);
      break;
    case Network::Kind::halve:
      halve(image, a, n, out);
      break;
    case Network::Kind::enlarge:
      enlarge(image, a, n, out);
      break;
    case Network::Kind::planes:
      pixels_to_planes(image, a, n, out);
      break;
    case Network::Kind::join: {
      const auto [first, second] = joined_rows(layer, n);
      for (std::size_t p = 0; p < image.pixels(); ++p) {
        T* const to = out + p * (first + second);
        std::copy_n(a + p * first, first, to);
        std::copy_n(b + p * second, second, to + first);
      }
      break;
    }
    case Network::Kind::linear:
    case Network::Kind::norm:
    case Network::Kind::attention:
      break;
  }
}

// Passes gradient(out) of such a layer on to its inputs.
template <class T>
void Frame<T>::combine_backward(const Layer& layer, const T* theta, T* into, Side& side, bool with_input) {
  const std::size_t L = side.lanes, v = layer.in[0];
  std::vector<char>& seen = side.seen;
  const auto gradient = [&](std::size_t u) { return of(side.gradients, side, u); };
  const ImageShape& image = layer.image;
  const T* d = gradient(layer.out);
  const bool add = seen[v] != 0;
  switch (layer.kind) {
    case Network::Kind::add:
      for (const std::size_t in : layer.in) {
        T* to = gradient(in);
        const std::size_t n = net_->values_[layer.out].rows * L;
        for (std::size_t i = 0; i < n; ++i) to[i] = seen[in] ? to[i] + d[i] : d[i];
        seen[in] = 1;
      }
      break;
    case Network::Kind::convolution: {
      const Parameter &weight = net_->parameters_[layer.weight], &bias = net_->parameters_[layer.bias];
      const Convolution<T> c = convolution(layer, theta);
      if (into) {
        convolve_gradient(c, of(side.values, side, v), d, L, sum_of(weight, into, side.add),
                          side.tangents ? nullptr : sum_of(bias, into, side.add), transposed_);
      }
      if (v == net_->windows_ && !with_input) return;
      convolve_transposed(c, d, L, gradient(v), add, flipped_);
      break;
    }
    case Network::Kind::windows:
      if (!with_input) return;
      std::fill_n(gradient(v), image.rows() * L, T(0));
      add_windows_to_planes(image, d, L, round_up_lanes(9 * image.channels), gradient(v));
      break;
    case Network::Kind::halve:
      halve_backward(image, d, L, gradient(v), add);
      break;
    case Network::Kind::enlarge:
      enlarge_backward(image, d, L, gradient(v), add);
      break;
    case Network::Kind::planes:
      planes_to_pixels(image, d, L, gradient(v), add);
      break;
    case Network::Kind::join: {
      const auto [first, second] = joined_rows(layer, L);
      const std::size_t w = layer.in[1];
      for (std::size_t p = 0; p < image.pixels(); ++p) {
        const T* const from = d + p * (first + second);
        put(from, first, gradient(v) + p * first, add);
        put(from + first, second, gradient(w) + p * second, seen[w] != 0);
      }
      seen[w] = 1;
      break;
    }
    case Network::Kind::linear:
    case Network::Kind::norm:
    case Network::Kind::attention:
      break;
  }
  seen[v] = 1;
}

// Its slopes are the normalised value, what the activation has, and the inverse deviations.
template <class T>
NormForward<T> Frame<T>::norm_of(const Layer& layer) {
  const std::size_t rows = layer.shape.rows();
  NormForward<T> p;
  p.shape = layer.shape;
  p.lanes = lanes_;
  p.x = value(layer.in[0]);
  p.film_lanes = !is_uniform(layer.in[1]);
  p.film_stride = p.film_lanes ? lanes_ : kLaneQuantum;
  p.gain = value(layer.in[1]);
  p.shift = p.gain + layer.shape.channels * p.film_stride;
  p.y = value(layer.out);
  p.normalised = keep_slopes_ ? slope(layer.out) : nullptr;
  p.inverse = inverse_;
  if (keep_slopes_)
    p.inverse = p.normalised + (layer.activation == Activation::identity ? 1 : 2) * rows * lanes_;
  return p;
}

template <class T>
void Frame<T>::norm(const Layer& layer) {
  const NormForward<T> p = norm_of(layer);
  normalise(p);
  if (layer.activation == Activation::identity) return;
  const std::size_t rows = p.shape.rows();
  if (twice_) std::copy_n(p.y, rows * lanes_, before(layer.out));
  activate(layer.activation, BlockView<T>{p.y, rows, lanes_, lanes_},
           keep_slopes_ ? p.normalised + rows * lanes_ : nullptr);
}

template <class T>
NormDerivative<T> Frame<T>::derivative_of(const NormForward<T>& p) {
  NormDerivative<T> q;
  q.shape = p.shape;
  q.lanes = q.stride = lanes_;
  q.normalised = p.normalised;
  q.inverse = p.inverse;
  q.gain = p.gain;
  q.film_stride = p.film_stride;
  q.film_lanes = p.film_lanes;
  return q;
}

template <class T>
void Frame<T>::norm_push(const Layer& layer) {
  const NormForward<T> p = norm_of(layer);
  NormDerivative<T> q = derivative_of(p);
  const std::size_t ld = lanes_ * tangent_count_, rows = p.shape.rows();
  q.stride = ld;
  q.gain_after = true;
  for (std::size_t k = 0; k < tangent_count_; ++k) {
    q.d = tangent(layer.in[0]) + k * lanes_;
    q.out = tangent(layer.out) + k * lanes_;
    normalise_derivative(q);
  }
  if (layer.activation == Activation::identity) return;
  if (twice_) std::copy_n(tangent(layer.out), rows * ld, raw(layer.out));
  scale_by(tangent(layer.out), p.normalised + rows * lanes_, rows, ld, lanes_);
}

// From the gradient of what an activation is applied to.
template <class T>
void Frame<T>::norm_backward(const Layer& layer, std::vector<char>& seen) {
  const NormForward<T> p = norm_of(layer);
  const std::size_t film = layer.in[1];
  const T* d = gradient(layer.out);
  FilmGradient<T> f;
  f.shape = p.shape;
  f.lanes = lanes_;
  f.normalised = p.normalised;
  f.d = d;
  f.gain = gradient(film);
  f.shift = f.gain + p.shape.channels * lanes_;
  f.accumulate = seen[film] != 0;
  film_gradient(f);
  NormDerivative<T> q = derivative_of(p);
  q.d = d;
  q.out = gradient(layer.in[0]);
  q.accumulate = seen[layer.in[0]] != 0;
  normalise_derivative(q);
  seen[film] = seen[layer.in[0]] = 1;
}

template <class T>
void Frame<T>::push(const T* theta) {
  const std::size_t ld = lanes_ * tangent_count_;
  for (const Layer& layer : net_->layers_) {
    if (net_->values_[layer.out].time_only) continue;
    T* out = tangent(layer.out);
    if (layer.kind == Network::Kind::norm) {
      norm_push(layer);
    } else if (layer.kind == Network::Kind::attention) {
      for (std::size_t k = 0; k < tangent_count_; ++k) {
        attend_push<T>(attention_of(layer), value(layer.in[0]), slope(layer.out),
                       tangent(layer.in[0]) + k * lanes_, ld, attention_, out + k * lanes_);
      }
    } else if (layer.kind != Network::Kind::linear) {
      combine(layer, theta, tangent(layer.in[0]), tangent(layer.in[1]), ld, false, out);
    } else {
      const std::size_t rows = net_->values_[layer.out].rows;
      const Parameter& weight = net_->parameters_[layer.weight];
      const std::size_t v = layer.joined ? layer.in[1] : layer.in[0];
      const bool active = layer.activation != Activation::identity;
      multiply({.m = rows,
                .n = ld,
                .k = net_->values_[v].rows,
                .a = theta + weight.offset + (weight.columns - net_->values_[v].rows),
                .a_row = weight.stride,
                .a_col = 1,
                .b = tangent(v),
                .ldb = ld,
                .c = out,
                .ldc = ld,
                .scale = active && !twice_ ? slope(layer.out) : nullptr,
                .scale_period = lanes_});
      if (!active || !twice_) continue;
      std::copy_n(out, rows * ld, raw(layer.out));
      scale_by(out, slope(layer.out), rows, ld, lanes_);
    }
  }
}

// Columns of weights whose gradient is taken at once.
static constexpr std::size_t kColumns = 64;

// Passes the gradient of what an activation is applied to on.
template <class T>
void Frame<T>::linear_backward(const Layer& layer, const T* theta, T* into, Side& side, bool with_input) {
  if (!layer.columns) return;
  const std::size_t rows = net_->values_[layer.out].rows, L = side.lanes;
  const T* d = of(side.gradients, side, layer.out);
  const Parameter& weight = net_->parameters_[layer.weight];
  if (into && packed_)
    packed_weight_gradient(weight, d, of(side.values, side, layer.in[0]), L, side.add, into + weight.offset);
  // A few columns at a time, which the first-level cache still holds when they are multiplied.
  for (std::size_t c = 0; into && !packed_ && c < weight.columns; c += kColumns) {
    const std::size_t columns = std::min(kColumns, weight.columns - c), n = round_up_lanes(columns);
    transpose(of(side.values, side, layer.in[0]) + c * L, columns, L, L, transposed_, n);
    multiply({.m = rows,
              .n = n,
              .k = L,
              .a = d,
              .a_row = L,
              .a_col = 1,
              .b = transposed_,
              .ldb = n,
              .c = into + weight.offset + c,
              .ldc = weight.stride,
              .accumulate = side.add});
  }
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
              .c = of(side.gradients, side, v) + from * L,
              .ldc = L,
              .accumulate = side.seen[v] != 0,
              .scale = side.slopes && net_->values_[v].in_chain ? slope(v) : nullptr,
              .scale_period = L});
    side.seen[v] = 1;
  };
  // The features of time need no gradient, the class after them does; so do the data on request alone.
  const std::size_t v = layer.in[0];
  if (v == 0 && net_->classes_ && into && !side.tangents) pass_on(0, net_->features_, net_->features_);
  if (v > 1 && packed_) {
    packed_product(packed_->backward(layer.weight), d, L, nullptr, side.seen[v] != 0,
                   of(side.gradients, side, v));
    side.seen[v] = 1;
  } else if (v > 1) {
    pass_on(v, 0, 0);
  }
  if (layer.joined && with_input) pass_on(1, 0, net_->values_[v].rows);
}

template <class T>
void Frame<T>::backward(const T* theta, T* into, bool with_input, bool add) {
  Side side = side_of_values(add, true);
  for (std::size_t k = net_->layers_.size(); k-- > 0;) {
    const Layer& layer = net_->layers_[k];
    if (layer.kind == Network::Kind::linear) {
      T* bias = sum_of(net_->parameters_[layer.bias], into, add);
      const BlockView<T> block{gradient(layer.out), net_->values_[layer.out].rows, lanes_, lanes_};
      // Products of f32 have taken the slope along, in chains.
      if (layer.activation != Activation::identity && (packed_ || !net_->values_[layer.out].in_chain)) {
        scale_and_add_row_sums(block, slope(layer.out), bias);
      } else {
        add_row_sums<T>(block, bias);
      }
      linear_backward(layer, theta, into, side, with_input);
    } else if (layer.kind == Network::Kind::norm) {
      if (layer.activation != Activation::identity) {
        const std::size_t rows = net_->values_[layer.out].rows;
        scale_by<T>(gradient(layer.out), slope(layer.out) + rows * lanes_, rows, lanes_, lanes_);
      }
      norm_backward(layer, side.seen);
    } else if (layer.kind == Network::Kind::attention) {
      attend_backward<T>(attention_of(layer), value(layer.in[0]), slope(layer.out), gradient(layer.out),
                         attention_, gradient(layer.in[0]));
      side.seen[layer.in[0]] = 1;
    } else {
      combine_backward(layer, theta, into, side, with_input);
    }
  }
  if (net_->classes_) class_backward(into, add);
}

template class Frame<float>;
template class Frame<double>;

}  // namespace sde::nn
