// Gaussian transition densities, written symbolically in any dimension.
#pragma once

#include <string>
#include <vector>

#include "fit/density.h"

namespace sde {

// x' - mean and the covariance of x' (or of coordinates that are functions of them), as expressions of what
// density.h allows.
struct GaussianStep {
  std::vector<expr::Expr> rest;                     // [state]
  std::vector<std::vector<expr::Expr>> covariance;  // [state][state], symmetric
};

// The density `name` of `ito` with everything but `mean` and `deviation`. Entries of the covariance that are
// 0 cost nothing. Empty, with the reason, where the covariance is singular.
std::vector<TransitionDensity> gaussian_density(const std::string& name, const SdeExpressions& ito,
                                                const GaussianStep& step, std::string& why_not);

// What every maker fills in alike: name, states, parameters, scales, no positive states.
TransitionDensity empty_density(const std::string& name, const SdeExpressions& ito);

inline constexpr double kLog2Pi = 1.8378770664093454836;

}  // namespace sde
