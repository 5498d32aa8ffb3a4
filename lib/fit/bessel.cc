#include "fit/bessel.h"

#include <array>
#include <boost/math/special_functions/digamma.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <boost/math/special_functions/trigamma.hpp>
#include <cmath>
#include <numbers>

namespace sde {
namespace {

constexpr int kTerms = 14;
constexpr double kSeriesBelow =
    30;  // of sqrt(nu^2 + z^2); the 15th term of the expansion is below 2e-16 above it

// log(sum_k U_k(p) / nu^k) = sum_k D_k(t) / s^k with s = sqrt(nu^2 + z^2), p = nu / s, t = p^2: U_k(p) = p^k
// u_k(t) from DLMF 10.41.9, then the logarithm of the power series. coefficients[k][j] belongs to t^j.
struct Expansion {
  std::array<std::array<double, kTerms + 1>, kTerms + 1> coefficients{};

  Expansion() {
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
};

const Expansion& expansion() {
  static const Expansion instance;
  return instance;
}

// Terms after which the next is below 6e-16 (of the terms' maximum over t).
int terms_for(double s) {
  if (s >= 2e4) return 3;
  if (s >= 1000) return 5;
  if (s >= 100) return 8;
  return kTerms;
}

struct Values {
  double value, nu, z, nu_nu, nu_z, z_z;
};

// exp(-z) I_nu(z) ~ exp(A) / sqrt(2 pi s) * exp(F), A = s - z - nu asinh(nu / z), F = sum_k D_k(t) s^-k.
Values asymptotic(double nu, double z, double s, int order) {
  const Expansion& table = expansion();
  const double w = 1 / s, p = nu * w, t = p * p;
  // F and its derivatives in w and t by Horner in w with polynomials in t.
  double f = 0, fw = 0, fww = 0, ft = 0, fwt = 0, ftt = 0;
  for (int k = terms_for(s); k >= 1; --k) {
    const auto& c = table.coefficients[static_cast<std::size_t>(k)];
    double d = c[static_cast<std::size_t>(k)], dt = 0, dtt = 0;
    for (int j = k - 1; j >= 0; --j) {
      dtt = std::fma(dtt, t, 2 * dt);
      dt = std::fma(dt, t, d);
      d = std::fma(d, t, c[static_cast<std::size_t>(j)]);
    }
    fww = std::fma(fww, w, 2 * fw);
    fw = std::fma(fw, w, f);
    f = std::fma(f, w, d);
    fwt = std::fma(fwt, w, ft);
    ft = std::fma(ft, w, dt);
    ftt = std::fma(ftt, w, dtt);
  }
  // What Horner left out: the factor w of the whole sum.
  fww = std::fma(fww, w, 2 * fw);
  fw = std::fma(fw, w, f);
  f *= w;
  fwt = std::fma(fwt, w, ft);
  ft *= w;
  ftt *= w;

  const double ratio = nu / z;
  const double root = s / z;  // sqrt(1 + ratio^2)
  // asinh without cancellation for either sign of the order.
  const double a = std::copysign(std::log1p(std::fabs(ratio) + ratio * ratio / (1 + root)), nu);
  const double gap = nu * nu / (s + z);  // s - z
  Values r;
  r.value = gap - nu * a - 0.5 * std::log(2 * std::numbers::pi * s) + f;
  if (order == 0) return r;
  const double b = z * w, w2 = w * w;
  const double w_nu = -p * w2, w_z = -b * w2;  // dw/dnu = -nu / s^3
  const double t_nu = 2 * p * w * (1 - t), t_z = -2 * t * b * w;
  r.nu = -a - 0.5 * p * w + fw * w_nu + ft * t_nu;
  r.z = gap / z - 0.5 * b * w + fw * w_z + ft * t_z;
  if (order == 1) return r;
  const double w3 = w2 * w;
  const double w_nn = w3 * (3 * t - 1), w_nz = 3 * p * b * w3, w_zz = w3 * (3 * b * b - 1);
  const double t_nn = 2 * w2 * (1 - t) * (1 - 4 * t), t_nz = -4 * p * b * w2 * (1 - 2 * t),
               t_zz = 2 * t * w2 * (3 - 4 * t);
  const auto second = [&](double wi, double wj, double ti, double tj, double wij, double tij) {
    return fww * wi * wj + fwt * (wi * tj + wj * ti) + ftt * ti * tj + fw * wij + ft * tij;
  };
  r.nu_nu = -w - 0.5 * w2 * (1 - 2 * t) + second(w_nu, w_nu, t_nu, t_nu, w_nn, t_nn);
  r.nu_z = ratio * w + p * b * w2 + second(w_nu, w_z, t_nu, t_z, w_nz, t_nz);
  r.z_z = -ratio * ratio * w - 0.5 * w2 * (2 * t - 1) + second(w_z, w_z, t_z, t_z, w_zz, t_zz);
  return r;
}

// What the power series needs of the order alone.
struct SeriesOrder {
  static constexpr int kLength = 96;  // terms; for z < 30 those beyond 70 are below 1e-17 of the sum
  double nu = 0, log_gamma = 0, digamma = 0, trigamma = 0;
  std::array<double, kLength> step{}, harmonic{}, squares{};  // of k >= 2

  explicit SeriesOrder(double order) : nu(order) {
    log_gamma = std::lgamma(nu + 2);
    digamma = boost::math::digamma(nu + 2);
    trigamma = boost::math::trigamma(nu + 2);
    for (int k = 2; k < kLength; ++k) {
      const auto i = static_cast<std::size_t>(k);
      step[i] = 1 / (k * (nu + k));
      harmonic[i] = harmonic[i - 1] + 1 / (nu + k);
      squares[i] = squares[i - 1] + 1 / ((nu + k) * (nu + k));
    }
  }
};

// I_nu(z) = (z/2)^nu / Gamma(nu + 2) * S, S = sum_k c_k, c_0 = nu + 1, c_1 = (z/2)^2, c_k / c_(k-1) = (z/2)^2
// / (k (nu + k)): taking nu + 1 out of the gamma function keeps orders near -1 exact. Derivatives are moments
// of k and of h_k = psi(nu + k + 1) - psi(nu + 2) under the weights c_k.
Values series(const SeriesOrder& table, double z, int order) {
  const double nu = table.nu, quarter = 0.25 * z * z;
  double c = quarter, sum = nu + 1 + c, k1 = c, k2 = c, h1 = 0, h2 = 0, kh = 0;
  for (int k = 2; k < SeriesOrder::kLength; ++k) {
    const auto i = static_cast<std::size_t>(k);
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

}  // namespace

void log_scaled_bessel_i(double nu, const double* z, std::size_t lanes, int order, const LogBesselRows& out) {
  const SeriesOrder order_table(nu);
  for (std::size_t i = 0; i < lanes; ++i) {
    const double s = std::sqrt(nu * nu + z[i] * z[i]);
    const Values r = s >= kSeriesBelow ? asymptotic(nu, z[i], s, order)
                                       : series(order_table, std::max(z[i], 1e-300), order);
    out.value[i] = r.value;
    if (order < 1) continue;
    out.nu[i] = r.nu;
    out.z[i] = r.z;
    if (order < 2) continue;
    out.nu_nu[i] = r.nu_nu;
    out.nu_z[i] = r.nu_z;
    out.z_z[i] = r.z_z;
  }
}

}  // namespace sde
