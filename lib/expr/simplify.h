// What the constructors of expressions share; private to lib/expr.
//
// They keep this promise: wherever the expression as written and all its parts are finite, the simplified one
// has the same value up to rounding. It may have a value where the written one has none: 0*x is 0 even for
// infinite x, and sqrt(x)*sqrt(x) is x for negative x. Square roots cancel because a square-root diffusion
// multiplied by its own derivative must be finite at 0; x/x stays as it is.
//
// Functions of numbers are folded only where IEEE arithmetic rounds correctly (+ - * / sqrt and the like),
// for the C library's exp differs in the last place between machines, and results must not.
#pragma once

#include <cmath>
#include <initializer_list>
#include <optional>

#include "expr/node.h"

namespace sde::expr {

inline constexpr std::size_t kBudget = 16;  // nodes of a sum or product that are searched for equal parts

inline Expr build(Op op, std::initializer_list<Expr> arguments) {
  return raw(op, std::span<const Expr>(arguments.begin(), arguments.size()));
}
inline bool is(const Expr& e, Op op) {
  return e.node().op == op;
}
inline Expr arg(const Expr& e, std::size_t i) {
  return e.node().argument(i);
}
inline bool is_integer(double x) {
  return std::floor(x) == x && std::fabs(x) < 1e15;
}

// A folded number, or nothing where it would not be finite: 1/0 stays visible.
inline std::optional<Expr> folded(double value) {
  return std::isfinite(value) ? std::optional<Expr>(Expr(value)) : std::nullopt;
}

// a + b or a - b, a * b, a / b as they stand: signs outermost, a number first, nothing collected.
Expr join(const Expr& a, const Expr& b, bool subtract);
Expr multiply_plain(const Expr& a, const Expr& b);
Expr divide_plain(const Expr& a, const Expr& b);

}  // namespace sde::expr
