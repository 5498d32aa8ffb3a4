#include "nn/norm.h"

#include <type_traits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nn/norm.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "simd/ops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sde::nn::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using simd::HWY_NAMESPACE::Const;
using simd::HWY_NAMESPACE::Fma;
using simd::HWY_NAMESPACE::NegFma;

// Added to a variance before its root is taken.
constexpr double kEpsilon = 1e-5;

// f(row, channel) for the rows of a group.
template <class F>
HWY_INLINE void for_rows(const NormShape& s, size_t group, F f) {
  const size_t size = s.channels / s.groups, first = group * size;
  for (size_t p = 0; p < s.pixels; ++p) {
    for (size_t c = first; c < first + size; ++c) f(p * s.channels + c, c);
  }
}

template <class D, class P>
HWY_INLINE hn::Vec<D> film(D d, const P& p, const hn::TFromD<D>* rows, size_t channel, size_t lane) {
  const hn::TFromD<D>* row = rows + channel * p.film_stride;
  return p.film_lanes ? hn::Load(d, row + lane) : hn::Set(d, *row);
}

// f(V, lane) over the lanes, V vectors at a time, so that V sums run beside one another.
template <class T, class F>
HWY_INLINE void for_lanes(size_t lanes, F f) {
  constexpr size_t N = hn::MaxLanes(hn::ScalableTag<T>());
  size_t l = 0;
  for (; l + 4 * N <= lanes; l += 4 * N) f(std::integral_constant<size_t, 4>(), l);
  for (; l + 2 * N <= lanes; l += 2 * N) f(std::integral_constant<size_t, 2>(), l);
  for (; l < lanes; l += N) f(std::integral_constant<size_t, 1>(), l);
}

template <class T, size_t V>
HWY_INLINE void normalise_group(const NormForward<T>& p, size_t group, size_t lane) {
  const hn::ScalableTag<T> d;
  const size_t L = p.lanes, N = hn::Lanes(d);
  using Vec = hn::Vec<decltype(d)>;
  const Vec one = Const(d, 1);
  const Vec scale =
      hn::Div(one, hn::Set(d, static_cast<T>(p.shape.pixels * (p.shape.channels / p.shape.groups))));
  Vec mean[V], inverse[V];
#pragma GCC unroll 4
  for (size_t v = 0; v < V; ++v) mean[v] = inverse[v] = hn::Zero(d);
  for_rows(p.shape, group, [&](size_t r, size_t) {
#pragma GCC unroll 4
    for (size_t v = 0; v < V; ++v) mean[v] = hn::Add(mean[v], hn::Load(d, p.x + r * L + lane + v * N));
  });
#pragma GCC unroll 4
  for (size_t v = 0; v < V; ++v) mean[v] = hn::Mul(mean[v], scale);
  for_rows(p.shape, group, [&](size_t r, size_t) {
#pragma GCC unroll 4
    for (size_t v = 0; v < V; ++v) {
      const Vec c = hn::Sub(hn::Load(d, p.x + r * L + lane + v * N), mean[v]);
      inverse[v] = Fma(c, c, inverse[v]);
    }
  });
#pragma GCC unroll 4
  for (size_t v = 0; v < V; ++v) {
    inverse[v] = hn::Div(one, hn::Sqrt(Fma(inverse[v], scale, Const(d, kEpsilon))));
    hn::Store(inverse[v], d, p.inverse + group * L + lane + v * N);
  }
  for_rows(p.shape, group, [&](size_t r, size_t channel) {
#pragma GCC unroll 4
    for (size_t v = 0; v < V; ++v) {
      const size_t at = r * L + lane + v * N;
      const Vec n = hn::Mul(hn::Sub(hn::Load(d, p.x + at), mean[v]), inverse[v]);
      if (p.normalised) hn::Store(n, d, p.normalised + at);
      const Vec gain = hn::Add(one, film(d, p, p.gain, channel, lane + v * N));
      hn::Store(Fma(n, gain, film(d, p, p.shift, channel, lane + v * N)), d, p.y + at);
    }
  });
}

template <class T>
HWY_INLINE void normalise_any(const NormForward<T>& p) {
  for (size_t g = 0; g < p.shape.groups; ++g) {
    for_lanes<T>(p.lanes,
                 [&](auto vectors, size_t l) { normalise_group<T, decltype(vectors)::value>(p, g, l); });
  }
}

template <class T, size_t V>
HWY_INLINE void derivative_group(const NormDerivative<T>& p, size_t group, size_t lane) {
  const hn::ScalableTag<T> d;
  const size_t L = p.lanes, N = hn::Lanes(d);
  using Vec = hn::Vec<decltype(d)>;
  const Vec one = Const(d, 1);
  const Vec scale =
      hn::Div(one, hn::Set(d, static_cast<T>(p.shape.pixels * (p.shape.channels / p.shape.groups))));
  const auto gain = [&](size_t channel, size_t l) { return hn::Add(one, film(d, p, p.gain, channel, l)); };
  const auto arriving = [&](size_t r, size_t channel, size_t l) {
    const Vec e = hn::Load(d, p.d + r * p.stride + l);
    return p.gain_after ? e : hn::Mul(e, gain(channel, l));
  };
  Vec mean[V], product[V], inverse[V];
#pragma GCC unroll 4
  for (size_t v = 0; v < V; ++v) {
    mean[v] = product[v] = hn::Zero(d);
    inverse[v] = hn::Load(d, p.inverse + group * L + lane + v * N);
  }
  for_rows(p.shape, group, [&](size_t r, size_t channel) {
#pragma GCC unroll 4
    for (size_t v = 0; v < V; ++v) {
      const Vec e = arriving(r, channel, lane + v * N);
      mean[v] = hn::Add(mean[v], e);
      product[v] = Fma(e, hn::Load(d, p.normalised + r * L + lane + v * N), product[v]);
    }
  });
#pragma GCC unroll 4
  for (size_t v = 0; v < V; ++v) {
    mean[v] = hn::Mul(mean[v], scale);
    product[v] = hn::Mul(product[v], scale);
  }
  for_rows(p.shape, group, [&](size_t r, size_t channel) {
#pragma GCC unroll 4
    for (size_t v = 0; v < V; ++v) {
      const size_t l = lane + v * N;
      const Vec centred = hn::Sub(arriving(r, channel, l), mean[v]);
      Vec out = hn::Mul(inverse[v], NegFma(hn::Load(d, p.normalised + r * L + l), product[v], centred));
      if (p.gain_after) out = hn::Mul(out, gain(channel, l));
      T* to = p.out + r * p.stride + l;
      hn::Store(p.accumulate ? hn::Add(hn::Load(d, to), out) : out, d, to);
    }
  });
}

template <class T>
HWY_INLINE void derivative_any(const NormDerivative<T>& p) {
  for (size_t g = 0; g < p.shape.groups; ++g) {
    for_lanes<T>(p.lanes,
                 [&](auto vectors, size_t l) { derivative_group<T, decltype(vectors)::value>(p, g, l); });
  }
}

template <class T>
HWY_INLINE void film_any(const FilmGradient<T>& p) {
  const hn::ScalableTag<T> d;
  const size_t L = p.lanes;
  for (size_t c = 0; c < p.shape.channels; ++c) {
    for (size_t l = 0; l < L; l += hn::Lanes(d)) {
      auto gain = hn::Zero(d), shift = hn::Zero(d);
      if (p.accumulate) {
        gain = hn::Load(d, p.gain + c * L + l);
        shift = hn::Load(d, p.shift + c * L + l);
      }
      for (size_t r = c; r < p.shape.rows(); r += p.shape.channels) {
        const auto e = hn::Load(d, p.d + r * L + l);
        gain = Fma(e, hn::Load(d, p.normalised + r * L + l), gain);
        shift = hn::Add(shift, e);
      }
      hn::Store(gain, d, p.gain + c * L + l);
      hn::Store(shift, d, p.shift + c * L + l);
    }
  }
}

void normalise_f32(const NormForward<float>& p) {
  normalise_any(p);
}
void normalise_f64(const NormForward<double>& p) {
  normalise_any(p);
}
void derivative_f32(const NormDerivative<float>& p) {
  derivative_any(p);
}
void derivative_f64(const NormDerivative<double>& p) {
  derivative_any(p);
}
void film_f32(const FilmGradient<float>& p) {
  film_any(p);
}
void film_f64(const FilmGradient<double>& p) {
  film_any(p);
}

}  // namespace sde::nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sde::nn {

HWY_EXPORT(normalise_f32);
HWY_EXPORT(normalise_f64);
HWY_EXPORT(derivative_f32);
HWY_EXPORT(derivative_f64);
HWY_EXPORT(film_f32);
HWY_EXPORT(film_f64);

void normalise(const NormForward<float>& p) {
  HWY_DYNAMIC_DISPATCH(normalise_f32)(p);
}
void normalise(const NormForward<double>& p) {
  HWY_DYNAMIC_DISPATCH(normalise_f64)(p);
}
void normalise_derivative(const NormDerivative<float>& p) {
  HWY_DYNAMIC_DISPATCH(derivative_f32)(p);
}
void normalise_derivative(const NormDerivative<double>& p) {
  HWY_DYNAMIC_DISPATCH(derivative_f64)(p);
}
void film_gradient(const FilmGradient<float>& p) {
  HWY_DYNAMIC_DISPATCH(film_f32)(p);
}
void film_gradient(const FilmGradient<double>& p) {
  HWY_DYNAMIC_DISPATCH(film_f64)(p);
}

}  // namespace sde::nn
#endif
