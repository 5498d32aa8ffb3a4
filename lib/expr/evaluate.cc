// Values of expressions one number at a time.
#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "base/error.h"
#include "expr/curve.h"
#include "expr/node.h"

namespace sde::expr {

double apply(Op op, double a, double b, double c) {
  switch (op) {
    case Op::number:
    case Op::symbol:
      break;
    case Op::add:
      return a + b;
    case Op::subtract:
      return a - b;
    case Op::multiply:
      return a * b;
    case Op::divide:
      return a / b;
    case Op::negate:
      return -a;
    case Op::power:
      return std::pow(a, b);
    case Op::exp:
      return std::exp(a);
    case Op::log:
      return std::log(a);
    case Op::sqrt:
      return std::sqrt(a);
    case Op::abs:
      return std::fabs(a);
    case Op::sin:
      return std::sin(a);
    case Op::cos:
      return std::cos(a);
    case Op::tan:
      return std::tan(a);
    case Op::sinh:
      return std::sinh(a);
    case Op::cosh:
      return std::cosh(a);
    case Op::tanh:
      return std::tanh(a);
    case Op::asin:
      return std::asin(a);
    case Op::acos:
      return std::acos(a);
    case Op::atan:
      return std::atan(a);
    case Op::sigmoid: {
      const double e = std::exp(-std::fabs(a));  // no overflow, and small results keep their digits
      return a < 0 ? e / (1 + e) : 1 / (1 + e);
    }
    case Op::softplus:
      return std::max(a, 0.0) + std::log1p(std::exp(-std::fabs(a)));
    case Op::erf:
      return std::erf(a);
    case Op::expm1:
      return std::expm1(a);
    case Op::log1p:
      return std::log1p(a);
    case Op::sign:
      return a > 0 ? 1 : a < 0 ? -1 : a == 0 ? 0 : a;
    case Op::minimum:
      return a < b || std::isnan(a) ? a : b;
    case Op::maximum:
      return a > b || std::isnan(a) ? a : b;
    case Op::less:
      return a < b;
    case Op::less_equal:
      return a <= b;
    case Op::equal:
      return a == b;
    case Op::not_equal:
      return a != b;
    case Op::select:
      return a != 0 ? b : c;
    case Op::lookup:
      return curve_of(b).at(a);
    case Op::multiply_add:
      return std::fma(a, b, c);
    case Op::multiply_subtract:
      return std::fma(a, b, -c);
    case Op::subtract_product:
      return std::fma(-a, b, c);
    case Op::copy:
      return a;
  }
  fail(Status::bug, "apply: not an operation ({})", static_cast<int>(op));
}

double evaluate(const Expr& e, const std::map<std::string, double, std::less<>>& values) {
  std::unordered_map<const Node*, double> results;
  for (const Node* n : postorder({&e, 1})) {
    double value = n->value;
    if (n->op == Op::symbol) {
      const auto found = values.find(n->name);
      if (found == values.end()) fail(Status::bug, "evaluate: no value for \"{}\"", n->name);
      value = found->second;
    } else if (n->op != Op::number) {
      double a[3] = {};
      for (std::size_t i = 0; i < n->arity; ++i) a[i] = results.at(n->arguments[i].get());
      value = apply(n->op, a[0], a[1], a[2]);
    }
    results.emplace(n, value);
  }
  return results.at(&e.node());
}

}  // namespace sde::expr
