#include "nn/gemm.h"

#include <cassert>

#include "base/block.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nn/gemm.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "simd/ops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sde::nn::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Accumulators are named by templates, not looped over, so that they stay in registers: 24 of 32 (AVX-512,
// NEON) or 12 of 16 (AVX2). A tile of V vectors has so many rows.
#if HWY_TARGET == HWY_AVX2
constexpr int kMostVectors = 3;
constexpr int rows_of(int vectors) {
  return vectors == 3 ? 4 : vectors == 2 ? 6 : 8;
}
#else
constexpr int kMostVectors = 4;
constexpr int rows_of(int vectors) {
  return vectors == 4 ? 6 : vectors == 2 ? 12 : 8;
}
#endif

template <int R, int V, bool kUnitColumns, class T>
HWY_INLINE void tile(const Product<T>& p, size_t row, size_t column) {
  const hn::ScalableTag<T> d;
  const size_t N = hn::Lanes(d);
  using Vec = hn::Vec<decltype(d)>;
  Vec sum[R][V];
  const T* HWY_RESTRICT a = p.a + row * p.a_row;
  const T* HWY_RESTRICT b = p.b + column;
  T* HWY_RESTRICT c = p.c + row * p.ldc + column;
  const size_t step = kUnitColumns ? p.a_row : p.a_col;
  if (p.row_start) {
#pragma GCC unroll 12
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sum[r][v] = hn::Set(d, p.row_start[row + r]);
    }
  } else if (p.accumulate) {
#pragma GCC unroll 12
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sum[r][v] = hn::Load(d, c + r * p.ldc + v * N);
    }
  } else {
#pragma GCC unroll 12
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sum[r][v] = hn::Zero(d);
    }
  }
  for (size_t l = 0; l < p.k; ++l) {
    Vec x[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) x[v] = hn::Load(d, b + v * N);
#pragma GCC unroll 12
    for (int r = 0; r < R; ++r) {
      const Vec w = hn::Set(d, kUnitColumns ? a[r * step] : a[r]);
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sum[r][v] = simd::HWY_NAMESPACE::Fma(w, x[v], sum[r][v]);
    }
    b += p.ldb;
    a += kUnitColumns ? 1 : step;
  }
  if (p.scale) {
    size_t at = column < p.scale_period ? column : column % p.scale_period;
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      const T* HWY_RESTRICT by = p.scale + row * p.scale_period + at;
      at = at + N < p.scale_period ? at + N : 0;
#pragma GCC unroll 12
      for (int r = 0; r < R; ++r) sum[r][v] = hn::Mul(sum[r][v], hn::Load(d, by + r * p.scale_period));
    }
  }
#pragma GCC unroll 12
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) hn::Store(sum[r][v], d, c + r * p.ldc + v * N);
  }
}

// Sums are cut into parts whose panel of B takes half of a first-level cache of 48 KB: it then stays there
// while the rows of A pass by. C keeps the sums meanwhile, so that they are the same chains.
constexpr size_t kPanelBytes = 24 * 1024;

template <int V, bool kUnitColumns, class T>
HWY_INLINE void rows_of_panel(const Product<T>& p, size_t column) {
  constexpr int R = rows_of(V);
  size_t row = 0, full = p.m / R * R;
  // Six and two rows are better twice four: the few sums of two rows wait for one another.
  if (R == 6 && full && p.m == full + 2) full -= R;
  for (; row < full; row += R) tile<R, V, kUnitColumns>(p, row, column);
  if constexpr (R > 8) {
    if (row + 8 <= p.m) tile<8, V, kUnitColumns>(p, row, column), row += 8;
  }
  if constexpr (R > 4) {
    for (; row + 4 <= p.m; row += 4) tile<4, V, kUnitColumns>(p, row, column);
  }
  if (row + 2 <= p.m) tile<2, V, kUnitColumns>(p, row, column), row += 2;
  if (row < p.m) tile<1, V, kUnitColumns>(p, row, column);
}

template <int V, bool kUnitColumns, class T>
HWY_INLINE void column_panel(const Product<T>& p, size_t column) {
  const size_t most = kPanelBytes / (V * hn::Lanes(hn::ScalableTag<T>()) * sizeof(T));
  // Up to a third more is better in one part.
  if (p.k <= most + most / 3) return rows_of_panel<V, kUnitColumns>(p, column);
  const size_t parts = (p.k + most - 1) / most, size = (p.k + parts - 1) / parts;
  Product<T> part = p;
  part.scale = nullptr;
  for (size_t from = 0; from < p.k; from += size) {
    part.k = p.k - from < size ? p.k - from : size;
    if (from + part.k == p.k) part.scale = p.scale;  // the whole sum, and once
    part.a = p.a + from * p.a_col;
    part.b = p.b + from * p.ldb;
    rows_of_panel<V, kUnitColumns>(part, column);
    part.row_start = nullptr;
    part.accumulate = true;
  }
}

template <bool kUnitColumns, class T>
void product(const Product<T>& p) {
  const size_t N = hn::Lanes(hn::ScalableTag<T>());
  size_t column = 0, left = p.n / N;
  // One vector alone would wait for its own sums: fours where they come out even, else threes.
  while (left >= 3) {
    if constexpr (kMostVectors >= 4) {
      if (left % 4 == 0) {
        column_panel<4, kUnitColumns>(p, column);
        column += 4 * N;
        left -= 4;
        continue;
      }
    }
    if (left == 4) break;
    column_panel<3, kUnitColumns>(p, column);
    column += 3 * N;
    left -= 3;
  }
  for (; left >= 2; left -= 2, column += 2 * N) column_panel<2, kUnitColumns>(p, column);
  if (left) column_panel<1, kUnitColumns>(p, column);
}

template <class T>
HWY_INLINE void multiply_any(const Product<T>& p) {
  if (p.a_col == 1) {
    product<true>(p);
  } else {
    product<false>(p);
  }
}

void multiply_f32(const Product<float>& p) {
  multiply_any(p);
}
void multiply_f64(const Product<double>& p) {
  multiply_any(p);
}

// Blocks of 4 x 4: a vector is filled with the same four columns of every fourth... group of rows, then
// transposed inside its 128-bit parts; half of the shuffles of a textbook transpose become loads.
#if HWY_TARGET != HWY_EMU128
void transpose_f32(const float* in, size_t rows, size_t columns, size_t ld_in, float* out, size_t ld_out) {
  const hn::ScalableTag<float> d;
  const hn::RepartitionToWide<decltype(d)> wide;
  constexpr size_t N = hn::MaxLanes(hn::ScalableTag<float>());
  size_t i = 0;
  for (; i + N <= rows; i += N) {
    for (size_t j = 0; j < columns; j += 4) {
      hn::Vec<decltype(d)> q[4];
#pragma GCC unroll 4
      for (size_t r = 0; r < 4; ++r) {
        const float* from = in + (i + r) * ld_in + j;
        q[r] = hn::LoadDup128(d, from);
#pragma GCC unroll 4
        for (size_t part = 1; part < N / 4; ++part) {
          const auto below = hn::FirstN(d, 4 * part);
          q[r] = hn::IfThenElse(below, q[r], hn::LoadDup128(d, from + 4 * part * ld_in));
        }
      }
      const auto a = hn::InterleaveLower(d, q[0], q[1]), b = hn::InterleaveUpper(d, q[0], q[1]);
      const auto c = hn::InterleaveLower(d, q[2], q[3]), e = hn::InterleaveUpper(d, q[2], q[3]);
      const auto pair = [&](auto lower, auto x, auto y) {
        const auto u = hn::BitCast(wide, x), v = hn::BitCast(wide, y);
        if constexpr (decltype(lower)::value) {
          return hn::BitCast(d, hn::InterleaveLower(wide, u, v));
        } else {
          return hn::BitCast(d, hn::InterleaveUpper(wide, u, v));
        }
      };
      float* to = out + j * ld_out + i;
      hn::Store(pair(std::true_type(), a, c), d, to);
      hn::Store(pair(std::false_type(), a, c), d, to + ld_out);
      hn::Store(pair(std::true_type(), b, e), d, to + 2 * ld_out);
      hn::Store(pair(std::false_type(), b, e), d, to + 3 * ld_out);
    }
  }
  for (size_t j = 0; j < columns; ++j) {
    for (size_t r = i; r < round_up_lanes(rows); ++r)
      out[j * ld_out + r] = r < rows ? in[r * ld_in + j] : 0.0f;
  }
}
#else
void transpose_f32(const float* in, size_t rows, size_t columns, size_t ld_in, float* out, size_t ld_out) {
  for (size_t j = 0; j < columns; ++j) {
    for (size_t r = 0; r < round_up_lanes(rows); ++r)
      out[j * ld_out + r] = r < rows ? in[r * ld_in + j] : 0.0f;
  }
}
#endif

}  // namespace sde::nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sde::nn {

HWY_EXPORT(multiply_f32);
HWY_EXPORT(multiply_f64);
HWY_EXPORT(transpose_f32);

template <class T>
static void check(const Product<T>& p) {
  assert(p.n % kLaneQuantum == 0 && p.ldb % kLaneQuantum == 0 && p.ldc % kLaneQuantum == 0);
  assert(p.a_row == 1 || p.a_col == 1);
  (void)p;
}

void multiply(const Product<float>& p) {
  check(p);
  HWY_DYNAMIC_DISPATCH(multiply_f32)(p);
}

void multiply(const Product<double>& p) {
  check(p);
  HWY_DYNAMIC_DISPATCH(multiply_f64)(p);
}

void transpose(const float* in, std::size_t rows, std::size_t columns, std::size_t ld_in, float* out,
               std::size_t ld_out) {
  HWY_DYNAMIC_DISPATCH(transpose_f32)(in, rows, columns, ld_in, out, ld_out);
}

void transpose(const double* in, std::size_t rows, std::size_t columns, std::size_t ld_in, double* out,
               std::size_t ld_out) {
  for (std::size_t j = 0; j < columns; ++j) {
    for (std::size_t r = 0; r < round_up_lanes(rows); ++r)
      out[j * ld_out + r] = r < rows ? in[r * ld_in + j] : 0.0;
  }
}

}  // namespace sde::nn
#endif
