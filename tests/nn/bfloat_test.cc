#include "nn/bfloat.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "nn/gemm.h"
#include "random_values.h"
#include "simd/target.h"

namespace sde::nn {
namespace {

// To the nearest bfloat16, ties away from zero.
float nearest(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  return std::bit_cast<float>((bits + 0x8000u) & 0xFFFF0000u);
}

// The part-th bfloat16 that stand for x.
float part_of(float x, std::size_t part) {
  return part == 0 ? nearest(x) : nearest(x - nearest(x));
}

// A factor as x(row, depth).
struct Matrix {
  std::size_t rows, depth, parts;
  AlignedVector<float> x;  // [row][depth], without padding

  float at(std::size_t part, std::size_t r, std::size_t l) const {
    return r < rows && l < depth ? part_of(x[r * depth + l], part) : 0.0f;
  }
};

// [row][depth] with rows a multiple of kLaneQuantum apart, padded with zeros.
AlignedVector<float> padded(const Matrix& m, std::size_t stride) {
  AlignedVector<float> out(m.rows * stride);
  for (std::size_t r = 0; r < m.rows; ++r)
    for (std::size_t l = 0; l < m.depth; ++l) out[r * stride + l] = m.x[r * m.depth + l];
  return out;
}

// [depth][row], likewise.
AlignedVector<float> turned(const Matrix& m, std::size_t stride) {
  AlignedVector<float> out(m.depth * stride);
  for (std::size_t r = 0; r < m.rows; ++r)
    for (std::size_t l = 0; l < m.depth; ++l) out[l * stride + r] = m.x[r * m.depth + l];
  return out;
}

float half_of(Word word, std::size_t half) {
  return std::bit_cast<float>(half ? word & 0xFFFF0000u : word << 16);
}

// Left and right factors are laid out as the header says.
void expect_packed(const Matrix& m, const AlignedVector<Word>& packed, bool right) {
  const std::size_t R = tiles_of(m.rows, kTileRows), K = tiles_of(m.depth, kTileDepth);
  for (std::size_t part = 0; part < m.parts; ++part) {
    for (std::size_t i = 0; i < R * kTileRows; ++i) {
      for (std::size_t l = 0; l < K * kTileDepth; ++l) {
        const std::size_t tile = (part * R + i / kTileRows) * K + l / kTileDepth;
        const std::size_t row = i % kTileRows, word = l % kTileDepth / 2;
        const std::size_t place = right ? word * kTileRows + row : row * kTileRows + word;
        ASSERT_EQ(half_of(packed[tile * kTileWords + place], l % 2), m.at(part, i, l))
            << "part " << part << " row " << i << " depth " << l << " right " << right;
      }
    }
  }
}

struct Shape {
  std::size_t m, n, k;
};
const Shape kShapes[] = {{1, 16, 1},   {2, 64, 128},  {16, 16, 32}, {17, 48, 33}, {31, 32, 64},
                         {34, 80, 96}, {48, 16, 100}, {64, 64, 64}, {65, 112, 7}, {128, 48, 34}};

// The sums of the instruction, a step at a time.
void reference(const Matrix& a, const Matrix& b, float* c, std::size_t ldc) {
  const auto add = [&](std::size_t pa, std::size_t pb, std::size_t r, std::size_t j, std::size_t first) {
    float even = 0, odd = 0;
    for (std::size_t l = first; l < first + kTileDepth; l += 2) {
      even = std::fma(a.at(pa, r, l), b.at(pb, j, l), even);
      odd = std::fma(a.at(pa, r, l + 1), b.at(pb, j, l + 1), odd);
    }
    c[r * ldc + j] += even + odd;
  };
  for (std::size_t r = 0; r < a.rows; ++r) {
    for (std::size_t j = 0; j < b.rows; ++j) {
      for (std::size_t first = 0; first < a.depth; first += kTileDepth) {
        if (a.parts > 1) add(0, 1, r, j, first);
        add(0, 0, r, j, first);
        if (a.parts > 1) add(1, 0, r, j, first);
      }
    }
  }
}

struct Factors {
  Matrix a, b;
  AlignedVector<Word> left, right;
};

Factors factors(const Shape& s, std::size_t parts) {
  Factors f{
      {s.m, s.k, parts, random_values(s.m * s.k, 1)}, {s.n, s.k, parts, random_values(s.n * s.k, 2)}, {}, {}};
  f.a.x[0] = 1 + 0x1p-8f;  // ties
  f.b.x[0] = -1 - 0x1p-8f;
  f.left.resize(packed_words(s.m, s.k, parts));
  f.right.resize(packed_words(s.n, s.k, parts));
  const std::size_t stride = round_up_lanes(s.k) + kLaneQuantum;
  pack_rows(padded(f.a, stride).data(), s.m, s.k, stride, parts, f.left.data());
  pack_columns(turned(f.b, s.n).data(), s.n, s.k, s.n, parts, f.right.data());
  return f;
}

PackedProduct product_of(const Shape& s, const Factors& f, float* c, std::size_t ldc) {
  PackedProduct p{.m = s.m, .n = s.n, .k = s.k, .parts = f.a.parts};
  p.left = f.left.data();
  p.right = f.right.data();
  p.c = c;
  p.ldc = ldc;
  return p;
}

TEST(Bfloat, FactorsArePackedTheSameWayFromRowsAndFromColumns) {
  for (const std::string& target : available_targets()) {
    set_target(target);
    for (const Shape& s : kShapes) {
      for (const std::size_t parts : {1, 2}) {
        const Factors f = factors(s, parts);
        expect_packed(f.a, f.left, false);
        expect_packed(f.b, f.right, true);
        AlignedVector<Word> turned_left(f.left.size()), turned_right(f.right.size());
        transpose_tiles(f.left.data(), f.left.size() / kTileWords, turned_left.data());
        transpose_tiles(f.right.data(), f.right.size() / kTileWords, turned_right.data());
        expect_packed(f.a, turned_left, true);
        expect_packed(f.b, turned_right, false);
      }
    }
  }
  set_target(available_targets().front());
}

TEST(Bfloat, EveryTargetHasTheBitsOfTheInstruction) {
  for (const std::string& target : available_targets()) {
    set_target(target);
    for (const Shape& s : kShapes) {
      for (const std::size_t parts : {1, 2}) {
        const Factors f = factors(s, parts);
        const std::size_t ldc = s.n + 16;
        const auto bias = random_values(s.m, 3), before = random_values(s.m * ldc, 4);
        for (int start = 0; start < 3; ++start) {
          AlignedVector<float> expected = before, c = before;
          for (std::size_t r = 0; r < s.m && start < 2; ++r)
            std::fill_n(expected.data() + r * ldc, s.n, 0.0f);
          reference(f.a, f.b, expected.data(), ldc);
          for (std::size_t r = 0; r < s.m && start == 1; ++r)
            for (std::size_t j = 0; j < s.n; ++j) expected[r * ldc + j] += bias[r];
          PackedProduct p = product_of(s, f, c.data(), ldc);
          p.accumulate = start == 2;
          p.row_end = start == 1 ? bias.data() : nullptr;
          multiply(p);
          ASSERT_EQ(std::vector<float>(c.begin(), c.end()),
                    std::vector<float>(expected.begin(), expected.end()))
              << target << " " << s.m << " x " << s.n << " x " << s.k << ", " << parts << " parts, start "
              << start;
        }
      }
    }
  }
  set_target(available_targets().front());
}

// Far below the normal range, where the instruction takes zeros, and with numbers that are none.
TEST(Bfloat, EveryTargetTreatsTinyAndInfiniteNumbersAlike) {
  const Shape s{16, 16, 64};
  for (const std::size_t parts : {1, 2}) {
    Factors f = factors(s, parts);
    for (int kind = 0; kind < 3; ++kind) {
      std::vector<AlignedVector<float>> results;
      for (const std::string& target : available_targets()) {
        set_target(target);
        AlignedVector<float> a = padded(f.a, s.k), b = turned(f.b, s.n);
        if (kind < 2) {
          for (float& x : a) x *= kind == 0 ? 0x1p-60f : 0x1p-130f;
          for (float& x : b) x *= kind == 0 ? 0x1p-68f : 1.0f;
        } else {
          a[3] = std::numeric_limits<float>::infinity();
          b[70] = std::numeric_limits<float>::quiet_NaN();
        }
        pack_rows(a.data(), s.m, s.k, s.k, parts, f.left.data());
        pack_columns(b.data(), s.n, s.k, s.n, parts, f.right.data());
        AlignedVector<float> c(s.m * s.n);
        multiply(product_of(s, f, c.data(), s.n));
        results.push_back(c);
        const auto finite = std::count_if(c.begin(), c.end(), [](float x) { return std::isfinite(x); });
        if (kind == 2) {
          // One row, and one column, of what is not finite.
          EXPECT_EQ(finite, 15 * 15) << target;
        }
        for (std::size_t i = 0; i < c.size(); ++i) {
          if (std::isnan(c[i])) {
            ASSERT_TRUE(std::isnan(results[0][i])) << target << " " << kind << " " << i;
          } else {
            ASSERT_EQ(c[i], results[0][i]) << target << " " << kind << " " << i;
          }
          const bool normal = c[i] == 0 || std::fabs(c[i]) >= std::numeric_limits<float>::min();
          ASSERT_TRUE(kind == 2 || normal);
        }
      }
    }
  }
  set_target(available_targets().front());
}

// Of the sum of absolute products: 2^-8 each for two factors of 8 bits; with 16 bits what the product left
// out is (2^-16) and what rounding the rests does (2^-16 each), and rounding in the sums.
TEST(Bfloat, ErrorsAreThoseOfTheBitsKept) {
  const Shape s{64, 64, 256};
  for (const std::size_t parts : {1, 2}) {
    const Factors f = factors(s, parts);
    AlignedVector<float> c(s.m * s.n);
    multiply(product_of(s, f, c.data(), s.n));
    double worst = 0;
    for (std::size_t r = 0; r < s.m; ++r) {
      for (std::size_t j = 0; j < s.n; ++j) {
        double sum = 0, size = 0;
        for (std::size_t l = 0; l < s.k; ++l) {
          const double product =
              static_cast<double>(f.a.x[r * s.k + l]) * static_cast<double>(f.b.x[j * s.k + l]);
          sum += product;
          size += std::fabs(product);
        }
        worst = std::max(worst, std::fabs(static_cast<double>(c[r * s.n + j]) - sum) / size);
      }
    }
    EXPECT_LT(worst, parts == 1 ? 0x1p-7 : 0x1p-14);
    EXPECT_GT(worst, parts == 1 ? 0x1p-13 : 0x1p-22);
  }
}

}  // namespace
}  // namespace sde::nn
