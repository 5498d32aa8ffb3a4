// Processes whose transition law is known in closed form, recognised from their expressions in any
// parametrisation.
#pragma once

#include <string>
#include <vector>

#include "expr/expr.h"
#include "sde/expressions.h"

namespace sde {

enum class LawKind {
  ornstein_uhlenbeck,  // dX = (A X + b) dt + S dW, any A: Gaussian (Brownian motion where A = 0)
  geometric,           // dX_i = a_i X_i dt + X_i sum_k S_ik dW_k: log-normal
  square_root,      // dX = (b + a X) dt + s sqrt(X) dW: noncentral chi-squared (Cox, Ingersoll & Ross 1985)
  brownian_bridge,  // dX_i = (b_i - X_i)/(T - t) dt + sum_k S_ik dW_k: Gaussian, X = b at T
};

const char* to_string(LawKind kind);  // "Ornstein-Uhlenbeck", "geometric Brownian motion", ...

// The law of states that share noises or act on one another. Coefficients are expressions of the document's
// parameters alone; states and noises are indices into the SdeExpressions recognised.
struct LawGroup {
  LawKind kind = LawKind::ornstein_uhlenbeck;
  std::vector<std::size_t> states, noises;
  std::vector<expr::Expr> intercept;           // [state of the group]: b
  std::vector<std::vector<expr::Expr>> slope;  // [state][state]: A; diagonal but for Ornstein-Uhlenbeck
  std::vector<std::vector<expr::Expr>> scale;  // [state][noise of the group]: S
  expr::Expr end;                              // T, of a bridge

  std::size_t size() const { return states.size(); }
  // sqrt(S S') of a group of one state.
  expr::Expr scalar_scale() const;
};

struct LawRecognition {
  std::vector<LawGroup> groups;  // independent of one another, every state in one; empty where not known
  std::string reason;            // why it is not: "the drift of \"x\" is not affine"; empty where it is

  bool known() const { return reason.empty(); }
  // "Ornstein-Uhlenbeck in x, y; Cox-Ingersoll-Ross in v"; empty where the law is not known.
  std::string describe(const std::vector<std::string>& states) const;
};

// The exact transition law of an SDE that falls into independent groups of the kinds above. Coefficients are
// read off symbolically (f at x = 0, df/dx, g at x = 1) and the form they give is compared with the drift and
// diffusion at random points, so that any way of writing it is recognised.
LawRecognition recognise_law(const SdeExpressions& sde);

}  // namespace sde
