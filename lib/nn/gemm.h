// Matrix products on blocks. Every element of a result is one chain of fused multiply-adds in the order of
// the summed index, so it has the same bits whatever the vector width, the tile, the number of lanes or of
// threads.
//
// Kept beside those of libraries (tests/bench/gemm_bench.cc) on the shapes of training: libxsmm's is as fast
// within a few percent but has no transposed first factor, oneDNN's up to a fifth slower on narrow layers;
// neither adds the bias nor has the same bits on every instruction set.
#pragma once

#include <cstddef>

#include "base/block.h"

namespace sde::nn {

// A distance for rows of `columns` numbers. Rows that are a multiple of 512 bytes apart would lie in few sets
// of a first-level cache, and products that go down a column would drive out their own operands.
constexpr std::size_t spread_stride(std::size_t columns) {
  const std::size_t n = round_up_lanes(columns);
  return n % 128 == 0 ? n + kLaneQuantum : n;
}

// C (m x n) = start + A (m x k) B (k x n).
// A is read element by element: A(r, l) = a[r * a_row + l * a_col]; one of the two strides is 1.
// B(l, j) = b[l * ldb + j] and C(r, j) = c[r * ldc + j] are read and written as vectors along j: n, ldb and
// ldc are multiples of kLaneQuantum, b and c aligned. `start` is row_start[r] where row_start is set, else C
// itself where `accumulate`, else zero. C may not overlap A or B. Where `scale` is set, C(r, j) is then
// multiplied by scale[r * scale_period + j % scale_period], the period a multiple of kLaneQuantum: tangents
// of one lane share the slope of its activation.
template <class T>
struct Product {
  std::size_t m = 0, n = 0, k = 0;
  const T* a = nullptr;
  std::size_t a_row = 0, a_col = 1;
  const T* b = nullptr;
  std::size_t ldb = 0;
  T* c = nullptr;
  std::size_t ldc = 0;
  const T* row_start = nullptr;
  bool accumulate = false;
  const T* scale = nullptr;
  std::size_t scale_period = 0;
};

void multiply(const Product<float>& p);
void multiply(const Product<double>& p);

// out[j][i] = in[i][j] for `rows` rows and `columns` columns; columns of `out` from `rows` up to the next
// multiple of kLaneQuantum are set to zero. `columns`, ld_in and ld_out are multiples of kLaneQuantum.
void transpose(const float* in, std::size_t rows, std::size_t columns, std::size_t ld_in, float* out,
               std::size_t ld_out);
void transpose(const double* in, std::size_t rows, std::size_t columns, std::size_t ld_in, double* out,
               std::size_t ld_out);

}  // namespace sde::nn
