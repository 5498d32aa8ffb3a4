#include "expr/factor.h"

#include <algorithm>
#include <cstddef>

#include "expr/simplify.h"

namespace sde::expr {
namespace {

constexpr std::size_t kMostTerms = 64;

struct Term {
  bool negative = false;
  std::vector<Expr> factors, divisors;

  bool bare() const { return factors.size() == 1 && divisors.empty(); }
};

void collect_factors(const Expr& e, Term& term, bool below) {
  if (is(e, Op::negate)) {
    term.negative = !term.negative;
    collect_factors(arg(e, 0), term, below);
  } else if (is(e, Op::multiply) || is(e, Op::divide)) {
    collect_factors(arg(e, 0), term, below);
    collect_factors(arg(e, 1), term, below != is(e, Op::divide));
  } else {
    (below ? term.divisors : term.factors).push_back(e);
  }
}

// False where there are too many.
bool collect_terms(const Expr& e, bool negative, std::vector<Term>& terms) {
  if (is(e, Op::negate)) return collect_terms(arg(e, 0), !negative, terms);
  if (is(e, Op::add) || is(e, Op::subtract))
    return collect_terms(arg(e, 0), negative, terms) &&
           collect_terms(arg(e, 1), negative != is(e, Op::subtract), terms);
  Term& term = terms.emplace_back();
  term.negative = negative;
  collect_factors(e, term, false);
  return terms.size() <= kMostTerms;
}

std::vector<Expr>::const_iterator find(const Term& term, const std::string& symbol) {
  return std::find_if(term.factors.begin(), term.factors.end(),
                      [&](const Expr& e) { return is(e, Op::symbol) && e.node().name == symbol; });
}

Expr sum_of(const std::vector<Term>& terms) {
  Expr sum = 0;
  for (const Term& term : terms) {
    Expr product = 1, below = 1;
    for (const Expr& e : term.factors) product = product * e;
    for (const Expr& e : term.divisors) below = below * e;
    if (!term.divisors.empty()) product = product / below;
    sum = term.negative ? sum - product : sum + product;
  }
  return sum;
}

Expr factor(const std::vector<Term>& terms, const std::vector<std::string>& symbols) {
  const std::string* best = nullptr;
  std::size_t most = 1;
  for (const std::string& symbol : symbols) {
    const auto with =
        static_cast<std::size_t>(std::count_if(terms.begin(), terms.end(), [&](const Term& term) {
          return !term.bare() && find(term, symbol) != term.factors.end();
        }));
    if (with > most) {
      most = with;
      best = &symbol;
    }
  }
  if (!best) return sum_of(terms);
  std::vector<Term> group, rest;
  for (const Term& term : terms) {
    const auto place = find(term, *best);
    if (term.bare() || place == term.factors.end()) {
      rest.push_back(term);
      continue;
    }
    Term& inner = group.emplace_back(term);
    inner.factors.erase(inner.factors.begin() + (place - term.factors.begin()));
  }
  const Expr inner = Expr::symbol(*best) * factor(group, symbols);
  return rest.empty() ? inner : factor(rest, symbols) + inner;
}

}  // namespace

Expr factored(const Expr& e, const std::vector<std::string>& symbols) {
  if (!is(e, Op::add) && !is(e, Op::subtract)) return e;
  std::vector<Term> terms;
  if (!collect_terms(e, false, terms)) return e;
  return factor(terms, symbols);
}

Program compile_factored(const std::vector<Expr>& outputs, const std::vector<std::string>& lane_inputs,
                         const std::vector<std::string>& uniform_inputs) {
  std::vector<Expr> shorter;
  for (const Expr& e : outputs) shorter.push_back(factored(e, lane_inputs));
  Program plain(outputs, lane_inputs, uniform_inputs), other(shorter, lane_inputs, uniform_inputs);
  return other.lane_operations() < plain.lane_operations() ? other : plain;
}

}  // namespace sde::expr
