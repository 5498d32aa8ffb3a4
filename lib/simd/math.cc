#include "simd/math.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "simd/math.cc"
#include "hwy/foreach_target.h"
// after foreach_target.h
#include "simd/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sde::simd::HWY_NAMESPACE {

template <class F>
void MapWith(F f, const double* x, double* y, std::size_t n) {
  const hn::ScalableTag<double> d;
  for (std::size_t i = 0; i < n; i += hn::Lanes(d)) hn::Store(f(d, hn::Load(d, x + i)), d, y + i);
}

void Map(Function function, const double* x, double* y, std::size_t n) {
  switch (function) {
#define SDE_MAP(name, Name) \
  case Function::name:      \
    return MapWith([](auto d, auto v) HWY_ATTR { return Name(d, v); }, x, y, n);
    SDE_MAP(exp, Exp)
    SDE_MAP(log, Log)
    SDE_MAP(sin, Sin)
    SDE_MAP(cos, Cos)
#undef SDE_MAP
  }
}

}  // namespace sde::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sde::simd {

HWY_EXPORT(Map);

void map(Function function, const double* x, double* y, std::size_t n) {
  HWY_DYNAMIC_DISPATCH(Map)(function, x, y, n);
}

}  // namespace sde::simd
#endif
