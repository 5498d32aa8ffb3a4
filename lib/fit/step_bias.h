// Whether the step of the data is too coarse for the density that was fitted by.
#pragma once

#include <functional>
#include <vector>

#include "fit/density.h"
#include "fit/fit.h"
#include "fit/observations.h"
#include "fit/parameters.h"

namespace sde {

// The estimates by another likelihood of the same data, from those at hand; empty where that does not
// converge.
using Refit = std::function<std::vector<double>(const LogLikelihood& likelihood)>;

// Fills Estimate::step_bias and FitResult::step_bias_density: how far the estimates of `used` stand from
// those of a more accurate density (exact, else ait-sahalia, else shoji-ozaki). To first order that is minus
// the covariance of the estimates times the gradient of the other log-likelihood at them (one step of
// scoring); where a parameter's is more than half its standard error, the other density is fitted by, and a
// warning says the difference. Nothing happens where `used` is exact or no better density applies.
void add_step_bias(const SdeExpressions& ito, const TransitionDensity& used, const Observations& data,
                   const ParameterSpace& space, const std::vector<double>& parameters, const Refit& refit,
                   FitResult& result);

}  // namespace sde
