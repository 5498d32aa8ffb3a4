// How well the data determine the estimates.
#pragma once

#include <Eigen/Core>
#include <vector>

#include "fit/fit.h"
#include "fit/objective.h"

namespace sde {

// Fills covariance, standard errors and intervals of `result` at the end of the search, in natural units,
// from the observed information over the parameters that are not `held` at a bound; names in a warning those
// along which it is singular. Where constraints are active the information is that of the Lagrangian along
// them. `quantile` is the standard normal's for the intervals.
void add_uncertainty(const FitProblem& problem, const ConstrainedResult& end, const std::vector<bool>& held,
                     double quantile, FitResult& result);

}  // namespace sde
