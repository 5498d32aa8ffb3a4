#include "nn/gemm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "base/block.h"
#include "random_values.h"
#include "simd/target.h"

namespace sde::nn {
namespace {

struct Shape {
  std::size_t m, n, k;
};

// Every tail of rows and of vectors.
const Shape kShapes[] = {{1, 16, 1},
                         {2, 16, 3},
                         {3, 32, 5},
                         {4, 48, 7},
                         {5, 64, 0},
                         {6, 80, 9},
                         {7, 96, 11},
                         {8, 112, 2},
                         {9, 16, 64},
                         {15, 48, 33},
                         {16, 64, 16},
                         {17, 128, 20},
                         {31, 144, 8},
                         {64, 96, 64},
                         {128, 96, 34},
                         {2, 96, 128},
                         // Sums longer than a panel of the first-level cache.
                         {13, 64, 257},
                         {5, 96, 700},
                         {2, 32, 500},
                         {3, 16, 900}};

// The product that the header promises, one fused chain an element.
AlignedVector<float> reference(const Product<float>& p, const AlignedVector<float>& start) {
  AlignedVector<float> c = start;
  for (std::size_t r = 0; r < p.m; ++r) {
    for (std::size_t j = 0; j < p.n; ++j) {
      float sum = p.row_start ? p.row_start[r] : p.accumulate ? start[r * p.ldc + j] : 0.0f;
      for (std::size_t l = 0; l < p.k; ++l)
        sum = std::fma(p.a[r * p.a_row + l * p.a_col], p.b[l * p.ldb + j], sum);
      c[r * p.ldc + j] = p.scale ? sum * p.scale[r * p.scale_period + j % p.scale_period] : sum;
    }
  }
  return c;
}

TEST(Gemm, EveryShapeStrideAndTargetHasTheBitsOfTheFusedChain) {
  for (const std::string& target : available_targets()) {
    set_target(target);
    for (const Shape& s : kShapes) {
      for (const bool transposed : {false, true}) {
        for (int start = 0; start < 5; ++start) {
          const std::size_t ldb = s.n + 16, ldc = s.n + 32;
          const auto a = random_values(s.m * (s.k + 3) + s.k * (s.m + 3), 1),
                     b = random_values((s.k + 1) * ldb, 2);
          const auto bias = random_values(s.m, 3), before = random_values(s.m * ldc, 4);
          AlignedVector<float> c = before;
          Product<float> p{.m = s.m, .n = s.n, .k = s.k};
          p.a = a.data();
          p.a_row = transposed ? 1 : s.k + 3;
          p.a_col = transposed ? s.m + 3 : 1;
          p.b = b.data();
          p.ldb = ldb;
          p.c = c.data();
          p.ldc = ldc;
          p.row_start = start == 0 ? bias.data() : nullptr;
          p.accumulate = start == 1;
          // 3 and 4: slopes that one or three tangents of a lane share.
          const std::size_t period = start == 4 && s.n % 48 == 0 ? s.n / 3 : s.n;
          const auto slopes = random_values(s.m * period, 5);
          if (start > 2) {
            p.scale = slopes.data();
            p.scale_period = period;
          }
          multiply(p);
          const auto expected = reference(p, before);
          ASSERT_EQ(std::memcmp(c.data(), expected.data(), c.size() * sizeof(float)), 0)
              << target << " " << s.m << "x" << s.n << "x" << s.k << " start " << start;
        }
      }
    }
  }
  set_target(available_targets().front());
}

TEST(Gemm, TransposeFillsThePaddingWithZeros) {
  for (const std::string& target : available_targets()) {
    set_target(target);
    for (const std::size_t rows : {1, 2, 4, 15, 16, 17, 34, 64, 100}) {
      const std::size_t columns = 48, in_stride = 64, out_stride = round_up_lanes(rows) + 16;
      const auto in = random_values(rows * in_stride, 5);
      AlignedVector<float> out(columns * out_stride, 7.0f);
      transpose(in.data(), rows, columns, in_stride, out.data(), out_stride);
      for (std::size_t j = 0; j < columns; ++j) {
        for (std::size_t i = 0; i < out_stride; ++i) {
          const float expected = i < rows ? in[i * in_stride + j] : i < round_up_lanes(rows) ? 0.0f : 7.0f;
          ASSERT_EQ(out[j * out_stride + i], expected)
              << target << " rows " << rows << " at " << j << "," << i;
        }
      }
    }
  }
  set_target(available_targets().front());
}

}  // namespace
}  // namespace sde::nn
