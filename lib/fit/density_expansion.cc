// Ait-Sahalia's expansion in closed form (Econometrica 70, 2002), its logarithm expanded to D^2 (Annals of
// Statistics 36, 2008), which keeps the density positive.
#include "base/error.h"
#include "fit/density_gaussian.h"
#include "fit/density_makers.h"
#include "fit/lamperti.h"
#include "sde/generator.h"

namespace sde {

using expr::Expr;

// In y with unit noise and drift m, d = y' - y:
//   log p(y') = -log(2 pi D)/2 - d^2/(2D) + C0 + C1 D + C2 D^2/2,
//   C0 = int m dy,  C1 = mean of l over [y, y'],  l = -(m^2 + dm/dy)/2,
//   C2 = (l(y) + l(y') - 2 C1) / d^2 = int_0^1 u (1 - u) l_yy(y + u d) du,
// the last by Peano's kernel of the trapezoidal rule, so that nothing cancels at small d. Coming back to x
// adds -log s(x'); the part of C0 from -s'/2 is a logarithm of s as well.
std::vector<TransitionDensity> make_expansion_density(const SdeExpressions& ito, std::string& why_not) {
  const std::vector<LampertiComponent> components = lamperti_components(ito, why_not);
  if (components.empty()) return {};
  TransitionDensity density = empty_density("ait-sahalia", ito);
  const Expr step = Expr::symbol(kStepSymbol);
  const auto covariance = noise_covariance(ito);
  for (std::size_t i = 0; i < ito.dimension(); ++i) {
    const std::string& name = ito.states[i];
    const Expr& f = ito.drift[i];
    if (expr::depends_on(f, "t")) {
      why_not = fmt::format("the drift of \"{}\" depends on time", name);
      return {};
    }
    for (const std::string& other : ito.states)
      if (other != name && expr::depends_on(f, other)) {
        why_not = fmt::format("the drift of \"{}\" depends on \"{}\"", name, other);
        return {};
      }
    const Expr& s = components[i].scale;
    const Expr& l = components[i].potential;
    // d2l/dy2 = s^2 (l'' + r l')
    const Expr first = expr::differentiate(l, name);
    const Expr bend = components[i].square * (expr::differentiate(first, name) + components[i].ratio * first);

    const LampertiPath path(components[i]);
    std::vector<Expr> kernel;
    for (const Expr& u : path.share) kernel.push_back(u * (Expr(1) - u));
    const Expr before = Expr::symbol(name), after = Expr::symbol(state_after(name));
    const Expr log_before = expr::log(s), log_after = expr::substitute(log_before, {{name, after}});
    density.log_density =
        density.log_density +
        Expr(-0.5) * (Expr(kLog2Pi) + expr::log(step) + path.distance * path.distance / step) +
        (after - before) * path.mean_over_x(f / components[i].square) + Expr(0.5) * log_before -
        Expr(1.5) * log_after +
        step * (path.mean_over_y(l) + Expr(0.5) * step * path.mean_over_y(bend, kernel));
    density.mean.push_back(before + step * (f + Expr(0.5) * step * generator(ito, covariance, f)));
    density.deviation.push_back(s * expr::sqrt(step));
    ResidualLaw residual;
    residual.kind = ResidualLaw::Kind::integrated;
    residual.normal = Expr(0);
    density.residuals.push_back(residual);
  }
  return {density};
}

}  // namespace sde
