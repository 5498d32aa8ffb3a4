// The generator of a diffusion on expressions: what Ito's formula needs.
#pragma once

#include <string>
#include <vector>

#include "expr/expr.h"
#include "sde/expressions.h"

namespace sde {

// G G' of an SDE in the Ito calculus, [state][state].
std::vector<std::vector<expr::Expr>> noise_covariance(const SdeExpressions& ito);

// L h = dh/dt + sum_i f_i dh/dx_i + 1/2 sum_ij (G G')_ij d2h/dx_i dx_j (Kloeden & Platen 1992, eq. 2.4.4; L^0
// there); `covariance` is noise_covariance(ito).
expr::Expr generator(const SdeExpressions& ito, const std::vector<std::vector<expr::Expr>>& covariance,
                     const expr::Expr& h);

}  // namespace sde
