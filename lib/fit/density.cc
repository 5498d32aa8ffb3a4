#include "fit/density.h"

#include <algorithm>

#include "base/error.h"
#include "base/suggest.h"
#include "fit/density_makers.h"

namespace sde {

using expr::Expr;

std::string state_after(const std::string& state) {
  return state + "'";
}

std::vector<Expr> TransitionDensity::ingredients() const {
  std::vector<Expr> all = {log_density};
  for (const BesselTerm& term : bessel) {
    all.push_back(term.order);
    all.push_back(term.argument);
  }
  all.insert(all.end(), further.begin(), further.end());
  for (const auto& [symbol, e] : intermediates) all.push_back(e);
  if (simulated) {
    all.insert(all.end(), simulated->drift.begin(), simulated->drift.end());
    for (const auto& row : simulated->covariance) all.insert(all.end(), row.begin(), row.end());
  }
  if (!linear) return all;
  for (const auto* part : {&linear->displacement, &linear->drift, &linear->curvature})
    all.insert(all.end(), part->begin(), part->end());
  for (const auto* part : {&linear->jacobian, &linear->noise})
    for (const auto& row : *part) all.insert(all.end(), row.begin(), row.end());
  all.push_back(linear->log_pace);
  return all;
}

Expr expm1_over(const Expr& z) {
  // Near 0 the Taylor polynomial 1 + z/2 (1 + z/3 (1 + ...)): what 16 terms leave is below 1e-19 at |z| =
  // 1/2, and below 1e-16 in the second derivative.
  Expr polynomial(1);
  for (int k = 16; k >= 2; --k) polynomial = Expr(1) + z * (Expr(1.0 / k) * polynomial);
  return expr::select(expr::less(expr::call("abs", {z}), Expr(0.5)), polynomial,
                      expr::call("expm1", {z}) / z);
}

Expr expm1_over_2(const Expr& z) {
  // As above, for |z| < 1: beyond, (e^z - 1) - z loses two bits at most.
  Expr polynomial(1);
  for (int k = 22; k >= 3; --k) polynomial = Expr(1) + z * (Expr(1.0 / k) * polynomial);
  polynomial = Expr(0.5) * polynomial;
  return expr::select(expr::less(expr::call("abs", {z}), Expr(1)), polynomial,
                      (expr::call("expm1", {z}) - z) / (z * z));
}

std::span<const DensityTraits> densities() {
  static const DensityTraits table[] = {
      {"exact", true,
       "linear drift with constant noise, or independent components, each Ornstein-Uhlenbeck, geometric "
       "Brownian or Cox-Ingersoll-Ross",
       "the transition law itself", make_exact_density},
      {"euler", false, "noise in every component",
       "Gaussian with the drift and diffusion of the state before", make_euler_density},
      {"milstein", false, "components each driven by one noise of its own that depends on no other",
       "the density of one Milstein step (Elerian)", make_milstein_density},
      {"kessler", false, "noise in every component", "Gaussian with moments expanded to the step squared",
       make_kessler_density},
      {"ozaki", false, "components independent of one another that do not cross 0",
       "Gaussian, the drift made linear through 0", make_ozaki_density},
      {"shoji-ozaki", false, "any SDE whose noise reaches every component",
       "Gaussian, the drift made linear with Ito's correction, in coordinates of constant noise where there "
       "are such",
       make_local_linear_density},
      {"ait-sahalia", false, "components independent of one another, equations that do not depend on time",
       "the logarithm of the density expanded to the step squared", make_expansion_density},
      {"simulated", false, "noise in every component",
       "the mean of Euler densities over simulated paths (Pedersen; Durham and Gallant)",
       make_simulated_density},
  };
  return table;
}

const DensityTraits* find_density(const std::string& name) {
  for (const DensityTraits& row : densities())
    if (name == row.name) return &row;
  return nullptr;
}

std::vector<std::string> density_names() {
  std::vector<std::string> names = {"auto"};
  for (const DensityTraits& row : densities()) names.emplace_back(row.name);
  return names;
}

TransitionDensity make_density(const SdeExpressions& given, const std::string& name,
                               const SimulationOptions& simulation) {
  const SdeExpressions sde = converted(given, Calculus::ito);
  if (sde.noises.empty())
    fail(Status::usage, "/diffusion: an ODE has no transition density; give it a diffusion");
  if (name == "auto") {
    std::string not_exact, why_not;
    auto found = make_exact_density(sde, not_exact);
    if (!found.empty()) {
      found[0].reason = "the transition law is known";
      return found[0];
    }
    for (const auto& make : {make_local_linear_density, make_euler_density}) {
      found = make(sde, why_not);
      if (found.empty()) continue;
      found[0].reason = "the transition law is not known: " + not_exact;
      return found[0];
    }
    fail(Status::usage,
         "/diffusion: no transition density applies: the law is not known, for {}, and euler needs {}, but "
         "{}",
         not_exact, find_density("euler")->conditions, why_not);
  }
  const DensityTraits* const row = find_density(name);
  if (!row)
    fail(Status::usage, "/density: unknown density \"{}\"{}", name, suggestion(name, density_names()));
  std::string why_not;
  const auto found = row->make(sde, why_not);
  if (!found.empty()) {
    if (found[0].simulated) found[0].simulated->options = simulation;
    return found[0];
  }
  for (const DensityTraits& other : densities()) {
    std::string ignored;
    if (&other != row && !other.make(sde, ignored).empty())
      fail(Status::usage, "/density: \"{}\" is for {}, but {}; use \"{}\"", name, row->conditions, why_not,
           other.name);
  }
  fail(Status::usage, "/density: \"{}\" is for {}, but {}", name, row->conditions, why_not);
}

}  // namespace sde
