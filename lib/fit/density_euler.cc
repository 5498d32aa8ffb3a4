// Densities that are Gaussian with the moments of one step of a Taylor expansion.
#include "fit/density_gaussian.h"
#include "fit/density_makers.h"
#include "sde/generator.h"

namespace sde {

using expr::Expr;

namespace {

// With the step's own moments as those of the state after.
std::vector<TransitionDensity> with_moments(std::vector<TransitionDensity> made, std::vector<Expr> mean,
                                            const GaussianStep& step) {
  if (made.empty()) return made;
  made[0].mean = std::move(mean);
  for (std::size_t i = 0; i < step.covariance.size(); ++i)
    made[0].deviation.push_back(expr::sqrt(step.covariance[i][i]));
  return made;
}

}  // namespace

// X' normal with mean x + f D and covariance G G' D (Maruyama 1955; Florens-Zmirou 1989 for the estimator).
// Exact where f and G are constant; elsewhere biased at order D.
std::vector<TransitionDensity> make_euler_density(const SdeExpressions& ito, std::string& why_not) {
  const Expr step = Expr::symbol(kStepSymbol);
  GaussianStep gaussian;
  std::vector<Expr> mean;
  gaussian.covariance = noise_covariance(ito);
  for (std::size_t i = 0; i < ito.dimension(); ++i) {
    const Expr before = Expr::symbol(ito.states[i]), after = Expr::symbol(state_after(ito.states[i]));
    mean.push_back(before + ito.drift[i] * step);
    gaussian.rest.push_back(after - mean.back());
    for (Expr& entry : gaussian.covariance[i]) entry = entry * step;
  }
  return with_moments(gaussian_density("euler", ito, gaussian, why_not), mean, gaussian);
}

// X' normal with the moments of the law expanded to D^2 (Kessler, Scand. J. Statist. 24, 1997, l = 2):
//   E_i = x_i + D f_i + D^2/2 L f_i,
//   V_ij = E[X_i X_j] - E_i E_j, E[X_i X_j] expanded to D^2 as well,
// with L(uv) = u Lv + v Lu + Gamma(u, v) put in, so that the large terms x_i x_j cancel on paper. In one
// dimension this is V = x^2 + (2mx + s^2) D + [2m(m'x + m + ss') + s^2(m''x + 2m' + s'^2 + ss'')] D^2/2 -
// E^2.
std::vector<TransitionDensity> make_kessler_density(const SdeExpressions& ito, std::string& why_not) {
  const std::size_t dimension = ito.dimension();
  const Expr step = Expr::symbol(kStepSymbol), half_square = Expr(0.5) * step * step;
  const auto covariance = noise_covariance(ito);
  std::vector<Expr> bend;  // L f_i
  for (const Expr& f : ito.drift) bend.push_back(generator(ito, covariance, f));
  // Gamma(f_i, x_j)
  const auto gamma = [&](std::size_t i, std::size_t j) {
    Expr sum(0);
    for (std::size_t k = 0; k < dimension; ++k)
      sum = sum + covariance[k][j] * expr::differentiate(ito.drift[i], ito.states[k]);
    return sum;
  };
  GaussianStep gaussian;
  std::vector<Expr> mean;
  for (std::size_t i = 0; i < dimension; ++i) {
    const Expr before = Expr::symbol(ito.states[i]), after = Expr::symbol(state_after(ito.states[i]));
    mean.push_back(before + ito.drift[i] * step + half_square * bend[i]);
    gaussian.rest.push_back(after - mean.back());
    gaussian.covariance.emplace_back();
    for (std::size_t j = 0; j < dimension; ++j) {
      const Expr second = gamma(i, j) + gamma(j, i) + generator(ito, covariance, covariance[i][j]);
      const Expr third = ito.drift[i] * bend[j] + ito.drift[j] * bend[i];
      const Expr fourth = half_square * bend[i] * bend[j];
      gaussian.covariance.back().push_back(covariance[i][j] * step +
                                           half_square * (second - step * third - fourth));
    }
  }
  // Terms of second order do not make a covariance of what has none at the first.
  for (std::size_t i = 0; i < dimension; ++i)
    if (covariance[i][i].is_zero()) {
      why_not = "\"" + ito.states[i] + "\" has none";
      return {};
    }
  return with_moments(gaussian_density("kessler", ito, gaussian, why_not), mean, gaussian);
}

// What simulated.h needs; a noise that is singular for one Euler step is for every piece of a path.
std::vector<TransitionDensity> make_simulated_density(const SdeExpressions& ito, std::string& why_not) {
  if (make_euler_density(ito, why_not).empty()) return {};
  TransitionDensity density = empty_density("simulated", ito);
  auto law = std::make_shared<SimulatedLaw>();
  for (const Expr& f : ito.drift) law->drift.push_back(truncated(ito, f));
  law->covariance = noise_covariance(ito);
  for (auto& row : law->covariance)
    for (Expr& e : row) e = truncated(ito, e);
  density.simulated = law;
  return {density};
}

}  // namespace sde
