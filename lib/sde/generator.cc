#include "sde/generator.h"

namespace sde {

using expr::Expr;

std::vector<std::vector<Expr>> noise_covariance(const SdeExpressions& ito) {
  const std::size_t dimension = ito.dimension();
  std::vector<std::vector<Expr>> result(dimension, std::vector<Expr>(dimension, Expr(0)));
  for (std::size_t a = 0; a < dimension; ++a)
    for (std::size_t b = 0; b < dimension; ++b)
      for (std::size_t k = 0; k < ito.noises.size(); ++k)
        result[a][b] = result[a][b] + ito.diffusion[a][k] * ito.diffusion[b][k];
  return result;
}

Expr generator(const SdeExpressions& ito, const std::vector<std::vector<Expr>>& covariance, const Expr& h) {
  Expr sum = expr::differentiate(h, "t");
  const std::size_t dimension = ito.dimension();
  for (std::size_t i = 0; i < dimension; ++i) {
    const Expr slope = expr::differentiate(h, ito.states[i]);
    if (slope.is_zero()) continue;
    sum = sum + ito.drift[i] * slope;
    for (std::size_t j = 0; j <= i; ++j) {
      const Expr curvature = expr::differentiate(slope, ito.states[j]);
      // Off the diagonal each pair stands for two equal terms.
      sum = sum + (i == j ? Expr(0.5) : Expr(1)) * covariance[i][j] * curvature;
    }
  }
  return sum;
}

}  // namespace sde
