#include "fit/density_gaussian.h"

#include "base/error.h"

namespace sde {

using expr::Expr;

TransitionDensity empty_density(const std::string& name, const SdeExpressions& ito) {
  TransitionDensity density;
  density.name = name;
  density.states = ito.states;
  density.parameters = ito.parameters;
  density.log_density = Expr(0);
  density.positive_state.assign(ito.dimension(), false);
  for (const auto& row : ito.diffusion) {
    density.scales.emplace_back();
    for (const Expr& entry : row)
      if (!entry.is_zero()) density.scales.back().push_back(entry);
  }
  return density;
}

std::vector<TransitionDensity> gaussian_density(const std::string& name, const SdeExpressions& ito,
                                                const GaussianStep& step, std::string& why_not) {
  const std::size_t dimension = ito.dimension();
  TransitionDensity density = empty_density(name, ito);

  // L diag(pivot) L' = covariance, symbolically: entries that are 0 stay 0, so that independent components
  // cost nothing.
  std::vector<std::vector<Expr>> lower(dimension, std::vector<Expr>(dimension, Expr(0)));
  std::vector<Expr> pivot;
  std::vector<Expr> innovation;  // L^-1 (x' - mean)
  Expr sum(0);
  for (std::size_t i = 0; i < dimension; ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      Expr entry = step.covariance[i][j];
      for (std::size_t m = 0; m < j; ++m) entry = entry - lower[i][m] * lower[j][m] * pivot[m];
      lower[i][j] = entry.is_zero() || expr::probably_equal(entry, Expr(0)) ? Expr(0) : entry / pivot[j];
    }
    Expr variance = step.covariance[i][i];
    for (std::size_t m = 0; m < i; ++m) variance = variance - lower[i][m] * lower[i][m] * pivot[m];
    if (variance.is_zero() || expr::probably_equal(variance, Expr(0))) {
      why_not = step.covariance[i][i].is_zero()
                    ? fmt::format("\"{}\" has none", ito.states[i])
                    : fmt::format("the noise of \"{}\" is that of the states before it", ito.states[i]);
      return {};
    }
    pivot.push_back(variance);

    Expr rest = step.rest[i];
    for (std::size_t m = 0; m < i; ++m) rest = rest - lower[i][m] * innovation[m];
    innovation.push_back(rest);
    sum = sum + expr::log(variance) + rest * rest / variance;
    ResidualLaw residual;
    residual.normal = rest / expr::sqrt(variance);
    density.residuals.push_back(residual);
  }
  density.log_density = Expr(-0.5) * (Expr(kLog2Pi * static_cast<double>(dimension)) + sum);
  return {density};
}

}  // namespace sde
