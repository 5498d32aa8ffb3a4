// The parts of the log-Bessel function that are not vectorised: the coefficients of its asymptotic expansion,
// and the power series.
#pragma once

#include <array>
#include <cstddef>

namespace sde::bessel {

inline constexpr int kTerms = 14;
inline constexpr double kLeastArgument = 1e-250;  // smaller arguments are taken for it, lest nu / z overflow

// log(sum_k U_k(p) / nu^k) = sum_k D_k(t) / s^k with s = sqrt(nu^2 + z^2), p = nu / s, t = p^2: U_k(p) = p^k
// u_k(t) from DLMF 10.41.9, then the logarithm of the power series. coefficients[k][j] belongs to t^j.
struct Expansion {
  std::array<std::array<double, kTerms + 1>, kTerms + 1> coefficients{};

  Expansion();
};
const Expansion& expansion();

// L and its derivatives in one lane.
struct Values {
  double value = 0, nu = 0, z = 0, nu_nu = 0, nu_z = 0, z_z = 0;
};

// What the power series needs of the order alone.
struct SeriesOrder {
  static constexpr std::size_t kLength = 96;  // terms; for z < 30 those beyond 70 are below 1e-17 of the sum
  double nu = 0, log_gamma = 0, digamma = 0, trigamma = 0;
  std::array<double, kLength> step{}, harmonic{}, squares{};  // of k >= 2

  explicit SeriesOrder(double order);
};

Values series(const SeriesOrder& table, double z, int order);

}  // namespace sde::bessel
