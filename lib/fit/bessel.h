// The logarithm of the scaled modified Bessel function with its derivatives, for the noncentral chi-squared
// density.
#pragma once

#include <cstddef>

namespace sde {

// Rows of `lanes` doubles each for L(nu, z) = log(exp(-z) I_nu(z)); those that `order` does not ask for may
// be null.
struct LogBesselRows {
  double* value = nullptr;  // order >= 0
  double* nu = nullptr;     // order >= 1: dL/dnu
  double* z = nullptr;      //             dL/dz
  double* nu_nu = nullptr;  // order 2: the second derivatives
  double* nu_z = nullptr;
  double* z_z = nullptr;
};

// For one order nu and z[lane] > 0; lanes is a multiple of kLaneQuantum, pointers are aligned to kAlignment.
// NaN where nu <= -1. The bits do not depend on the instruction set.
//
// Where nu^2 + z^2 >= 900: the uniform asymptotic expansion for large order (DLMF 10.41.3), written in powers
// of 1 / sqrt(nu^2 + z^2), which makes it hold for large argument and any order as well; elsewhere the power
// series (DLMF 10.25.2), whose terms are positive. Neither overflows, underflows or cancels: the error is
// below 4e-15 of the larger of |L| and 1, below 2e-13 of a first and 5e-12 of a second derivative.
void log_scaled_bessel_i(double nu, const double* z, std::size_t lanes, int order, const LogBesselRows& out);

}  // namespace sde
