// The generalised method of moments for observed diffusions.
#pragma once

#include <Eigen/Core>
#include <string>
#include <vector>

#include "base/hooks.h"
#include "fit/density.h"
#include "fit/observations.h"
#include "fit/options.h"
#include "fit/parameters.h"
#include "sde/expressions.h"

namespace sde {

// Conditions E[h] = 0 on a transition: with m and v the mean and variance of the state after given the one
// before, e = x' - m,
//   h = (e_i, e_i^2 - v_i, and e_i e_j - v_ij where the density is Euler's and the noises are correlated)
// times every instrument z(x, t). With Euler's moments and the instruments 1, x they are those of Chan,
// Karolyi, Longstaff & Sanders (J. Finance 47, 1992); with those of the law they hold at any step.
struct MomentConditions {
  std::vector<expr::Expr> moments;
  std::vector<std::string> names;  // "mean of x * 1", for messages
};

// Whether `density` has closed moments to make conditions of.
bool has_closed_moments(const TransitionDensity& density);

// Error(usage) for an instrument that does not parse or depends on no more than parameters.
MomentConditions moment_conditions(const SdeExpressions& ito, const TransitionDensity& density,
                                   const GmmOptions& options);

struct GmmResult {
  bool converged = false;
  std::string end;              // one clause
  Eigen::VectorXd y;            // coordinates of the parameter space
  std::vector<bool> held;       // [free] at a bound
  Eigen::MatrixXd covariance;   // [free][free], natural units; NaN where a parameter is not determined
  double statistic = 0, p = 0;  // Hansen's test of overidentifying conditions; p NaN without any
  std::size_t degrees = 0;      // conditions less parameters
  int iterations = 0, evaluations = 0;
  double decrement = 0;
};

// The estimates from iterated efficient weights (Hansen, Econometrica 50, 1982; Hansen, Heaton & Yaron 1996),
// the covariance of the conditions by Newey & West (Econometrica 55, 1987) with options.gmm.lags.
// `conditions` are at least as many as free parameters, else Error(usage).
GmmResult generalised_moments(const MomentConditions& conditions, const SdeExpressions& ito,
                              const Observations& data, const ParameterSpace& space,
                              const FitOptions& options, const Hooks& hooks);

}  // namespace sde
