// The Euler density: X' normal with mean x + f D and covariance G G' D (Maruyama 1955; Florens-Zmirou 1989
// for the estimator). Exact where f and G are constant; elsewhere biased at order D.
#include "base/error.h"
#include "fit/density_makers.h"

namespace sde {

using expr::Expr;

namespace {

constexpr double kLog2Pi = 1.8378770664093454836;

}  // namespace

std::vector<TransitionDensity> make_euler_density(const SdeExpressions& ito, std::string& why_not) {
  const std::size_t dimension = ito.dimension(), noises = ito.noises.size();
  TransitionDensity density;
  density.name = "euler";
  density.states = ito.states;
  density.parameters = ito.parameters;
  density.positive_state.assign(dimension, false);
  const Expr step = Expr::symbol(kStepSymbol);

  // L diag(pivot) L' = G G', symbolically: entries that are 0 stay 0, so that independent components cost
  // nothing.
  std::vector<std::vector<Expr>> lower(dimension, std::vector<Expr>(dimension, Expr(0)));
  std::vector<Expr> pivot;
  std::vector<Expr> innovation;  // L^-1 (x' - mean)
  Expr sum(0);
  for (std::size_t i = 0; i < dimension; ++i) {
    const auto covariance = [&](std::size_t a, std::size_t b) {
      Expr c(0);
      for (std::size_t k = 0; k < noises; ++k) c = c + ito.diffusion[a][k] * ito.diffusion[b][k];
      return c;
    };
    for (std::size_t j = 0; j < i; ++j) {
      Expr entry = covariance(i, j);
      for (std::size_t m = 0; m < j; ++m) entry = entry - lower[i][m] * lower[j][m] * pivot[m];
      lower[i][j] = entry.is_zero() || expr::probably_equal(entry, Expr(0)) ? Expr(0) : entry / pivot[j];
    }
    Expr variance = covariance(i, i);
    for (std::size_t m = 0; m < i; ++m) variance = variance - lower[i][m] * lower[i][m] * pivot[m];
    if (variance.is_zero() || expr::probably_equal(variance, Expr(0))) {
      why_not = covariance(i, i).is_zero()
                    ? fmt::format("\"{}\" has none", ito.states[i])
                    : fmt::format("the noise of \"{}\" is that of the states before it", ito.states[i]);
      return {};
    }
    pivot.push_back(variance);

    const Expr before = Expr::symbol(ito.states[i]), after = Expr::symbol(state_after(ito.states[i]));
    const Expr mean = before + ito.drift[i] * step;
    Expr rest = after - mean;
    for (std::size_t m = 0; m < i; ++m) rest = rest - lower[i][m] * innovation[m];
    innovation.push_back(rest);
    const Expr scaled = variance * step;
    sum = sum + expr::log(scaled) + rest * rest / scaled;
    density.mean.push_back(mean);
    density.deviation.push_back(expr::sqrt(covariance(i, i) * step));
    ResidualLaw residual;
    residual.normal = rest / expr::sqrt(scaled);
    density.residuals.push_back(residual);
    density.scales.emplace_back();
    for (std::size_t k = 0; k < noises; ++k)
      if (!ito.diffusion[i][k].is_zero()) density.scales.back().push_back(ito.diffusion[i][k]);
  }
  density.log_density = Expr(-0.5) * (Expr(kLog2Pi * static_cast<double>(dimension)) + sum);
  return {density};
}

}  // namespace sde
