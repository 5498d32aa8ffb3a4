#include "simd/math.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "simd/math.cc"
#include "hwy/foreach_target.h"
// after foreach_target.h
#include "simd/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sde::simd::HWY_NAMESPACE {

template <class F, class T>
void MapWith(F f, const T* x, T* y, std::size_t n) {
  const hn::ScalableTag<T> d;
  for (std::size_t i = 0; i < n; i += hn::Lanes(d)) hn::Store(f(d, hn::Load(d, x + i)), d, y + i);
}

void Map(Function function, const double* x, double* y, std::size_t n) {
  switch (function) {
#define SDE_MAP(name, Name)      \
  case decltype(function)::name: \
    return MapWith([](auto d, auto v) HWY_ATTR { return Name(d, v); }, x, y, n);
    SDE_MAP(exp, Exp)
    SDE_MAP(expm1, Expm1)
    SDE_MAP(log, Log)
    SDE_MAP(log1p, Log1p)
    SDE_MAP(sin, Sin)
    SDE_MAP(cos, Cos)
    SDE_MAP(tan, Tan)
    SDE_MAP(asin, Asin)
    SDE_MAP(acos, Acos)
    SDE_MAP(atan, Atan)
    SDE_MAP(sinh, Sinh)
    SDE_MAP(cosh, Cosh)
    SDE_MAP(tanh, Tanh)
    SDE_MAP(erf, Erf)
    SDE_MAP(sigmoid, Sigmoid)
    SDE_MAP(softplus, Softplus)
  }
}

void MapFloat(FloatFunction function, const float* x, float* y, std::size_t n) {
  switch (function) {
    SDE_MAP(exp, Exp)
    SDE_MAP(log, Log)
    SDE_MAP(sin, Sin)
    SDE_MAP(cos, Cos)
    SDE_MAP(tanh, Tanh)
    SDE_MAP(sigmoid, Sigmoid)
#undef SDE_MAP
  }
}

void PowMap(const double* x, const double* y, double* z, std::size_t n) {
  const hn::ScalableTag<double> d;
  for (std::size_t i = 0; i < n; i += hn::Lanes(d)) {
    hn::Store(Pow(d, hn::Load(d, x + i), hn::Load(d, y + i)), d, z + i);
  }
}

}  // namespace sde::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sde::simd {

HWY_EXPORT(Map);
HWY_EXPORT(MapFloat);
HWY_EXPORT(PowMap);

void map(Function function, const double* x, double* y, std::size_t n) {
  HWY_DYNAMIC_DISPATCH(Map)(function, x, y, n);
}

void map(FloatFunction function, const float* x, float* y, std::size_t n) {
  HWY_DYNAMIC_DISPATCH(MapFloat)(function, x, y, n);
}

void pow(const double* x, const double* y, double* z, std::size_t n) {
  HWY_DYNAMIC_DISPATCH(PowMap)(x, y, z, n);
}

}  // namespace sde::simd
#endif
