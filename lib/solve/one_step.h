// The weak order of a method on an SDE, from one step and without sampling.
//
// A method is of weak order p where the moments of one step agree with the solution's up to O(h^(p+1))
// (Milstein 1978; Kloeden & Platen 1992, theorem 14.5.2). The solution's are phi + h L phi + h^2/2 L^2 phi +
// O(h^3), L its generator, formed symbolically; the method's are a Gauss quadrature over the normals that
// drive a step. So the order comes out to several digits, as far as 2, which is as high as weak methods here
// go.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sde/document.h"
#include "sde/expressions.h"
#include "solve/method.h"
#include "solve/stepper.h"
#include "stats/slope.h"

namespace sde {

struct OneStepOptions {
  const Method* method = nullptr;
  double start = 0, end = 1;
  std::vector<double> steps = {1.0 / 32, 1.0 / 64, 1.0 / 128,
                               1.0 / 256};  // halving, times min(1, end - start)
  std::uint64_t seed = 0;                   // of the path whose states the step starts from
};

struct OneStepResult {
  std::vector<ErrorLevel>
      levels;                  // sum over monomials of degree <= 5 (3 from three states on) and start states
  std::optional<Slope> order;  // of the error less 1; low and high span the last slopes and their limit
  double claim = 0;
  bool exact = false;  // within rounding of the expansion up to h^2: of order 2 or more
  std::string reason;  // why there is no order, where there is none

  // Orders above 2 are not seen.
  bool ok() const;
};

// Throws Error(Status::usage) where the method does not fit. An SDE in the other calculus than the method's
// is converted.
OneStepResult measure_one_step(const SdeDocument& document, const SdeExpressions& sde,
                               const OneStepOptions& options);

// E prod_i (y_i - x_i)^powers[p][i] for the state y one step of length h after x, for each p: exact where y
// is a polynomial of low degree in the increments. Empty where there are too many Brownian motions to
// integrate over.
std::vector<double> one_step_moments(const Stepper& stepper, const std::vector<std::vector<int>>& powers,
                                     double t, double h, const std::vector<double>& x);

}  // namespace sde
