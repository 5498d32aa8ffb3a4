// Loops over the elements of blocks that networks are made of. The same bits on every instruction set, except
// the f64 forms of activations and time features, which serve gradient checks and use the standard library.
#pragma once

#include <cstddef>

#include "base/block.h"
#include "nn/options.h"

namespace sde::nn {

// x becomes act(x); where `slope` is given it receives act'(x). The rows are contiguous: x.stride == x.lanes.
void activate(Activation act, BlockView<float> x, float* slope);
void activate(Activation act, BlockView<double> x, double* slope);

// x *= y over n elements; y repeats after `period` elements of each row of `row` elements (tangents share a
// slope).
template <class T>
void scale_by(T* x, const T* y, std::size_t rows, std::size_t row, std::size_t period);

// out[i] += the sum of row i: sixteen partial sums over the lanes, added pairwise.
template <class T>
void add_row_sums(BlockView<const T> x, T* out);

// The two at once: x *= y, then out[i] += the sum of row i. The rows of x are contiguous.
template <class T>
void scale_and_add_row_sums(BlockView<T> x, const T* y, T* out);

// sines and cosines of 2 pi frequency[j] t: rows j and count + j of `out`.
void time_features(const float* t, std::size_t lanes, const float* frequency, std::size_t count, float* out);
void time_features(const double* t, std::size_t lanes, const double* frequency, std::size_t count,
                   double* out);

// One step of Adam on n parameters, and the moving average `ema` of the new ones (null where none is kept).
struct AdamStep {
  float rate = 0;  // learning rate / (1 - beta1^step)
  float beta1 = 0, one_minus_beta1 = 0;
  float beta2 = 0, one_minus_beta2 = 0;
  float second_scale = 1;  // 1 / (1 - beta2^step)
  float epsilon = 0;
  float l2 = 0;              // times the parameter, added to the gradient
  float decay = 0;           // the parameter is multiplied by 1 - decay first
  float gradient_scale = 1;  // from clipping
  float ema_rate = 0;        // ema += ema_rate (new - ema)
};
// n is a multiple of kLaneQuantum, the pointers aligned; so they are for add_to.
void adam(const AdamStep& step, std::size_t n, const float* gradient, float* parameter, float* first,
          float* second, float* ema);

// One step of Adadelta: `first` holds the mean square of steps, `second` that of gradients, beta1 is rho;
// rate, epsilon, l2, gradient_scale and ema_rate as for adam.
void adadelta(const AdamStep& step, std::size_t n, const float* gradient, float* parameter, float* first,
              float* second, float* ema);

// Sum of squares in f64; n and x as for adam.
double sum_of_squares(const float* x, std::size_t n);

// to += from
void add_to(const float* from, float* to, std::size_t n);

}  // namespace sde::nn
