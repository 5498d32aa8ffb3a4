#include "solve/method.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/suggest.h"

namespace sde {

const std::vector<Method>& methods() {
  using enum MethodFamily;
  using enum NoiseKind;
  static const std::vector<Method> table = {
      {"euler-maruyama", "Euler-Maruyama, Ito", explicit_sde, true, false, general, 0.5, 0.5, 1, 1, 1, false,
       "Maruyama 1955; Kloeden & Platen 1992, section 10.2"},
      {"tamed-euler", "Euler-Maruyama with a tamed drift, for drifts that grow faster than linearly, Ito",
       explicit_sde, true, false, general, 0.5, 0.5, 1, 1, 1, false, "Hutzenthaler, Jentzen & Kloeden 2012"},
      {"truncated-euler",
       "Euler-Maruyama with coefficients held beyond a radius that grows as steps shrink, for coefficients "
       "that "
       "grow faster than linearly, Ito",
       explicit_sde, true, false, general, 0.5, 0.5, 1, 1, 1, false, "Mao 2015; Hu, Li & Mao 2018"},
      {"milstein",
       "Milstein with derivatives formed symbolically, either calculus; Levy areas where noise is general",
       explicit_sde, true, true, general, 1, 1, 1, 1, 1, false,
       "Milstein 1974; Kloeden & Platen 1992, eq. 10.3.3"},
      {"euler-heun", "Euler in the drift, Heun in the diffusion, Stratonovich", explicit_sde, false, true,
       general, 0.5, 1, 1, 1, 1, false, "Kloeden & Platen 1992, section 4.9; Roberts 2012"},
      {"heun", "stochastic Heun, Stratonovich; the second-order method on an ODE", explicit_sde, false, true,
       general, 0.5, 1, 1, 1, 2, false, "Ruemelin 1982; Kloeden & Platen 1992, section 15.5", 0, 2},
      {"midpoint", "stochastic explicit midpoint rule, Stratonovich", explicit_sde, false, true, general, 0.5,
       1, 1, 1, 2, false, "Ruemelin 1982"},
      {"ralston", "stochastic Ralston, Stratonovich", explicit_sde, false, true, general, 0.5, 1, 1, 1, 2,
       false, "Ralston 1962; Ruemelin 1982"},
      {"reversible-heun", "reversible Heun of two registers, Stratonovich; steps can be undone exactly",
       explicit_sde, false, true, general, 0.5, 0.5, 1, 1, 2, false,
       "Kidger, Foster, Li & Lyons 2021, arXiv 2105.13493"},
      {"log-ode", "the flow of the truncated logarithm, Stratonovich; Levy areas where noise is general",
       explicit_sde, false, true, general, 1, 1, 1, 1, 2, false, "Castell & Gaines 1996"},
      {"spark", "splitting path Runge-Kutta, three stages, Stratonovich", explicit_sde, false, true, general,
       0.5, 1, 1.5, 1, 2, false, "Foster, dos Reis & Strange 2023, arXiv 2210.17543", 0, 2},
      {"general-shark", "shifted additive-noise Runge-Kutta for any noise, Stratonovich", explicit_sde, false,
       true, general, 0.5, 1, 1.5, 1, 2, false, "Foster, dos Reis & Strange 2023, arXiv 2210.17543", 0, 2},
      {"slowrk", "strong order 3/2 on commutative noise, seven stages, Stratonovich", explicit_sde, false,
       true, general, 0.5, 1.5, 1.5, 1, 2, false, "Foster, dos Reis & Strange 2023, arXiv 2210.17543", 2, 2},
      {"shark", "shifted additive-noise Runge-Kutta, two stages", explicit_sde, true, true, additive, 0, 0,
       1.5, 2, 2, false, "Foster, dos Reis & Strange 2023, arXiv 2210.17543"},
      {"sea", "shifted Euler for additive noise, one stage", explicit_sde, true, true, additive, 0, 0, 1, 1,
       1, false, "Foster, dos Reis & Strange 2023, arXiv 2210.17543"},
      {"srk", "strong order 3/2: sra1 on additive noise, sri2w1 on scalar and diagonal noise, Ito",
       explicit_sde, true, false, diagonal, 0, 1.5, 1.5, 1.5, 2, false, "Roessler 2010", 0, 2},
      {"sra1", "strong Runge-Kutta of two stages for additive noise", explicit_sde, true, true, additive, 0,
       0, 1.5, 2, 2, false, "Roessler 2010, SRA1"},
      {"sra3", "strong Runge-Kutta of three stages for additive noise", explicit_sde, true, true, additive, 0,
       0, 1.5, 2, 3, false, "Roessler 2010, SRA3 (beta2 with the sign its conditions ask for)"},
      {"sosra", "SRA of three stages with a large region of stability", explicit_sde, true, true, additive, 0,
       0, 1.5, 2, 2, false, "Rackauckas & Nie 2018"},
      {"sri1w1", "strong Runge-Kutta for diagonal and scalar noise, Ito", explicit_sde, true, false, diagonal,
       0, 1.5, 1.5, 1.5, 2, false, "Roessler 2010, SRI1W1", 0, 2},
      {"sri2w1", "the same with three stages in the drift", explicit_sde, true, false, diagonal, 0, 1.5, 1.5,
       1.5, 3, false, "Roessler 2010, SRI2W1", 0, 2},
      {"sosri", "SRI with a large region of stability, Ito", explicit_sde, true, false, diagonal, 0, 1.5, 1.5,
       1.5, 2, false, "Rackauckas & Nie 2018", 0, 2},
      {"dri1", "weak Runge-Kutta of order 2, of order 3 without noise, Ito", explicit_sde, true, false,
       general, 0.5, 1, 1, 2, 3, false, "Debrabant & Roessler 2009, DRI1"},
      {"ri6", "weak Runge-Kutta of order 2, two evaluations of the drift, Ito", explicit_sde, true, false,
       general, 0.5, 1, 1, 2, 2, false, "Roessler 2009, RI6"},
      {"w2ito1", "weak Runge-Kutta of order 2 with few stages for many noises, Ito", explicit_sde, true,
       false, general, 0.5, 1, 1, 2, 3, false, "Tang & Xiao 2017, W2Ito1"},
      {"pl1wm", "explicit scheme of weak order 2, Ito", explicit_sde, true, false, general, 0.5, 1, 1, 2, 2,
       false, "Platen; Kloeden & Platen 1992, eq. 15.1.3"},
      {"rs1", "weak Runge-Kutta of order 2, Stratonovich", explicit_sde, false, true, general, 0.5, 1, 1, 2,
       2, false, "Roessler 2006, RS1"},
      {"rs2", "the same, of order 3 without noise", explicit_sde, false, true, general, 0.5, 1, 1, 2, 3,
       false, "Roessler 2006, RS2"},
      {"implicit-euler", "drift-implicit Euler-Maruyama, for stiff drifts, Ito", implicit, true, false,
       general, 0.5, 0.5, 1, 1, 1, false, "Kloeden & Platen 1992, eq. 12.2.2"},
      {"trapezoidal", "drift-implicit with theta = 1/2, for stiff drifts, Ito", implicit, true, false,
       general, 0.5, 0.5, 1, 1, 2, false, "Kloeden & Platen 1992, eq. 12.2.3"},
      {"theta", "drift-implicit with any theta from 0 (explicit) to 1 (implicit), for stiff drifts, Ito",
       implicit, true, false, general, 0.5, 0.5, 1, 1, 1, false, "Kloeden & Platen 1992, eq. 12.2.3"},
      {"implicit-milstein", "drift-implicit Milstein for noise that commutes, for stiff drifts, Ito",
       implicit, true, false, commutative, 0, 1, 1, 1, 1, false, "Kloeden & Platen 1992, eq. 12.2.9"},
      {"baoab", "splitting of Langevin dynamics", splitting, true, true, additive, 0, 0, 1, 2, 2, false,
       "Leimkuhler & Matthews 2013"},
      {"align", "splitting of Langevin dynamics with interpolated forces and space-time areas", splitting,
       true, true, additive, 0, 0, 2, 2, 2, false, "Foster, Lyons & Oberhauser 2021, arXiv 2101.03446"},
      {"should", "shifted ODE of Langevin dynamics with space-time-time areas, three forces a step",
       splitting, true, true, additive, 0, 0, 3, 3, 3, false,
       "Foster, Lyons & Oberhauser 2021, arXiv 2101.03446"},
      {"quicsort", "the same at Gauss points, two forces a step", splitting, true, true, additive, 0, 0, 3, 3,
       3, false, "Scott, O'Kane, Jelincic & Foster 2025, arXiv 2508.16762"},
      {"exact", "draws from the exact transition law: OU in any dimension, GBM, CIR, Brownian bridge", exact,
       true, true, general, 0, 0, 0, 0, 0, false, "Glasserman 2003, chapter 3"},
      {"euler", "explicit Euler for an ODE", explicit_ode, true, true, none, 0, 0, 0, 0, 1, false,
       "Euler 1768"},
      {"rk4", "the classical Runge-Kutta method for an ODE", explicit_ode, true, true, none, 0, 0, 0, 0, 4,
       false, "Kutta 1901"},
      {"bosh3", "Bogacki-Shampine 3(2) for an ODE, fixed or adaptive steps", explicit_ode, true, true, none,
       0, 0, 0, 0, 3, true, "Bogacki & Shampine 1989"},
      {"dopri5", "Dormand-Prince 5(4) for an ODE, fixed or adaptive steps", explicit_ode, true, true, none, 0,
       0, 0, 0, 5, true, "Dormand & Prince 1980"},
      {"dop853", "Dormand-Prince 8(5,3) for an ODE, fixed or adaptive steps, for small tolerances",
       explicit_ode, true, true, none, 0, 0, 0, 0, 8, true, "Hairer, Norsett & Wanner 1993, section II.10"},
      {"rodas4", "Rosenbrock method 4(3) for a stiff ODE, L-stable, exact Jacobians, fixed or adaptive steps",
       implicit, true, true, none, 0, 0, 0, 0, 4, true, "Hairer & Wanner 1996, section IV.7, RODAS"},
      {"tsit5", "Tsitouras 5(4) for an ODE, fixed or adaptive steps", explicit_ode, true, true, none, 0, 0, 0,
       0, 5, true, "Tsitouras 2011"},
  };
  return table;
}

const Method& find_method(const std::string& name) {
  for (const Method& method : methods())
    if (name == method.name) return method;
  fail(Status::usage, "unknown method \"{}\"{}", name, suggestion(name, method_names()));
}

void check_options(const Method& method, const MethodOptions& options) {
  if (options.theta && !(*options.theta >= 0 && *options.theta <= 1))
    fail(Status::usage, "/solver/theta: must be between 0 and 1 (got {})", *options.theta);
  const std::string name = method.name;
  if (options.theta && name != "theta" && name != "implicit-milstein")
    fail(Status::usage, "/solver/theta: is for the methods theta and implicit-milstein (got {})", name);
  if (!(options.radius > 0) || !std::isfinite(options.radius))
    fail(Status::usage, "/solver/radius: must be > 0 (got {})", options.radius);
}

std::vector<std::string> method_names() {
  std::vector<std::string> names;
  for (const Method& method : methods()) names.emplace_back(method.name);
  return names;
}

namespace {

// Noise of one kind is of every later kind too. (Methods for diagonal noise take a single Brownian motion as
// well: with one, double integrals need no areas.)
bool fits(NoiseKind kind, NoiseKind most_general) {
  return kind <= most_general;
}

bool allows(const Method& method, Calculus calculus, NoiseKind kind) {
  // With additive noise the two calculi are the same process.
  const bool same = kind == NoiseKind::none || kind == NoiseKind::additive;
  const bool calculus_fits = same || (calculus == Calculus::ito ? method.ito : method.stratonovich);
  return calculus_fits && fits(kind, method.most_general);
}

}  // namespace

std::string refusal(const Method& method, Calculus calculus, NoiseKind kind) {
  if (allows(method, calculus, kind)) return "";
  std::vector<std::string> fitting;
  for (const Method& other : methods())
    if (other.family != MethodFamily::exact && other.family != MethodFamily::splitting &&
        allows(other, calculus, kind))
      fitting.emplace_back(other.name);
  const std::string reason =
      fits(kind, method.most_general)
          ? fmt::format("{} does not converge to the {} solution of an SDE with {} noise", method.name,
                        calculus == Calculus::ito ? "Ito" : "Stratonovich", to_string(kind))
          : fmt::format("{} is for {} and this SDE has {} noise", method.name,
                        method.most_general == NoiseKind::none
                            ? std::string("ODEs")
                            : fmt::format("noise up to {}", to_string(method.most_general)),
                        to_string(kind));
  return fmt::format("{}; use {}", reason, fmt::join(fitting, ", "));
}

MethodChoice choose_method(const SdeExpressions& sde) {
  if (sde.noise_kind == NoiseKind::none) return {&find_method("dopri5"), "there is no noise"};
  if (sde.noise_kind != NoiseKind::general)
    return {&find_method("milstein"),
            fmt::format("the noise is {}, where it has strong order 1", to_string(sde.noise_kind))};
  if (sde.calculus == Calculus::stratonovich)
    return {&find_method("heun"),
            fmt::format("the calculus is Stratonovich and the noise {}", to_string(sde.noise_kind))};
  return {&find_method("euler-maruyama"), fmt::format("the noise is {}", to_string(sde.noise_kind))};
}

double strong_order(const Method& method, NoiseKind kind) {
  switch (kind) {
    case NoiseKind::none:
      return method.ode_order;
    case NoiseKind::additive:
      return method.strong_additive;
    case NoiseKind::general:
      return method.strong_general;
    default:
      return method.strong_commutative;
  }
}

double weak_order(const Method& method, NoiseKind kind) {
  if (kind == NoiseKind::none) return method.ode_order;
  double order = method.weak_order;
  if (kind != NoiseKind::general) order = std::max(order, method.weak_commutative);
  if (kind == NoiseKind::additive) order = std::max(order, method.weak_additive);
  return order;
}

bool columns_mix(NoiseKind kind, std::size_t noises) {
  return noises > 1 && (kind == NoiseKind::commutative || kind == NoiseKind::general);
}

}  // namespace sde
