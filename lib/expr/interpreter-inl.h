// The handlers of compiled programs, for lanes of f64 and of f32.
#if defined(SDE_EXPR_INTERPRETER_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SDE_EXPR_INTERPRETER_INL_H_
#undef SDE_EXPR_INTERPRETER_INL_H_
#else
#define SDE_EXPR_INTERPRETER_INL_H_
#endif

#include <array>
#include <utility>

#include "expr/interpreter.h"
#include "simd/ops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sde::expr::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using namespace sde::simd::HWY_NAMESPACE;

template <class T>
using Tag = hn::ScalableTag<T>;
template <class T>
using Vector = hn::Vec<Tag<T>>;
template <class T>
constexpr std::size_t kWidth = HWY_LANES(T);

template <class D>
HWY_INLINE hn::Vec<D> Flag(D d, hn::Mask<D> m) {
  return hn::IfThenElseZero(m, hn::Set(d, 1));
}

template <class V>
HWY_INLINE V Sign(V a) {  // NaN and zeros pass
  const hn::DFromV<V> d;
  const V zero = hn::Zero(d);
  const V one = hn::CopySign(hn::Set(d, 1), a);
  return hn::IfThenElse(hn::Or(hn::Lt(a, zero), hn::Gt(a, zero)), one, a);
}

// Emulated vectors are loops over their lanes: under the sanitizers, inlined into hundreds of handlers, they
// would take minutes to compile.
#if HWY_TARGET == HWY_EMU128 && defined(__SANITIZE_ADDRESS__)
#define SDE_INLINE HWY_NOINLINE
#else
#define SDE_INLINE HWY_INLINE
#endif

template <Op op, class V>
SDE_INLINE V Apply(V a) {
  if constexpr (op == Op::copy) return a;
  if constexpr (op == Op::negate) return hn::Neg(a);
  if constexpr (op == Op::sqrt) return hn::Sqrt(a);
  if constexpr (op == Op::abs) return hn::Abs(a);
  if constexpr (op == Op::sign) return Sign(a);
}

template <Op op, class V>
SDE_INLINE V Apply(V a, V b) {
  const hn::DFromV<V> d;
  if constexpr (op == Op::add) return hn::Add(a, b);
  if constexpr (op == Op::subtract) return hn::Sub(a, b);
  if constexpr (op == Op::multiply) return hn::Mul(a, b);
  if constexpr (op == Op::divide) return hn::Div(a, b);
  // Lesser and Greater give b where either argument is NaN; NaN it shall be.
  if constexpr (op == Op::minimum) return hn::IfThenElse(hn::IsNaN(a), a, Lesser(a, b));
  if constexpr (op == Op::maximum) return hn::IfThenElse(hn::IsNaN(a), a, Greater(a, b));
  if constexpr (op == Op::less) return Flag(d, hn::Lt(a, b));
  if constexpr (op == Op::less_equal) return Flag(d, hn::Le(a, b));
  if constexpr (op == Op::equal) return Flag(d, hn::Eq(a, b));
  if constexpr (op == Op::not_equal) return hn::IfThenZeroElse(hn::Eq(a, b), hn::Set(d, 1));  // 1 for NaN
}

template <Op op, class V>
SDE_INLINE V Apply(V a, V b, V c) {
  if constexpr (op == Op::multiply_add) return Fma(a, b, c);
  if constexpr (op == Op::multiply_subtract) return Fms(a, b, c);
  if constexpr (op == Op::subtract_product) return NegFma(a, b, c);
  if constexpr (op == Op::select) return hn::IfThenElse(hn::Eq(a, hn::Zero(hn::DFromV<V>())), c, b);
}

#undef SDE_INLINE

// An argument of a step.
template <class T, Kind kind>
class Source {
  using V = Vector<T>;

 public:
  Source(T* const* table, std::uint32_t from) {
    if constexpr (kind == Kind::row) row_ = table[from];
    if constexpr (kind == Kind::slot) slot_ = hn::Set(Tag<T>(), *table[from]);
  }
  HWY_INLINE V operator()(std::size_t i, V accumulator) const {
    if constexpr (kind == Kind::row) return hn::Load(Tag<T>(), row_ + i * kWidth<T>);
    if constexpr (kind == Kind::slot) return slot_;
    return accumulator;
  }

 private:
  const T* row_ = nullptr;
  V slot_ = hn::Zero(Tag<T>());
};

template <class T, std::size_t>
using Accumulator = Vector<T>;

// The handlers for tiles of sizeof...(I) vectors. The accumulator is their last parameters, which the calling
// conventions of x86-64 and AArch64 keep in registers when there are no more than eight.
template <class T, std::size_t... I>
class Machine {
 public:
  static constexpr std::size_t kLanes = sizeof...(I) * kWidth<T>;

  struct Handlers;
  using Handler = const Step* (*)(const Step*, T* const*, const Handlers*, FunctionKernel<T>,
                                  Accumulator<T, I>...);
  struct Handlers {
    std::array<Handler, kCodes> of;
  };

  // Runs all steps over one tile.
  static void Run(const Step* steps, const Step* end, T* const* table, FunctionKernel<T> functions) {
    static constexpr Handlers kHandlers = All(std::make_index_sequence<kCodes>());
    while (steps != end) {
      steps = kHandlers.of[steps->code](steps, table, &kHandlers, functions, Nothing<I>()...);
    }
  }

 private:
  template <std::size_t>
  static HWY_INLINE Vector<T> Nothing() {
    return hn::Zero(Tag<T>());
  }

#define SDE_NEXT return handlers->of[step[1].code](step + 1, table, handlers, functions, accumulator...)

  static HWY_INLINE void Keep(const Step* step, T* const* table, Accumulator<T, I>... accumulator) {
    if (step->to == kNowhere) return;
    T* const to = table[step->to];
    (hn::Store(accumulator, Tag<T>(), to + I * kWidth<T>), ...);
  }

  template <Op op, Kind A>
  static const Step* Unary(const Step* step, T* const* table, const Handlers* handlers,
                           FunctionKernel<T> functions, Accumulator<T, I>... accumulator) {
    const Source<T, A> a(table, step->from[0]);
    ((accumulator = Apply<op>(a(I, accumulator))), ...);
    Keep(step, table, accumulator...);
    SDE_NEXT;
  }

  template <Op op, Kind A, Kind B>
  static const Step* Binary(const Step* step, T* const* table, const Handlers* handlers,
                            FunctionKernel<T> functions, Accumulator<T, I>... accumulator) {
    const Source<T, A> a(table, step->from[0]);
    const Source<T, B> b(table, step->from[1]);
    ((accumulator = Apply<op>(a(I, accumulator), b(I, accumulator))), ...);
    Keep(step, table, accumulator...);
    SDE_NEXT;
  }

  template <Op op, Kind A, Kind B, Kind C>
  static const Step* Ternary(const Step* step, T* const* table, const Handlers* handlers,
                             FunctionKernel<T> functions, Accumulator<T, I>... accumulator) {
    const Source<T, A> a(table, step->from[0]);
    const Source<T, B> b(table, step->from[1]);
    const Source<T, C> c(table, step->from[2]);
    ((accumulator = Apply<op>(a(I, accumulator), b(I, accumulator), c(I, accumulator))), ...);
    Keep(step, table, accumulator...);
    SDE_NEXT;
  }

  static const Step* Function(const Step* step, T* const* table, const Handlers* handlers,
                              FunctionKernel<T> functions, Accumulator<T, I>... accumulator) {
    T* const to = table[step->to];
    functions(step->op, table[step->from[0]], table[step->from[1]], to, kLanes);
    ((accumulator = hn::Load(Tag<T>(), to + I * kWidth<T>)), ...);
    SDE_NEXT;
  }

#undef SDE_NEXT

  static const Step* End(const Step* step, T* const*, const Handlers*, FunctionKernel<T>,
                         Accumulator<T, I>...) {
    return step + 1;
  }

  template <std::size_t code>
  static constexpr Handler One() {
    constexpr auto kind = [](std::size_t k) { return static_cast<Kind>(k % 3); };
    if constexpr (code == kEndCode) {
      return &End;
    } else if constexpr (code == kFunctionCode) {
      return &Function;
    } else if constexpr (code < kFirstBinary) {
      return &Unary<kUnaryOps[code / 3], kind(code)>;
    } else if constexpr (code < kFirstTernary) {
      constexpr std::size_t c = code - kFirstBinary;
      return &Binary<kBinaryOps[c / 9], kind(c), kind(c / 3)>;
    } else {
      constexpr std::size_t c = code - kFirstTernary;
      return &Ternary<kTernaryOps[c / 27], kind(c), kind(c / 3), kind(c / 9)>;
    }
  }

  template <std::size_t... code>
  static constexpr Handlers All(std::index_sequence<code...>) {
    return {{One<code>()...}};
  }
};

template <class T, std::size_t... I>
Machine<T, I...> MachineOf(std::index_sequence<I...>);
template <class T, std::size_t vectors>
using MachineFor = decltype(MachineOf<T>(std::make_index_sequence<vectors>()));

template <class M, class T>
HWY_INLINE void Tile(const Step* steps, std::size_t count, T** table, Moving inputs, Moving outputs,
                     FunctionKernel<T> functions) {
  M::Run(steps, steps + count, table, functions);
  for (std::size_t i = 0; i < inputs.count; ++i) table[inputs.first + i] += M::kLanes;
  for (std::size_t i = 0; i < outputs.count; ++i) table[outputs.first + i] += M::kLanes;
}

template <class T>
void Execute(const Step* steps, std::size_t count, T** table, Moving inputs, Moving outputs,
             std::size_t lanes, FunctionKernel<T> functions) {
  using Wide = MachineFor<T, 8>;
  using Narrow = MachineFor<T, kLaneQuantum / kWidth<T>>;
  static_assert(Wide::kLanes <= kTile<T> && Narrow::kLanes == kLaneQuantum);
  for (; lanes >= Wide::kLanes; lanes -= Wide::kLanes)
    Tile<Wide>(steps, count, table, inputs, outputs, functions);
  for (; lanes > 0; lanes -= Narrow::kLanes) Tile<Narrow>(steps, count, table, inputs, outputs, functions);
#if HWY_ARCH_X86 && HWY_TARGET != HWY_EMU128
  // The compiler, which sees vectors returned to nobody, leaves the upper halves dirty; what follows may be
  // SSE code.
  _mm256_zeroupper();
#endif
}

}  // namespace sde::expr::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
