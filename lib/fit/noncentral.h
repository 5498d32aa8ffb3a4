// Residuals under the noncentral chi-squared law.
#pragma once

namespace sde {

// The standard normal quantile of F(x; degrees, noncentrality), for x > 0, degrees > 0, noncentrality >= 0.
//
// Where degrees + 2 noncentrality is large: the modified signed root of Barndorff-Nielsen (Biometrika 73,
// 1986), z = w + log(v / w) / w from the saddlepoint, whose error falls with its power -3/2 and is below 1e-5
// here; elsewhere the distribution function itself. Finite in both tails.
double noncentral_chi_squared_score(double x, double degrees, double noncentrality);

// The standard normal quantile of a probability given by itself and by its complement, whichever is smaller
// carrying the digits; 0 is taken for 1e-300.
double normal_score(double lower, double upper);

}  // namespace sde
