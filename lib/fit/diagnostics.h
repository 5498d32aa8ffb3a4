// Tests of the residuals of a fit, which are independent standard normals where the model is right.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace sde {

// P(sup |F_n - F| >= distance) for n observations under the hypothesis: Kolmogorov's distribution with
// Stephens' (JRSS B 32, 1970) correction for finite n.
double kolmogorov_p(double distance, std::size_t n);

// Kolmogorov-Smirnov distance of the probability integral transforms Phi(residual) from the uniform law.
// Residuals that are not finite count as beyond either end.
double pit_distance(std::vector<double> residuals);

// Ljung & Box (Biometrika 65, 1978) statistic of `lags` autocorrelations. `series` holds the first index of
// each series; products do not reach over their borders.
double ljung_box(std::span<const double> residuals, std::span<const std::size_t> series, std::size_t lags);

// Upper tail of the chi-squared law.
double chi_squared_p(double statistic, double degrees);

// Autocorrelations at lags 1 .. lags, as in ljung_box.
std::vector<double> autocorrelations(std::span<const double> residuals, std::span<const std::size_t> series,
                                     std::size_t lags);

double normal_quantile(double p);

}  // namespace sde
