// Sums whose terms share factors, written so that programs have less to do.
#pragma once

#include <string>
#include <vector>

#include "expr/expr.h"
#include "expr/program.h"

namespace sde::expr {

// The sum e with symbols taken out of the terms that have them, the most frequent first, as Horner's rule
// does of polynomials: x + a x + b x w + c x w^2 = x + x (a + w (b + c w)). A term that is the symbol alone
// stays, so that what is small beside it keeps its digits. Other expressions, and sums of very many terms,
// stay as they are.
Expr factored(const Expr& e, const std::vector<std::string>& symbols);

// The program of the outputs, or of the outputs factored by the lane inputs where that has fewer operations a
// lane (what outputs have in common may be lost by it).
Program compile_factored(const std::vector<Expr>& outputs, const std::vector<std::string>& lane_inputs,
                         const std::vector<std::string>& uniform_inputs);

}  // namespace sde::expr
