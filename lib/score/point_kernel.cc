#include "score/point_kernel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "score/point_kernel.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "simd/exp-inl.h"
#include "simd/ops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sde::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using simd::HWY_NAMESPACE::Const;
using simd::HWY_NAMESPACE::Exp;
using simd::HWY_NAMESPACE::Fma;
using simd::HWY_NAMESPACE::Greater;
using simd::HWY_NAMESPACE::NegFma;

using F = hn::ScalableTag<double>;
using V = hn::Vec<F>;

constexpr size_t kTile = 32;

// Tiles keep what they sum relative to the largest logit so far, so that nothing overflows and the data are
// read twice from cache and once from memory.
void sum(const double* points, const double* log_weights, size_t count, const PointSums& s,
         bool with_product) {
  const F d;
  const size_t D = s.x.rows;
  for (size_t l = 0; l < s.x.lanes; l += hn::Lanes(d)) {
    const V a = hn::Load(d, s.a + l);
    const V half = hn::Div(Const(d, -0.5), hn::Load(d, s.variance + l));
    V top = Const(d, -1e300), total = hn::Zero(d), square = hn::Zero(d);
    for (size_t i = 0; i < D; ++i) {
      hn::Store(hn::Zero(d), d, s.first.row(i) + l);
      if (with_product) hn::Store(hn::Zero(d), d, s.product.row(i) + l);
    }
    for (size_t k0 = 0; k0 < count; k0 += kTile) {
      const size_t n = count - k0 < kTile ? count - k0 : kTile;
      V distance[kTile], weight[kTile];
      V most = top;
      for (size_t k = 0; k < n; ++k) {
        const double* c = points + (k0 + k) * D;
        V sum = hn::Zero(d);
        for (size_t i = 0; i < D; ++i) {
          const V difference = Fma(a, hn::Set(d, c[i]), hn::Neg(hn::Load(d, s.x.row(i) + l)));
          sum = Fma(difference, difference, sum);
        }
        distance[k] = sum;
        weight[k] = Fma(half, sum, hn::Set(d, log_weights[k0 + k]));
        most = Greater(weight[k], most);
      }
      const V keep = Exp(d, hn::Sub(top, most));
      top = most;
      total = hn::Mul(total, keep);
      if (s.square) square = hn::Mul(square, keep);
      for (size_t k = 0; k < n; ++k) {
        weight[k] = Exp(d, hn::Sub(weight[k], most));
        total = hn::Add(total, weight[k]);
        if (s.square) square = Fma(weight[k], distance[k], square);
      }
      for (size_t i = 0; i < D; ++i) {
        const V x = hn::Load(d, s.x.row(i) + l);
        V sum = hn::Mul(hn::Load(d, s.first.row(i) + l), keep);
        for (size_t k = 0; k < n; ++k) {
          sum = Fma(weight[k], Fma(a, hn::Set(d, points[(k0 + k) * D + i]), hn::Neg(x)), sum);
        }
        hn::Store(sum, d, s.first.row(i) + l);
      }
      if (!with_product) continue;
      for (size_t k = 0; k < n; ++k) {
        const double* c = points + (k0 + k) * D;
        V dot = hn::Zero(d);
        for (size_t i = 0; i < D; ++i) {
          const V difference = Fma(a, hn::Set(d, c[i]), hn::Neg(hn::Load(d, s.x.row(i) + l)));
          dot = Fma(difference, hn::Load(d, s.v.row(i) + l), dot);
        }
        distance[k] = hn::Mul(weight[k], dot);
      }
      for (size_t i = 0; i < D; ++i) {
        const V x = hn::Load(d, s.x.row(i) + l);
        V sum = hn::Mul(hn::Load(d, s.product.row(i) + l), keep);
        for (size_t k = 0; k < n; ++k) {
          sum = Fma(distance[k], Fma(a, hn::Set(d, points[(k0 + k) * D + i]), hn::Neg(x)), sum);
        }
        hn::Store(sum, d, s.product.row(i) + l);
      }
    }
    hn::Store(top, d, s.top + l);
    hn::Store(total, d, s.total + l);
    if (s.square) hn::Store(square, d, s.square + l);
  }
}

}  // namespace sde::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sde {

HWY_EXPORT(sum);

void sum_points(const double* points, const double* log_weights, std::size_t count, const PointSums& sums,
                bool with_product) {
  HWY_DYNAMIC_DISPATCH(sum)(points, log_weights, count, sums, with_product);
}

}  // namespace sde
#endif  // HWY_ONCE
