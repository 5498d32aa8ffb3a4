// Matrix products whose factors are bfloat16, one for each number or the sum of two, and whose sums are f32
// (Henry, Tang & Heinecke 2019, "Leveraging the bfloat16 artificial intelligence datatype for
// higher-precision computations"). Processors with matrix tiles (AMX) take sixteen times as many
// multiply-adds a cycle of them as of f32.
//
// The sums are those of the instruction TDPBF16PS, on every instruction set: of 32 neighbours along the
// summed index the even and the odd ones are two chains of fused multiply-adds from zero, numbers below the
// normal range being zero; the chains are added to one another, then to the result.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/block.h"
#include "nn/options.h"

namespace sde::nn {

// A factor is packed in tiles of 16 rows (of the left factor; columns of the right one) by 32 numbers along
// the summed index, two of them a word, the first in its lower half: [part][tile of rows][tile of the depth],
// then [row][word] (left) or [word][row] (right). What is beyond the factor is zero.
inline constexpr std::size_t kTileRows = 16, kTileDepth = 32, kTileWords = 256;
using Word = std::uint32_t;

constexpr std::size_t tiles_of(std::size_t n, std::size_t side) {
  return (n + side - 1) / side;
}
constexpr std::size_t packed_words(std::size_t rows, std::size_t depth, std::size_t parts) {
  return parts * tiles_of(rows, kTileRows) * tiles_of(depth, kTileDepth) * kTileWords;
}

// bfloat16 that stand for one number: 1, the nearest, for bf16; 2, the nearest and that to what it leaves,
// together 16 bits, for bf16x3; 0 for f32, which is not packed.
constexpr std::size_t parts_of(Precision precision) {
  return precision == Precision::bf16 ? 1 : precision == Precision::bf16x3 ? 2 : 0;
}

// A left factor from x(r, l) = x[r * stride + l]. `stride` and x are aligned to kLaneQuantum numbers, and
// those from `depth` up to the next multiple of it are zero.
void pack_rows(const float* x, std::size_t rows, std::size_t depth, std::size_t stride, std::size_t parts,
               Word* out);
// A right factor from x(r, l) = x[l * stride + r]; `rows` is a multiple of kLaneQuantum, or numbers beyond it
// up to the next one are zero.
void pack_columns(const float* x, std::size_t rows, std::size_t depth, std::size_t stride, std::size_t parts,
                  Word* out);
// Makes a right factor of a left one of so many tiles, and the other way round.
void transpose_tiles(const Word* in, std::size_t tiles, Word* out);

// C (m x n) = start + A (m x k) B (k x n) + end, C(r, j) = c[r * ldc + j]; n and ldc are multiples of
// kLaneQuantum. `start` is C itself where `accumulate`, else zero; `end` is row_end[r] where that is set.
// With two parts the products of the first by the second, of the first parts, and of the second by the first
// are added, tile by tile of the depth: in this order each is loaded once.
struct PackedProduct {
  std::size_t m = 0, n = 0, k = 0, parts = 1;
  const Word *left = nullptr, *right = nullptr;
  float* c = nullptr;
  std::size_t ldc = 0;
  bool accumulate = false;
  const float* row_end = nullptr;
};
void multiply(const PackedProduct& p);

}  // namespace sde::nn
