// Building expressions. What is simplified here keeps this promise: wherever the expression as written has a
// value, the simplified one has the same value up to rounding. It may have a value where the written one has
// none: 0*x is 0 even for infinite x, and sqrt(x)*sqrt(x) is x. Square roots cancel because a square-root
// diffusion multiplied by its own derivative must be finite at 0; x/x stays as it is.
//
// Functions of numbers are folded only where IEEE arithmetic rounds correctly (+ - * / sqrt and the like),
// for the C library's exp differs in the last place between machines, and results must not.
#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <optional>

#include "base/error.h"
#include "expr/node.h"

namespace sde::expr {
namespace {

constexpr std::size_t kBudget = 16;    // nodes of a sum or product that are searched for equal parts
constexpr double kExpandedPower = 64;  // integer powers of numbers up to this are folded

Expr build(Op op, std::initializer_list<Expr> arguments) {
  return raw(op, std::span<const Expr>(arguments.begin(), arguments.size()));
}

bool is(const Expr& e, Op op) {
  return e.node().op == op;
}
bool is_integer(double x) {
  return std::floor(x) == x && std::fabs(x) < 1e15;
}
Expr arg(const Expr& e, std::size_t i) {
  return e.node().argument(i);
}

// A folded number, or nothing where it would not be finite: 1/0 stays visible.
std::optional<Expr> folded(double value) {
  return std::isfinite(value) ? std::optional<Expr>(Expr(value)) : std::nullopt;
}

// ------------------------------------------------------------------------------------------------ sums

struct Term {
  double coefficient;
  Expr body;  // 1 for a number
};

Term term_of(const Expr& e, double sign) {
  if (e.is_number()) return {sign * e.number(), Expr(1)};
  if (is(e, Op::negate)) return term_of(arg(e, 0), -sign);
  if (is(e, Op::multiply) && arg(e, 0).is_number()) return {sign * arg(e, 0).number(), arg(e, 1)};
  if (is(e, Op::divide)) {
    const Expr top = arg(e, 0);
    if (top.is_number() && top.number() != 1)
      return {sign * top.number(), build(Op::divide, {Expr(1), arg(e, 1)})};
    if (is(top, Op::multiply) && arg(top, 0).is_number()) {
      return {sign * arg(top, 0).number(), build(Op::divide, {arg(top, 1), arg(e, 1)})};
    }
  }
  return {sign, e};
}

// Appends the terms of a sum in the order written; false where they are too many to look at. `budget` is the
// number of nodes that may still be opened.
bool collect_terms(const Expr& e, double sign, std::size_t& budget, std::vector<Term>& terms) {
  const bool add = is(e, Op::add), negate = is(e, Op::negate);
  if (!add && !negate && !is(e, Op::subtract)) {
    terms.push_back(term_of(e, sign));
    return true;
  }
  if (budget-- == 0) return false;
  if (negate) return collect_terms(arg(e, 0), -sign, budget, terms);
  return collect_terms(arg(e, 0), sign, budget, terms) &&
         collect_terms(arg(e, 1), add ? sign : -sign, budget, terms);
}

// coefficient * body for a coefficient that is not negative.
Expr term(double coefficient, const Expr& body) {
  if (body.is_number()) return Expr(coefficient * body.number());
  return coefficient == 1 ? body : Expr(coefficient) * body;
}

// a + b or a - b with nothing to collect.
Expr join(const Expr& a, const Expr& b, bool subtract) {
  if (b.is_zero()) return a;
  if (a.is_zero()) return subtract ? -b : b;
  const Term last = term_of(b, subtract ? -1 : 1);
  const Expr positive = last.coefficient < 0 || subtract ? term(std::fabs(last.coefficient), last.body) : b;
  if (last.coefficient < 0) {
    if (is(a, Op::negate)) return -build(Op::add, {arg(a, 0), positive});
    return build(Op::subtract, {a, positive});
  }
  if (is(a, Op::negate)) return build(Op::subtract, {positive, arg(a, 0)});
  return build(Op::add, {a, positive});
}

Expr sum_of(const std::vector<Term>& terms) {
  Expr sum(0);
  for (const Term& t : terms) {
    if (t.coefficient == 0) continue;
    sum = join(sum, term(std::fabs(t.coefficient), t.body), t.coefficient < 0);
  }
  return sum;
}

Expr add(const Expr& a, const Expr& b, bool subtract) {
  if (a.is_number() && b.is_number()) {
    if (const auto number = folded(subtract ? a.number() - b.number() : a.number() + b.number()))
      return *number;
    return build(subtract ? Op::subtract : Op::add, {a, b});
  }
  if (a.is_zero() || b.is_zero()) return join(a, b, subtract);
  std::vector<Term> left, right;
  std::size_t left_budget = kBudget, right_budget = kBudget;
  if (collect_terms(a, 1, left_budget, left) && collect_terms(b, subtract ? -1 : 1, right_budget, right)) {
    bool matched = false;
    for (const Term& r : right) {
      bool found = false;
      for (Term& l : left) {
        if (!structurally_equal(l.body, r.body) || !std::isfinite(l.coefficient + r.coefficient)) continue;
        l.coefficient += r.coefficient;
        found = matched = true;
        break;
      }
      if (!found) left.push_back(r);
    }
    if (matched) return sum_of(left);
  }
  return join(a, b, subtract);
}

// ------------------------------------------------------------------------------------------------ products

struct Factor {
  Expr base;
  Expr exponent;
  bool below;  // in the denominator
};

struct Factors {
  double coefficient = 1;
  std::vector<Factor> list;
};

bool collect_factors(const Expr& e, bool below, std::size_t& budget, Factors& factors) {
  const Op op = e.node().op;
  if (e.is_number()) {
    factors.coefficient = below ? factors.coefficient / e.number() : factors.coefficient * e.number();
    return true;
  }
  if (op == Op::sqrt) {
    factors.list.push_back({arg(e, 0), Expr(0.5), below});
    return true;
  }
  if (op == Op::power) {
    factors.list.push_back({arg(e, 0), arg(e, 1), below});
    return true;
  }
  if (op != Op::negate && op != Op::multiply && op != Op::divide) {
    factors.list.push_back({e, Expr(1), below});
    return true;
  }
  if (budget-- == 0) return false;
  if (op == Op::negate) factors.coefficient = -factors.coefficient;
  return collect_factors(arg(e, 0), below, budget, factors) &&
         (op == Op::negate || collect_factors(arg(e, 1), below != (op == Op::divide), budget, factors));
}

bool is_fraction(const Expr& exponent) {
  return exponent.is_number() && !is_integer(exponent.number());
}

// Whether two powers of one base become one: always on the same side of the bar; across it only where a
// square root or another fractional power is involved.
bool combine(const Factor& a, const Factor& b) {
  return structurally_equal(a.base, b.base) &&
         (a.below == b.below || is_fraction(a.exponent) || is_fraction(b.exponent));
}

Expr multiply_plain(const Expr& a, const Expr& b);
Expr divide_plain(const Expr& a, const Expr& b);

Expr product_of(const Factors& factors) {
  std::optional<Expr> above, below;
  for (const Factor& f : factors.list) {
    bool under = f.below;
    Expr exponent = f.exponent;
    if (exponent.is_number() && exponent.number() < 0) {
      exponent = -exponent;
      under = !under;
    }
    const Expr power = pow(f.base, exponent);
    if (power.is_number() && power.number() == 1) continue;
    std::optional<Expr>& side = under ? below : above;
    side = side ? multiply_plain(*side, power) : power;
  }
  const Expr coefficient(factors.coefficient);
  const Expr numerator = above ? multiply_plain(coefficient, *above) : coefficient;
  return below ? divide_plain(numerator, *below) : numerator;
}

// The product (or quotient) with powers of one base combined; nothing where there are none.
std::optional<Expr> combined(const Expr& a, const Expr& b, bool divide) {
  Factors left, right;
  std::size_t left_budget = kBudget, right_budget = kBudget;
  if (!collect_factors(a, false, left_budget, left) || !collect_factors(b, divide, right_budget, right)) {
    return std::nullopt;
  }
  const auto meets = [&](const Factor& l) {
    return std::any_of(right.list.begin(), right.list.end(), [&](const Factor& r) { return combine(l, r); });
  };
  if (std::none_of(left.list.begin(), left.list.end(), meets)) return std::nullopt;
  std::vector<Factor>& list = left.list;
  list.insert(list.end(), right.list.begin(), right.list.end());
  for (std::size_t i = 0; i < list.size(); ++i) {
    for (std::size_t j = i + 1; j < list.size();) {
      if (!combine(list[i], list[j])) {
        ++j;
        continue;
      }
      list[i].exponent = list[i].below == list[j].below ? list[i].exponent + list[j].exponent
                                                        : list[i].exponent - list[j].exponent;
      list.erase(list.begin() + static_cast<std::ptrdiff_t>(j));
      j = i + 1;  // what did not fit before may now
    }
  }
  left.coefficient *= right.coefficient;
  if (!std::isfinite(left.coefficient)) return std::nullopt;
  return product_of(left);
}

// a * b with nothing to combine: signs outermost, a number first.
Expr multiply_plain(const Expr& a, const Expr& b) {
  if (a.is_number() && b.is_number()) {
    if (const auto number = folded(a.number() * b.number())) return *number;
    return build(Op::multiply, {a, b});
  }
  if (a.is_zero() || b.is_zero()) return Expr(0);
  if (b.is_number()) return multiply_plain(b, a);
  if (is(b, Op::negate)) return -multiply_plain(a, arg(b, 0));
  if (is(a, Op::negate)) return -multiply_plain(arg(a, 0), b);
  if (a.is_number()) {
    if (a.number() == 1) return b;
    if (a.number() == -1) return -b;
    if (is(b, Op::multiply) && arg(b, 0).is_number()) {
      if (const auto number = folded(a.number() * arg(b, 0).number()))
        return multiply_plain(*number, arg(b, 1));
    }
    if (is(b, Op::divide)) return divide_plain(multiply_plain(a, arg(b, 0)), arg(b, 1));
    return build(Op::multiply, {a, b});
  }
  if (is(a, Op::multiply) && arg(a, 0).is_number()) {
    return multiply_plain(arg(a, 0), multiply_plain(arg(a, 1), b));
  }
  if (is(b, Op::multiply) && arg(b, 0).is_number()) {
    return multiply_plain(arg(b, 0), multiply_plain(a, arg(b, 1)));
  }
  return build(Op::multiply, {a, b});
}

Expr divide_plain(const Expr& a, const Expr& b) {
  if (a.is_number() && b.is_number()) {
    if (const auto number = folded(a.number() / b.number())) return *number;
    return build(Op::divide, {a, b});
  }
  if (is(a, Op::negate)) return -divide_plain(arg(a, 0), b);
  if (is(b, Op::negate)) return -divide_plain(a, arg(b, 0));
  if (b.is_number()) {
    if (b.number() == 1) return a;
    if (b.number() == -1) return -a;
    if (is(a, Op::multiply) && arg(a, 0).is_number()) {
      if (const auto number = folded(arg(a, 0).number() / b.number()))
        return multiply_plain(*number, arg(a, 1));
    }
  }
  if (a.is_zero() && !b.is_zero()) return Expr(0);
  if (is(a, Op::divide)) return divide_plain(arg(a, 0), multiply_plain(arg(a, 1), b));
  if (is(b, Op::divide)) return divide_plain(multiply_plain(a, arg(b, 1)), arg(b, 0));
  return build(Op::divide, {a, b});
}

// ------------------------------------------------------------------------------------------------ powers

// base^n by the multiplications that the compiled program does.
double integer_power(double base, unsigned n) {
  double result = 1;
  for (; n; n >>= 1, base *= base) {
    if (n & 1) result *= base;
  }
  return result;
}

Expr power(const Expr& base, double n) {
  if (n == 0) return Expr(1);
  if (n == 1) return base;
  if (n == 0.5) return sqrt(base);
  if (n < 0) return Expr(1) / pow(base, Expr(-n));
  const bool whole = is_integer(n);
  if (base.is_zero()) return Expr(0);
  if (base.is_number() && whole && n <= kExpandedPower) {
    if (const auto number = folded(integer_power(base.number(), static_cast<unsigned>(n)))) return *number;
  }
  if (whole) {
    if (is(base, Op::negate)) {
      const Expr positive = pow(arg(base, 0), Expr(n));
      return std::fmod(n, 2) == 0 ? positive : -positive;
    }
    if (is(base, Op::sqrt)) return pow(arg(base, 0), Expr(n / 2));
    if (is(base, Op::power) && arg(base, 1).is_number()) return pow(arg(base, 0), Expr(n) * arg(base, 1));
  }
  return build(Op::power, {base, Expr(n)});
}

// ------------------------------------------------------------------------------------------------ functions

// f(number) where the result is exact or correctly rounded.
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

Expr operator+(const Expr& a, const Expr& b) {
  return add(a, b, false);
}
Expr operator-(const Expr& a, const Expr& b) {
  return add(a, b, true);
}

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

Expr operator*(const Expr& a, const Expr& b) {
  if (!a.is_number() && !b.is_number()) {
    if (const auto e = combined(a, b, false)) return *e;
  }
  return multiply_plain(a, b);
}

Expr operator/(const Expr& a, const Expr& b) {
  if (!a.is_number() && !b.is_number()) {
    if (const auto e = combined(a, b, true)) return *e;
  }
  return divide_plain(a, b);
}

Expr pow(const Expr& a, const Expr& b) {
  if (b.is_number() && std::isfinite(b.number())) return power(a, b.number());
  if (a.is_number() && a.number() == 1) return a;
  return build(Op::power, {a, b});
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
