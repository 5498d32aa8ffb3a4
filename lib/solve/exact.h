// Steps that draw from the transition law itself.
#pragma once

#include <memory>
#include <vector>

#include "expr/expr.h"
#include "sde/expressions.h"
#include "solve/stepper.h"

namespace sde {

// OU, geometric Brownian motion and the Brownian bridge in closed form from the increments (for GBM this is
// the strong solution; for the others the law is exact). OU in several dimensions takes further normals,
// served as increments of further Brownian motions (noises() counts them). CIR is drawn from its noncentral
// chi-squared law, which takes more random numbers than increments; see SquareRootDraw. Throws
// Error(Status::usage) where the law is not known, saying why.
std::unique_ptr<Stepper> make_exact_stepper(const SdeExpressions& sde);

// One draw from CIR's transition, dX = (a + b X) dt + c sqrt(X) dW over a time h from x >= 0: with
// k = (e^{bh} - 1)/b * c^2 / 4, X_h / k is noncentral chi-squared with 4a/c^2 degrees of freedom and
// noncentrality x e^{bh} / k (Cox, Ingersoll & Ross 1985). For more than one degree of freedom drawn as (Z +
// sqrt(l))^2 + chi^2_{d-1}, else as chi^2_{d+2N}, N Poisson with mean l/2 (Glasserman 2003, section 3.4).
// Numbers are addressed by (seed, Purpose::exact, component, id, step), so that a path is reproducible by its
// id.
struct SquareRootDraw {
  std::uint64_t seed;
  std::uint32_t component;
  double degrees, noncentrality_factor, scale;  // 4a/c^2, e^{bh}/k, k

  SquareRootDraw(std::uint64_t seed, std::uint32_t component, double a, double b, double c, double h);
  double operator()(double x, std::uint64_t id, std::uint64_t step) const;
};

}  // namespace sde
