// A document parsed: drift and diffusion as symbolic expressions, and what can be read off them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "expr/expr.h"
#include "sde/document.h"
#include "sde/sde.h"

namespace sde {

// The greatest or least value that an expression takes on a path, kept in a state without drift or diffusion.
struct PathExtreme {
  std::size_t state;
  expr::Expr of;  // of the states, the parameters and t
  bool greatest;
};

struct SdeExpressions {
  Calculus calculus = Calculus::ito;
  std::vector<std::string> states, noises, parameters;
  std::vector<double> parameter_values;            // as in the document
  std::vector<expr::Expr> drift;                   // [state]
  std::vector<std::vector<expr::Expr>> diffusion;  // [state][noise]
  std::vector<Domain> domains;                     // [state]
  // So many states, the last, are parameters that each path draws: their drift and diffusion are 0, and the
  // kind of noise is that of the others given them.
  std::size_t drawn = 0;
  std::map<std::string, expr::Expr, std::less<>> inputs;  // by name, as lookups at t
  std::vector<PathExtreme> extremes;                      // followed where steps are watched
  NoiseKind noise_kind = NoiseKind::none;

  std::size_t dimension() const { return states.size(); }
};

// Parses and checks a document: every name known and used once, no clash with functions, `t` or `pi`. Throws
// Error(Status::usage) that begins with the place, "/drift/v: column 7: unknown name ...". Noises that drive
// nothing are dropped. Correlated noises become independent ones, G dW = (G L) dW' with L of
// correlation_factor(); inputs become lookups of their values at t.
SdeExpressions parse_document(const SdeDocument& document);

// An expression of the states, parameters, inputs and t, and of `more` names. Throws as expr::parse does.
expr::Expr parse_of(const SdeExpressions& sde, const std::string& text,
                    const std::vector<std::string>& more = {});

// The simplest kind that fits, read off symbolically: additive where no G_ij depends on a state, diagonal
// where each noise drives one component and depends on that component alone, commutative where L^j G_ik = L^k
// G_ij (Kloeden & Platen 1992, eq. 10.3.13; L^j = sum_l G_lj d/dx_l).
NoiseKind classify(const std::vector<std::string>& states,
                   const std::vector<std::vector<expr::Expr>>& diffusion);

// The same process in the other calculus: f_strat = f_ito - 1/2 sum_jk G_jk dG_ik/dx_j (Kloeden &
// Platen, 4.9.11).
SdeExpressions converted(const SdeExpressions& sde, Calculus to);

// L^j G_ik = sum_l G_lj dG_ik/dx_l. The terms sqrt(u) * d sqrt(u) are formed as du / 2, so that the value
// stays finite where u = 0.
expr::Expr milstein_coefficient(const SdeExpressions& sde, std::size_t i, std::size_t j, std::size_t k);

// For full truncation (Lord, Koekkoek & van Dijk 2010): every state with that boundary replaced by max(x,
// min) (and min(x, max)) in `e`; the state itself is left free.
expr::Expr truncated(const SdeExpressions& sde, const expr::Expr& e);

}  // namespace sde
