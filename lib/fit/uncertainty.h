// How well the data determine the estimates.
#pragma once

#include <Eigen/Core>
#include <vector>

#include "fit/fit.h"
#include "fit/log_likelihood.h"
#include "fit/parameters.h"

namespace sde {

// Fills covariance, standard errors and intervals of `result` at the optimum y, in natural units, from the
// observed information over the parameters that are not `held` at a bound; names in a warning those along
// which it is singular. `quantile` is the standard normal's for the intervals.
void add_uncertainty(const LogLikelihood& likelihood, const ParameterSpace& space, const Eigen::VectorXd& y,
                     const std::vector<bool>& held, double quantile, FitResult& result);

}  // namespace sde
