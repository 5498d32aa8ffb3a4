#include "stats/kernels.h"

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

void PartialSums(const double* x, std::size_t n, double* sum, double* count) {
  const Tag d;
  const std::size_t lanes = hn::Lanes(d);
  for (std::size_t w = 0; w < 8; w += lanes) {
    auto total = hn::Zero(d), number = hn::Zero(d);
    const auto one = hn::Set(d, 1.0);
    for (std::size_t i = w; i < n; i += 8) {
      const auto v = hn::LoadU(d, x + i);
      const auto finite = hn::IsFinite(v);
      total = hn::Add(total, hn::IfThenElseZero(finite, v));
      number = hn::Add(number, hn::IfThenElseZero(finite, one));
    }
    hn::StoreU(total, d, sum + w);
    hn::StoreU(number, d, count + w);
  }
}

bool AllFinite(const double* x, std::size_t n) {
  const Tag d;
  auto bad = hn::Zero(d);
  for (std::size_t i = 0; i < n; i += hn::Lanes(d)) {
    const auto v = hn::LoadU(d, x + i);
    bad = hn::Or(bad, hn::IfThenZeroElse(hn::IsFinite(v), hn::Set(d, 1.0)));
  }
  return hn::AllTrue(d, hn::Eq(bad, hn::Zero(d)));
}

void PartialSquares(const double* x, double mean, std::size_t n, double* squares) {
  const Tag d;
  const auto m = hn::Set(d, mean);
  for (std::size_t w = 0; w < 8; w += hn::Lanes(d)) {
    auto total = hn::Zero(d);
    for (std::size_t i = w; i < n; i += 8) {
      const auto v = hn::LoadU(d, x + i);
      const auto e = hn::IfThenElseZero(hn::IsFinite(v), hn::Sub(v, m));
      total = hn::Add(total, hn::Mul(e, e));
    }
    hn::StoreU(total, d, squares + w);
  }
}

void PartialProducts(const double* x, double mean_x, const double* y, double mean_y, std::size_t n,
                     double* products) {
  const Tag d;
  const auto mx = hn::Set(d, mean_x), my = hn::Set(d, mean_y);
  for (std::size_t w = 0; w < 8; w += hn::Lanes(d)) {
    auto total = hn::Zero(d);
    for (std::size_t i = w; i < n; i += 8)
      total = hn::Add(total, hn::Mul(hn::Sub(hn::LoadU(d, x + i), mx), hn::Sub(hn::LoadU(d, y + i), my)));
    hn::StoreU(total, d, products + w);
  }
}

void FindBins(const BinRule& rule, const double* x, std::size_t n, std::uint64_t* bins, double* extremes) {
  const Tag d;
  const hn::RebindToUnsigned<Tag> u;
  const hn::RebindToSigned<Tag> s;
  const auto centre = hn::Set(d, rule.centre), inverse = hn::Set(d, rule.inverse_scale);
  const auto linear = hn::Set(d, static_cast<double>(rule.linear)), one = hn::Set(d, 1.0);
  // Exponent and leading bits of the mantissa as one number, moved so that 1 falls on bin `linear`.
  const auto offset = hn::Set(u, (std::uint64_t{1023} << rule.place_bits) - rule.linear);
  const auto half = hn::Set(u, rule.half), last = hn::Set(u, rule.half - 1), none = hn::Set(u, 2 * rule.half);
  const int shift = 52 - rule.place_bits;
  auto least = hn::Set(d, extremes[0]), greatest = hn::Set(d, extremes[1]);
  for (std::size_t i = 0; i < n; i += hn::Lanes(d)) {
    const auto v = hn::LoadU(d, x + i);
    const auto finite = hn::IsFinite(v);
    const auto y = hn::Mul(hn::Sub(v, centre), inverse);
    const auto distance = hn::Abs(y);
    const auto near = hn::BitCast(u, hn::ConvertTo(s, hn::Mul(hn::Min(distance, one), linear)));
    const auto far = hn::Min(hn::Sub(hn::ShiftRightSame(hn::BitCast(u, distance), shift), offset), last);
    const auto inside = hn::RebindMask(u, hn::Lt(distance, one));
    const auto bin = hn::IfThenElse(inside, near, far);
    const auto below = hn::RebindMask(u, hn::Lt(y, hn::Zero(d)));
    const auto place = hn::IfThenElse(below, hn::Sub(last, bin), hn::Add(half, bin));
    hn::StoreU(hn::IfThenElse(hn::RebindMask(u, finite), place, none), u, bins + i);
    least = hn::Min(least, hn::IfThenElse(finite, v, least));
    greatest = hn::Max(greatest, hn::IfThenElse(finite, v, greatest));
  }
  extremes[0] = hn::GetLane(hn::MinOfLanes(d, least));
  extremes[1] = hn::GetLane(hn::MaxOfLanes(d, greatest));
}

}  // namespace HWY_NAMESPACE
}  // namespace sde
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sde {

HWY_EXPORT(PartialSums);
HWY_EXPORT(AllFinite);
HWY_EXPORT(PartialSquares);
HWY_EXPORT(PartialProducts);
HWY_EXPORT(FindBins);

void partial_sums(const double* x, std::size_t n, double sum[kWays], double count[kWays]) {
  HWY_DYNAMIC_DISPATCH(PartialSums)(x, n, sum, count);
}

bool all_finite(const double* x, std::size_t n) {
  return HWY_DYNAMIC_DISPATCH(AllFinite)(x, n);
}

void partial_squares(const double* x, double mean_x, std::size_t n, double squares[kWays]) {
  HWY_DYNAMIC_DISPATCH(PartialSquares)(x, mean_x, n, squares);
}

void partial_products(const double* x, double mean_x, const double* y, double mean_y, std::size_t n,
                      double products[kWays]) {
  HWY_DYNAMIC_DISPATCH(PartialProducts)(x, mean_x, y, mean_y, n, products);
}

void find_bins(const BinRule& rule, const double* x, std::size_t n, std::uint64_t* bins, double& least,
               double& greatest) {
  double extremes[2] = {least, greatest};
  HWY_DYNAMIC_DISPATCH(FindBins)(rule, x, n, bins, extremes);
  least = extremes[0];
  greatest = extremes[1];
}

}  // namespace sde
#endif
