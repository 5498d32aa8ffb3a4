#include "nn/attention.h"

#include <cmath>
#include <limits>
#include <type_traits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nn/attention.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "simd/exp-inl.h"
#include "simd/float-inl.h"
#include "simd/ops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sde::nn::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using simd::HWY_NAMESPACE::Const;
using simd::HWY_NAMESPACE::Exp;
using simd::HWY_NAMESPACE::Fma;
using simd::HWY_NAMESPACE::Greater;

// V vectors side by side, so that as many sums run beside one another.
template <class T, std::size_t V>
struct Lanes {
  hn::ScalableTag<T> d;
  using Vec = hn::Vec<hn::ScalableTag<T>>;
  Vec v[V];

  HWY_INLINE void fill(T x) {
#pragma GCC unroll 4
    for (std::size_t i = 0; i < V; ++i) v[i] = hn::Set(d, x);
  }
  HWY_INLINE void load(const T* from) {
#pragma GCC unroll 4
    for (std::size_t i = 0; i < V; ++i) v[i] = hn::Load(d, from + i * hn::Lanes(d));
  }
  HWY_INLINE void store(T* to) const {
#pragma GCC unroll 4
    for (std::size_t i = 0; i < V; ++i) hn::Store(v[i], d, to + i * hn::Lanes(d));
  }
  HWY_INLINE void add_product(const T* a, const T* b) {
#pragma GCC unroll 4
    for (std::size_t i = 0; i < V; ++i) {
      v[i] = Fma(hn::Load(d, a + i * hn::Lanes(d)), hn::Load(d, b + i * hn::Lanes(d)), v[i]);
    }
  }
  // f(own, other)
  template <class F>
  HWY_INLINE void with(const Lanes& other, F f) {
#pragma GCC unroll 4
    for (std::size_t i = 0; i < V; ++i) v[i] = f(v[i], other.v[i]);
  }
};

// to += a b, rows of V vectors.
template <std::size_t V, class T>
HWY_INLINE void add_scaled(const T* a, const T* b, T* to) {
  Lanes<T, V> x;
  x.load(to);
  x.add_product(a, b);
  x.store(to);
}

template <class T>
struct Rows {
  AttentionShape s;
  const T* in;
  std::size_t lane, stride;  // of rows of `in`
  const T* query(std::size_t p, std::size_t c) const { return in + (3 * p * s.channels + c) * stride + lane; }
  const T* key(std::size_t p, std::size_t c) const { return query(p, s.channels + c); }
  const T* value(std::size_t p, std::size_t c) const { return query(p, 2 * s.channels + c); }
};

template <std::size_t V, class T>
HWY_INLINE void attend_lanes(const AttentionShape& s, const T* in, T* weights, T* out, std::size_t lane) {
  const hn::ScalableTag<T> d;
  const Rows<T> x{s, in, lane, s.lanes};
  const T scale = static_cast<T>(1 / std::sqrt(static_cast<double>(s.channels)));
  const auto times = [](auto a, auto b) { return hn::Mul(a, b); };
  for (std::size_t p = 0; p < s.pixels; ++p) {
    T* const row = weights + p * s.pixels * s.lanes + lane;
    Lanes<T, V> factor, most, sum, w;
    factor.fill(scale);
    most.fill(-std::numeric_limits<T>::infinity());
    for (std::size_t q = 0; q < s.pixels; ++q) {
      w.fill(0);
      for (std::size_t c = 0; c < s.channels; ++c) w.add_product(x.query(p, c), x.key(q, c));
      w.with(factor, times);
      w.store(row + q * s.lanes);
      most.with(w, [](auto a, auto b) { return Greater(a, b); });
    }
    sum.fill(0);
    for (std::size_t q = 0; q < s.pixels; ++q) {
      w.load(row + q * s.lanes);
      w.with(most, [&](auto a, auto b) { return Exp(d, hn::Sub(a, b)); });
      w.store(row + q * s.lanes);
      sum.with(w, [](auto a, auto b) { return hn::Add(a, b); });
    }
    for (std::size_t q = 0; q < s.pixels; ++q) {
      w.load(row + q * s.lanes);
      w.with(sum, [](auto a, auto b) { return hn::Div(a, b); });
      w.store(row + q * s.lanes);
    }
    for (std::size_t c = 0; c < s.channels; ++c) {
      sum.fill(0);
      for (std::size_t q = 0; q < s.pixels; ++q) sum.add_product(row + q * s.lanes, x.value(q, c));
      sum.store(out + (p * s.channels + c) * s.lanes + lane);
    }
  }
}

// Of the scores from that of the weights, which `scratch` holds: w (dw - sum w dw) times `scale`.
template <std::size_t V, class T>
HWY_INLINE void through_softmax(const AttentionShape& s, const T* row, T* scratch, std::size_t lane,
                                T scale) {
  Lanes<T, V> mean, x, w, factor;
  mean.fill(0);
  factor.fill(scale);
  for (std::size_t q = 0; q < s.pixels; ++q)
    mean.add_product(row + q * s.lanes, scratch + q * s.lanes + lane);
  for (std::size_t q = 0; q < s.pixels; ++q) {
    x.load(scratch + q * s.lanes + lane);
    w.load(row + q * s.lanes);
    x.with(mean, [](auto a, auto b) { return hn::Sub(a, b); });
    x.with(w, [](auto a, auto b) { return hn::Mul(a, b); });
    x.with(factor, [](auto a, auto b) { return hn::Mul(a, b); });
    x.store(scratch + q * s.lanes + lane);
  }
}

template <std::size_t V, class T>
HWY_INLINE void backward_lanes(const AttentionShape& s, const T* in, const T* weights, const T* d, T* scratch,
                               T* d_in, std::size_t lane) {
  const Rows<T> x{s, in, lane, s.lanes};
  const std::size_t L = s.lanes;
  const auto at = [&](std::size_t p, std::size_t part, std::size_t c) {
    return d_in + ((3 * p + part) * s.channels + c) * L + lane;
  };
  Lanes<T, V> sum;
  sum.fill(0);
  for (std::size_t r = 0; r < 3 * s.pixels * s.channels; ++r) sum.store(d_in + r * L + lane);
  const T scale = static_cast<T>(1 / std::sqrt(static_cast<double>(s.channels)));
  for (std::size_t p = 0; p < s.pixels; ++p) {
    const T* const row = weights + p * s.pixels * L + lane;
    const T* const from = d + p * s.channels * L + lane;
    for (std::size_t q = 0; q < s.pixels; ++q) {
      sum.fill(0);
      for (std::size_t c = 0; c < s.channels; ++c) sum.add_product(from + c * L, x.value(q, c));
      sum.store(scratch + q * L + lane);
    }
    through_softmax<V>(s, row, scratch, lane, scale);
    for (std::size_t q = 0; q < s.pixels; ++q) {
      const T* const score = scratch + q * L + lane;
      for (std::size_t c = 0; c < s.channels; ++c) {
        add_scaled<V>(score, x.key(q, c), at(p, 0, c));
        add_scaled<V>(score, x.query(p, c), at(q, 1, c));
        add_scaled<V>(row + q * L, from + c * L, at(q, 2, c));
      }
    }
  }
}

template <std::size_t V, class T>
HWY_INLINE void push_lanes(const AttentionShape& s, const T* in, const T* weights, const T* v,
                           std::size_t stride, T* scratch, T* out, std::size_t lane) {
  const Rows<T> x{s, in, lane, s.lanes}, t{s, v, lane, stride};
  const T scale = static_cast<T>(1 / std::sqrt(static_cast<double>(s.channels)));
  Lanes<T, V> sum;
  for (std::size_t p = 0; p < s.pixels; ++p) {
    const T* const row = weights + p * s.pixels * s.lanes + lane;
    for (std::size_t q = 0; q < s.pixels; ++q) {
      sum.fill(0);
      for (std::size_t c = 0; c < s.channels; ++c) {
        sum.add_product(t.query(p, c), x.key(q, c));
        sum.add_product(x.query(p, c), t.key(q, c));
      }
      sum.store(scratch + q * s.lanes + lane);
    }
    through_softmax<V>(s, row, scratch, lane, scale);
    for (std::size_t c = 0; c < s.channels; ++c) {
      sum.fill(0);
      for (std::size_t q = 0; q < s.pixels; ++q) {
        sum.add_product(scratch + q * s.lanes + lane, x.value(q, c));
        sum.add_product(row + q * s.lanes, t.value(q, c));
      }
      sum.store(out + (p * s.channels + c) * stride + lane);
    }
  }
}

template <class T, class F>
HWY_INLINE void for_lanes(std::size_t lanes, F f) {
  constexpr std::size_t N = hn::MaxLanes(hn::ScalableTag<T>());
  std::size_t l = 0;
  for (; l + 4 * N <= lanes; l += 4 * N) f(std::integral_constant<std::size_t, 4>(), l);
  for (; l + 2 * N <= lanes; l += 2 * N) f(std::integral_constant<std::size_t, 2>(), l);
  for (; l < lanes; l += N) f(std::integral_constant<std::size_t, 1>(), l);
}

template <class T>
HWY_INLINE void attend_any(const AttentionShape& s, const T* in, T* weights, T* out) {
  for_lanes<T>(s.lanes,
               [&](auto V, std::size_t l) { attend_lanes<decltype(V)::value>(s, in, weights, out, l); });
}
template <class T>
HWY_INLINE void backward_any(const AttentionShape& s, const T* in, const T* weights, const T* d, T* scratch,
                             T* d_in) {
  for_lanes<T>(s.lanes, [&](auto V, std::size_t l) {
    backward_lanes<decltype(V)::value>(s, in, weights, d, scratch, d_in, l);
  });
}
template <class T>
HWY_INLINE void push_any(const AttentionShape& s, const T* in, const T* weights, const T* v,
                         std::size_t stride, T* scratch, T* out) {
  for_lanes<T>(s.lanes, [&](auto V, std::size_t l) {
    push_lanes<decltype(V)::value>(s, in, weights, v, stride, scratch, out, l);
  });
}

void attend_f32(const AttentionShape& s, const float* in, float* weights, float* out) {
  attend_any(s, in, weights, out);
}
void attend_f64(const AttentionShape& s, const double* in, double* weights, double* out) {
  attend_any(s, in, weights, out);
}
void backward_f32(const AttentionShape& s, const float* in, const float* weights, const float* d,
                  float* scratch, float* d_in) {
  backward_any(s, in, weights, d, scratch, d_in);
}
void backward_f64(const AttentionShape& s, const double* in, const double* weights, const double* d,
                  double* scratch, double* d_in) {
  backward_any(s, in, weights, d, scratch, d_in);
}
void push_f32(const AttentionShape& s, const float* in, const float* weights, const float* v,
              std::size_t stride, float* scratch, float* out) {
  push_any(s, in, weights, v, stride, scratch, out);
}
void push_f64(const AttentionShape& s, const double* in, const double* weights, const double* v,
              std::size_t stride, double* scratch, double* out) {
  push_any(s, in, weights, v, stride, scratch, out);
}

}  // namespace sde::nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sde::nn {

HWY_EXPORT(attend_f32);
HWY_EXPORT(attend_f64);
HWY_EXPORT(backward_f32);
HWY_EXPORT(backward_f64);
HWY_EXPORT(push_f32);
HWY_EXPORT(push_f64);

template <>
void attend(const AttentionShape& s, const float* in, float* weights, float* out) {
  HWY_DYNAMIC_DISPATCH(attend_f32)(s, in, weights, out);
}
template <>
void attend(const AttentionShape& s, const double* in, double* weights, double* out) {
  HWY_DYNAMIC_DISPATCH(attend_f64)(s, in, weights, out);
}
template <>
void attend_backward(const AttentionShape& s, const float* in, const float* weights, const float* d,
                     float* scratch, float* d_in) {
  HWY_DYNAMIC_DISPATCH(backward_f32)(s, in, weights, d, scratch, d_in);
}
template <>
void attend_backward(const AttentionShape& s, const double* in, const double* weights, const double* d,
                     double* scratch, double* d_in) {
  HWY_DYNAMIC_DISPATCH(backward_f64)(s, in, weights, d, scratch, d_in);
}
template <>
void attend_push(const AttentionShape& s, const float* in, const float* weights, const float* v,
                 std::size_t stride, float* scratch, float* out) {
  HWY_DYNAMIC_DISPATCH(push_f32)(s, in, weights, v, stride, scratch, out);
}
template <>
void attend_push(const AttentionShape& s, const double* in, const double* weights, const double* v,
                 std::size_t stride, double* scratch, double* out) {
  HWY_DYNAMIC_DISPATCH(push_f64)(s, in, weights, v, stride, scratch, out);
}

}  // namespace sde::nn
#endif
