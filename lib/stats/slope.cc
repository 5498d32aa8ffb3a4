#include "stats/slope.h"

#include <boost/math/special_functions/erf.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"

namespace sde {

double normal_quantile_two_sided(double confidence) {
  return std::numbers::sqrt2 * boost::math::erf_inv(confidence);
}

Slope fit_slope(std::span<const ErrorLevel> levels, double confidence, double floor) {
  if (levels.size() < 2) fail(Status::bug, "a slope needs two levels (got {})", levels.size());
  double total = 0, mean_x = 0, mean_y = 0;
  std::vector<double> weight, x, y;
  for (const ErrorLevel& level : levels) {
    const double relative = level.standard_error / level.error;
    const double sd = std::hypot(relative, floor) * std::numbers::log2e;
    weight.push_back(1 / (sd * sd));
    x.push_back(std::log2(level.step));
    y.push_back(std::log2(level.error));
    total += weight.back();
    mean_x += weight.back() * x.back();
    mean_y += weight.back() * y.back();
  }
  mean_x /= total;
  mean_y /= total;
  double xx = 0, xy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xx += weight[i] * (x[i] - mean_x) * (x[i] - mean_x);
    xy += weight[i] * (x[i] - mean_x) * (y[i] - mean_y);
  }
  Slope slope;
  slope.value = xy / xx;
  slope.intercept = mean_y - slope.value * mean_x;
  double chi2 = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double residual = y[i] - slope.intercept - slope.value * x[i];
    chi2 += weight[i] * residual * residual;
  }
  const double freedom = static_cast<double>(x.size()) - 2;
  const double enlarge = freedom > 0 ? std::max(1.0, std::sqrt(chi2 / freedom)) : 1.0;
  slope.standard_error = enlarge / std::sqrt(xx);
  const double half = normal_quantile_two_sided(confidence) * slope.standard_error;
  slope.low = slope.value - half;
  slope.high = slope.value + half;
  return slope;
}

}  // namespace sde
