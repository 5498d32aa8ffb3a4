// Estimators that need no likelihood, or little of it: quick starts, and answers of their own.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/hooks.h"
#include "fit/fit.h"
#include "fit/observations.h"
#include "fit/options.h"
#include "sde/document.h"

namespace sde {

struct EstimatorTraits {
  const char* name;
  const char* description;  // one line
};
std::span<const EstimatorTraits> estimators();  // "likelihood" first
std::vector<std::string> estimator_names();

// The fit by options.estimator, which is not "likelihood".
//
// quadratic-variation: parameters of the diffusion by the contrast of increments without their drift,
//   sum log det(G G' h) + dx' (G G' h)^-1 dx (Genon-Catalot & Jacod, Ann. IHP 29, 1993); for one scale it is
//   the realised variance. The bias is of the order of the step. Other parameters keep their values.
// regression: those of the drift by least squares of increments on it, weighted by the diffusion that
//   quadratic-variation found: linear regression where the drift is linear in its parameters, also after a
//   change of them, as kappa (theta - x).
// gmm: see gmm.h.
//
// Residuals and log-likelihood are those of options.density at the estimates; information criteria, which are
// of a maximum, are not-a-number.
FitResult fit_by_estimator(const SdeDocument& document, const Observations& data, const FitOptions& options,
                           const Hooks& hooks);

// The document with the values of free parameters by regression and quadratic variation, moved into the
// bounds; with its own values where the likelihood is not finite there, and then `note` says so.
SdeDocument quick_start(const SdeDocument& document, const Observations& data, const FitOptions& options,
                        std::string& note);

}  // namespace sde
