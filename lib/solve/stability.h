// Whether a step is too long for a linear equation: the numerical solution would grow where the true one
// decays.
#pragma once

#include <optional>
#include <string>

#include "sde/expressions.h"
#include "solve/method.h"

namespace sde {

struct StabilityLimit {
  bool mean_square = false;  // of the second moment under multiplicative noise; else of the mean
  double limit = 0;          // the longest step that is stable; 0 where none is
};

// Nothing where steps of length h are stable, or where this is not known: drift (and diffusion) must be
// affine in the states with constant coefficients, and the equation itself asymptotically stable. The
// propagator of one step is read off the method's own program: of the mean without noise, of the second
// moment by Gauss-Hermite quadrature over the noise, for few states and noises.
std::optional<StabilityLimit> stability_limit(const SdeExpressions& sde, const Method& method, double h,
                                              const MethodOptions& tuning = {});

// One sentence for it.
std::string stability_warning(const StabilityLimit& limit, const std::string& method, double h);

}  // namespace sde
