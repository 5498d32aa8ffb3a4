// Transition laws in closed form, component by component.
#include <fmt/format.h>

#include <numbers>

#include "fit/density_gaussian.h"
#include "fit/density_makers.h"
#include "sde/law.h"

namespace sde {

using expr::Expr;

namespace {

// A group of one state, as the densities below take it.
struct ScalarLaw {
  Expr intercept, slope, scale;
};

struct Symbols {
  Expr before, after, step;
};

// N(after; mean, variance); variances are positive by construction.
Expr gaussian(const Expr& after, const Expr& mean, const Expr& variance) {
  const Expr deviation = after - mean;
  return Expr(-0.5) * (Expr(kLog2Pi) + expr::log(variance) + deviation * deviation / variance);
}

// dX = (a + bX) dt + c dW: X' is normal, m = x + D phi(bD) (a + bx), v = c^2 D phi(2bD) with phi(z) = (e^z -
// 1)/z, which covers b of either sign and 0.
void add_ornstein_uhlenbeck(const ScalarLaw& law, const Symbols& s, TransitionDensity& into) {
  const Expr z = law.slope * s.step, phi = expm1_over(z);
  const Expr mean = s.before + s.step * phi * (law.intercept + law.slope * s.before);
  // phi(2z) = phi(z) (1 + z phi(z) / 2)
  const Expr variance = law.scale * law.scale * s.step * phi * (Expr(1) + Expr(0.5) * z * phi);
  into.log_density = into.log_density + gaussian(s.after, mean, variance);
  into.mean.push_back(mean);
  into.deviation.push_back(expr::sqrt(variance));
  ResidualLaw residual;
  residual.normal = (s.after - mean) / expr::sqrt(variance);
  into.residuals.push_back(residual);
}

// dX = bX dt + cX dW: log X' is normal, m = log x + (b - c^2/2) D, v = c^2 D.
void add_geometric(const ScalarLaw& law, const Symbols& s, TransitionDensity& into) {
  const Expr variance = law.scale * law.scale * s.step;
  const Expr log_ratio = expr::log(s.after / s.before);
  const Expr mean = law.slope * s.step - Expr(0.5) * variance;
  into.log_density = into.log_density + gaussian(log_ratio, mean, variance) - expr::log(s.after);
  into.mean.push_back(s.before * expr::exp(law.slope * s.step));
  into.deviation.push_back(into.mean.back() * expr::sqrt(expr::call("expm1", {variance})));
  ResidualLaw residual;
  residual.normal = (log_ratio - mean) / expr::sqrt(variance);
  into.residuals.push_back(residual);
}

// dX = (a + bX) dt + c sqrt(X) dW (Cox, Ingersoll & Ross 1985, eq. 18, with kappa = -b, kappa theta = a,
// either sign of b): with k = 2 / (c^2 D phi(bD)), u = k x e^(bD), v = k x', q = 2a/c^2 - 1,
//   log p = log k - u - v + q/2 log(v/u) + log I_q(2 sqrt(uv)).
// -u - v + 2 sqrt(uv) = -(sqrt(v) - sqrt(u))^2, whose difference is formed from x' - x so that nothing
// cancels at small D; 2v is noncentral chi-squared with 2q + 2 degrees of freedom and noncentrality 2u.
void add_square_root(const ScalarLaw& law, const std::string& state, const Symbols& s,
                     TransitionDensity& into) {
  const Expr z = law.slope * s.step, phi = expm1_over(z);
  // Below e^-100 the state before is forgotten to all digits, and the argument of the Bessel function would
  // underflow.
  const Expr bounded = expr::call("max", {z, Expr(-100)});
  const Expr growth = expr::exp(Expr(0.5) * bounded);  // square root of e^(bD)
  const Expr k = Expr(2) / (law.scale * law.scale * s.step * phi);
  const Expr order = Expr(2) * law.intercept / (law.scale * law.scale) - Expr(1);
  const Expr root_before = expr::sqrt(s.before) * growth, root_after = expr::sqrt(s.after);
  const Expr difference = (s.after - s.before - s.before * (z * phi)) / (root_after + root_before);
  into.log_density = into.log_density + expr::log(k) - k * difference * difference +
                     Expr(0.5) * order * (expr::log(s.after / s.before) - bounded);
  into.bessel.push_back({order, Expr(2) * k * root_before * root_after});
  into.mean.push_back(s.before + s.step * phi * (law.intercept + law.slope * s.before));
  // Var = c^2 D phi (x e^(bD) + a D phi / 2)
  into.deviation.push_back(
      expr::sqrt(law.scale * law.scale * s.step * phi *
                 (s.before * growth * growth + Expr(0.5) * law.intercept * s.step * phi)));
  ResidualLaw residual;
  residual.kind = ResidualLaw::Kind::noncentral_chi_squared;
  residual.quantile = Expr(2) * k * s.after;
  residual.degrees = Expr(4) * law.intercept / (law.scale * law.scale);
  residual.noncentrality = Expr(2) * k * s.before * growth * growth;
  into.residuals.push_back(residual);
  into.conditions.push_back(
      {law.intercept, expr::to_string(law.intercept) + " > 0, the drift of \"" + state + "\" at 0"});
}

}  // namespace

std::vector<TransitionDensity> make_exact_density(const SdeExpressions& ito, std::string& why_not) {
  const LawRecognition laws = recognise_law(ito);
  if (!laws.known()) {
    why_not = laws.reason;
    return {};
  }
  TransitionDensity density;
  density.name = "exact";
  density.states = ito.states;
  density.parameters = ito.parameters;
  density.log_density = Expr(0);
  std::vector<const LawGroup*> group_of(ito.dimension(), nullptr);
  for (const LawGroup& group : laws.groups) {
    if (group.size() > 1 || group.kind == LawKind::brownian_bridge) {
      why_not = fmt::format(
          "\"{}\" is not by itself an Ornstein-Uhlenbeck, geometric or Cox-Ingersoll-Ross process",
          ito.states[group.states[0]]);
      return {};
    }
    group_of[group.states[0]] = &group;
  }
  for (std::size_t i = 0; i < ito.dimension(); ++i) {
    const std::string& state = ito.states[i];
    const LawGroup& group = *group_of[i];
    const ScalarLaw law = {group.intercept[0], group.slope[0][0], group.scalar_scale()};
    const Symbols symbols = {Expr::symbol(state), Expr::symbol(state_after(state)),
                             Expr::symbol(kStepSymbol)};
    switch (group.kind) {
      case LawKind::ornstein_uhlenbeck:
        add_ornstein_uhlenbeck(law, symbols, density);
        break;
      case LawKind::geometric:
        add_geometric(law, symbols, density);
        break;
      case LawKind::square_root:
        add_square_root(law, state, symbols, density);
        break;
      case LawKind::brownian_bridge:
        break;
    }
    density.positive_state.push_back(group.kind != LawKind::ornstein_uhlenbeck);
    density.scales.push_back({law.scale});
  }
  return {density};
}

}  // namespace sde
