// The nodes behind Expr. Nodes are interned: structurally equal expressions are the same node, so equality is
// a comparison of pointers and every algorithm visits a shared subexpression once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "expr/expr.h"

namespace sde::expr {

enum class Op : std::uint8_t {
  number,
  symbol,
  add,
  subtract,
  multiply,
  divide,
  negate,
  power,
  exp,
  log,
  sqrt,
  abs,
  sin,
  cos,
  tan,
  sinh,
  cosh,
  tanh,
  asin,
  acos,
  atan,
  sigmoid,
  softplus,
  erf,
  expm1,
  log1p,
  sign,
  minimum,
  maximum,
  less,
  less_equal,
  equal,
  not_equal,
  select,
  lookup,  // of a curve: the argument and the curve's number (see curve.h)
  // In compiled programs only; each rounds once.
  multiply_add,       // a * b + c
  multiply_subtract,  // a * b - c
  subtract_product,   // c - a * b
  copy,
};

struct Node {
  Op op = Op::number;
  std::uint8_t arity = 0;
  double value = 0;  // of a number
  std::string name;  // of a symbol
  std::array<std::shared_ptr<const Node>, 3> arguments;
  std::uint64_t hash = 0;  // of the structure, the same in every process

  Expr argument(std::size_t i) const { return Expr(arguments[i]); }
};

// A function of the language as a user writes it.
struct Function {
  std::string_view name;
  Op op;
  std::size_t arity;
};
std::span<const Function> functions();
const Function* find_function(std::string_view name);  // null where there is none
std::string_view function_name(Op op);                 // "" for operators
std::string_view op_name(Op op);                       // of every operation, for listings
std::size_t arity_of(Op op);

// The interned node, as it stands: no simplification.
Expr raw(Op op, std::span<const Expr> arguments);

// The simplified expression `op(arguments)`.
Expr make(Op op, std::span<const Expr> arguments);

// The value of one operation by the C library; arguments that the operation does not have are ignored.
double apply(Op op, double a, double b = 0, double c = 0);

// Every node below `roots` once, arguments before what uses them; the order depends on structure alone.
// Iterative, so that depth is no limit.
std::vector<const Node*> postorder(std::span<const Expr> roots);

}  // namespace sde::expr
