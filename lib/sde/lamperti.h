// The Lamperti transform: coordinates in which the noise is additive.
#pragma once

#include <string>
#include <vector>

#include "sde/expressions.h"

namespace sde {

// Y_i = F_i(X_i) with F_i' = 1/h_i where the diffusion of state i is c(t) h_i(x_i) dW_i: by Ito's formula dY
// = (f/h - c^2 h'/2) dt + c dW (Kloeden & Platen 1992, section 4.4; Moeller & Madsen 2010). Where the
// diffusion does not depend on time c is 1.
struct Lamperti {
  SdeExpressions sde;               // of Y, Ito, additive noise; its states are named y_<state>
  std::vector<expr::Expr> forward;  // [state]: F_i in the state of the given SDE
  std::vector<expr::Expr> inverse;  // [state]: its inverse, in the state of `sde`
};

// Antiderivatives are known of constants, linear and quadratic functions and their square roots, powers of x
// and of a + b x, exponentials, cos, sin, cosh, their squares where listed in lamperti.cc, each times a
// constant; recognised in any way of writing them. `near` [state] holds values that the process takes: they
// say on which side of a zero of the diffusion it is. Throws Error(Status::usage) with the reason where noise
// is not diagonal, a diffusion has no antiderivative here, or a boundary is in the way. Full truncation is
// dropped: the inverse keeps to the domain.
Lamperti lamperti(const SdeExpressions& sde, const std::vector<double>& near);

}  // namespace sde
