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

namespace {

// In any dimension, the components coupled: what the recursion of local_linear.h needs. Noise that depends on
// the state goes through Lamperti's transform where that can be done component by component, and is otherwise
// that of the state before.
TransitionDensity coupled_density(const std::string& name, const SdeExpressions& ito) {
  const std::size_t dimension = ito.dimension();
  TransitionDensity density = empty_density(name, ito);
  auto linear = std::make_shared<LinearizedSde>();
  const auto covariance = noise_covariance(ito);
  std::vector<LampertiComponent> components;
  if (ito.noise_kind != NoiseKind::additive) {
    std::string ignored;
    components = lamperti_components(ito, ignored);
  }
  linear->transformed = !components.empty();
  for (std::size_t i = 0; i < dimension; ++i)
    linear->pace.push_back(linear->transformed ? components[i].scale : Expr(1));
  const auto along_y = [&](const Expr& e, std::size_t j) {
    return linear->pace[j] * expr::differentiate(e, ito.states[j]);
  };
  linear->noise.assign(dimension, std::vector<Expr>(dimension, Expr(0)));
  for (std::size_t i = 0; i < dimension; ++i) {
    const std::string& state = ito.states[i];
    const Expr before = Expr::symbol(state), after = Expr::symbol(state_after(state));
    for (std::size_t j = 0; j < dimension; ++j)
      linear->noise[i][j] = linear->transformed ? Expr(i == j ? 1 : 0) : covariance[i][j];
    const Expr m = linear->transformed ? components[i].drift : ito.drift[i];
    linear->drift.push_back(m);
    linear->jacobian.emplace_back();
    Expr bend = expr::differentiate(m, "t");
    for (std::size_t j = 0; j < dimension; ++j) {
      const Expr slope = along_y(m, j);
      linear->jacobian.back().push_back(slope);
      for (std::size_t k = 0; k < dimension; ++k) {
        const Expr s = linear->transformed ? Expr(j == k ? 1 : 0) : covariance[j][k];
        if (!s.is_zero()) bend = bend + Expr(0.5) * s * along_y(slope, k);
      }
    }
    linear->curvature.push_back(bend);
    if (linear->transformed) {
      linear->displacement.push_back(LampertiPath(components[i]).distance);
      linear->log_pace =
          linear->log_pace + expr::log(expr::substitute(components[i].scale, {{state, after}}));
    } else {
      linear->displacement.push_back(after - before);
    }
  }
  density.linear = linear;
  return density;
}

// A component that no noise reaches, not even by way of the drifts of others; empty where there is none.
std::string still_component(const SdeExpressions& ito) {
  const std::size_t dimension = ito.dimension();
  std::vector<bool> moved(dimension, false);
  for (std::size_t round = 0; round <= dimension; ++round)
    for (std::size_t i = 0; i < dimension; ++i) {
      for (const Expr& g : ito.diffusion[i]) moved[i] = moved[i] || !g.is_zero();
      for (std::size_t j = 0; j < dimension; ++j)
        moved[i] = moved[i] || (moved[j] && expr::depends_on(ito.drift[i], ito.states[j]));
    }
  for (std::size_t i = 0; i < dimension; ++i)
    if (!moved[i]) return "no noise reaches \"" + ito.states[i] + "\"";
  return "";
}

}  // namespace

std::vector<TransitionDensity> make_linear_exact_density(const SdeExpressions& ito, std::string& why_not) {
  if (why_not = still_component(ito); !why_not.empty()) return {};
  if (ito.noise_kind != NoiseKind::additive) {
    why_not = "the noise depends on the state";
    return {};
  }
  for (std::size_t i = 0; i < ito.dimension(); ++i) {
    const std::string& name = ito.states[i];
    if (!expr::affine(ito.drift[i], ito.states)) {
      why_not = "the drift of \"" + name + "\" is not affine in the states";
      return {};
    }
    bool timed = expr::depends_on(ito.drift[i], "t");
    for (const Expr& g : ito.diffusion[i]) timed = timed || expr::depends_on(g, "t");
    if (timed) {
      why_not = "the equation of \"" + name + "\" depends on time";
      return {};
    }
  }
  return {coupled_density("exact", ito)};
}

// Shoji & Ozaki (J. Time Series Anal. 18, 1997; Stoch. Anal. Appl. 16, 1998): in coordinates with unit noise,
// drift m, L = dm/dy and M = (d2m/dy2)/2 + dm/dt,
//   mean y + m D phi(LD) + M D^2 phi_2(LD), variance D phi(2LD), phi_2(z) = (e^z - 1 - z)/z^2.
// Constant noise stays as it is; other noise goes through Lamperti's transform.
std::vector<TransitionDensity> make_local_linear_density(const SdeExpressions& ito, std::string& why_not) {
  if (why_not = still_component(ito); !why_not.empty()) return {};
  bool coupled = false;
  for (std::size_t i = 0; i < ito.dimension(); ++i) coupled = coupled || !coupling(ito, i).empty();
  const std::vector<LampertiComponent> components = lamperti_components(ito, why_not);
  if (coupled || components.empty()) return {coupled_density("shoji-ozaki", ito)};
  const Expr step = Expr::symbol(kStepSymbol);
  const auto covariance = noise_covariance(ito);
  GaussianStep gaussian;
  std::vector<Expr> mean, deviation;
  Expr jacobian(0);
  // L D: the series of phi_2 is differentiated by it once.
  std::vector<std::pair<std::string, Expr>> intermediates;
  for (std::size_t i = 0; i < ito.dimension(); ++i) {
    const std::string& name = ito.states[i];
    const Expr before = Expr::symbol(name), after = Expr::symbol(state_after(name));
    const bool constant = !expr::depends_on(components[i].scale, name);
    // Constant noise: y = x keeps the formulas short; its variance stands in place of 1.
    const Expr variance = constant ? covariance[i][i] : Expr(1);
    const Expr pace = constant ? Expr(1) : components[i].scale;  // dx/dy
    const Expr m = constant ? ito.drift[i] : components[i].drift;
    const auto along_y = [&](const Expr& e) { return pace * expr::differentiate(e, name); };
    const Expr slope = constant ? along_y(m) : components[i].slope;
    const Expr bend = Expr(0.5) * variance * along_y(slope) + expr::differentiate(m, "t");
    const std::string symbol = "z" + std::to_string(i) + "'";
    intermediates.emplace_back(symbol, slope * step);
    const Expr z = Expr::symbol(symbol), phi_2 = expm1_over_2(z), phi = Expr(1) + z * phi_2;
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
  made[0].intermediates = intermediates;
  made[0].mean = mean;
  made[0].deviation = deviation;
  return made;
}

}  // namespace sde
