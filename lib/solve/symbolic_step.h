// A whole step given by expressions, compiled to one block program.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "expr/expr.h"
#include "sde/expressions.h"
#include "solve/stepper.h"

namespace sde {

// What a step's expressions may be made of, beside states, parameters and t. No document can use these names.
expr::Expr step_symbol();                              // h
expr::Expr increment_symbol(std::size_t k);            // dW_k
expr::Expr space_time_symbol(std::size_t k);           // H_k
expr::Expr space_time_time_symbol(std::size_t k);      // K_k
expr::Expr memory_symbol(std::size_t i);               // row i of the second register
expr::Expr area_symbol(std::size_t j, std::size_t k);  // the Levy area A_jk, j < k

// A step as expressions, and what they use.
struct SymbolicStep {
  std::vector<expr::Expr> next;
  std::optional<std::vector<expr::Expr>> error = {}, memory = {};
  std::size_t evaluations = 0;
  BrownianNeeds needs = {};
  std::vector<std::vector<expr::Expr>> dense = {};  // x(t + theta h) = x + sum_j dense[j] theta^(j+1)
};

// `per_lane` where lanes will differ in t and h.
std::unique_ptr<Stepper> make_symbolic_stepper(const SdeExpressions& sde, const SymbolicStep& step,
                                               bool per_lane = false);

}  // namespace sde
