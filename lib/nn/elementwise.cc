#include "nn/elementwise.h"

#include <cassert>
#include <cmath>
#include <type_traits>

#include "base/prefetch.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nn/elementwise.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "simd/ops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sde::nn::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using simd::HWY_NAMESPACE::Const;
using simd::HWY_NAMESPACE::Fma;
using simd::HWY_NAMESPACE::Greater;
using simd::HWY_NAMESPACE::Horner;
using simd::HWY_NAMESPACE::Lesser;
using simd::HWY_NAMESPACE::NegFma;

using F = hn::ScalableTag<float>;
using V = hn::Vec<F>;

// e^-x for |x| <= 87, to 2 ulp: x = -n ln 2 + r, a minimax polynomial of e^-r, 2^n added to the exponent. n
// comes from the last bits of a sum with 1.5 * 2^23; even and odd powers are apart, so that fewer operations
// wait for another.
HWY_INLINE V exp_minus(F d, V x) {
  const hn::RebindToSigned<F> di;
  const V shift = Const(d, 12582912.0);
  const V shifted = NegFma(x, Const(d, 1.4426950408889634), shift);
  const V n = hn::Sub(shifted, shift);
  V r = Fma(n, Const(d, 0.693145751953125), x);
  r = Fma(n, Const(d, 1.428606765330187e-06), r);
  const V r2 = hn::Mul(r, r);
  const V even = Horner(d, r2, 1.0000000718665698, 0.49998892659253513, 0.04191562946887292);
  const V odd = Horner(d, r2, -0.9999996910693363, -0.16667576542506063, -0.008297619508049633);
  const V p = Fma(r, odd, even);
  return hn::BitCast(d, hn::Add(hn::BitCast(di, p), hn::ShiftLeft<23>(hn::BitCast(di, shifted))));
}

// Below -80, where it is less than 2e-35, it stays at that value. `complement` receives 1 - sigmoid(x)
// without cancellation.
HWY_INLINE V sigmoid(F d, V x, V* complement = nullptr) {
  // The bounds come first: the second operand is what a comparison with NaN returns.
  const V e = exp_minus(d, Lesser(Const(d, 80), Greater(Const(d, -80), x)));
  const V s = hn::Div(Const(d, 1), hn::Add(Const(d, 1), e));
  if (complement) *complement = hn::Mul(e, s);
  return s;
}

struct Silu {
  HWY_INLINE V operator()(F d, V x, V* slope) const {
    V complement;
    const V s = sigmoid(d, x, &complement), y = hn::Mul(x, s);
    if (slope) *slope = Fma(y, complement, s);
    return y;
  }
};

// 0.909 x sigmoid(x), whose Lipschitz constant is 1 (Chen et al. 2019).
struct LipSwish {
  HWY_INLINE V operator()(F d, V x, V* slope) const {
    const V y = hn::Mul(Const(d, 0.909), Silu()(d, x, slope));
    if (slope) *slope = hn::Mul(Const(d, 0.909), *slope);
    return y;
  }
};

struct Tanh {
  HWY_INLINE V operator()(F d, V x, V* slope) const {
    const V x2 = hn::Mul(x, x);
    const V near = hn::Mul(x, Horner(d, x2, 1.0, -1.0 / 3, 2.0 / 15, -17.0 / 315, 62.0 / 2835,
                                     -1382.0 / 155925, 21844.0 / 6081075, -929569.0 / 638512875));
    const V s = sigmoid(d, hn::Add(x, x));
    const V y = hn::IfThenElse(hn::Lt(hn::Abs(x), Const(d, 0.55)), near, Fma(Const(d, 2), s, Const(d, -1)));
    if (slope) *slope = NegFma(y, y, Const(d, 1));
    return y;
  }
};

// max(x, 0) + log(1 + u), u = e^{-|x|}, by the series of 2 artanh(u / (2 + u)).
struct Softplus {
  HWY_INLINE V operator()(F d, V x, V* slope) const {
    const V u = exp_minus(d, Lesser(Const(d, 80), hn::Abs(x)));
    const V s = hn::Div(u, hn::Add(u, Const(d, 2))), s2 = hn::Mul(s, s);
    const V log =
        hn::Mul(hn::Add(s, s), Horner(d, s2, 1.0, 1.0 / 3, 1.0 / 5, 1.0 / 7, 1.0 / 9, 1.0 / 11, 1.0 / 13));
    if (slope) *slope = sigmoid(d, x);
    return hn::Add(Greater(x, hn::Zero(d)), log);
  }
};

template <class Act>
HWY_INLINE void apply(float* x, float* slope, size_t n) {
  const F d;
  if (slope) {
    for (size_t i = 0; i < n; i += hn::Lanes(d)) {
      V s;
      hn::Store(Act()(d, hn::Load(d, x + i), &s), d, x + i);
      hn::Store(s, d, slope + i);
    }
  } else {
    for (size_t i = 0; i < n; i += hn::Lanes(d)) {
      hn::Store(Act()(d, hn::Load(d, x + i), nullptr), d, x + i);
    }
  }
}

void activate_f32(Activation act, float* x, float* slope, size_t n) {
  switch (act) {
    case Activation::identity:
      if (slope) {
        for (size_t i = 0; i < n; ++i) slope[i] = 1;
      }
      return;
    case Activation::silu:
      return apply<Silu>(x, slope, n);
    case Activation::tanh:
      return apply<Tanh>(x, slope, n);
    case Activation::softplus:
      return apply<Softplus>(x, slope, n);
    case Activation::lipswish:
      return apply<LipSwish>(x, slope, n);
  }
}

// sin(2 pi y) for |y| <= 1/4.
HWY_INLINE V sin_quarter(F d, V y) {
  const V z = hn::Mul(Const(d, 6.283185307179586), y);
  return hn::Mul(z, Horner(d, hn::Mul(z, z), 1.0, -1.0 / 6, 1.0 / 120, -1.0 / 5040, 1.0 / 362880,
                           -1.0 / 39916800, 1.0 / 6227020800.0));
}

void time_features_f32(const float* t, size_t lanes, const float* frequency, size_t count, float* out) {
  const F d;
  const V quarter = Const(d, 0.25), half = Const(d, 0.5);
  for (size_t j = 0; j < count; ++j) {
    const V f = hn::Set(d, frequency[j]);
    for (size_t i = 0; i < lanes; i += hn::Lanes(d)) {
      const V turns = hn::Mul(f, hn::Load(d, t + i));
      const V r = hn::Sub(turns, hn::Round(turns));
      // sin is folded at a quarter turn: r to 1/2 - r or -1/2 - r; cos r = sin(1/4 - |r|).
      const V folded = Lesser(Greater(r, hn::Sub(hn::Neg(half), r)), hn::Sub(half, r));
      hn::Store(sin_quarter(d, folded), d, out + j * lanes + i);
      hn::Store(sin_quarter(d, hn::Sub(quarter, hn::Abs(r))), d, out + (count + j) * lanes + i);
    }
  }
}

template <class T>
HWY_INLINE void scale_any(T* x, const T* y, size_t rows, size_t row, size_t period) {
  const hn::ScalableTag<T> d;
  for (size_t r = 0; r < rows; ++r) {
    const T* by = y + r * period;
    for (size_t start = 0; start < row; start += period) {
      T* at = x + r * row + start;
      for (size_t i = 0; i < period; i += hn::Lanes(d)) {
        hn::Store(hn::Mul(hn::Load(d, at + i), hn::Load(d, by + i)), d, at + i);
      }
    }
  }
}
void scale_f32(float* x, const float* y, size_t rows, size_t row, size_t period) {
  scale_any(x, y, rows, row, period);
}
void scale_f64(double* x, const double* y, size_t rows, size_t row, size_t period) {
  scale_any(x, y, rows, row, period);
}

// The first and the second half of a vector added, down to 128 bits.
template <class D>
HWY_INLINE auto fold(D d, hn::Vec<D> v) {
  if constexpr (hn::MaxLanes(D()) * sizeof(hn::TFromD<D>) > 16) {
    const hn::Half<D> half;
    return fold(half, hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
  } else {
    (void)d;
    return v;
  }
}

// Sixteen partial sums, the second half added to the first until one is left, whatever the width of a vector.
template <class T, class Vec, size_t kParts>
HWY_INLINE T sum_of_parts(Vec (&sum)[kParts]) {
  for (size_t half = kParts / 2; half; half /= 2) {
    for (size_t k = 0; k < half; ++k) sum[k] = hn::Add(sum[k], sum[k + half]);
  }
  auto v = fold(hn::ScalableTag<T>(), sum[0]);
  if constexpr (sizeof(T) == 4) {
    v = hn::Add(v, hn::Shuffle1032(v));
    return hn::GetLane(hn::Add(v, hn::Shuffle2301(v)));
  } else {
    return hn::GetLane(hn::Add(v, hn::Shuffle01(v)));
  }
}

template <bool kScale, class T>
HWY_INLINE void row_sums_any(BlockView<T> x, const std::remove_const_t<T>* y, std::remove_const_t<T>* out) {
  using Value = std::remove_const_t<T>;
  const hn::ScalableTag<Value> d;
  constexpr size_t N = hn::MaxLanes(hn::ScalableTag<Value>());
  constexpr size_t parts = kLaneQuantum / N;
  for (size_t r = 0; r < x.rows; ++r) {
    T* row = x.row(r);
    hn::Vec<decltype(d)> sum[parts];
    for (size_t k = 0; k < parts; ++k) sum[k] = hn::Zero(d);
    for (size_t i = 0; i < x.lanes; i += kLaneQuantum) {
      for (size_t k = 0; k < parts; ++k) {
        auto v = hn::Load(d, row + i + k * N);
        if constexpr (kScale) {
          v = hn::Mul(v, hn::Load(d, y + r * x.lanes + i + k * N));
          hn::Store(v, d, row + i + k * N);
        }
        sum[k] = hn::Add(sum[k], v);
      }
    }
    out[r] += sum_of_parts<Value>(sum);
  }
}
void row_sums_f32(BlockView<const float> x, float* out) {
  row_sums_any<false>(x, x.data, out);
}
void row_sums_f64(BlockView<const double> x, double* out) {
  row_sums_any<false>(x, x.data, out);
}
void scaled_sums_f32(BlockView<float> x, const float* y, float* out) {
  row_sums_any<true>(x, y, out);
}
void scaled_sums_f64(BlockView<double> x, const double* y, double* out) {
  row_sums_any<true>(x, y, out);
}

double sum_of_squares_f32(const float* x, size_t n) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> narrow;
  constexpr size_t N = hn::MaxLanes(hn::ScalableTag<double>());
  constexpr size_t parts = kLaneQuantum / N;
  hn::Vec<decltype(d)> sum[parts];
  for (size_t k = 0; k < parts; ++k) sum[k] = hn::Zero(d);
  for (size_t i = 0; i < n; i += kLaneQuantum) {
    for (size_t k = 0; k < parts; ++k) {
      const auto v = hn::PromoteTo(d, hn::Load(narrow, x + i + k * N));
      sum[k] = Fma(v, v, sum[k]);
    }
  }
  return sum_of_parts<double>(sum);
}

// Weights, and sums of gradients, are read by other cores between their changes.
HWY_INLINE void fetch_first(const float* x, size_t n) {
  for (size_t i = 0; i < HWY_MIN(n, kFloatsAhead); i += kLineFloats) prefetch_to_change(x + i);
}
HWY_INLINE void fetch_next(const float* x, size_t i, size_t n) {
  if (i + kFloatsAhead < n) prefetch_to_change(x + i + kFloatsAhead);
}

void adam_f32(const AdamStep& s, size_t n, const float* gradient, float* parameter, float* first,
              float* second, float* ema) {
  const F d;
  const V b1 = hn::Set(d, s.beta1), c1 = hn::Set(d, s.one_minus_beta1), b2 = hn::Set(d, s.beta2);
  const V c2 = hn::Set(d, s.one_minus_beta2), rate = hn::Set(d, s.rate), eps = hn::Set(d, s.epsilon);
  const V scale = hn::Set(d, s.gradient_scale), l2 = hn::Set(d, s.l2),
          second_scale = hn::Set(d, s.second_scale);
  const V keep = hn::Set(d, 1.0f - s.decay), toward = hn::Set(d, s.ema_rate);
  fetch_first(parameter, n);
  for (size_t i = 0; i < n; i += hn::Lanes(d)) {
    fetch_next(parameter, i, n);
    const V p = hn::Load(d, parameter + i);
    const V g = Fma(l2, p, hn::Mul(scale, hn::Load(d, gradient + i)));
    const V m = Fma(c1, g, hn::Mul(b1, hn::Load(d, first + i)));
    const V v = Fma(c2, hn::Mul(g, g), hn::Mul(b2, hn::Load(d, second + i)));
    hn::Store(m, d, first + i);
    hn::Store(v, d, second + i);
    const V step = hn::Div(m, hn::Add(hn::Sqrt(hn::Mul(v, second_scale)), eps));
    const V next = NegFma(rate, step, hn::Mul(p, keep));
    hn::Store(next, d, parameter + i);
    if (ema) {
      const V old = hn::Load(d, ema + i);
      hn::Store(Fma(toward, hn::Sub(next, old), old), d, ema + i);
    }
  }
}

void adadelta_f32(const AdamStep& s, size_t n, const float* gradient, float* parameter, float* first,
                  float* second, float* ema) {
  const F d;
  const V rho = hn::Set(d, s.beta1), rest = hn::Set(d, s.one_minus_beta1), eps = hn::Set(d, s.epsilon);
  const V rate = hn::Set(d, s.rate), scale = hn::Set(d, s.gradient_scale), l2 = hn::Set(d, s.l2),
          toward = hn::Set(d, s.ema_rate);
  for (size_t i = 0; i < n; i += hn::Lanes(d)) {
    const V p = hn::Load(d, parameter + i), u = hn::Load(d, first + i);
    const V g = Fma(l2, p, hn::Mul(scale, hn::Load(d, gradient + i)));
    const V v = Fma(rest, hn::Mul(g, g), hn::Mul(rho, hn::Load(d, second + i)));
    const V step = hn::Mul(hn::Sqrt(hn::Div(hn::Add(u, eps), hn::Add(v, eps))), g);
    hn::Store(Fma(rest, hn::Mul(step, step), hn::Mul(rho, u)), d, first + i);
    hn::Store(v, d, second + i);
    const V next = NegFma(rate, step, p);
    hn::Store(next, d, parameter + i);
    if (ema) {
      const V old = hn::Load(d, ema + i);
      hn::Store(Fma(toward, hn::Sub(next, old), old), d, ema + i);
    }
  }
}

void add_f32(const float* from, float* to, size_t n) {
  const F d;
  fetch_first(to, n);
  for (size_t i = 0; i < n; i += hn::Lanes(d)) {
    fetch_next(to, i, n);
    hn::Store(hn::Add(hn::Load(d, to + i), hn::Load(d, from + i)), d, to + i);
  }
}

}  // namespace sde::nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sde::nn {

HWY_EXPORT(activate_f32);
HWY_EXPORT(time_features_f32);
HWY_EXPORT(scale_f32);
HWY_EXPORT(scale_f64);
HWY_EXPORT(row_sums_f32);
HWY_EXPORT(row_sums_f64);
HWY_EXPORT(scaled_sums_f32);
HWY_EXPORT(scaled_sums_f64);
HWY_EXPORT(sum_of_squares_f32);
HWY_EXPORT(adam_f32);
HWY_EXPORT(adadelta_f32);
HWY_EXPORT(add_f32);

void activate(Activation act, BlockView<float> x, float* slope) {
  assert(x.stride == x.lanes);
  HWY_DYNAMIC_DISPATCH(activate_f32)(act, x.data, slope, x.rows * x.lanes);
}

void activate(Activation act, BlockView<double> x, double* slope) {
  assert(x.stride == x.lanes);
  const double factor = act == Activation::lipswish ? 0.909 : 1.0;
  for (std::size_t i = 0; i < x.rows * x.lanes; ++i) {
    const double z = x.data[i], s = 1 / (1 + std::exp(-z));
    double y = z, dy = 1;
    switch (act) {
      case Activation::identity:
        break;
      case Activation::silu:
      case Activation::lipswish:
        y = factor * z * s;
        dy = factor * (s + z * s * (1 - s));
        break;
      case Activation::tanh:
        y = std::tanh(z);
        dy = 1 - y * y;
        break;
      case Activation::softplus:
        y = std::fmax(z, 0) + std::log1p(std::exp(-std::fabs(z)));
        dy = s;
        break;
    }
    x.data[i] = y;
    if (slope) slope[i] = dy;
  }
}

void time_features(const float* t, std::size_t lanes, const float* frequency, std::size_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(time_features_f32)(t, lanes, frequency, count, out);
}

void time_features(const double* t, std::size_t lanes, const double* frequency, std::size_t count,
                   double* out) {
  constexpr double two_pi = 6.283185307179586;
  for (std::size_t j = 0; j < count; ++j) {
    for (std::size_t i = 0; i < lanes; ++i) {
      out[j * lanes + i] = std::sin(two_pi * frequency[j] * t[i]);
      out[(count + j) * lanes + i] = std::cos(two_pi * frequency[j] * t[i]);
    }
  }
}

template <>
void scale_by(float* x, const float* y, std::size_t rows, std::size_t row, std::size_t period) {
  HWY_DYNAMIC_DISPATCH(scale_f32)(x, y, rows, row, period);
}
template <>
void scale_by(double* x, const double* y, std::size_t rows, std::size_t row, std::size_t period) {
  HWY_DYNAMIC_DISPATCH(scale_f64)(x, y, rows, row, period);
}
template <>
void add_row_sums(BlockView<const float> x, float* out) {
  HWY_DYNAMIC_DISPATCH(row_sums_f32)(x, out);
}
template <>
void add_row_sums(BlockView<const double> x, double* out) {
  HWY_DYNAMIC_DISPATCH(row_sums_f64)(x, out);
}

template <>
void scale_and_add_row_sums(BlockView<float> x, const float* y, float* out) {
  HWY_DYNAMIC_DISPATCH(scaled_sums_f32)(x, y, out);
}
template <>
void scale_and_add_row_sums(BlockView<double> x, const double* y, double* out) {
  HWY_DYNAMIC_DISPATCH(scaled_sums_f64)(x, y, out);
}

void adam(const AdamStep& step, std::size_t n, const float* gradient, float* parameter, float* first,
          float* second, float* ema) {
  HWY_DYNAMIC_DISPATCH(adam_f32)(step, n, gradient, parameter, first, second, ema);
}

void adadelta(const AdamStep& step, std::size_t n, const float* gradient, float* parameter, float* first,
              float* second, float* ema) {
  HWY_DYNAMIC_DISPATCH(adadelta_f32)(step, n, gradient, parameter, first, second, ema);
}

double sum_of_squares(const float* x, std::size_t n) {
  return HWY_DYNAMIC_DISPATCH(sum_of_squares_f32)(x, n);
}

void add_to(const float* from, float* to, std::size_t n) {
  HWY_DYNAMIC_DISPATCH(add_f32)(from, to, n);
}

}  // namespace sde::nn
#endif
