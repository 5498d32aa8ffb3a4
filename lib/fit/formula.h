// Expressions of the parameters, with exact derivatives by the free ones.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "expr/expr.h"
#include "fit/optimize.h"
#include "fit/tape.h"

namespace sde {

class ParameterFormula {
 public:
  // Symbols of `e` are among `parameters`; `free` are those (by position) to differentiate by.
  ParameterFormula(const expr::Expr& e, const std::vector<std::string>& parameters,
                   const std::vector<std::size_t>& free);

  // `parameters` are all of them, in natural units; order as in SmoothFunction.
  void evaluate(std::span<const double> parameters, int order, FunctionValue& result) const;
  // Whether it changes with a free parameter.
  bool varies() const { return varies_; }

 private:
  Eigen::Index size_;
  bool varies_ = false;
  Tape slopes_, curvatures_;  // value and gradient; upper triangle of the Hessian row by row
};

// A relation "a == b", "a <= b", "a >= b" (also =, <, >) between expressions of the parameters.
struct Relation {
  std::string text;
  expr::Expr left, right;
  bool equality = false;
  bool at_least = false;  // left >= right, else left <= right

  // What is 0 for an equality, else not negative.
  expr::Expr gap() const;
};

// Throws Error(usage), its sentence beginning with `pointer`.
Relation parse_relation(const std::string& pointer, const std::string& text,
                        const std::vector<std::string>& parameters);
// The relations of a hypothesis: what commas outside parentheses separate.
std::vector<std::string> hypothesis_parts(const std::string& text);
expr::Expr parse_formula(const std::string& pointer, const std::string& text,
                         const std::vector<std::string>& parameters);

}  // namespace sde
