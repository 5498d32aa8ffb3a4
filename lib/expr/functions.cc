#include "base/block.h"
#include "expr/curve.h"
#include "expr/interpreter.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "expr/functions.cc"
#include "hwy/foreach_target.h"
// after foreach_target.h
#include "simd/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sde::expr::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using namespace sde::simd::HWY_NAMESPACE;

using D = hn::ScalableTag<double>;
using V = hn::Vec<D>;

template <class F>
HWY_INLINE void Map(F f, const double* a, double* to, std::size_t lanes) {
  for (std::size_t i = 0; i < lanes; i += hn::Lanes(D())) hn::Store(f(hn::Load(D(), a + i)), D(), to + i);
}

void Evaluate(Op op, const double* a, const double* b, double* to, std::size_t lanes) {
  const D d;
  switch (op) {
#define SDE_MAP(name, Name) \
  case Op::name:            \
    return Map([d](V x) HWY_ATTR { return Name(d, x); }, a, to, lanes);
    SDE_MAP(exp, Exp)
    SDE_MAP(log, Log)
    SDE_MAP(sin, Sin)
    SDE_MAP(cos, Cos)
    SDE_MAP(tan, Tan)
    SDE_MAP(sinh, Sinh)
    SDE_MAP(cosh, Cosh)
    SDE_MAP(tanh, Tanh)
    SDE_MAP(asin, Asin)
    SDE_MAP(acos, Acos)
    SDE_MAP(atan, Atan)
    SDE_MAP(sigmoid, Sigmoid)
    SDE_MAP(softplus, Softplus)
    SDE_MAP(erf, Erf)
    SDE_MAP(expm1, Expm1)
    SDE_MAP(log1p, Log1p)
#undef SDE_MAP
    case Op::lookup:
      return look_up(a, b, to, lanes);
    default:
      break;
  }
  // pow, the one with two arguments
  for (std::size_t i = 0; i < lanes; i += hn::Lanes(d)) {
    hn::Store(Pow(d, hn::Load(d, a + i), hn::Load(d, b + i)), d, to + i);
  }
}

// Dispatch happens here, once a run.
FunctionKernel<double> ChooseEvaluate() {
  return &Evaluate;
}

}  // namespace sde::expr::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sde::expr {

HWY_EXPORT(ChooseEvaluate);

template <>
FunctionKernel<double> function_kernel<double>() {
  return HWY_DYNAMIC_DISPATCH(ChooseEvaluate)();
}

}  // namespace sde::expr
#endif
