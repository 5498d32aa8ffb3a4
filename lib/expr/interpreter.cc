#include "expr/interpreter.h"

#include "base/block.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "expr/interpreter.cc"
#include "hwy/foreach_target.h"
// after foreach_target.h
#include "simd/ops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sde::expr::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using namespace sde::simd::HWY_NAMESPACE;

using D = hn::ScalableTag<double>;
using V = hn::Vec<D>;

// An argument of a step: a row of lanes, or one value that stays in a register.
template <bool kUniform>
class Argument {
 public:
  explicit Argument(const double* p) : p_(p), value_(hn::Load(D(), p)) {}
  HWY_INLINE V operator()(std::size_t i) const {
    if constexpr (kUniform) {
      return value_;
    } else {
      return hn::Load(D(), p_ + i);
    }
  }

 private:
  const double* p_;
  V value_;
};

template <class F, class... A>
HWY_INLINE void Loop(F f, double* to, std::size_t lanes, A... arguments) {
  for (std::size_t i = 0; i < lanes; i += kLaneQuantum) {
    for (std::size_t j = 0; j < kLaneQuantum; j += hn::Lanes(D())) {
      hn::Store(f(arguments(i + j)...), D(), to + i + j);
    }
  }
}

struct Call {
  const Step& step;
  double* const* table;
  std::size_t lanes;

  template <bool kUniform>
  HWY_INLINE Argument<kUniform> From(std::size_t i) const {
    return Argument<kUniform>(table[step.from[i]]);
  }
  HWY_INLINE double* To() const { return table[step.to]; }
};

template <class F>
HWY_NOINLINE void Unary(const Call& c, F f) {
  if (c.step.uniform) {
    Loop(f, c.To(), c.lanes, c.From<true>(0));
  } else {
    Loop(f, c.To(), c.lanes, c.From<false>(0));
  }
}

template <class F>
HWY_NOINLINE void Binary(const Call& c, F f) {
  switch (c.step.uniform) {
    case 0:
      return Loop(f, c.To(), c.lanes, c.From<false>(0), c.From<false>(1));
    case 1:
      return Loop(f, c.To(), c.lanes, c.From<true>(0), c.From<false>(1));
    default:
      return Loop(f, c.To(), c.lanes, c.From<false>(0), c.From<true>(1));
  }
}

template <class F>
HWY_NOINLINE void Ternary(const Call& c, F f) {
  switch (c.step.uniform) {
    case 0:
      return Loop(f, c.To(), c.lanes, c.From<false>(0), c.From<false>(1), c.From<false>(2));
    case 1:
      return Loop(f, c.To(), c.lanes, c.From<true>(0), c.From<false>(1), c.From<false>(2));
    case 2:
      return Loop(f, c.To(), c.lanes, c.From<false>(0), c.From<true>(1), c.From<false>(2));
    case 3:
      return Loop(f, c.To(), c.lanes, c.From<true>(0), c.From<true>(1), c.From<false>(2));
    case 4:
      return Loop(f, c.To(), c.lanes, c.From<false>(0), c.From<false>(1), c.From<true>(2));
    case 5:
      return Loop(f, c.To(), c.lanes, c.From<true>(0), c.From<false>(1), c.From<true>(2));
    default:
      return Loop(f, c.To(), c.lanes, c.From<false>(0), c.From<true>(1), c.From<true>(2));
  }
}

HWY_INLINE V Flag(hn::Mask<D> m) {
  return hn::IfThenElseZero(m, hn::Set(D(), 1.0));
}

// Either argument NaN: NaN.
HWY_INLINE V Minimum(V a, V b) {
  return hn::IfThenElse(hn::IsNaN(a), a, Lesser(a, b));
}
HWY_INLINE V Maximum(V a, V b) {
  return hn::IfThenElse(hn::IsNaN(a), a, Greater(a, b));
}

HWY_INLINE V Sign(V a) {  // NaN and zeros pass
  const V zero = hn::Zero(D());
  const V one = hn::CopySign(hn::Set(D(), 1.0), a);
  return hn::IfThenElse(hn::Or(hn::Lt(a, zero), hn::Gt(a, zero)), one, a);
}

void Execute(const Step* steps, std::size_t count, double* const* table, std::size_t lanes,
             FunctionKernel functions) {
  for (const Step* step = steps; step != steps + count; ++step) {
    const Call c{*step, table, lanes};
    switch (step->op) {
      case Op::copy:
        Unary(c, [](V a) HWY_ATTR { return a; });
        break;
      case Op::negate:
        Unary(c, [](V a) HWY_ATTR { return hn::Neg(a); });
        break;
      case Op::sqrt:
        Unary(c, [](V a) HWY_ATTR { return hn::Sqrt(a); });
        break;
      case Op::abs:
        Unary(c, [](V a) HWY_ATTR { return hn::Abs(a); });
        break;
      case Op::sign:
        Unary(c, [](V a) HWY_ATTR { return Sign(a); });
        break;
      case Op::add:
        Binary(c, [](V a, V b) HWY_ATTR { return hn::Add(a, b); });
        break;
      case Op::subtract:
        Binary(c, [](V a, V b) HWY_ATTR { return hn::Sub(a, b); });
        break;
      case Op::multiply:
        Binary(c, [](V a, V b) HWY_ATTR { return hn::Mul(a, b); });
        break;
      case Op::divide:
        Binary(c, [](V a, V b) HWY_ATTR { return hn::Div(a, b); });
        break;
      case Op::minimum:
        Binary(c, [](V a, V b) HWY_ATTR { return Minimum(a, b); });
        break;
      case Op::maximum:
        Binary(c, [](V a, V b) HWY_ATTR { return Maximum(a, b); });
        break;
      case Op::less:
        Binary(c, [](V a, V b) HWY_ATTR { return Flag(hn::Lt(a, b)); });
        break;
      case Op::less_equal:
        Binary(c, [](V a, V b) HWY_ATTR { return Flag(hn::Le(a, b)); });
        break;
      case Op::equal:
        Binary(c, [](V a, V b) HWY_ATTR { return Flag(hn::Eq(a, b)); });
        break;
      case Op::not_equal:
        Binary(c, [](V a, V b) HWY_ATTR { return Flag(hn::Ne(a, b)); });
        break;
      case Op::multiply_add:
        Ternary(c, [](V a, V b, V x) HWY_ATTR { return Fma(a, b, x); });
        break;
      case Op::multiply_subtract:
        Ternary(c, [](V a, V b, V x) HWY_ATTR { return Fms(a, b, x); });
        break;
      case Op::subtract_product:
        Ternary(c, [](V a, V b, V x) HWY_ATTR { return NegFma(a, b, x); });
        break;
      case Op::select:
        Ternary(c, [](V m, V a, V b) HWY_ATTR { return hn::IfThenElse(hn::Ne(m, hn::Zero(D())), a, b); });
        break;
      default:
        functions(step->op, step->uniform, table[step->from[0]], table[step->from[1]], table[step->to],
                  lanes);
    }
  }
}

// Dispatch happens here, once a run.
Interpreter ChooseExecute() {
  return &Execute;
}

}  // namespace sde::expr::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sde::expr {

HWY_EXPORT(ChooseExecute);

Interpreter interpreter() {
  return HWY_DYNAMIC_DISPATCH(ChooseExecute)();
}

}  // namespace sde::expr
#endif
