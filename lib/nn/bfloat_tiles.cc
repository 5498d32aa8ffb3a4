#include "nn/bfloat_tiles.h"

#include <algorithm>

#if defined(__linux__) && defined(__x86_64__)
#include <immintrin.h>

#define TILES __attribute__((target("avx512f,amx-tile,amx-bf16")))

namespace sde::nn {
namespace {

// Operand of LDTILECFG: eight registers of 16 rows of 64 bytes.
struct alignas(64) TileShapes {
  std::uint8_t palette = 1, start = 0, reserved[14] = {};
  std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

constexpr long kTileStride = kTileRows * sizeof(Word);

// Registers 0 to 3 hold the tiles of C, row by row, 4 and 5 those of A, 6 and 7 those of B. Their numbers are
// part of instructions, hence spelt out.
template <int R, int C>
TILES inline void multiply_tiles() {
  _tile_dpbf16ps(0, 4, 6);
  if constexpr (C > 1) _tile_dpbf16ps(1, 4, 7);
  if constexpr (R > 1) _tile_dpbf16ps(2, 5, 6);
  if constexpr (R > 1 && C > 1) _tile_dpbf16ps(3, 5, 7);
}

// Panels of the factors, and where the second of two parts begins after the first; 0: there is one part.
struct Panels {
  const Word *left, *right;
  std::size_t depth, left_part, right_part;
};

// R x C tiles of the product.
template <int R, int C>
TILES void block(const Panels& p, bool accumulate, float* c, std::size_t ldc) {
  const auto stride = static_cast<long>(ldc * sizeof(float));
  float* const below = c + kTileRows * ldc;
  if (accumulate) {
    _tile_loadd(0, c, stride);
    if constexpr (C > 1) _tile_loadd(1, c + kTileRows, stride);
    if constexpr (R > 1) _tile_loadd(2, below, stride);
    if constexpr (R > 1 && C > 1) _tile_loadd(3, below + kTileRows, stride);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  const Word *left = p.left, *right = p.right;
  const std::size_t next = p.depth * kTileWords;  // from a tile to that of the next rows
  for (std::size_t k = 0; k < p.depth; ++k, left += kTileWords, right += kTileWords) {
    _tile_loadd(4, left, kTileStride);
    if constexpr (R > 1) _tile_loadd(5, left + next, kTileStride);
    if (p.left_part) {
      _tile_loadd(6, right + p.right_part, kTileStride);
      if constexpr (C > 1) _tile_loadd(7, right + p.right_part + next, kTileStride);
      multiply_tiles<R, C>();
    }
    _tile_loadd(6, right, kTileStride);
    if constexpr (C > 1) _tile_loadd(7, right + next, kTileStride);
    multiply_tiles<R, C>();
    if (p.left_part) {
      _tile_loadd(4, left + p.left_part, kTileStride);
      if constexpr (R > 1) _tile_loadd(5, left + p.left_part + next, kTileStride);
      multiply_tiles<R, C>();
    }
  }
  _tile_stored(0, c, stride);
  if constexpr (C > 1) _tile_stored(1, c + kTileRows, stride);
  if constexpr (R > 1) _tile_stored(2, below, stride);
  if constexpr (R > 1 && C > 1) _tile_stored(3, below + kTileRows, stride);
}

// R tiles of rows of the product, from row `row` on, all its columns.
template <int R>
TILES void rows_of_tiles(const PackedProduct& p, std::size_t row, float* c, std::size_t ldc) {
  const std::size_t panel = tiles_of(p.k, kTileDepth) * kTileWords;
  Panels panels{p.left + row / kTileRows * panel, p.right, panel / kTileWords, 0, 0};
  if (p.parts > 1) {
    panels.left_part = packed_words(p.m, p.k, 1);
    panels.right_part = packed_words(p.n, p.k, 1);
  }
  // The compiler does not know that tiles read memory.
  asm volatile("" ::: "memory");
  std::size_t column = 0;
  for (; column + 2 * kTileRows <= p.n; column += 2 * kTileRows) {
    block<R, 2>(panels, p.accumulate, c + column, ldc);
    panels.right += 2 * panel;
  }
  if (column < p.n) block<R, 1>(panels, p.accumulate, c + column, ldc);
  for (std::size_t r = 0; p.row_end && r < R * kTileRows && row + r < p.m; ++r) {
    const __m512 value = _mm512_set1_ps(p.row_end[row + r]);
    for (float* x = c + r * ldc; x < c + r * ldc + p.n; x += kTileRows)
      _mm512_store_ps(x, _mm512_add_ps(_mm512_load_ps(x), value));
  }
}

// Rows that do not fill a tile, by way of memory that holds one.
TILES void last_rows(const PackedProduct& p, std::size_t row) {
  float* const c = p.c + row * p.ldc;
  const std::size_t rows = p.m - row;
  AlignedVector<float> edge(kTileRows * p.n);
  for (std::size_t r = 0; r < rows; ++r) std::copy_n(c + r * p.ldc, p.n, edge.data() + r * p.n);
  rows_of_tiles<1>(p, row, edge.data(), p.n);
  for (std::size_t r = 0; r < rows; ++r) std::copy_n(edge.data() + r * p.n, p.n, c + r * p.ldc);
}

}  // namespace

TILES void multiply_on_tiles(const PackedProduct& p) {
  const TileShapes shapes;
  _tile_loadconfig(&shapes);
  std::size_t row = 0;
  for (; row + 2 * kTileRows <= p.m; row += 2 * kTileRows) rows_of_tiles<2>(p, row, p.c + row * p.ldc, p.ldc);
  if (row + kTileRows <= p.m) {
    rows_of_tiles<1>(p, row, p.c + row * p.ldc, p.ldc);
    row += kTileRows;
  }
  if (row < p.m) last_rows(p, row);
  _tile_release();
}

}  // namespace sde::nn

#undef TILES
#else

namespace sde::nn {
void multiply_on_tiles(const PackedProduct&) {}  // no processor of these has tiles
}  // namespace sde::nn

#endif
