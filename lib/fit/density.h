// Transition densities: the law of the next observation given the one before, as symbolic expressions.
//
// A density is an expression in the state before (under the states' own names), the state after, the step and
// the time before, and the parameters; value, gradient and Hessian of the log-likelihood are derived from it
// symbolically. What no expression can say (the Bessel function of the noncentral chi-squared law) stands
// beside it as terms that come with their own derivatives.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "expr/expr.h"
#include "fit/options.h"
#include "sde/document.h"
#include "sde/expressions.h"

namespace sde {

// Names of the inputs that are not the document's; they cannot clash with it, being no identifiers.
std::string state_after(const std::string& state);  // "x'"
inline constexpr const char* kStepSymbol = "dt'";
inline constexpr const char* kTimeSymbol = "t";

// A term log(exp(-z) I_order(z)) of the log-density; the order depends on parameters alone.
struct BesselTerm {
  expr::Expr order, argument;
};

// How an observation becomes a residual that is standard normal (independently over transitions and
// components) where the model is right.
struct ResidualLaw {
  enum class Kind {
    gaussian,                // the residual is `normal` itself
    noncentral_chi_squared,  // `quantile` has that law with `degrees` and `noncentrality`
    integrated,              // the distribution function is the density's integral, by quadrature
  };
  Kind kind = Kind::gaussian;
  expr::Expr normal;
  expr::Expr quantile, degrees, noncentrality;
};

// A condition of the density: the expression of parameters must be positive.
struct Condition {
  expr::Expr positive;
  std::string text;  // "kappa*theta > 0, the drift at 0 of the Cox-Ingersoll-Ross process"
};

// What a Gaussian law with the moments of a linear equation is made of, for coupled components: in
// coordinates y of the state (y = x, or Lamperti's where `transformed`), each an expression of the state
// before, the time before and the parameters.
struct LinearizedSde {
  bool transformed = false;
  std::vector<expr::Expr> displacement;           // [state] y' - y, of the state after as well
  std::vector<expr::Expr> drift, curvature;       // [state] m, and the Ito correction (dm/dt + 1/2 S : d2m)
  std::vector<std::vector<expr::Expr>> jacobian;  // [state][state] dm/dy
  std::vector<std::vector<expr::Expr>> noise;     // [state][state] S
  std::vector<expr::Expr> pace;                   // [state] dx/dy
  expr::Expr log_pace = expr::Expr(0);            // sum of log dx/dy at the state after
};

// What paths are simulated from.
struct SimulatedLaw {
  std::vector<expr::Expr> drift;                    // [state]
  std::vector<std::vector<expr::Expr>> covariance;  // [state][state] G G'
  SimulationOptions options;
};

struct TransitionDensity {
  std::string name;    // of the row in densities()
  std::string reason;  // why `auto` took it; empty where it was asked for by name
  std::vector<std::string> states, parameters;
  expr::Expr log_density;  // without the Bessel terms; unused where `linear` is set
  // Symbols in log_density (and mean, deviation, residuals) that stand for expressions: what is written in
  // them is differentiated by them, once, and by the chain rule.
  std::vector<std::pair<std::string, expr::Expr>> intermediates;
  std::vector<BesselTerm> bessel;
  std::vector<expr::Expr> mean, deviation;  // [state] of the state after: its mean and standard deviation
  std::vector<ResidualLaw> residuals;       // [state]
  std::vector<Condition> conditions;
  std::vector<bool> positive_state;  // [state] the law lives on x > 0
  // [state] what the noise of a component is made of, up to factors without parameters: where all vanish, so
  // does the density.
  std::vector<std::vector<expr::Expr>> scales;
  // Set where the law has no closed expression but that of a linear equation; mean, deviation, residuals and
  // log_density are then empty.
  std::shared_ptr<const LinearizedSde> linear;
  std::shared_ptr<SimulatedLaw> simulated;  // likewise
  std::vector<expr::Expr> further;          // what else it is made of

  // Every expression that the density is made of.
  std::vector<expr::Expr> ingredients() const;
};

// A row of the table of densities.
struct DensityTraits {
  const char* name;
  bool exact;               // no discretisation error at any step
  const char* conditions;   // what it asks of an SDE
  const char* description;  // one line
  // The density, or why it does not apply (in `why_not`, a clause without a full stop; the result is then
  // empty).
  std::vector<TransitionDensity> (*make)(const SdeExpressions& ito, std::string& why_not);
};

std::span<const DensityTraits> densities();
const DensityTraits* find_density(const std::string& name);  // null where there is none
std::vector<std::string> density_names();                    // "auto", then those of the rows

// The density `name`, or the choice of "auto": exact where the law is known, else shoji-ozaki, which stays a
// density at any step, else euler. Throws Error(usage) for an unknown name, and where the density does not
// apply: the sentence says why and names one that does.
TransitionDensity make_density(const SdeExpressions& sde, const std::string& name,
                               const SimulationOptions& simulation = {});

// (exp(z) - 1) / z, its derivatives exact in floating point for every z, 0 included.
expr::Expr expm1_over(const expr::Expr& z);
// (exp(z) - 1 - z) / z^2, likewise.
expr::Expr expm1_over_2(const expr::Expr& z);

}  // namespace sde
