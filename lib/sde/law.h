// Processes whose transition law is known in closed form, recognised from their expressions in any
// parametrisation.
#pragma once

#include <string>
#include <vector>

#include "expr/expr.h"
#include "sde/expressions.h"

namespace sde {

// dX = (intercept + slope X) dt + scale h(X) dW, where the kind gives h.
enum class LawKind {
  ornstein_uhlenbeck,  // h = 1: Gaussian (Brownian motion with drift where slope = 0)
  geometric,           // h = X, intercept = 0: log-normal
  square_root,         // h = sqrt(X): noncentral chi-squared (Cox, Ingersoll & Ross, Econometrica 53, 1985)
};

const char* to_string(
    LawKind kind);  // "Ornstein-Uhlenbeck", "geometric Brownian motion", "Cox-Ingersoll-Ross"

// The law of one component; the coefficients are expressions of the document's parameters alone.
struct ScalarLaw {
  LawKind kind = LawKind::ornstein_uhlenbeck;
  expr::Expr intercept, slope, scale;
};

struct LawRecognition {
  std::vector<ScalarLaw> components;  // [state]; empty where the law is not known
  std::string reason;  // why it is not: "the drift of \"x\" is not affine in it"; empty where it is

  bool known() const { return reason.empty(); }
};

// The exact transition law of an SDE whose components are independent of one another, each of one of the
// kinds above. The coefficients are read off symbolically (f at x = 0, df/dx, g at x = 1) and the form they
// give is compared with the drift and diffusion at random points, so that any way of writing it is
// recognised.
LawRecognition recognise_law(const SdeExpressions& sde);

}  // namespace sde
