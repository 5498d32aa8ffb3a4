#include "simd/reduce.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace sde::simd {
namespace {

__extension__ using Wide = unsigned __int128;

// The binary digits of 2/pi after the point, 64 a word.
constexpr std::uint64_t kTwoOverPi[20] = {
    0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041, 0xfe5163abdebbc561, 0xb7246e3a424dd2e0,
    0x06492eea09d1921c, 0xfe1deb1cb129a73e, 0xe88235f52ebb4484, 0xe99c7026b45f7e41, 0x3991d639835339f4,
    0x9c845f8bbdf9283b, 0x1ff897ffde05980f, 0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7, 0x4f463f669e5fea2d,
    0x7527bac7ebe5f17b, 0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08, 0x56033046fc7b6bab, 0xf0cfbc209af4361d};

// Digits first + 1 .. first + 64 of 2/pi; digits before the point are zero.
std::uint64_t digits(int first) {
  if (first <= -64) return 0;
  if (first < 0) return kTwoOverPi[0] >> -first;
  const int word = first / 64, bit = first % 64;
  return bit ? kTwoOverPi[word] << bit | kTwoOverPi[word + 1] >> (64 - bit) : kTwoOverPi[word];
}

// value * 2^-128 to double-double.
void to_doubles(Wide value, double& head, double& tail) {
  if (value == 0) {
    head = tail = 0;
    return;
  }
  const auto high = static_cast<std::uint64_t>(value >> 64);
  const int zeros = high ? std::countl_zero(high) : 64 + std::countl_zero(static_cast<std::uint64_t>(value));
  const Wide normal = value << zeros;
  const auto a = static_cast<std::uint64_t>(normal >> 75);                       // 53 digits
  const auto b = static_cast<std::uint64_t>(normal >> 22) & ((1ull << 53) - 1);  // the next 53
  head = std::ldexp(static_cast<double>(a), -53 - zeros);
  tail = std::ldexp(static_cast<double>(b), -106 - zeros);
}

}  // namespace

ReducedAngle reduce_large_angle(double x) {
  if (!std::isfinite(x)) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    return {nan, nan, 0};
  }
  int exponent = 0;
  const auto mantissa = static_cast<std::uint64_t>(std::ldexp(std::frexp(std::abs(x), &exponent), 53));
  exponent -= 53;  // |x| = mantissa 2^exponent

  // Digits of 2/pi above 2^(2 - exponent) give multiples of 4 quarter turns. The next 256 give the rest: of
  // the product with the mantissa, the top two bits of the window are the quadrant and the others its
  // fraction.
  const int first = exponent - 2;
  const std::uint64_t w[4] = {digits(first), digits(first + 64), digits(first + 128), digits(first + 192)};
  Wide carry = Wide{mantissa} * w[3] >> 64;
  std::uint64_t product[3];
  for (int i = 2; i >= 0; --i) {
    carry += Wide{mantissa} * w[i];
    product[i] = static_cast<std::uint64_t>(carry);
    carry >>= 64;
  }
  int quadrant = static_cast<int>(product[0] >> 62);
  // The fraction of a quarter turn: 190 bits, its sign chosen so that it is at most a half, the top 128 kept
  // after the leading zeros that a close multiple of pi/2 leaves.
  std::uint64_t f0 = product[0] << 2 | product[1] >> 62, f1 = product[1] << 2 | product[2] >> 62,
                f2 = product[2] << 2;
  const bool negative = f0 >> 63;
  if (negative) {
    quadrant = (quadrant + 1) & 3;
    f2 = ~f2 + 1;
    f1 = ~f1 + (f2 == 0);
    f0 = ~f0 + (f2 == 0 && f1 == 0);
  }
  int shift = 0;
  if (f0 == 0) {
    f0 = f1, f1 = f2, f2 = 0;
    shift = 64;
  }
  double head, tail;
  to_doubles(Wide{f0} << 64 | f1, head, tail);
  head = std::ldexp(head, -shift);
  tail = std::ldexp(tail, -shift);

  // Times pi/2, in double-double.
  constexpr double kHalfPi = 0x1.921fb54442d18p+0, kHalfPiTail = 0x1.1a62633145c07p-54;
  const double p = head * kHalfPi;
  const double e = std::fma(head, kHalfPi, -p) + (head * kHalfPiTail + tail * kHalfPi);
  ReducedAngle angle{p + e, 0, quadrant};
  angle.tail = e - (angle.head - p);
  if (negative != (x < 0)) angle = {-angle.head, -angle.tail, quadrant};
  if (x < 0) angle.quadrant = (4 - quadrant) & 3;
  return angle;
}

}  // namespace sde::simd
