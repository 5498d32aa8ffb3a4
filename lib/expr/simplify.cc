// Negation and functions, and every operation by its name.
#include "expr/simplify.h"

#include "base/error.h"

namespace sde::expr {
namespace {

std::optional<Expr> fold_unary(Op op, double a) {
  switch (op) {
    case Op::sqrt:
      return a >= 0 ? folded(std::sqrt(a)) : std::nullopt;
    case Op::abs:
    case Op::sign:
      return folded(apply(op, a));
    case Op::log:
      return a == 1 ? folded(0) : std::nullopt;
    case Op::exp:
    case Op::cos:
    case Op::cosh:
      return a == 0 ? folded(1) : std::nullopt;
    case Op::sin:
    case Op::tan:
    case Op::sinh:
    case Op::tanh:
    case Op::asin:
    case Op::atan:
    case Op::erf:
    case Op::expm1:
    case Op::log1p:
      return a == 0 ? folded(0) : std::nullopt;
    case Op::sigmoid:
      return a == 0 ? folded(0.5) : std::nullopt;
    default:
      return std::nullopt;
  }
}

Expr unary(Op op, const Expr& a) {
  if (a.is_number()) {
    if (const auto number = fold_unary(op, a.number())) return *number;
  }
  if (op == Op::abs) {
    if (is(a, Op::abs) || is(a, Op::sqrt) || is(a, Op::exp)) return a;
    if (is(a, Op::negate)) return unary(op, arg(a, 0));
  }
  if (op == Op::exp && is(a, Op::log)) return arg(a, 0);
  if (op == Op::log && is(a, Op::exp)) return arg(a, 0);
  if (op == Op::sqrt && is(a, Op::power) && arg(a, 1).is_number() && arg(a, 1).number() == 2) {
    return unary(Op::abs, arg(a, 0));
  }
  return build(op, {a});
}

Expr binary(Op op, const Expr& a, const Expr& b) {
  if (a.is_number() && b.is_number()) return Expr(apply(op, a.number(), b.number()));
  if ((op == Op::minimum || op == Op::maximum) && structurally_equal(a, b)) return a;
  return build(op, {a, b});
}

}  // namespace

Expr operator-(const Expr& a) {
  switch (a.node().op) {
    case Op::number:
      return Expr(-a.number());
    case Op::negate:
      return arg(a, 0);
    case Op::subtract:
      return join(arg(a, 1), arg(a, 0), true);
    case Op::multiply:
      if (arg(a, 0).is_number()) return multiply_plain(Expr(-arg(a, 0).number()), arg(a, 1));
      break;
    case Op::divide: {
      const Expr top = arg(a, 0);
      if (top.is_number() || (is(top, Op::multiply) && arg(top, 0).is_number())) {
        return build(Op::divide, {-top, arg(a, 1)});
      }
      break;
    }
    default:
      break;
  }
  return build(Op::negate, {a});
}

Expr exp(const Expr& a) {
  return unary(Op::exp, a);
}
Expr log(const Expr& a) {
  return unary(Op::log, a);
}
Expr sqrt(const Expr& a) {
  return unary(Op::sqrt, a);
}
Expr less(const Expr& a, const Expr& b) {
  return binary(Op::less, a, b);
}
Expr select(const Expr& condition, const Expr& a, const Expr& b) {
  if (condition.is_number()) return condition.number() != 0 ? a : b;
  if (structurally_equal(a, b)) return a;
  return build(Op::select, {condition, a, b});
}

Expr make(Op op, std::span<const Expr> arguments) {
  switch (op) {
    case Op::add:
      return arguments[0] + arguments[1];
    case Op::subtract:
      return arguments[0] - arguments[1];
    case Op::multiply:
      return arguments[0] * arguments[1];
    case Op::divide:
      return arguments[0] / arguments[1];
    case Op::negate:
      return -arguments[0];
    case Op::power:
      return pow(arguments[0], arguments[1]);
    case Op::minimum:
    case Op::maximum:
    case Op::less:
    case Op::less_equal:
    case Op::equal:
    case Op::not_equal:
      return binary(op, arguments[0], arguments[1]);
    case Op::select:
      return select(arguments[0], arguments[1], arguments[2]);
    case Op::lookup:
      return raw(op, arguments);
    case Op::number:
    case Op::symbol:
      fail(Status::bug, "make: a leaf has no arguments");
    default:
      return unary(op, arguments[0]);
  }
}

Expr call(std::string_view function, const std::vector<Expr>& arguments) {
  const Function* f = find_function(function);
  if (!f) fail(Status::bug, "call: unknown function \"{}\"", function);
  if (f->arity != arguments.size()) {
    fail(Status::bug, "call: {} takes {} arguments (got {})", function, f->arity, arguments.size());
  }
  return make(f->op, arguments);
}

}  // namespace sde::expr
