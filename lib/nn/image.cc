#include "nn/image.h"

#include <algorithm>

#include "base/block.h"
#include "nn/elementwise.h"
#include "nn/gemm.h"

namespace sde::nn {
namespace {

// The lines of the window around (y, x) that lie in the image: f(first row of the input, first column of the
// weights, rows).
template <class F>
void for_lines(const ImageShape& in, std::size_t pixel, std::size_t size, std::size_t y, std::size_t x, F f) {
  if (size == 1) return f((y * in.width + x) * pixel, std::size_t{0}, in.channels);
  const std::size_t left = x ? x - 1 : 0, right = std::min(x + 2, in.width);
  for (std::size_t ky = 0; ky < 3; ++ky) {
    if (y + ky < 1 || y + ky > in.height) continue;
    f(((y + ky - 1) * in.width + left) * pixel, (ky * 3 + left + 1 - x) * in.channels,
      (right - left) * in.channels);
  }
}

template <class T>
void add_rows(const T* from, T* to, std::size_t count, T factor) {
  for (std::size_t i = 0; i < count; ++i) to[i] += factor * from[i];
}

template <class T>
void put_rows(const T* from, T* to, std::size_t count, bool accumulate) {
  if (accumulate) return add_rows(from, to, count, T(1));
  std::copy_n(from, count, to);
}

}  // namespace

template <class T>
void convolve(const Convolution<T>& c, const T* bias, const T* x, std::size_t n, T* out, bool accumulate) {
  for (std::size_t i = 0; i < c.in.height; ++i) {
    for (std::size_t j = 0; j < c.in.width; ++j) {
      bool first = !accumulate;
      for_lines(c.in, c.pixel, c.size, i, j, [&](std::size_t row, std::size_t column, std::size_t rows) {
        multiply({.m = c.out_channels,
                  .n = n,
                  .k = rows,
                  .a = c.weight + column,
                  .a_row = c.stride,
                  .a_col = 1,
                  .b = x + row * n,
                  .ldb = n,
                  .c = out + (i * c.in.width + j) * c.out_pixel * n,
                  .ldc = n,
                  .row_start = first ? bias : nullptr,
                  .accumulate = !first});
        first = false;
      });
    }
  }
}

std::size_t flipped_size(std::size_t in_channels, std::size_t out_channels, std::size_t size) {
  return in_channels * round_up_lanes(size * size * out_channels);
}

template <class T>
void convolve_transposed(const Convolution<T>& c, const T* d, std::size_t n, T* out, bool accumulate,
                         T* scratch) {
  const std::size_t taps = c.size * c.size, stride = round_up_lanes(taps * c.out_channels);
  for (std::size_t o = 0; o < c.out_channels; ++o) {
    for (std::size_t k = 0; k < taps; ++k) {
      const T* from = c.weight + o * c.stride + (taps - 1 - k) * c.in.channels;
      T* to = scratch + k * c.out_channels + o;
      for (std::size_t i = 0; i < c.in.channels; ++i) to[i * stride] = from[i];
    }
  }
  Convolution<T> flipped{c.in, c.in.channels, c.size, scratch, stride, c.out_pixel, c.pixel};
  flipped.in.channels = c.out_channels;
  convolve<T>(flipped, nullptr, d, n, out, accumulate);
}

template <class T>
void convolve_gradient(const Convolution<T>& c, const T* x, const T* d, std::size_t n, T* weight, T* bias,
                       T* scratch) {
  // Rows of one line more than fill a set of the cache over and over; one vector apart they do not.
  const std::size_t rows = c.in.pixels() * c.pixel, ld = round_up_lanes(rows) + kLaneQuantum;
  transpose(x, rows, n, n, scratch, ld);
  for (std::size_t i = 0; i < c.in.height; ++i) {
    for (std::size_t j = 0; j < c.in.width; ++j) {
      const T* from = d + (i * c.in.width + j) * c.out_pixel * n;
      if (bias) add_row_sums<T>({from, c.out_channels, n, n}, bias);
      for_lines(c.in, c.pixel, c.size, i, j, [&](std::size_t row, std::size_t column, std::size_t count) {
        multiply({.m = c.out_channels,
                  .n = round_up_lanes(count),
                  .k = n,
                  .a = from,
                  .a_row = n,
                  .a_col = 1,
                  .b = scratch + row,
                  .ldb = ld,
                  .c = weight + column,
                  .ldc = c.stride,
                  .accumulate = true});
      });
    }
  }
}

template <class T>
void planes_to_windows(const ImageShape& s, const T* planes, std::size_t n, std::size_t pixel, T* out) {
  std::fill_n(out, s.pixels() * pixel * n, T(0));
  const ImageShape one{s.height, s.width, 1};
  for (std::size_t i = 0; i < s.height; ++i) {
    for (std::size_t j = 0; j < s.width; ++j) {
      T* to = out + (i * s.width + j) * pixel * n;
      for_lines(one, 1, 3, i, j, [&](std::size_t row, std::size_t tap, std::size_t count) {
        for (std::size_t k = 0; k < count; ++k) {
          for (std::size_t c = 0; c < s.channels; ++c) {
            std::copy_n(planes + (c * s.pixels() + row + k) * n, n, to + ((tap + k) * s.channels + c) * n);
          }
        }
      });
    }
  }
}

template <class T>
void add_windows_to_planes(const ImageShape& s, const T* windows, std::size_t n, std::size_t pixel,
                           T* planes) {
  const ImageShape one{s.height, s.width, 1};
  for (std::size_t i = 0; i < s.height; ++i) {
    for (std::size_t j = 0; j < s.width; ++j) {
      const T* from = windows + (i * s.width + j) * pixel * n;
      for_lines(one, 1, 3, i, j, [&](std::size_t row, std::size_t tap, std::size_t count) {
        for (std::size_t k = 0; k < count; ++k) {
          for (std::size_t c = 0; c < s.channels; ++c) {
            add_rows(from + ((tap + k) * s.channels + c) * n, planes + (c * s.pixels() + row + k) * n, n,
                     T(1));
          }
        }
      });
    }
  }
}

template <class T>
void pixels_to_planes(const ImageShape& s, const T* x, std::size_t n, T* out) {
  for (std::size_t p = 0; p < s.pixels(); ++p) {
    for (std::size_t c = 0; c < s.channels; ++c) {
      std::copy_n(x + (p * s.channels + c) * n, n, out + (c * s.pixels() + p) * n);
    }
  }
}

template <class T>
void planes_to_pixels(const ImageShape& s, const T* x, std::size_t n, T* out, bool accumulate) {
  for (std::size_t p = 0; p < s.pixels(); ++p) {
    for (std::size_t c = 0; c < s.channels; ++c) {
      put_rows(x + (c * s.pixels() + p) * n, out + (p * s.channels + c) * n, n, accumulate);
    }
  }
}

// f(pixel of the small image, pixel of the large one), each of the four in a fixed order.
template <class F>
static void for_fours(std::size_t height, std::size_t width, F f) {
  for (std::size_t i = 0; i < height; ++i) {
    for (std::size_t j = 0; j < width; ++j) {
      for (std::size_t k = 0; k < 4; ++k) {
        f(i * width + j, (2 * i + k / 2) * 2 * width + 2 * j + k % 2, k == 0);
      }
    }
  }
}

template <class T>
void halve(const ImageShape& in, const T* x, std::size_t n, T* out) {
  const std::size_t row = in.channels * n;
  for_fours(in.height / 2, in.width / 2, [&](std::size_t small, std::size_t large, bool first) {
    if (first) std::fill_n(out + small * row, row, T(0));
    add_rows(x + large * row, out + small * row, row, T(0.25));
  });
}

template <class T>
void halve_backward(const ImageShape& in, const T* d, std::size_t n, T* out, bool accumulate) {
  const std::size_t row = in.channels * n;
  for_fours(in.height / 2, in.width / 2, [&](std::size_t small, std::size_t large, bool) {
    if (!accumulate) std::fill_n(out + large * row, row, T(0));
    add_rows(d + small * row, out + large * row, row, T(0.25));
  });
}

template <class T>
void enlarge(const ImageShape& in, const T* x, std::size_t n, T* out) {
  const std::size_t row = in.channels * n;
  for_fours(in.height, in.width, [&](std::size_t small, std::size_t large, bool) {
    std::copy_n(x + small * row, row, out + large * row);
  });
}

template <class T>
void enlarge_backward(const ImageShape& in, const T* d, std::size_t n, T* out, bool accumulate) {
  const std::size_t row = in.channels * n;
  for_fours(in.height, in.width, [&](std::size_t small, std::size_t large, bool first) {
    put_rows(d + large * row, out + small * row, row, accumulate || !first);
  });
}

#define SDE_NN_INSTANTIATE(T)                                                                          \
  template void convolve(const Convolution<T>&, const T*, const T*, std::size_t, T*, bool);            \
  template void convolve_transposed(const Convolution<T>&, const T*, std::size_t, T*, bool, T*);       \
  template void convolve_gradient(const Convolution<T>&, const T*, const T*, std::size_t, T*, T*, T*); \
  template void planes_to_windows(const ImageShape&, const T*, std::size_t, std::size_t, T*);          \
  template void add_windows_to_planes(const ImageShape&, const T*, std::size_t, std::size_t, T*);      \
  template void pixels_to_planes(const ImageShape&, const T*, std::size_t, T*);                        \
  template void planes_to_pixels(const ImageShape&, const T*, std::size_t, T*, bool);                  \
  template void halve(const ImageShape&, const T*, std::size_t, T*);                                   \
  template void halve_backward(const ImageShape&, const T*, std::size_t, T*, bool);                    \
  template void enlarge(const ImageShape&, const T*, std::size_t, T*);                                 \
  template void enlarge_backward(const ImageShape&, const T*, std::size_t, T*, bool);
SDE_NN_INSTANTIATE(float)
SDE_NN_INSTANTIATE(double)
#undef SDE_NN_INSTANTIATE

}  // namespace sde::nn
