// Correlated noises, written as independent ones.
#pragma once

#include <string>
#include <vector>

#include "expr/expr.h"
#include "sde/document.h"

namespace sde {

// The lower triangular L, [noise][noise], with L L' the correlation matrix of `noises`, as expressions of the
// parameters (Cholesky's factor: column by column, L_kk = sqrt(1 - sum_m L_km^2)). The matrix is checked at
// the parameters' values. Throws Error(Status::usage) that begins with "/correlation", for a noise that is
// not there, a matrix that is not symmetric, has no ones on its diagonal or entries beyond 1, is singular or
// has a negative eigenvalue.
std::vector<std::vector<expr::Expr>> correlation_factor(const SdeDocument& document,
                                                        const std::vector<std::string>& noises);

}  // namespace sde
