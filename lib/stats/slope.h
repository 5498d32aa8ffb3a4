// The rate at which an error falls with the step size, with its uncertainty.
#pragma once

#include <span>
#include <vector>

namespace sde {

struct ErrorLevel {
  double step = 0;
  double error = 0;
  double standard_error = 0;  // of `error`, from the Monte Carlo sample
};

struct Slope {
  double value = 0;
  double standard_error = 0;
  double low = 0, high = 0;  // interval at the confidence asked for
  double intercept = 0;      // log2(error) at step 1
};

// Weighted least squares of log2(error) on log2(step); weights from the levels' standard errors by the delta
// method, with `floor` (relative) added in quadrature for what is left of higher-order terms. Where the
// points scatter about the line by more than their errors say, the slope's error is enlarged by the square
// root of chi^2 / (levels - 2). Needs two levels or more, all errors > 0.
Slope fit_slope(std::span<const ErrorLevel> levels, double confidence = 0.95, double floor = 0.02);

// The two-sided quantile of the standard normal: 1.96 at .95.
double normal_quantile_two_sided(double confidence);

}  // namespace sde
