// State-space models: an SDE that is seen through noisy functions of its states.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "fit/density.h"
#include "fit/options.h"
#include "fit/series.h"
#include "sde/expressions.h"

namespace sde {

// y_c = map_c(x, t) + noise_c(x, t) e_c at the times of the rows, e_c independent standard normals; x starts
// at the first row of each series.
struct StateSpace {
  SdeExpressions sde;  // Ito; its parameters are followed by those of the observations
  std::vector<std::string> columns;
  std::vector<expr::Expr> map, noise;  // [column]; noise is a standard deviation, 0 where there is none
  std::vector<expr::Expr> initial_mean, initial_deviation;  // [state], of parameters
  // [state] the column whose first value the state starts at (it is that state, without noise, and nothing
  // else was asked for); -1 where the law above holds.
  std::vector<int> initial_column;

  // Drift and observations affine in the states, noises free of them, nothing that depends on time: why not,
  // as a clause; empty where they are.
  std::string not_linear() const;
};

// The document with the parameters of the observations behind its own.
SdeDocument with_observation_parameters(const SdeDocument& document, const ObservationModel& observation);

// Parses and checks: Error(usage) that begins with the pointer, "/observation/map/y: ...". `document` has the
// parameters already.
StateSpace make_state_space(const SdeDocument& document, const ObservationModel& observation);

// A row of the table of filters.
struct FilterTraits {
  const char* name;
  const char* conditions;   // what it asks of a model
  const char* description;  // one line
};
std::span<const FilterTraits> filters();
const FilterTraits* find_filter(const std::string& name);  // null where there is none

// What the parameters' transforms and the choice of the free ones need to know of the model, under the name
// of its filter: `wanted`, or for "auto" kalman where the model is linear, else ekf. Error(usage) where the
// filter does not apply.
TransitionDensity describe_filter(const StateSpace& model, const std::string& wanted);

}  // namespace sde
