// Lamperti's coordinates dy = dx / s(x), in which a component has unit noise, without their closed form.
//
// Densities need no more than distances and integrals along the way from x to x', which Gauss-Legendre
// quadrature gives to rounding where the two are neighbours (7 nodes: a relative error of 1e-11 for a square
// root diffusion where x' = 2x): nothing has to be integrated symbolically, nothing cancels for small steps,
// and no exponent needs a case of its own.
#pragma once

#include <string>
#include <vector>

#include "expr/expr.h"
#include "sde/expressions.h"

namespace sde {

// Component `state` of an SDE in the Ito calculus, driven by one noise of its own whose coefficient s depends
// on no other state and not on time.
struct LampertiComponent {
  std::string state;
  expr::Expr scale;          // s
  expr::Expr factor, shape;  // s = factor * shape, the factor free of the state
  // In the coordinate y, with r = s'/s and factors kept apart, which makes what is derived from them short:
  expr::Expr drift;      // m = f / s - s' / 2
  expr::Expr slope;      // dm/dy = f' - f r - s^2 (r' + r^2) / 2
  expr::Expr potential;  // -(m^2 + dm/dy) / 2 = -(f^2 / s^2 - 2 f r + f' - s^2 (r^2 / 4 + r' / 2)) / 2
  expr::Expr square;     // s^2
  expr::Expr ratio;      // r
};

// One a state, or empty with the reason in `why_not` (a clause).
std::vector<LampertiComponent> lamperti_components(const SdeExpressions& ito, std::string& why_not);

// The noise that drives component i and no other; -1 where there is none such.
int own_noise(const SdeExpressions& ito, std::size_t i);

// Nodes on the way from x to x'.
struct LampertiPath {
  explicit LampertiPath(const LampertiComponent& component);

  std::vector<expr::Expr> node;   // values of the state
  std::vector<expr::Expr> pace;   // 1 / s there, up to a factor that is free of the state
  std::vector<expr::Expr> share;  // of the distance in y that lies before the node, from 0 to 1
  expr::Expr length;              // sum of weights times pace
  expr::Expr distance;            // y' - y

  // The integral of g(x) dx from x to x', over x' - x.
  expr::Expr mean_over_x(const expr::Expr& g) const;
  // The mean of h over [y, y'], `weight` [node] multiplying it where given.
  expr::Expr mean_over_y(const expr::Expr& h, const std::vector<expr::Expr>& weight = {}) const;

 private:
  std::string state_;
};

}  // namespace sde
