#include "nn/norm_twice.h"

#include <algorithm>

namespace sde::nn {

namespace {

// f(row, channel) for the rows of a group.
template <class F>
void for_rows(const NormShape& s, std::size_t group, F f) {
  const std::size_t size = s.channels / s.groups, first = group * size;
  for (std::size_t p = 0; p < s.pixels; ++p) {
    for (std::size_t c = first; c < first + size; ++c) f(p * s.channels + c, c);
  }
}

}  // namespace

template <class T>
void normalise_twice(const NormTwice<T>& p) {
  const std::size_t L = p.lanes, ld = L * p.count, rows = p.shape.rows();
  const T scale = T(1) / static_cast<T>(rows / p.shape.groups);
  T* const of_n = p.scratch;  // the gradient of n
  T* const spare = of_n + rows * L;
  T *const mean_x = spare, *const mean_nx = spare + L, *const mean_q = spare + 2 * L,
           *const mean_nq = spare + 3 * L, *const mean_qx = spare + 4 * L, *const of_inverse = spare + 5 * L;
  if (!p.add_film) {
    std::fill_n(p.gain_gradient, p.shape.channels * L, T(0));
    std::fill_n(p.shift_gradient, p.shape.channels * L, T(0));
  }
  for (std::size_t g = 0; g < p.shape.groups; ++g) {
    const T* const inverse = p.inverse + g * L;
    for_rows(p.shape, g, [&](std::size_t r, std::size_t c) {
      const T *n = p.normalised + r * L, *gain = p.gain + c * L, *d = p.d + r * L;
      T *into = of_n + r * L, *by_gain = p.gain_gradient + c * L, *by_shift = p.shift_gradient + c * L;
      for (std::size_t l = 0; l < L; ++l) {
        into[l] = (T(1) + gain[l]) * d[l];
        by_gain[l] += d[l] * n[l];
        by_shift[l] += d[l];
      }
    });
    std::fill_n(of_inverse, L, T(0));
    for (std::size_t k = 0; k < p.count; ++k) {
      std::fill_n(spare, 5 * L, T(0));
      for_rows(p.shape, g, [&](std::size_t r, std::size_t c) {
        const T *n = p.normalised + r * L, *gain = p.gain + c * L;
        const T *x = p.tangent + r * ld + k * L, *e = p.e + r * ld + k * L;
        for (std::size_t l = 0; l < L; ++l) {
          const T q = (T(1) + gain[l]) * e[l];
          mean_x[l] += scale * x[l];
          mean_nx[l] += scale * n[l] * x[l];
          mean_q[l] += scale * q;
          mean_nq[l] += scale * n[l] * q;
          mean_qx[l] += scale * q * x[l];
        }
      });
      for (std::size_t l = 0; l < L; ++l) {
        of_inverse[l] += inverse[l] * (mean_qx[l] - mean_x[l] * mean_q[l] - mean_nx[l] * mean_nq[l]);
      }
      for_rows(p.shape, g, [&](std::size_t r, std::size_t c) {
        const T *n = p.normalised + r * L, *gain = p.gain + c * L;
        const T *x = p.tangent + r * ld + k * L, *e = p.e + r * ld + k * L;
        T *into = of_n + r * L, *by_gain = p.gain_gradient + c * L, *to = p.tangent_gradient + r * ld + k * L;
        for (std::size_t l = 0; l < L; ++l) {
          const T q = (T(1) + gain[l]) * e[l];
          by_gain[l] += e[l] * inverse[l] * (x[l] - mean_x[l] - n[l] * mean_nx[l]);
          into[l] -= inverse[l] * (q * mean_nx[l] + x[l] * mean_nq[l]);
          const T back = inverse[l] * (q - mean_q[l] - n[l] * mean_nq[l]);
          to[l] = p.add_tangent ? to[l] + back : back;
        }
      });
    }
    std::fill_n(spare, 2 * L, T(0));
    for_rows(p.shape, g, [&](std::size_t r, std::size_t) {
      const T *n = p.normalised + r * L, *from = of_n + r * L;
      for (std::size_t l = 0; l < L; ++l) {
        mean_x[l] += scale * from[l];
        mean_nx[l] += scale * n[l] * from[l];
      }
    });
    for_rows(p.shape, g, [&](std::size_t r, std::size_t) {
      const T *n = p.normalised + r * L, *from = of_n + r * L;
      T* to = p.x_gradient + r * L;
      for (std::size_t l = 0; l < L; ++l) {
        const T back = inverse[l] * (from[l] - mean_x[l] - n[l] * (mean_nx[l] + of_inverse[l]));
        to[l] = p.add_x ? to[l] + back : back;
      }
    });
  }
}

template void normalise_twice(const NormTwice<float>&);
template void normalise_twice(const NormTwice<double>&);

}  // namespace sde::nn
