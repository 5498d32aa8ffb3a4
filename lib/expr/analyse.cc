// Questions about expressions: affine, polynomial, equal.
#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <unordered_map>

#include "expr/node.h"

namespace sde::expr {
namespace {

bool constant(const Affine& a) {
  return std::all_of(a.coefficients.begin(), a.coefficients.end(), [](const Expr& c) { return c.is_zero(); });
}

template <class F>
Affine transform(const Affine& a, F f) {
  Affine result{f(a.constant), {}};
  for (const Expr& c : a.coefficients) result.coefficients.push_back(f(c));
  return result;
}

template <class F>
Affine combine(const Affine& a, const Affine& b, F f) {
  Affine result{f(a.constant, b.constant), {}};
  for (std::size_t i = 0; i < a.coefficients.size(); ++i) {
    result.coefficients.push_back(f(a.coefficients[i], b.coefficients[i]));
  }
  return result;
}

// The affine form of a node from those of its arguments.
std::optional<Affine> affine_node(const Node& n, const std::vector<const Affine*>& a) {
  switch (n.op) {
    case Op::add:
      return combine(*a[0], *a[1], [](const Expr& x, const Expr& y) { return x + y; });
    case Op::subtract:
      return combine(*a[0], *a[1], [](const Expr& x, const Expr& y) { return x - y; });
    case Op::negate:
      return transform(*a[0], [](const Expr& x) { return -x; });
    case Op::multiply:
      if (constant(*a[0])) return transform(*a[1], [&](const Expr& x) { return a[0]->constant * x; });
      if (constant(*a[1])) return transform(*a[0], [&](const Expr& x) { return x * a[1]->constant; });
      return std::nullopt;
    case Op::divide:
      if (constant(*a[1])) return transform(*a[0], [&](const Expr& x) { return x / a[1]->constant; });
      return std::nullopt;
    case Op::select:
      if (!constant(*a[0])) return std::nullopt;
      return combine(*a[1], *a[2],
                     [&](const Expr& x, const Expr& y) { return select(a[0]->constant, x, y); });
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<Affine> affine(const Expr& e, const std::vector<std::string>& symbols) {
  std::unordered_map<const Node*, Affine> forms;
  const std::vector<Expr> zeros(symbols.size());
  for (const Node* n : postorder({&e, 1})) {
    if (n->op == Op::number) {
      forms.emplace(n, Affine{Expr(n->value), zeros});
      continue;
    }
    if (n->op == Op::symbol) {
      Affine form{Expr(0), zeros};
      const auto found = std::find(symbols.begin(), symbols.end(), n->name);
      (found == symbols.end() ? form.constant
                              : form.coefficients[static_cast<std::size_t>(found - symbols.begin())]) =
          found == symbols.end() ? Expr::symbol(n->name) : Expr(1);
      forms.emplace(n, std::move(form));
      continue;
    }
    std::vector<const Affine*> arguments;
    Expr handles[3];
    bool all_constant = true;
    for (std::size_t i = 0; i < n->arity; ++i) {
      arguments.push_back(&forms.at(n->arguments[i].get()));
      handles[i] = n->argument(i);
      all_constant = all_constant && constant(*arguments.back());
    }
    std::optional<Affine> form = affine_node(*n, arguments);
    if (all_constant) form = Affine{raw(n->op, std::span(handles, n->arity)), zeros};
    if (!form) return std::nullopt;
    forms.emplace(n, std::move(*form));
  }
  return forms.at(&e.node());
}

std::optional<int> polynomial_degree(const Expr& e, std::string_view symbol) {
  constexpr int kMaxDegree = 1 << 20;  // beyond it nobody wants to know
  std::unordered_map<const Node*, int> degrees;
  for (const Node* n : postorder({&e, 1})) {
    int degree = 0;
    int a[3] = {};
    for (std::size_t i = 0; i < n->arity; ++i) a[i] = degrees.at(n->arguments[i].get());
    const bool free = a[0] == 0 && a[1] == 0 && a[2] == 0;
    switch (n->op) {
      case Op::number:
        break;
      case Op::symbol:
        degree = n->name == symbol ? 1 : 0;
        break;
      case Op::add:
      case Op::subtract:
        degree = std::max(a[0], a[1]);
        break;
      case Op::negate:
        degree = a[0];
        break;
      case Op::multiply:
        degree = a[0] + a[1];
        break;
      case Op::divide:
        if (a[1] != 0) return std::nullopt;
        degree = a[0];
        break;
      case Op::power: {
        if (free) break;
        const Expr exponent = n->argument(1);
        if (!exponent.is_number() || exponent.number() < 0 || exponent.number() > kMaxDegree ||
            std::floor(exponent.number()) != exponent.number()) {
          return std::nullopt;
        }
        degree = a[0] > kMaxDegree / std::max(1, static_cast<int>(exponent.number()))
                     ? kMaxDegree + 1
                     : a[0] * static_cast<int>(exponent.number());
        break;
      }
      case Op::select:
        if (a[0] != 0) return std::nullopt;
        degree = std::max(a[1], a[2]);
        break;
      default:
        if (!free) return std::nullopt;
    }
    if (degree > kMaxDegree) return std::nullopt;
    degrees.emplace(n, degree);
  }
  return degrees.at(&e.node());
}

namespace {

// A value and a bound, not rigorous, of its rounding error.
struct Rounded {
  double value = 0, error = 0;
};

Rounded apply_rounded(Op op, const Rounded* a, std::size_t arity) {
  Rounded result{apply(op, a[0].value, a[1].value, a[2].value), 0};
  // The error of each argument in turn, by moving it up and down.
  for (std::size_t i = 0; i < arity; ++i) {
    double worst = 0;
    for (const double sign : {-1.0, 1.0}) {
      double x[3] = {a[0].value, a[1].value, a[2].value};
      x[i] += sign * a[i].error;
      const double moved = std::fabs(apply(op, x[0], x[1], x[2]) - result.value);
      if (std::isfinite(moved)) worst = std::max(worst, moved);
    }
    result.error += worst;
  }
  result.error += 4 * std::numeric_limits<double>::epsilon() * std::fabs(result.value);
  return result;
}

double uniform(std::uint64_t i) {  // in (0, 1), by splitmix64
  std::uint64_t z = (i + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return (static_cast<double>((z ^ (z >> 31)) >> 12) + 0.5) * 0x1p-52;
}

}  // namespace

bool probably_equal(const Expr& a, const Expr& b) {
  constexpr std::uint64_t kPoints = 16;
  constexpr double kSafety = 16;  // times the bound
  if (structurally_equal(a, b)) return true;
  const Expr both[] = {a, b};
  const auto order = postorder(both);
  bool compared = false;
  for (std::uint64_t point = 0; point < kPoints; ++point) {
    std::unordered_map<const Node*, Rounded> results;
    std::uint64_t symbols = 0;
    for (const Node* n : order) {
      Rounded r{n->value, 0};
      if (n->op == Op::symbol) {
        const double u = uniform(point + kPoints * ++symbols);
        r.value = point % 2 == 0 ? 0.05 + 2.95 * u : 6 * u - 3;
      } else if (n->op != Op::number) {
        Rounded arguments[3];
        for (std::size_t i = 0; i < n->arity; ++i) arguments[i] = results.at(n->arguments[i].get());
        r = apply_rounded(n->op, arguments, n->arity);
      }
      results.emplace(n, r);
    }
    const Rounded x = results.at(&a.node()), y = results.at(&b.node());
    if (!std::isfinite(x.value) || !std::isfinite(y.value)) continue;
    if (std::fabs(x.value - y.value) > kSafety * (x.error + y.error)) return false;
    compared = true;
  }
  return compared;
}

}  // namespace sde::expr
