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
void Frame<T>::packed_product(const PackedLeft& left, const T* x, std::size_t n, const T* row_end,
                              bool accumulate, T* out) {
  if constexpr (std::is_same_v<T, float>) {
    const auto right = reinterpret_cast<Word*>(right_);
    pack_columns(x, n, left.depth, n, parts_, right);
    multiply({.m = left.rows,
              .n = n,
              .k = left.depth,
              .parts = parts_,
              .left = left.words,
              .right = right,
              .c = out,
              .ldc = n,
              .accumulate = accumulate,
              .row_end = row_end});
  }
}

template <class T>
void Frame<T>::packed_weight_gradient(const Parameter& weight, const T* d, const T* x, std::size_t n,
                                      bool add, T* into) {
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
              .accumulate = add});
  }
}

template std::size_t Frame<float>::packed_size() const;
template std::size_t Frame<double>::packed_size() const;
template void Frame<float>::packed_product(const PackedLeft&, const float*, std::size_t, const float*, bool,
                                           float*);
template void Frame<double>::packed_product(const PackedLeft&, const double*, std::size_t, const double*,
                                            bool, double*);
template void Frame<float>::packed_weight_gradient(const Parameter&, const float*, const float*, std::size_t,
                                                   bool, float*);
template void Frame<double>::packed_weight_gradient(const Parameter&, const double*, const double*,
                                                    std::size_t, bool, double*);

}  // namespace sde::nn
