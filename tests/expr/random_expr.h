// Random expressions, the same on every machine: as written, without simplification, and as built.
#pragma once

#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "expr/node.h"

namespace sde::expr::testing {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15u + 1) {}

  std::uint64_t next() {  // splitmix64
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(next() % n); }
  double between(double a, double b) { return a + (b - a) * static_cast<double>(next() >> 11) * 0x1p-53; }

 private:
  std::uint64_t state_;
};

struct Pair {
  Expr written;     // every node as it stands
  Expr simplified;  // through the operators
};

inline Pair combine(Op op, const std::vector<Pair>& arguments) {
  std::vector<Expr> written, simplified;
  for (const Pair& p : arguments) {
    written.push_back(p.written);
    simplified.push_back(p.simplified);
  }
  return {raw(op, written), make(op, simplified)};
}

inline Pair random_expr(Random& random, const std::vector<std::string>& symbols, int depth) {
  static const std::vector<double> numbers = {0, 1, -1, 2, 3, 0.5, -0.5, 1.5, 0.25, -2};
  if (depth == 0 || random.below(6) == 0) {
    const Expr leaf = random.below(3) == 0 ? Expr(numbers[random.below(numbers.size())])
                                           : Expr::symbol(symbols[random.below(symbols.size())]);
    return {leaf, leaf};
  }
  const auto sub = [&] { return random_expr(random, symbols, depth - 1); };
  switch (random.below(10)) {
    case 0:
    case 1:
      return combine(Op::add, {sub(), sub()});
    case 2:
      return combine(Op::subtract, {sub(), sub()});
    case 3:
    case 4:
      return combine(Op::multiply, {sub(), sub()});
    case 5:
      return combine(Op::divide, {sub(), sub()});
    case 6: {
      static const std::vector<double> exponents = {2, 3, 0.5, 1.5, -1, 4, 2.5, -0.5, 0.3};
      const Expr exponent(exponents[random.below(exponents.size())]);
      if (random.below(4) == 0) return combine(Op::power, {sub(), sub()});
      return combine(Op::power, {sub(), {exponent, exponent}});
    }
    case 7: {
      static const std::vector<Op> rare = {Op::minimum, Op::maximum, Op::less,
                                           Op::select,  Op::negate,  Op::sqrt};
      const Op op = rare[random.below(rare.size())];
      if (op == Op::select) return combine(op, {combine(Op::less, {sub(), sub()}), sub(), sub()});
      if (arity_of(op) == 1) return combine(op, {sub()});
      return combine(op, {sub(), sub()});
    }
    default: {
      const auto all = functions();
      for (;;) {
        const Function& f = all[random.below(all.size())];
        if (f.arity == 1) return combine(f.op, {sub()});
      }
    }
  }
}

using Point = std::map<std::string, double, std::less<>>;

inline Point random_point(Random& random, const std::vector<std::string>& symbols, double low, double high) {
  Point point;
  for (const std::string& s : symbols) point[s] = random.between(low, high);
  return point;
}

// Whether the expression and all its parts are finite.
inline bool finite(const Expr& e, const Point& point) {
  std::unordered_map<const Node*, double> results;
  for (const Node* n : postorder({&e, 1})) {
    double value = n->op == Op::symbol ? point.find(n->name)->second : n->value;
    if (n->arity > 0) {
      double a[3] = {};
      for (std::size_t i = 0; i < n->arity; ++i) a[i] = results.at(n->arguments[i].get());
      value = apply(n->op, a[0], a[1], a[2]);
    }
    if (!std::isfinite(value)) return false;
    results[n] = value;
  }
  return true;
}

// How far results spread when every operation errs by up to four units in the last place: what two correct
// ways of evaluating the same formula may differ by.
inline double spread(const Expr& e, const Point& point) {
  const double exact = evaluate(e, point);
  double worst = 0;
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    Random random(seed);
    std::unordered_map<const Node*, double> results;
    for (const Node* n : postorder({&e, 1})) {
      double value = n->op == Op::symbol ? point.find(n->name)->second : n->value;
      if (n->arity > 0) {
        double a[3] = {};
        for (std::size_t i = 0; i < n->arity; ++i) a[i] = results.at(n->arguments[i].get());
        value = apply(n->op, a[0], a[1], a[2]) * (1 + random.between(-4, 4) * 0x1p-52);
      }
      results[n] = value;
    }
    worst = std::max(worst, std::fabs(results.at(&e.node()) - exact));  // NaN leaves it alone
    if (std::isfinite(exact) && !std::isfinite(results.at(&e.node()))) return INFINITY;
  }
  return worst;
}

}  // namespace sde::expr::testing
