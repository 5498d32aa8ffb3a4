// Symbolic expressions: immutable trees with shared nodes, simplified as they are built.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace sde::expr {

struct Node;

// A handle to an immutable node; cheap to copy. Building one simplifies (constant folding, 0 and 1, double
// negation, equal terms), so that derivatives come out small.
class Expr {
 public:
  Expr(double value = 0);  // implicit, so that formulas read as formulas
  static Expr symbol(std::string name);
  explicit Expr(std::shared_ptr<const Node> node) : node_(std::move(node)) {}

  const Node& node() const { return *node_; }
  const std::shared_ptr<const Node>& handle() const { return node_; }

  bool is_number() const;
  double number() const;  // of a number node
  bool is_zero() const;

 private:
  std::shared_ptr<const Node> node_;
};

Expr operator+(const Expr& a, const Expr& b);
Expr operator-(const Expr& a, const Expr& b);
Expr operator*(const Expr& a, const Expr& b);
Expr operator/(const Expr& a, const Expr& b);
Expr operator-(const Expr& a);
Expr pow(const Expr& a, const Expr& b);
Expr exp(const Expr& a);
Expr log(const Expr& a);
Expr sqrt(const Expr& a);
Expr less(const Expr& a, const Expr& b);                           // a < b, 1 or 0
Expr select(const Expr& condition, const Expr& a, const Expr& b);  // a where condition != 0, else b
// A function of the language by its name: exp log sqrt abs sin cos tan tanh sinh cosh asin acos atan sigmoid
// softplus min max pow sign erf if, and expm1 log1p, which derivatives and densities need.
Expr call(std::string_view function, const std::vector<Expr>& arguments);

// d e / d symbol. abs, min, max, sign and if have the derivative of the branch taken (0 at a kink of sign).
Expr differentiate(const Expr& e, std::string_view symbol);
Expr substitute(const Expr& e, const std::map<std::string, Expr, std::less<>>& values);
bool depends_on(const Expr& e, std::string_view symbol);
std::set<std::string> symbols(const Expr& e);
bool structurally_equal(const Expr& a, const Expr& b);
std::string to_string(const Expr& e);  // text that parses back to an equal expression

// Value at a point, one number at a time; for checks, initial values and messages, not for loops.
double evaluate(const Expr& e, const std::map<std::string, double, std::less<>>& values);

// e = constant + sum_i coefficients[i] * symbols[i], with constant and coefficients free of the symbols.
struct Affine {
  Expr constant;
  std::vector<Expr> coefficients;
};
// Nothing where e is not affine in the symbols, or not visibly so: (x^2 - 1)/(x - 1) is not taken for x + 1.
std::optional<Affine> affine(const Expr& e, const std::vector<std::string>& symbols);

// The degree of e as a polynomial in the symbol, 0 where it does not depend on it; nothing where it is none.
// An upper bound: terms that cancel only after expansion count.
std::optional<int> polynomial_degree(const Expr& e, std::string_view symbol);

// Whether a and b agree, up to rounding, at 16 fixed points (every symbol takes values in (0.05, 3), at half
// of the points also negative ones) where both have values; false where they have none. Rounding errors are
// followed through the evaluation, so a difference that cancels is found equal to 0. Two different
// expressions of this language that agree at all these points would have to be built on purpose.
bool probably_equal(const Expr& a, const Expr& b);

// Parses `text`; every name must be in `known` or a function or `pi`. Throws Error(Status::usage) whose
// sentence gives the column, what was found and what was expected ("column 7: unknown name \"kapa\"; did you
// mean \"kappa\"?").
Expr parse(std::string_view text, const std::vector<std::string>& known);

}  // namespace sde::expr
