// Products, quotients and powers: powers of one base are combined.
#include <algorithm>

#include "expr/simplify.h"

namespace sde::expr {
namespace {

constexpr double kExpandedPower = 64;  // integer powers of numbers up to this are folded

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

}  // namespace

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

}  // namespace sde::expr
