// Loops over the values of a block that every statistic starts from; the same bits on every instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

#include "stats/moments.h"

namespace sde {

inline constexpr std::size_t kWays = 8;  // partial sums: element i goes to sum i % kWays

bool all_finite(const double* x, std::size_t n);
// Count, sum and centred squares of each leaf of kLeafPaths values, of which the last may be short; see
// leaf_moments.
void find_moments(const double* x, std::size_t n, Moments* leaves);
// Sums of (x - mean_x) (y - mean_y) of each leaf, means as find_moments has them; all values are finite.
void find_products(const double* x, const Moments* of_x, const double* y, const Moments* of_y, std::size_t n,
                   double* leaves);

// Sum of the kWays partial sums, in the one order.
inline double fold(const double* part) {
  return ((part[0] + part[4]) + (part[2] + part[6])) + ((part[1] + part[5]) + (part[3] + part[7]));
}

// Where values fall among the bins of a QuantileSketch that are near its centre: 2^linear_bits bins to either
// side within one scale and 2^octave_bits in each octave beyond, the first above the centre being `middle`.
struct BinRule {
  double centre, inverse_scale;
  int linear_bits, octave_bits;
  std::int32_t middle;
};
// The bin of each value; anything outside of the near ones, so that it is told apart, where the value is far
// away or not finite. n is a multiple of kBinWays and at most kBinRow. Bit k of the result tells whether any
// of the k-th kBinBatch bins is not from `low` to `high`.
inline constexpr std::size_t kBinWays = 16, kBinBatch = 64, kBinRow = 512;
std::uint32_t find_bins(const BinRule& rule, const double* x, std::size_t n, std::int32_t low,
                        std::int32_t high, std::int32_t* bins);

}  // namespace sde
