// The density of one Milstein step (Elerian 1998, "A note on the existence of a closed form conditional
// transition density for the Milstein scheme", eq. 3.1).
#include "fit/density_gaussian.h"
#include "fit/density_makers.h"
#include "fit/lamperti.h"

namespace sde {

using expr::Expr;

// x' = x + f D + s sqrt(D) e + s s' D (e^2 - 1) / 2 is a parabola in the normal e, whose two roots carry the
// density. With w = x' - x - f D + s s' D / 2 and q = 2 w s' / s they are, written so that s' = 0 is no
// special case,
//   e1 = 2 w / (s sqrt(D) (1 + sqrt(1 + q))),   e1^2 - e2^2 = -4 sqrt(1 + q) / (s'^2 D),
//   log p = -log(2 pi)/2 - log(s sqrt(D)) - log(1 + q)/2 - e1^2/2 + log(1 + exp((e1^2 - e2^2)/2)).
// Where 1 + q <= 0 the scheme does not reach x' and the logarithm is not a number.
std::vector<TransitionDensity> make_milstein_density(const SdeExpressions& ito, std::string& why_not) {
  TransitionDensity density = empty_density("milstein", ito);
  const Expr step = Expr::symbol(kStepSymbol), root_step = expr::sqrt(step);
  for (std::size_t i = 0; i < ito.dimension(); ++i) {
    const std::string& name = ito.states[i];
    const int noise = own_noise(ito, i);
    if (noise < 0) {
      why_not = "\"" + name + "\" is not driven by one noise of its own";
      return {};
    }
    const Expr& s = ito.diffusion[i][static_cast<std::size_t>(noise)];
    for (const std::string& other : ito.states)
      if (other != name && expr::depends_on(s, other)) {
        why_not = "the diffusion of \"" + name + "\" depends on \"" + other + "\"";
        return {};
      }
    const Expr slope = expr::differentiate(s, name);
    const Expr product = milstein_coefficient(ito, i, static_cast<std::size_t>(noise),
                                              static_cast<std::size_t>(noise));  // s s'
    const Expr before = Expr::symbol(name), after = Expr::symbol(state_after(name));
    const Expr mean = before + ito.drift[i] * step;
    const Expr w = after - mean + Expr(0.5) * product * step;
    const Expr inside = Expr(1) + Expr(2) * w * (slope / s), root = expr::sqrt(inside);
    const Expr near = Expr(2) * w / (s * root_step * (Expr(1) + root));
    Expr term = Expr(-0.5) * (Expr(kLog2Pi) + expr::log(inside) + near * near) - expr::log(s * root_step);
    if (!slope.is_zero()) {
      // The far root: below a curvature of 0.01 its weight is under e^-200.
      const Expr curvature = expr::call("max", {slope * slope * step, Expr(0.01)});
      term = term + expr::call("log1p", {expr::exp(Expr(-2) * root / curvature)});
    }
    density.log_density = density.log_density + term;
    density.mean.push_back(mean);
    density.deviation.push_back(expr::sqrt(step * (s * s + Expr(0.5) * step * product * product)));
    ResidualLaw residual;
    residual.kind = slope.is_zero() ? ResidualLaw::Kind::gaussian : ResidualLaw::Kind::integrated;
    residual.normal = near;
    density.residuals.push_back(residual);
  }
  return {density};
}

}  // namespace sde
