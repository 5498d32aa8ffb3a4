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

// dX_i = b_i X_i dt + X_i sum_k S_ik dW_k: the logarithms are Gaussian, mean (b_i - (S S')_ii/2) D and
// covariance S S' D.
std::vector<TransitionDensity> correlated_geometric(const SdeExpressions& ito, const LawRecognition& laws,
                                                    std::string& why_not) {
  const std::size_t dimension = ito.dimension();
  const Expr step = Expr::symbol(kStepSymbol);
  GaussianStep gaussian;
  gaussian.rest.assign(dimension, Expr(0));
  gaussian.covariance.assign(dimension, std::vector<Expr>(dimension, Expr(0)));
  std::vector<Expr> mean(dimension, Expr(0)), deviation = mean;
  Expr jacobian(0);
  for (const LawGroup& group : laws.groups) {
    if (group.kind != LawKind::geometric) return {};
    for (std::size_t i = 0; i < group.size(); ++i) {
      const std::size_t row = group.states[i];
      for (std::size_t j = 0; j < group.size(); ++j) {
        Expr sum(0);
        for (std::size_t k = 0; k < group.noises.size(); ++k)
          sum = sum + group.scale[i][k] * group.scale[j][k];
        gaussian.covariance[row][group.states[j]] = sum * step;
      }
      const Expr before = Expr::symbol(ito.states[row]), after = Expr::symbol(state_after(ito.states[row]));
      const Expr variance = gaussian.covariance[row][row], growth = group.slope[i][i] * step;
      gaussian.rest[row] = expr::log(after / before) - growth + Expr(0.5) * variance;
      mean[row] = before * expr::exp(growth);
      deviation[row] = mean[row] * expr::sqrt(expr::call("expm1", {variance}));
      jacobian = jacobian + expr::log(after);
    }
  }
  auto made = gaussian_density("exact", ito, gaussian, why_not);
  if (made.empty()) return made;
  made[0].log_density = made[0].log_density - jacobian;
  made[0].mean = mean;
  made[0].deviation = deviation;
  made[0].positive_state.assign(dimension, true);
  return made;
}

}  // namespace

std::vector<TransitionDensity> make_exact_density(const SdeExpressions& ito, std::string& why_not) {
  const LawRecognition laws = recognise_law(ito);
  if (!laws.known()) {
    auto linear = make_linear_exact_density(ito, why_not);
    if (linear.empty()) why_not = laws.reason;
    return linear;
  }
  TransitionDensity density;
  density.name = "exact";
  density.states = ito.states;
  density.parameters = ito.parameters;
  density.log_density = Expr(0);
  std::vector<const LawGroup*> group_of(ito.dimension(), nullptr);
  for (const LawGroup& group : laws.groups) {
    if (group.size() > 1 || group.kind == LawKind::brownian_bridge) {
      // Groups beside one another have one law where all are linear, or all geometric.
      auto linear = make_linear_exact_density(ito, why_not);
      if (linear.empty()) linear = correlated_geometric(ito, laws, why_not);
      if (linear.empty())
        why_not = fmt::format("\"{}\" is part of a {} beside other kinds, or a bridge",
                              ito.states[group.states[0]], to_string(group.kind));
      return linear;
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
