// Attention of the pixels of an image to one another, one head (Vaswani et al. 2017), lane by lane:
// out[p] = sum_q softmax_q(query[p] . key[q] / sqrt(channels)) value[q]. The same bits on every instruction
// set.
#pragma once

#include <cstddef>

namespace sde::nn {

// Queries, keys and values lie in one block [pixel][3 channels][lane], in that order; results are
// [pixel][channel][lane]; `weights` takes pixels^2 rows, `scratch` pixels rows of `lanes`.
struct AttentionShape {
  std::size_t pixels = 0, channels = 0, lanes = 0;
};

template <class T>
void attend(const AttentionShape& shape, const T* in, T* weights, T* out);

// d_in, all of it, from the gradient of out and the weights that attend() left.
template <class T>
void attend_backward(const AttentionShape& shape, const T* in, const T* weights, const T* d, T* scratch,
                     T* d_in);

// The tangent of out from that of in; rows of both tangents are `stride` apart.
template <class T>
void attend_push(const AttentionShape& shape, const T* in, const T* weights, const T* v, std::size_t stride,
                 T* scratch, T* out);

}  // namespace sde::nn
