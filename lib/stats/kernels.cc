#include "stats/kernels.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "stats/kernels.cc"
#include "hwy/foreach_target.h"
//
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace sde {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
// At most kWays lanes, so that kWays partial sums are whole vectors on every target.
using Tag = hn::CappedTag<double, 8>;

// Of values that are all finite, the sum is, unless it overflows.
bool AllFinite(const double* x, std::size_t n) {
  const Tag d;
  const std::size_t lanes = hn::Lanes(d), whole = n / kWays * kWays;
  auto sum = hn::Zero(d);
  for (std::size_t i = 0; i < whole; i += lanes) sum = hn::Add(sum, hn::LoadU(d, x + i));
  bool finite = hn::AllTrue(d, hn::IsFinite(sum));
  if (!finite) {
    finite = true;
    for (std::size_t i = 0; i < whole; i += lanes)
      finite = finite && hn::AllTrue(d, hn::IsFinite(hn::LoadU(d, x + i)));
  }
  for (std::size_t i = whole; i < n; ++i) finite = finite && std::isfinite(x[i]);
  return finite;
}

// Element i of at most a leaf, as map(value), goes to sum i % kWays; `tail` is map of one value.
template <class Map, class Tail>
HWY_INLINE double Sum(const double* x, std::size_t n, const Map& map, const Tail& tail) {
  const Tag d;
  const std::size_t whole = n / kWays * kWays;
  HWY_ALIGN double sum[kWays];
  for (std::size_t w = 0; w < kWays; w += hn::Lanes(d)) {
    auto total = hn::Zero(d);
    for (std::size_t i = w; i < whole; i += kWays) total = hn::Add(total, map(hn::LoadU(d, x + i)));
    hn::Store(total, d, sum + w);
  }
  for (std::size_t i = whole; i < n; ++i) sum[i % kWays] += tail(x[i]);
  return fold(sum);
}

// Where some values are not finite.
Moments MomentsWithGaps(const double* x, std::size_t n) {
  const Tag d;
  const auto one = hn::Set(d, 1.0);
  const double count = Sum(
      x, n, [&](auto v) HWY_ATTR { return hn::IfThenElseZero(hn::IsFinite(v), one); },
      [](double v) { return std::isfinite(v) ? 1.0 : 0.0; });
  if (count == 0) return {};
  const double sum = Sum(
      x, n, [](auto v) HWY_ATTR { return hn::IfThenElseZero(hn::IsFinite(v), v); },
      [](double v) { return std::isfinite(v) ? v : 0.0; });
  const double mean = sum / count;
  const auto m = hn::Set(d, mean);
  const double squares = Sum(
      x, n,
      [&](auto v) HWY_ATTR {
        const auto e = hn::IfThenElseZero(hn::IsFinite(v), hn::Sub(v, m));
        return hn::Mul(e, e);
      },
      [&](double v) {
        const double e = std::isfinite(v) ? v - mean : 0.0;
        return e * e;
      });
  return {count, mean, squares};
}

void FindMoments(const double* x, std::size_t n, Moments* leaves) {
  const Tag d;
  for (; n > 0; ++leaves) {
    const std::size_t here = HWY_MIN(n, kLeafPaths);
    const auto same = [](auto v) HWY_ATTR { return v; };
    const double sum = Sum(x, here, same, same);
    if (std::isfinite(sum)) {
      const double count = static_cast<double>(here), mean = sum / count;
      const auto m = hn::Set(d, mean);
      const double squares = Sum(
          x, here,
          [&](auto v) HWY_ATTR {
            const auto e = hn::Sub(v, m);
            return hn::Mul(e, e);
          },
          [&](double v) { return (v - mean) * (v - mean); });
      *leaves = {count, mean, squares};
    } else {
      *leaves = MomentsWithGaps(x, here);
    }
    x += here;
    n -= here;
  }
}

void FindProducts(const double* x, const Moments* of_x, const double* y, const Moments* of_y, std::size_t n,
                  double* leaves) {
  const Tag d;
  for (std::size_t start = 0; start < n; start += kLeafPaths, ++of_x, ++of_y) {
    const double *const a = x + start, *const b = y + start;
    const std::size_t here = HWY_MIN(n - start, kLeafPaths), whole = here / kWays * kWays;
    const auto mx = hn::Set(d, of_x->mean), my = hn::Set(d, of_y->mean);
    HWY_ALIGN double sum[kWays];
    for (std::size_t w = 0; w < kWays; w += hn::Lanes(d)) {
      auto total = hn::Zero(d);
      for (std::size_t i = w; i < whole; i += kWays)
        total = hn::Add(total, hn::Mul(hn::Sub(hn::LoadU(d, a + i), mx), hn::Sub(hn::LoadU(d, b + i), my)));
      hn::Store(total, d, sum + w);
    }
    for (std::size_t i = whole; i < here; ++i) sum[i % kWays] += (a[i] - of_x->mean) * (b[i] - of_y->mean);
    *leaves++ = fold(sum);
  }
}

std::uint32_t FindBins(const BinRule& rule, const double* x, std::size_t n, std::int32_t low,
                       std::int32_t high, std::int32_t* bins) {
  const Tag d;
  const hn::Repartition<std::int32_t, Tag> s;
  const hn::Repartition<std::uint32_t, Tag> u;
  const auto centre = hn::Set(d, rule.centre), inverse = hn::Set(d, rule.inverse_scale), zero = hn::Zero(d);
  // Of a double's upper half: sign, 11 bits of exponent (1023 for 1) and the leading 20 bits of the mantissa.
  constexpr int kMantissa = 20;
  constexpr std::int32_t kOne = 1023 << kMantissa, kLeading = 1 << kMantissa;
  const int octave_shift = kMantissa - rule.octave_bits;
  const auto octave_offset = hn::Set(s, (kOne >> octave_shift) - (1 << rule.linear_bits));
  const auto linear_shift = hn::Set(u, static_cast<std::uint32_t>(1023 + kMantissa - rule.linear_bits));
  const auto most = hn::Set(u, 31u);
  const auto magnitude = hn::Set(s, 0x7fffffff), mantissa = hn::Set(s, kLeading - 1);
  const auto leading = hn::Set(s, kLeading), one = hn::Set(s, kOne), middle = hn::Set(s, rule.middle);
  const auto lowest = hn::Set(s, low), highest = hn::Set(s, high);
  auto least = lowest, greatest = highest;
  std::uint32_t outside = 0;
  const std::size_t lanes = hn::Lanes(d);
  for (std::size_t i = 0; i < n; i += 2 * lanes) {
    // Zero is added to make -0 (of an underflow) 0, which is on the upper side.
    const auto y = [&](std::size_t k) HWY_ATTR {
      return hn::BitCast(s, hn::Add(hn::Mul(hn::Sub(hn::LoadU(d, x + k), centre), inverse), zero));
    };
    const auto upper = hn::ConcatOdd(s, y(i + lanes), y(i));
    const auto distance = hn::And(upper, magnitude);
    // Within one scale, the whole part of distance * 2^linear_bits: the mantissa with its leading one, as far
    // to the right as the exponent says. Beyond, octave and place in it are the leading bits.
    const auto exponent = hn::BitCast(u, hn::ShiftRight<kMantissa>(distance));
    const auto shift = hn::Min(hn::Sub(linear_shift, exponent), most);
    const auto linear =
        hn::BitCast(s, hn::Shr(hn::BitCast(u, hn::Or(hn::And(distance, mantissa), leading)), shift));
    const auto octave = hn::Sub(hn::ShiftRightSame(distance, octave_shift), octave_offset);
    const auto bin = hn::IfThenElse(hn::Lt(distance, one), linear, octave);
    // -1 - bin below the centre.
    const auto place = hn::Add(hn::Xor(bin, hn::ShiftRight<31>(upper)), middle);
    hn::StoreU(place, s, bins + i);
    least = hn::Min(least, place);
    greatest = hn::Max(greatest, place);
    if ((i + 2 * lanes) % kBinBatch != 0 && i + 2 * lanes < n) continue;
    const bool inside = hn::AllTrue(s, hn::Eq(least, lowest)) && hn::AllTrue(s, hn::Eq(greatest, highest));
    outside |= std::uint32_t{!inside} << (i / kBinBatch);
    least = lowest;
    greatest = highest;
  }
  return outside;
}

}  // namespace HWY_NAMESPACE
}  // namespace sde
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sde {

HWY_EXPORT(AllFinite);
HWY_EXPORT(FindMoments);
HWY_EXPORT(FindProducts);
HWY_EXPORT(FindBins);

bool all_finite(const double* x, std::size_t n) {
  return HWY_DYNAMIC_DISPATCH(AllFinite)(x, n);
}

void find_moments(const double* x, std::size_t n, Moments* leaves) {
  HWY_DYNAMIC_DISPATCH(FindMoments)(x, n, leaves);
}

void find_products(const double* x, const Moments* of_x, const double* y, const Moments* of_y, std::size_t n,
                   double* leaves) {
  HWY_DYNAMIC_DISPATCH(FindProducts)(x, of_x, y, of_y, n, leaves);
}

std::uint32_t find_bins(const BinRule& rule, const double* x, std::size_t n, std::int32_t low,
                        std::int32_t high, std::int32_t* bins) {
  return HWY_DYNAMIC_DISPATCH(FindBins)(rule, x, n, low, high, bins);
}

}  // namespace sde
#endif
