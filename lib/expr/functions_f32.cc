#include "base/block.h"
#include "expr/curve.h"
#include "expr/interpreter.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "expr/functions_f32.cc"
#include "hwy/foreach_target.h"
// after foreach_target.h
#include "simd/float-inl.h"
#include "simd/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sde::expr::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using namespace sde::simd::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
using Half = hn::Half<D>;
using Wide = hn::RepartitionToWide<D>;

template <class F>
HWY_INLINE void Map(F f, const float* a, float* to, std::size_t lanes) {
  for (std::size_t i = 0; i < lanes; i += hn::Lanes(D())) hn::Store(f(hn::Load(D(), a + i)), D(), to + i);
}

// By way of f64, for functions that models seldom have: right to half a place.
template <class F>
HWY_INLINE void MapWide(F f, const float* a, const float* b, float* to, std::size_t lanes) {
  const Half half;
  const Wide wide;
  for (std::size_t i = 0; i < lanes; i += hn::Lanes(half)) {
    const auto x = hn::PromoteTo(wide, hn::Load(half, a + i));
    const auto y = hn::PromoteTo(wide, hn::Load(half, b + i));
    hn::Store(hn::DemoteTo(half, f(x, y)), half, to + i);
  }
}

void Evaluate(Op op, const float* a, const float* b, float* to, std::size_t lanes) {
  const D d;
  const Wide w;
  using VW = hn::Vec<Wide>;
  switch (op) {
#define SDE_MAP(name, Name) \
  case Op::name:            \
    return Map([d](V x) HWY_ATTR { return Name(d, x); }, a, to, lanes);
#define SDE_MAP_WIDE(name, Name) \
  case Op::name:                 \
    return MapWide([w](VW x, VW) HWY_ATTR { return Name(w, x); }, a, a, to, lanes);
    SDE_MAP(exp, Exp)
    SDE_MAP(log, Log)
    SDE_MAP(sin, Sin)
    SDE_MAP(cos, Cos)
    SDE_MAP(tanh, Tanh)
    SDE_MAP(sigmoid, Sigmoid)
    SDE_MAP_WIDE(tan, Tan)
    SDE_MAP_WIDE(sinh, Sinh)
    SDE_MAP_WIDE(cosh, Cosh)
    SDE_MAP_WIDE(asin, Asin)
    SDE_MAP_WIDE(acos, Acos)
    SDE_MAP_WIDE(atan, Atan)
    SDE_MAP_WIDE(softplus, Softplus)
    SDE_MAP_WIDE(erf, Erf)
    SDE_MAP_WIDE(expm1, Expm1)
    SDE_MAP_WIDE(log1p, Log1p)
#undef SDE_MAP_WIDE
#undef SDE_MAP
    case Op::lookup:
      return look_up(a, b, to, lanes);
    default:
      break;
  }
  // pow, the one with two arguments
  MapWide([w](VW x, VW y) HWY_ATTR { return Pow(w, x, y); }, a, b, to, lanes);
}

// Dispatch happens here, once a run.
FunctionKernel<float> ChooseEvaluateF32() {
  return &Evaluate;
}

}  // namespace sde::expr::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sde::expr {

HWY_EXPORT(ChooseEvaluateF32);

template <>
FunctionKernel<float> function_kernel<float>() {
  return HWY_DYNAMIC_DISPATCH(ChooseEvaluateF32)();
}

}  // namespace sde::expr
#endif
