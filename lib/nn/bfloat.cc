#include "nn/bfloat.h"

#include <algorithm>
#include <cassert>

#include "nn/bfloat_tiles.h"
#include "nn/gemm.h"
#include "simd/target.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nn/bfloat.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "simd/ops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sde::nn::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using Words = hn::ScalableTag<Word>;
using FloatVec = hn::Vec<Floats>;
using WordVec = hn::Vec<Words>;

// To the nearest bfloat16, which is in the upper half; the lower one is what is left of the sum. NaNs stay
// NaNs, as those that arithmetic makes have a mantissa that cannot overflow. Of two that are as near the one
// away from zero: to the even one takes four operations, where packing is a tenth of a step of training.
HWY_INLINE WordVec rounded(WordVec x) {
  const Words d;
  return hn::Add(x, hn::Set(d, 0x8000u));
}

// What rounding x so has left, rounded likewise.
HWY_INLINE WordVec rest_of(WordVec x, WordVec nearest) {
  const Words d;
  const Floats f;
  const auto first = hn::And(nearest, hn::Set(d, 0xFFFF0000u));
  return rounded(hn::BitCast(d, hn::Sub(hn::BitCast(f, x), hn::BitCast(f, first))));
}

HWY_INLINE WordVec load_or_zero(const float* x, bool present) {
  const Floats f;
  return hn::BitCast(Words(), present ? hn::Load(f, x) : hn::Zero(f));
}

// The upper halves of two vectors, one after another.
HWY_INLINE WordVec upper_halves(WordVec low, WordVec high) {
  const Words d;
  const hn::Repartition<std::uint16_t, Words> half;
  return hn::BitCast(d, hn::ConcatOdd(half, hn::BitCast(half, high), hn::BitCast(half, low)));
}

void pack_rows_f32(const float* x, size_t rows, size_t depth, size_t stride, size_t parts, Word* out) {
  const Words d;
  const size_t N = hn::Lanes(d), K = tiles_of(depth, kTileDepth), part = packed_words(rows, depth, 1);
  const size_t whole = round_up_lanes(depth);
  for (size_t r = 0; r < tiles_of(rows, kTileRows) * kTileRows; ++r) {
    for (size_t l = 0; l < K * kTileDepth; l += 2 * N) {
      const bool here = r < rows;
      const auto low = load_or_zero(x + r * stride + l, here && l < whole);
      const auto high = load_or_zero(x + r * stride + l + N, here && l + N < whole);
      Word* to = out + (r / kTileRows * K + l / kTileDepth) * kTileWords + r % kTileRows * kTileRows +
                 l % kTileDepth / 2;
      const auto near_low = rounded(low), near_high = rounded(high);
      hn::Store(upper_halves(near_low, near_high), d, to);
      if (parts > 1) hn::Store(upper_halves(rest_of(low, near_low), rest_of(high, near_high)), d, to + part);
    }
  }
}

// Neighbours of a word are in two vectors.
HWY_INLINE WordVec merged(WordVec first, WordVec second) {
  const Words d;
  const hn::Repartition<std::uint16_t, Words> half;
  return hn::BitCast(d, hn::OddEven(hn::BitCast(half, second), hn::BitCast(half, hn::ShiftRight<16>(first))));
}

void pack_columns_f32(const float* x, size_t rows, size_t depth, size_t stride, size_t parts, Word* out) {
  const Words d;
  const size_t N = hn::Lanes(d), K = tiles_of(depth, kTileDepth), part = packed_words(rows, depth, 1);
  for (size_t l = 0; l < K * kTileDepth; l += 2) {
    for (size_t r = 0; r < tiles_of(rows, kTileRows) * kTileRows; r += N) {
      const auto first = load_or_zero(x + l * stride + r, l < depth);
      const auto second = load_or_zero(x + (l + 1) * stride + r, l + 1 < depth);
      Word* to = out + (r / kTileRows * K + l / kTileDepth) * kTileWords + l % kTileDepth / 2 * kTileRows +
                 r % kTileRows;
      const auto near_first = rounded(first), near_second = rounded(second);
      hn::Store(merged(near_first, near_second), d, to);
      if (parts > 1)
        hn::Store(merged(rest_of(first, near_first), rest_of(second, near_second)), d, to + part);
    }
  }
}

// So many rows of a tile of C, N columns of it, plus the product of a tile of A by one of B.
template <int R>
HWY_INLINE void add_tile(const Word* HWY_RESTRICT a, const Word* HWY_RESTRICT b, float* HWY_RESTRICT c,
                         size_t ldc) {
  const Words d;
  const Floats f;
  const auto upper = hn::Set(d, 0xFFFF0000u);
  FloatVec even[R], odd[R];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) even[r] = odd[r] = hn::Zero(f);
  for (size_t w = 0; w < kTileDepth / 2; ++w) {
    const auto pair = hn::Load(d, b + w * kTileRows);
    const auto b_even = hn::BitCast(f, hn::ShiftLeft<16>(pair)), b_odd = hn::BitCast(f, hn::And(pair, upper));
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const auto x = hn::Set(d, a[r * kTileRows + w]);
      even[r] = simd::HWY_NAMESPACE::Fma(hn::BitCast(f, hn::ShiftLeft<16>(x)), b_even, even[r]);
      odd[r] = simd::HWY_NAMESPACE::Fma(hn::BitCast(f, hn::And(x, upper)), b_odd, odd[r]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
    hn::Store(hn::Add(hn::Load(f, c + r * ldc), hn::Add(even[r], odd[r])), f, c + r * ldc);
}

void multiply_packed(const PackedProduct& p) {
  const size_t N = hn::Lanes(Words()), K = tiles_of(p.k, kTileDepth);
  const size_t left_part = packed_words(p.m, p.k, 1), right_part = packed_words(p.n, p.k, 1);
  constexpr int kRows = 8;
  for (size_t column = 0; column < p.n; column += N) {
    const Word* const right = p.right + column / kTileRows * K * kTileWords + column % kTileRows;
    for (size_t row = 0; row < p.m; row += kRows) {
      const Word* const left = p.left + row / kTileRows * K * kTileWords + row % kTileRows * kTileRows;
      float* const c = p.c + row * p.ldc + column;
      for (size_t k = 0; k < K; ++k) {
        // First by second, first by first, second by first.
        for (size_t term = p.parts > 1 ? 0 : 1; term <= p.parts; ++term) {
          const Word* a = left + k * kTileWords + (term == 2 ? left_part : 0);
          const Word* b = right + k * kTileWords + (term == 0 ? right_part : 0);
          if (row + kRows <= p.m) {
            add_tile<kRows>(a, b, c, p.ldc);
          } else {
            for (size_t r = 0; row + r < p.m; ++r) add_tile<1>(a + r * kTileRows, b, c + r * p.ldc, p.ldc);
          }
        }
      }
    }
  }
}

}  // namespace sde::nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace sde::nn {

HWY_EXPORT(pack_rows_f32);
HWY_EXPORT(pack_columns_f32);
HWY_EXPORT(multiply_packed);

namespace {

// While one lives, numbers below the normal range are zeros for this thread, as operands and as results.
class FlushSubnormals {
 public:
#if defined(__SSE2__)
  FlushSubnormals() : before_(_mm_getcsr()) {
    _mm_setcsr(before_ | 0x8040);
  }
  ~FlushSubnormals() {
    _mm_setcsr(before_);
  }

 private:
  unsigned before_;
#elif defined(__aarch64__)
  FlushSubnormals() {
    asm volatile("mrs %0, fpcr" : "=r"(before_));
    asm volatile("msr fpcr, %0" ::"r"(before_ | (std::uint64_t{1} << 24)));
  }
  ~FlushSubnormals() {
    asm volatile("msr fpcr, %0" ::"r"(before_));
  }

 private:
  std::uint64_t before_;
#endif
};

}  // namespace

void pack_rows(const float* x, std::size_t rows, std::size_t depth, std::size_t stride, std::size_t parts,
               Word* out) {
  HWY_DYNAMIC_DISPATCH(pack_rows_f32)(x, rows, depth, stride, parts, out);
}

void pack_columns(const float* x, std::size_t rows, std::size_t depth, std::size_t stride, std::size_t parts,
                  Word* out) {
  HWY_DYNAMIC_DISPATCH(pack_columns_f32)(x, rows, depth, stride, parts, out);
}

void transpose_tiles(const Word* in, std::size_t tiles, Word* out) {
  for (std::size_t t = 0; t < tiles; ++t) {
    transpose(reinterpret_cast<const float*>(in + t * kTileWords), kTileRows, kTileRows, kTileRows,
              reinterpret_cast<float*>(out + t * kTileWords), kTileRows);
  }
}

void multiply(const PackedProduct& p) {
  assert(p.n % kLaneQuantum == 0 && p.ldc % kLaneQuantum == 0);
  if (uses_tiles()) return multiply_on_tiles(p);
  for (std::size_t r = 0; !p.accumulate && r < p.m; ++r) std::fill_n(p.c + r * p.ldc, p.n, 0.0f);
  {
    const FlushSubnormals flush;
    HWY_DYNAMIC_DISPATCH(multiply_packed)(p);
  }
  for (std::size_t r = 0; p.row_end && r < p.m; ++r)
    for (std::size_t j = 0; j < p.n; ++j) p.c[r * p.ldc + j] += p.row_end[r];
}

}  // namespace sde::nn
#endif
