#include "sde/law.h"

#include <fmt/format.h>

#include <optional>

namespace sde {

using expr::Expr;

const char* to_string(LawKind kind) {
  static const char* const names[] = {"Ornstein-Uhlenbeck", "geometric Brownian motion",
                                      "Cox-Ingersoll-Ross"};
  return names[static_cast<int>(kind)];
}

namespace {

Expr at(const Expr& e, const std::string& state, double value) {
  return expr::substitute(e, {{state, Expr(value)}});
}

// The one noise that drives component i and no other; -1 where there is none such.
int own_noise(const SdeExpressions& sde, std::size_t i) {
  int found = -1;
  for (std::size_t k = 0; k < sde.noises.size(); ++k) {
    if (sde.diffusion[i][k].is_zero()) continue;
    if (found >= 0) return -1;
    found = static_cast<int>(k);
    for (std::size_t j = 0; j < sde.dimension(); ++j)
      if (j != i && !sde.diffusion[j][k].is_zero()) return -1;
  }
  return found;
}

std::optional<ScalarLaw> recognise_component(const SdeExpressions& sde, std::size_t i, std::string& reason) {
  const std::string& name = sde.states[i];
  const int noise = own_noise(sde, i);
  if (noise < 0) {
    reason = fmt::format("\"{}\" is not driven by one noise of its own", name);
    return {};
  }
  const Expr x = Expr::symbol(name);
  const Expr& drift = sde.drift[i];
  const Expr& diffusion = sde.diffusion[i][static_cast<std::size_t>(noise)];
  for (const Expr* e : {&drift, &diffusion}) {
    const char* const what = e == &drift ? "drift" : "diffusion";
    if (expr::depends_on(*e, "t")) {
      reason = fmt::format("the {} of \"{}\" depends on time", what, name);
      return {};
    }
    for (const std::string& other : sde.states)
      if (other != name && expr::depends_on(*e, other)) {
        reason = fmt::format("the {} of \"{}\" depends on \"{}\"", what, name, other);
        return {};
      }
  }

  ScalarLaw law;
  law.intercept = at(drift, name, 0);
  law.slope = at(expr::differentiate(drift, name), name, 1);
  if (!expr::probably_equal(drift, law.intercept + law.slope * x)) {
    reason = fmt::format("the drift of \"{}\" is not affine in it", name);
    return {};
  }
  law.scale = at(diffusion, name, 1);
  if (expr::probably_equal(diffusion, law.scale)) {
    law.kind = LawKind::ornstein_uhlenbeck;
  } else if (expr::probably_equal(diffusion, law.scale * expr::sqrt(x))) {
    law.kind = LawKind::square_root;
  } else if (expr::probably_equal(diffusion, law.scale * x)) {
    law.kind = LawKind::geometric;
    if (!expr::probably_equal(law.intercept, Expr(0))) {
      reason =
          fmt::format("the drift of \"{}\" has a constant term beside a diffusion proportional to it", name);
      return {};
    }
  } else {
    reason = fmt::format(
        "the diffusion of \"{}\" is neither constant nor proportional to it or its square root", name);
    return {};
  }
  return law;
}

}  // namespace

LawRecognition recognise_law(const SdeExpressions& given) {
  const SdeExpressions sde = converted(given, Calculus::ito);
  LawRecognition result;
  for (std::size_t i = 0; i < sde.dimension(); ++i) {
    const std::optional<ScalarLaw> law = recognise_component(sde, i, result.reason);
    if (!law) {
      result.components.clear();
      return result;
    }
    result.components.push_back(*law);
  }
  return result;
}

}  // namespace sde
