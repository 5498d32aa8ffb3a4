#include "fit/noncentral.h"

#include <algorithm>
#include <boost/math/distributions/non_central_chi_squared.hpp>
#include <boost/math/special_functions/erf.hpp>
#include <cmath>
#include <numbers>

namespace sde {
namespace {

constexpr double kSaddlepointFrom = 2000;  // degrees + 2 noncentrality

// Cumulants at the saddlepoint: K(t) = l t / (1 - 2t) - (d / 2) log(1 - 2t), r = 1 - 2t solves x r^2 - d r -
// l = 0.
double saddlepoint_score(double x, double degrees, double noncentrality) {
  const double r = (degrees + std::sqrt(degrees * degrees + 4 * x * noncentrality)) / (2 * x);
  const double t = 0.5 * (1 - r);
  const double k2 = (2 * degrees + 4 * noncentrality / r) / (r * r);
  const double v = t * std::sqrt(k2);
  const double k3 = (8 * degrees + 24 * noncentrality / r) / (r * r * r);
  const double k4 = (48 * degrees + 192 * noncentrality / r) / (r * r * r * r);
  const double skew = k3 / std::pow(k2, 1.5), excess = k4 / (k2 * k2);
  if (std::fabs(v) < 0.02) {
    // Near the mean log(v / w) / w is 0 / 0: w^2 = v^2 - skew v^3 / 3 + excess v^4 / 12 - ..., expanded in v.
    const double w = v * (1 - v * (skew / 6 - v * (excess / 24 - skew * skew / 72)));
    return w + skew / 6 - v * (excess / 24 - skew * skew / 18);
  }
  // w^2 / 2 = t x - K(t), with x = d / r + l / r^2 put in so that the large terms cancel on paper.
  const double half_square =
      degrees * (t / r + 0.5 * std::log1p(-2 * t)) + 2 * noncentrality * (t / r) * (t / r);
  const double w = std::copysign(std::sqrt(2 * half_square), t);
  return w + std::log(v / w) / w;
}

}  // namespace

double normal_score(double lower, double upper) {
  constexpr double kLeast = 1e-300;
  if (lower <= upper) return -std::numbers::sqrt2 * boost::math::erfc_inv(2 * std::max(lower, kLeast));
  return std::numbers::sqrt2 * boost::math::erfc_inv(2 * std::max(upper, kLeast));
}

double noncentral_chi_squared_score(double x, double degrees, double noncentrality) {
  if (degrees + 2 * noncentrality >= kSaddlepointFrom) return saddlepoint_score(x, degrees, noncentrality);
  const boost::math::non_central_chi_squared law(degrees, noncentrality);
  return normal_score(boost::math::cdf(law, x), boost::math::cdf(boost::math::complement(law, x)));
}

}  // namespace sde
