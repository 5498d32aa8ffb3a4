// Local linearisations component by component: Gaussian with the exact moments of a linear equation.
#include "base/error.h"
#include "fit/density_gaussian.h"
#include "fit/density_makers.h"
#include "fit/lamperti.h"
#include "sde/generator.h"

namespace sde {

using expr::Expr;

namespace {

// The reason why component i is not a process of its own; empty where it is.
std::string coupling(const SdeExpressions& ito, std::size_t i) {
  const std::string& name = ito.states[i];
  if (own_noise(ito, i) < 0) return "\"" + name + "\" is not driven by one noise of its own";
  for (const std::string& other : ito.states) {
    if (other == name) continue;
    if (expr::depends_on(ito.drift[i], other))
      return "the drift of \"" + name + "\" depends on \"" + other + "\"";
    for (const Expr& g : ito.diffusion[i])
      if (expr::depends_on(g, other)) return "the diffusion of \"" + name + "\" depends on \"" + other + "\"";
  }
  return "";
}

}  // namespace

// Ozaki (Statistica Sinica 2, 1992): mean x e^(KD) with e^(KD) = 1 + f D phi(JD) / x, J = df/dx, and variance
// s^2 D phi(2KD), phi(z) = (e^z - 1)/z; s is that of the state before. Needs a mean on x's side of 0.
std::vector<TransitionDensity> make_ozaki_density(const SdeExpressions& ito, std::string& why_not) {
  const Expr step = Expr::symbol(kStepSymbol);
  GaussianStep gaussian;
  std::vector<Expr> mean, deviation;
  const auto covariance = noise_covariance(ito);
  for (std::size_t i = 0; i < ito.dimension(); ++i) {
    if (why_not = coupling(ito, i); !why_not.empty()) return {};
    const std::string& name = ito.states[i];
    const Expr before = Expr::symbol(name), after = Expr::symbol(state_after(name));
    const Expr move =
        ito.drift[i] * step * expm1_over(expr::differentiate(ito.drift[i], name) * step);  // E - x
    const Expr k = expr::call("log1p", {move / before}), phi = expm1_over(k);
    mean.push_back(before + move);
    gaussian.rest.push_back(after - mean.back());
    gaussian.covariance.emplace_back(ito.dimension(), Expr(0));
    // phi(2z) = phi(z) (1 + z phi(z) / 2)
    gaussian.covariance.back()[i] = covariance[i][i] * step * phi * (Expr(1) + Expr(0.5) * k * phi);
    deviation.push_back(expr::sqrt(gaussian.covariance.back()[i]));
  }
  auto made = gaussian_density("ozaki", ito, gaussian, why_not);
  if (made.empty()) return made;
  made[0].mean = mean;
  made[0].deviation = deviation;
  return made;
}

// Shoji & Ozaki (J. Time Series Anal. 18, 1997; Stoch. Anal. Appl. 16, 1998): in coordinates with unit noise,
// drift m, L = dm/dy and M = (d2m/dy2)/2 + dm/dt,
//   mean y + m D phi(LD) + M D^2 phi_2(LD), variance D phi(2LD), phi_2(z) = (e^z - 1 - z)/z^2.
// Constant noise stays as it is; other noise goes through Lamperti's transform.
std::vector<TransitionDensity> make_local_linear_density(const SdeExpressions& ito, std::string& why_not) {
  for (std::size_t i = 0; i < ito.dimension(); ++i)
    if (why_not = coupling(ito, i); !why_not.empty()) return {};
  const std::vector<LampertiComponent> components = lamperti_components(ito, why_not);
  if (components.empty()) return {};
  const Expr step = Expr::symbol(kStepSymbol);
  const auto covariance = noise_covariance(ito);
  GaussianStep gaussian;
  std::vector<Expr> mean, deviation;
  Expr jacobian(0);
  for (std::size_t i = 0; i < ito.dimension(); ++i) {
    const std::string& name = ito.states[i];
    const Expr before = Expr::symbol(name), after = Expr::symbol(state_after(name));
    const bool constant = !expr::depends_on(components[i].scale, name);
    // Constant noise: y = x keeps the formulas short; its variance stands in place of 1.
    const Expr variance = constant ? covariance[i][i] : Expr(1);
    const Expr pace = constant ? Expr(1) : components[i].scale;  // dx/dy
    const Expr m = constant ? ito.drift[i] : components[i].drift;
    const auto along_y = [&](const Expr& e) { return pace * expr::differentiate(e, name); };
    const Expr slope = along_y(m);
    const Expr bend = Expr(0.5) * variance * along_y(slope) + expr::differentiate(m, "t");
    const Expr z = slope * step, phi_2 = expm1_over_2(z), phi = Expr(1) + z * phi_2;
    const Expr move = step * (m * phi + step * bend * phi_2);
    if (constant) {
      mean.push_back(before + move);
      gaussian.rest.push_back(after - mean.back());
    } else {
      gaussian.rest.push_back(LampertiPath(components[i]).distance - move);
      jacobian = jacobian + expr::log(expr::substitute(components[i].scale, {{name, after}}));
      mean.push_back(before +
                     step * (ito.drift[i] + Expr(0.5) * step * generator(ito, covariance, ito.drift[i])));
    }
    gaussian.covariance.emplace_back(ito.dimension(), Expr(0));
    gaussian.covariance.back()[i] = variance * step * phi * (Expr(1) + Expr(0.5) * z * phi);
    deviation.push_back(pace * expr::sqrt(gaussian.covariance.back()[i]));
  }
  auto made = gaussian_density("shoji-ozaki", ito, gaussian, why_not);
  if (made.empty()) return made;
  made[0].log_density = made[0].log_density - jacobian;
  made[0].mean = mean;
  made[0].deviation = deviation;
  return made;
}

}  // namespace sde
