// Linear layers by products of bfloat16.
#include <algorithm>
#include <type_traits>

#include "nn/frame.h"

namespace sde::nn {

template <class T>
std::size_t Frame<T>::packed_size() const {
  const std::size_t rows = net_->widest_ + net_->inputs_;
  return parts_ ? std::max(packed_words(rows, lanes_, parts_), packed_words(lanes_, rows, parts_)) : 0;
}

// A frame of f64 is for checking, and has no packed weights.
template <class T>
void Frame<T>::packed_forward(const Layer& layer, const T* x, std::size_t n, const T* bias, T* out) {
  if constexpr (std::is_same_v<T, float>) {
    const Parameter& weight = net_->parameters_[layer.weight];
    const auto right = reinterpret_cast<Word*>(right_);
    pack_columns(x, n, weight.columns, n, parts_, right);
    multiply({.m = weight.rows,
              .n = n,
              .k = weight.columns,
              .parts = parts_,
              .left = packed_->forward(layer.weight),
              .right = right,
              .c = out,
              .ldc = n,
              .row_end = bias});
  }
}

template <class T>
void Frame<T>::packed_weight_gradient(const Parameter& weight, const T* d, const T* x, std::size_t n,
                                      T* into) {
  if constexpr (std::is_same_v<T, float>) {
    const auto left = reinterpret_cast<Word*>(left_), right = reinterpret_cast<Word*>(right_);
    pack_rows(x, weight.columns, n, n, parts_, left);
    transpose_tiles(left, packed_words(weight.columns, n, parts_) / kTileWords, right);
    pack_rows(d, weight.rows, n, n, parts_, left);
    multiply({.m = weight.rows,
              .n = round_up_lanes(weight.columns),
              .k = n,
              .parts = parts_,
              .left = left,
              .right = right,
              .c = into,
              .ldc = weight.stride,
              .accumulate = true});
  }
}

template <class T>
void Frame<T>::packed_input_gradient(const Layer& layer, const T* d, std::size_t n, bool accumulate, T* out) {
  if constexpr (std::is_same_v<T, float>) {
    const Parameter& weight = net_->parameters_[layer.weight];
    const auto right = reinterpret_cast<Word*>(right_);
    pack_columns(d, n, weight.rows, n, parts_, right);
    multiply({.m = weight.columns,
              .n = n,
              .k = weight.rows,
              .parts = parts_,
              .left = packed_->backward(layer.weight),
              .right = right,
              .c = out,
              .ldc = n,
              .accumulate = accumulate});
  }
}

template std::size_t Frame<float>::packed_size() const;
template std::size_t Frame<double>::packed_size() const;
template void Frame<float>::packed_forward(const Layer&, const float*, std::size_t, const float*, float*);
template void Frame<double>::packed_forward(const Layer&, const double*, std::size_t, const double*, double*);
template void Frame<float>::packed_weight_gradient(const Parameter&, const float*, const float*, std::size_t,
                                                   float*);
template void Frame<double>::packed_weight_gradient(const Parameter&, const double*, const double*,
                                                    std::size_t, double*);
template void Frame<float>::packed_input_gradient(const Layer&, const float*, std::size_t, bool, float*);
template void Frame<double>::packed_input_gradient(const Layer&, const double*, std::size_t, bool, double*);

}  // namespace sde::nn
