#include "fit/bessel_series.h"

#include <boost/math/special_functions/digamma.hpp>
#include <boost/math/special_functions/trigamma.hpp>
#include <cmath>

namespace sde::bessel {

Expansion::Expansion() {
  std::array<std::array<double, kTerms + 1>, kTerms + 1> u{};
  u[0][0] = 1;
  for (int k = 0; k < kTerms; ++k) {
    for (int j = 0; j <= k; ++j) {
      const double n = k + 2 * j, a = u[k][j];
      u[k + 1][j] += a * (n / 2 + 1 / (8 * (n + 1)));
      u[k + 1][j + 1] -= a * (n / 2 + 5 / (8 * (n + 3)));
    }
  }
  for (int k = 1; k <= kTerms; ++k) {
    coefficients[k] = u[k];
    for (int m = 1; m < k; ++m)
      for (int i = 0; i <= m; ++i)
        for (int j = 0; j <= k - m; ++j)
          coefficients[k][i + j] -= static_cast<double>(m) / k * coefficients[m][i] * u[k - m][j];
  }
}

const Expansion& expansion() {
  static const Expansion instance;
  return instance;
}

SeriesOrder::SeriesOrder(double order) : nu(order) {
  log_gamma = std::lgamma(nu + 2);
  digamma = boost::math::digamma(nu + 2);
  trigamma = boost::math::trigamma(nu + 2);
  for (std::size_t i = 2; i < kLength; ++i) {
    const double k = static_cast<double>(i);
    step[i] = 1 / (k * (nu + k));
    harmonic[i] = harmonic[i - 1] + 1 / (nu + k);
    squares[i] = squares[i - 1] + 1 / ((nu + k) * (nu + k));
  }
}

// I_nu(z) = (z/2)^nu / Gamma(nu + 2) * S, S = sum_k c_k, c_0 = nu + 1, c_1 = (z/2)^2, c_k / c_(k-1) = (z/2)^2
// / (k (nu + k)): taking nu + 1 out of the gamma function keeps orders near -1 exact. Derivatives are moments
// of k and of h_k = psi(nu + k + 1) - psi(nu + 2) under the weights c_k.
Values series(const SeriesOrder& table, double z, int order) {
  const double nu = table.nu, quarter = 0.25 * z * z;
  double c = quarter, sum = nu + 1 + c, k1 = c, k2 = c, h1 = 0, h2 = 0, kh = 0;
  for (std::size_t i = 2; i < SeriesOrder::kLength; ++i) {
    const double k = static_cast<double>(i);
    c *= quarter * table.step[i];
    sum += c;
    const double kc = k * c, h = table.harmonic[i];
    k1 += kc;
    k2 += k * kc;
    h1 += h * c;
    h2 += (h * h + table.squares[i]) * c;
    kh += h * kc;
    if (kc * k < 1e-18 * sum) break;
  }
  const double log_half = std::log(0.5 * z), scale = 1 / sum;
  Values r;
  r.value = nu * log_half - z - table.log_gamma + std::log(sum);
  if (order == 0) return r;
  const double by_nu = (1 - h1) * scale;  // d log S / d nu
  k1 *= scale;
  r.nu = log_half - table.digamma + by_nu;
  r.z = (nu + 2 * k1) / z - 1;
  if (order == 1) return r;
  r.nu_nu = -table.trigamma + h2 * scale - by_nu * by_nu;
  r.nu_z = (1 - 2 * (kh * scale + k1 * by_nu)) / z;
  r.z_z = (4 * (k2 * scale - k1 * k1) - 2 * k1 - nu) / (z * z);
  return r;
}

}  // namespace sde::bessel
