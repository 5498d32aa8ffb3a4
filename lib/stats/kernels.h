// Loops over the values of a block that every statistic starts from; the same bits on every instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sde {

inline constexpr std::size_t kWays = 8;  // partial sums: element i goes to sum i % kWays

// n is a multiple of kWays.
// Sums of the finite values, and their numbers.
void partial_sums(const double* x, std::size_t n, double sum[kWays], double count[kWays]);
bool all_finite(const double* x, std::size_t n);
// Sums of (x - mean_x)^2 of the finite values.
void partial_squares(const double* x, double mean_x, std::size_t n, double squares[kWays]);
// Sums of (x - mean_x) (y - mean_y); all values are finite.
void partial_products(const double* x, double mean_x, const double* y, double mean_y, std::size_t n,
                      double products[kWays]);

// Sum of the kWays partial sums, in the one order.
inline double fold(const double* part) {
  return ((part[0] + part[4]) + (part[2] + part[6])) + ((part[1] + part[5]) + (part[3] + part[7]));
}

// Where each value falls among the bins of a QuantileSketch of 2 * half bins, `linear` of them within one
// scale (a power of two) and 2^place_bits an octave beyond; `half * 2` for what is not finite. Least and
// greatest of the finite values are updated.
struct BinRule {
  double centre, inverse_scale;
  std::uint64_t linear, half;
  int place_bits;
};
void find_bins(const BinRule& rule, const double* x, std::size_t n, std::uint64_t* bins, double& least,
               double& greatest);

}  // namespace sde
