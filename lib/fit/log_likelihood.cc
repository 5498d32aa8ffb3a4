#include "fit/log_likelihood.h"

#include <algorithm>
#include <cmath>

namespace sde {

using Eigen::Index;

namespace {

// Pairwise, so that rounding grows with the logarithm of the number of terms.
double pairwise(const double* x, std::size_t n, std::size_t stride) {
  if (n <= 16) {
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += x[i * stride];
    return sum;
  }
  const std::size_t half = n / 2;
  return pairwise(x, half, stride) + pairwise(x + half * stride, n - half, stride);
}

}  // namespace

bool LikelihoodValue::finite() const {
  return std::isfinite(value) && gradient.allFinite() && hessian.allFinite() && score_product.allFinite();
}

void LogLikelihood::some_terms(std::span<const double> parameters, std::size_t first, std::size_t last,
                               double* out) const {
  std::vector<double> all(terms());
  per_term(parameters, all.data());
  std::copy(all.begin() + static_cast<Index>(first), all.begin() + static_cast<Index>(last), out);
}

void GradientLikelihood::sum(std::span<const double> parameters, bool gradient, bool products,
                             LikelihoodValue& result) const {
  const std::size_t n = terms(), k = free_.size();
  std::vector<double> value(n), slopes(gradient ? n * k : 0);
  compute(parameters, value.data(), gradient ? slopes.data() : nullptr);
  result = {};
  result.value = pairwise(value.data(), n, 1);
  if (!gradient) return;
  const auto size = static_cast<Index>(k);
  result.gradient.resize(size);
  for (std::size_t p = 0; p < k; ++p)
    result.gradient[static_cast<Index>(p)] = pairwise(slopes.data() + p, n, k);
  if (!products) return;
  const Eigen::Map<const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>> rows(
      slopes.data(), static_cast<Index>(n), size);
  result.score_product = rows.transpose() * rows;
}

void GradientLikelihood::evaluate(std::span<const double> parameters, int order,
                                  LikelihoodValue& result) const {
  sum(parameters, order >= 1, false, result);
  if (order < 2) return;
  const auto k = static_cast<Index>(free_.size());
  result.hessian.resize(k, k);
  LikelihoodValue ahead, behind;
  for (Index p = 0; p < k; ++p) {
    std::vector<double> moved(parameters.begin(), parameters.end());
    double& x = moved[free_[static_cast<std::size_t>(p)]];
    const double centre = x;
    // The cube root of the rounding error balances it with the second-order error of the difference.
    const double h = 6e-6 * (centre == 0 ? 1 : std::fabs(centre));
    x = centre + h;
    const double above = x;
    sum(moved, true, false, ahead);
    x = centre - h;
    sum(moved, true, false, behind);
    result.hessian.col(p) = (ahead.gradient - behind.gradient) / (above - x);
  }
  result.hessian = (0.5 * (result.hessian + result.hessian.transpose())).eval();
}

void GradientLikelihood::evaluate_scores(std::span<const double> parameters, LikelihoodValue& result) const {
  sum(parameters, true, true, result);
}

void GradientLikelihood::per_term(std::span<const double> parameters, double* out) const {
  compute(parameters, out, nullptr);
}

}  // namespace sde
