// Derivatives and substitution: one pass over the distinct nodes, so the result has a size proportional to
// the expression's number of distinct nodes, however often they are used.
#include <unordered_map>

#include "base/error.h"
#include "expr/curve.h"
#include "expr/node.h"

namespace sde::expr {
namespace {

constexpr double kTwoOverSqrtPi = 1.1283791670955125739;

// d op(u) / du; `e` is op(u) itself, which some derivatives reuse.
Expr unary_derivative(Op op, const Expr& u, const Expr& e) {
  switch (op) {
    case Op::exp:
      return e;
    case Op::log:
      return 1 / u;
    case Op::sqrt:
      return 0.5 / e;
    case Op::abs:
      return call("sign", {u});
    case Op::sin:
      return call("cos", {u});
    case Op::cos:
      return -call("sin", {u});
    case Op::tan:
      return 1 + pow(e, 2);
    case Op::sinh:
      return call("cosh", {u});
    case Op::cosh:
      return call("sinh", {u});
    case Op::tanh:
      return 1 - pow(e, 2);
    case Op::asin:
      return 1 / sqrt(1 - pow(u, 2));
    case Op::acos:
      return -1 / sqrt(1 - pow(u, 2));
    case Op::atan:
      return 1 / (1 + pow(u, 2));
    case Op::sigmoid:
      return e * (1 - e);
    case Op::softplus:
      return call("sigmoid", {u});
    case Op::erf:
      return kTwoOverSqrtPi * exp(-pow(u, 2));
    case Op::expm1:
      return exp(u);
    case Op::log1p:
      return 1 / (1 + u);
    default:
      return Expr(0);  // sign
  }
}

using Derivatives = std::unordered_map<const Node*, Expr>;

// u'/u. Powers and exponentials have one without u itself, so that quotients do not square their
// denominators.
Expr logarithmic_derivative(const Expr& u, const Expr& du, const Derivatives& derivatives) {
  const Node& n = u.node();
  if (n.op == Op::exp) return derivatives.at(n.arguments[0].get());
  if (n.op == Op::sqrt) return 0.5 * derivatives.at(n.arguments[0].get()) / n.argument(0);
  if (n.op == Op::power && n.argument(1).is_number()) {
    return n.argument(1) * derivatives.at(n.arguments[0].get()) / n.argument(0);
  }
  return du / u;
}

// d of a node whose arguments a have the derivatives d.
Expr node_derivative(const Node& n, const Expr& e, const Expr* a, const Expr* d,
                     const Derivatives& derivatives) {
  switch (n.op) {
    case Op::add:
      return d[0] + d[1];
    case Op::subtract:
      return d[0] - d[1];
    case Op::multiply:
      return d[0] * a[1] + a[0] * d[1];
    case Op::divide:
      if (d[1].is_zero()) return d[0] / a[1];
      return d[0] / a[1] - e * logarithmic_derivative(a[1], d[1], derivatives);
    case Op::negate:
      return -d[0];
    case Op::power: {
      // Two terms that stay finite at a base of 0, where a^b (b' log a + b a'/a) does not.
      Expr sum(0);
      if (a[0].is_zero()) return sum;  // 0^b is 0 or infinite
      if (!d[0].is_zero()) sum = a[1] * pow(a[0], a[1] - 1) * d[0];
      if (!d[1].is_zero()) sum = sum + e * log(a[0]) * d[1];
      return sum;
    }
    case Op::minimum:
      return select(less(a[0], a[1]), d[0], d[1]);
    case Op::maximum:
      return select(less(a[1], a[0]), d[0], d[1]);
    case Op::less:
    case Op::less_equal:
    case Op::equal:
    case Op::not_equal:
      return Expr(0);
    case Op::select:
      return select(a[0], d[1], d[2]);
    case Op::lookup: {
      const Curve slope = curve_of(a[1].number()).derivative();
      if (slope.y().size() == 1) return Expr(0);
      return lookup(slope, a[0]) * d[0];
    }
    default: {
      if (d[0].is_zero()) return Expr(0);
      return unary_derivative(n.op, a[0], e) * d[0];
    }
  }
}

}  // namespace

Expr differentiate(const Expr& e, std::string_view symbol) {
  Derivatives derivatives;
  const auto order = postorder({&e, 1});
  for (const Node* n : order) {
    if (n->arity == 0) {
      derivatives.emplace(n, Expr(n->op == Op::symbol && n->name == symbol ? 1 : 0));
      continue;
    }
    Expr a[3], d[3];
    bool constant = true;
    for (std::size_t i = 0; i < n->arity; ++i) {
      a[i] = n->argument(i);
      d[i] = derivatives.at(n->arguments[i].get());
      constant = constant && d[i].is_zero();
    }
    const Expr self = raw(n->op, std::span(a, n->arity));
    derivatives.emplace(n, constant ? Expr(0) : node_derivative(*n, self, a, d, derivatives));
  }
  return derivatives.at(&e.node());
}

Expr substitute(const Expr& e, const std::map<std::string, Expr, std::less<>>& values) {
  std::unordered_map<const Node*, Expr> results;
  const auto order = postorder({&e, 1});
  for (const Node* n : order) {
    Expr result(0);
    if (n->op == Op::number) {
      result = Expr(n->value);
    } else if (n->op == Op::symbol) {
      const auto found = values.find(n->name);
      result = found == values.end() ? Expr::symbol(n->name) : found->second;
    } else {
      Expr a[3];
      bool changed = false;
      for (std::size_t i = 0; i < n->arity; ++i) {
        a[i] = results.at(n->arguments[i].get());
        changed = changed || a[i].handle() != n->arguments[i];
      }
      const std::span<const Expr> arguments(a, n->arity);
      result = changed ? make(n->op, arguments) : raw(n->op, arguments);
    }
    results.emplace(n, result);
  }
  return results.at(&e.node());
}

bool depends_on(const Expr& e, std::string_view symbol) {
  for (const Node* n : postorder({&e, 1})) {
    if (n->op == Op::symbol && n->name == symbol) return true;
  }
  return false;
}

std::set<std::string> symbols(const Expr& e) {
  std::set<std::string> names;
  for (const Node* n : postorder({&e, 1})) {
    if (n->op == Op::symbol) names.insert(n->name);
  }
  return names;
}

}  // namespace sde::expr
