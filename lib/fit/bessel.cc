#include "fit/bessel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fit/bessel.cc"
#include "hwy/foreach_target.h"
// after foreach_target.h
#include "simd/math-inl.h"

// once: shared by every target
#ifndef SDE_FIT_BESSEL_ONCE_
#define SDE_FIT_BESSEL_ONCE_
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <optional>

#include "base/block.h"
#include "fit/bessel_series.h"
#endif

HWY_BEFORE_NAMESPACE();
namespace sde::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using simd::HWY_NAMESPACE::Const;
using simd::HWY_NAMESPACE::Fma;
using simd::HWY_NAMESPACE::Fms;
using simd::HWY_NAMESPACE::NegFma;

// exp(-z) I_nu(z) ~ exp(A) / sqrt(2 pi s) * exp(F), A = s - z - nu asinh(nu / z), F = sum_k D_k(t) s^-k, in
// one vector of lanes; `terms` of F.
template <int kOrder, class D, class V>
HWY_INLINE void Asymptotic(D d, double order, V z, V s, int terms, std::size_t lane,
                           const LogBesselRows& out) {
  const V nu = Const(d, order), one = Const(d, 1), two = Const(d, 2), half = Const(d, 0.5);
  const V w = hn::Div(one, s), p = hn::Mul(nu, w), t = hn::Mul(p, p);

  // F and its derivatives in w and t: Horner's rule in w over polynomials in t.
  const auto& table = bessel::expansion().coefficients;
  V f = hn::Zero(d), fw = f, fww = f, ft = f, fwt = f, ftt = f;
  const auto next = [&](V c, V ct, V ctt) HWY_ATTR {
    if constexpr (kOrder >= 2) {
      fww = Fma(fww, w, hn::Add(fw, fw));
      fwt = Fma(fwt, w, ft);
      ftt = Fma(ftt, w, ctt);
    }
    if constexpr (kOrder >= 1) {
      fw = Fma(fw, w, f);
      ft = Fma(ft, w, ct);
    }
    f = Fma(f, w, c);
  };
  for (int k = terms; k >= 1; --k) {
    const auto& row = table[static_cast<std::size_t>(k)];
    V c = Const(d, row[static_cast<std::size_t>(k)]), ct = hn::Zero(d), ctt = ct;
    for (int j = k - 1; j >= 0; --j) {
      if constexpr (kOrder >= 2) ctt = Fma(ctt, t, hn::Add(ct, ct));
      if constexpr (kOrder >= 1) ct = Fma(ct, t, c);
      c = Fma(c, t, Const(d, row[static_cast<std::size_t>(j)]));
    }
    next(c, ct, ctt);
  }
  next(hn::Zero(d), hn::Zero(d), hn::Zero(d));  // the sum begins with the first power of w

  // asinh without cancellation for an order of either sign.
  const V inverse = hn::Div(one, z), ratio = hn::Mul(nu, inverse), size = hn::Abs(ratio);
  const V root = hn::Mul(s, inverse);                        // sqrt(1 + ratio^2)
  const V half_tangent = hn::Div(size, hn::Add(one, root));  // at most 1
  const V positive = simd::HWY_NAMESPACE::Log1p(d, Fma(size, half_tangent, size));
  const V a = hn::CopySign(positive, nu);
  const V gap = hn::Div(hn::Mul(nu, nu), hn::Add(s, z));  // s - z
  const V log_s = simd::HWY_NAMESPACE::Log(d, hn::Mul(Const(d, 2 * std::numbers::pi), s));
  hn::Store(hn::Add(NegFma(half, log_s, NegFma(nu, a, gap)), f), d, out.value + lane);
  if constexpr (kOrder >= 1) {
    const V b = hn::Mul(z, w), w2 = hn::Mul(w, w), pw = hn::Mul(p, w), bw = hn::Mul(b, w);
    const V rest = hn::Sub(one, t);
    const V w_nu = hn::Neg(hn::Mul(p, w2)), w_z = hn::Neg(hn::Mul(b, w2));  // dw/dnu = -nu / s^3
    const V t_nu = hn::Mul(hn::Add(pw, pw), rest), t_z = hn::Mul(hn::Mul(Const(d, -2), t), bw);
    hn::Store(Fma(ft, t_nu, Fma(fw, w_nu, hn::Neg(Fma(half, pw, a)))), d, out.nu + lane);
    hn::Store(Fma(ft, t_z, Fma(fw, w_z, NegFma(half, bw, hn::Mul(gap, inverse)))), d, out.z + lane);
    if constexpr (kOrder >= 2) {
      const V w3 = hn::Mul(w2, w), three = Const(d, 3), four = Const(d, 4), pb = hn::Mul(p, b);
      const V w_nn = hn::Mul(w3, Fms(three, t, one)), w_nz = hn::Mul(three, hn::Mul(pb, w3));
      const V w_zz = hn::Mul(w3, Fms(three, hn::Mul(b, b), one));
      const V t_nn = hn::Mul(hn::Mul(two, w2), hn::Mul(rest, NegFma(four, t, one)));
      const V t_nz = hn::Mul(hn::Mul(Const(d, -4), hn::Mul(pb, w2)), NegFma(two, t, one));
      const V t_zz = hn::Mul(hn::Mul(hn::Add(t, t), w2), NegFma(four, t, three));
      const auto second = [&](V wi, V wj, V ti, V tj, V wij, V tij) HWY_ATTR {
        V sum = hn::Mul(fww, hn::Mul(wi, wj));
        sum = Fma(fwt, Fma(wi, tj, hn::Mul(wj, ti)), sum);
        sum = Fma(ftt, hn::Mul(ti, tj), sum);
        sum = Fma(fw, wij, sum);
        return Fma(ft, tij, sum);
      };
      const V half_w2 = hn::Mul(half, w2);
      const V nn = hn::Neg(Fma(half_w2, NegFma(two, t, one), w));
      const V nz = Fma(ratio, w, hn::Mul(pb, w2));
      const V zz = hn::Neg(Fma(hn::Mul(ratio, ratio), w, hn::Mul(half_w2, Fms(two, t, one))));
      hn::Store(hn::Add(nn, second(w_nu, w_nu, t_nu, t_nu, w_nn, t_nn)), d, out.nu_nu + lane);
      hn::Store(hn::Add(nz, second(w_nu, w_z, t_nu, t_z, w_nz, t_nz)), d, out.nu_z + lane);
      hn::Store(hn::Add(zz, second(w_z, w_z, t_z, t_z, w_zz, t_zz)), d, out.z_z + lane);
    }
  }
}

template <int kOrder>
HWY_INLINE void AsymptoticRun(double nu, const double* z, std::size_t from, std::size_t to, int terms,
                              const LogBesselRows& out) {
  const hn::ScalableTag<double> d;
  const auto square = Const(d, nu * nu), least = Const(d, bessel::kLeastArgument);
  for (std::size_t i = from; i < to; i += hn::Lanes(d)) {
    auto v = hn::Load(d, z + i);
    v = hn::IfThenElse(hn::Lt(v, least), least, v);
    Asymptotic<kOrder>(d, nu, v, hn::Sqrt(Fma(v, v, square)), terms, i, out);
  }
}

void AsymptoticLanes(double nu, const double* z, std::size_t from, std::size_t to, int terms, int order,
                     const LogBesselRows& out) {
  if (order == 0) return AsymptoticRun<0>(nu, z, from, to, terms, out);
  if (order == 1) return AsymptoticRun<1>(nu, z, from, to, terms, out);
  AsymptoticRun<2>(nu, z, from, to, terms, out);
}

}  // namespace sde::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sde {

HWY_EXPORT(AsymptoticLanes);

namespace {

constexpr double kSeriesBelow = 30;  // of s; above, the 15th term of the expansion is below 2e-16

// Terms after which the next is below 6e-16 in the value and below 1e-13 of a derivative.
int terms_for(double s) {
  if (s >= 2e4) return 3;
  if (s >= 1000) return 5;
  if (s >= 100) return 8;
  return bessel::kTerms;
}

}  // namespace

void log_scaled_bessel_i(double nu, const double* z, std::size_t lanes, int order, const LogBesselRows& out) {
  double* const rows[] = {out.value, out.nu, out.z, out.nu_nu, out.nu_z, out.z_z};
  const std::size_t used = order == 0 ? 1 : order == 1 ? 3 : 6;
  if (!(nu > -1)) {
    for (std::size_t r = 0; r < used; ++r)
      std::fill_n(rows[r], lanes, std::numeric_limits<double>::quiet_NaN());
    return;
  }
  std::optional<bessel::SeriesOrder> table;
  const auto is_small = [&](double x) { return nu * nu + x * x < kSeriesBelow * kSeriesBelow; };
  // The number of terms is chosen for kLaneQuantum lanes together, so that it does not depend on the vectors'
  // width.
  for (std::size_t from = 0; from < lanes; from += kLaneQuantum) {
    double least = std::numeric_limits<double>::infinity();
    bool any_small = false, all_small = true;
    for (std::size_t i = from; i < from + kLaneQuantum; ++i) {
      const bool here = is_small(z[i]);
      any_small |= here;
      all_small &= here;
      if (!here) least = std::min(least, z[i]);
    }
    if (!all_small) HWY_DYNAMIC_DISPATCH(AsymptoticLanes)
    (nu, z, from, from + kLaneQuantum, terms_for(std::sqrt(nu * nu + least * least)), order, out);
    if (!any_small) continue;
    if (!table) table.emplace(nu);
    for (std::size_t i = from; i < from + kLaneQuantum; ++i) {
      if (!is_small(z[i])) continue;
      const bessel::Values r = bessel::series(*table, std::max(z[i], bessel::kLeastArgument), order);
      const double values[] = {r.value, r.nu, r.z, r.nu_nu, r.nu_z, r.z_z};
      for (std::size_t k = 0; k < used; ++k) rows[k][i] = values[k];
    }
  }
}

}  // namespace sde
#endif  // HWY_ONCE
