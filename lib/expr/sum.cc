// Sums: equal terms are collected.
#include "expr/simplify.h"

namespace sde::expr {
namespace {

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

}  // namespace

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

namespace {

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

}  // namespace

Expr operator+(const Expr& a, const Expr& b) {
  return add(a, b, false);
}
Expr operator-(const Expr& a, const Expr& b) {
  return add(a, b, true);
}

}  // namespace sde::expr
