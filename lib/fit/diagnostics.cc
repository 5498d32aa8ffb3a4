#include "fit/diagnostics.h"

#include <algorithm>
#include <boost/math/special_functions/erf.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>
#include <numbers>

namespace sde {

double kolmogorov_p(double distance, std::size_t n) {
  const double root = std::sqrt(static_cast<double>(n));
  const double x = (root + 0.12 + 0.11 / root) * distance;
  if (!(x > 0)) return 1;
  double sum = 0;
  if (x < 1.18) {
    // The other form of the theta function converges where the usual one does not.
    const double y = std::exp(-std::numbers::pi * std::numbers::pi / (8 * x * x));
    for (int k = 1; k <= 7; k += 2) sum += std::pow(y, k * k);
    return std::clamp(1 - std::sqrt(2 * std::numbers::pi) / x * sum, 0.0, 1.0);
  }
  for (int k = 1; k <= 8; ++k) sum += (k % 2 ? 2 : -2) * std::exp(-2 * k * k * x * x);
  return std::clamp(sum, 0.0, 1.0);
}

double pit_distance(std::vector<double> u) {
  for (double& z : u) z = std::isnan(z) ? 1 : 0.5 * std::erfc(-z / std::numbers::sqrt2);
  std::sort(u.begin(), u.end());
  const double n = static_cast<double>(u.size());
  double distance = 0;
  for (std::size_t i = 0; i < u.size(); ++i) {
    const double below = static_cast<double>(i) / n, above = static_cast<double>(i + 1) / n;
    distance = std::max({distance, u[i] - below, above - u[i]});
  }
  return distance;
}

std::vector<double> autocorrelations(std::span<const double> residuals, std::span<const std::size_t> series,
                                     std::size_t lags) {
  const std::size_t n = residuals.size();
  double mean = 0, square = 0;
  for (double z : residuals) mean += z;
  mean /= static_cast<double>(n);
  for (double z : residuals) square += (z - mean) * (z - mean);
  std::vector<double> sums(lags, 0.0);
  for (std::size_t s = 0; s < series.size(); ++s) {
    const std::size_t end = s + 1 < series.size() ? series[s + 1] : n;
    for (std::size_t lag = 1; lag <= lags; ++lag)
      for (std::size_t i = series[s] + lag; i < end; ++i)
        sums[lag - 1] += (residuals[i] - mean) * (residuals[i - lag] - mean);
  }
  for (double& c : sums) c /= square;
  return sums;
}

double ljung_box(std::span<const double> residuals, std::span<const std::size_t> series, std::size_t lags) {
  const auto rho = autocorrelations(residuals, series, lags);
  const double n = static_cast<double>(residuals.size());
  double sum = 0;
  for (std::size_t lag = 1; lag <= lags; ++lag)
    sum += rho[lag - 1] * rho[lag - 1] / (n - static_cast<double>(lag));
  return n * (n + 2) * sum;
}

double chi_squared_p(double statistic, double degrees) {
  return statistic > 0 ? boost::math::gamma_q(0.5 * degrees, 0.5 * statistic) : 1;
}

double normal_quantile(double p) {
  return -std::numbers::sqrt2 * boost::math::erfc_inv(2 * p);
}

}  // namespace sde
