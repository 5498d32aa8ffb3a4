// What the optimiser minimises: a log-likelihood with its sign turned, in the coordinates of the parameters.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fit/constrain.h"
#include "fit/log_likelihood.h"
#include "fit/options.h"
#include "fit/parameters.h"

namespace sde {

// `natural` has derivatives by the free parameters; turns them into those by the coordinates y.
void to_coordinates(const ParameterSpace& space, const Eigen::VectorXd& y, int order, FunctionValue& natural);

// A fit as the optimiser sees it. References are kept.
class FitProblem {
 public:
  // `parameters` are the names of all of them; check_expressions() has seen the options.
  FitProblem(const LogLikelihood& likelihood, const ParameterSpace& space,
             const std::vector<std::string>& parameters, const FitOptions& options, const StopToken* stop);
  FitProblem(const FitProblem&) = delete;
  FitProblem& operator=(const FitProblem&) = delete;

  const LogLikelihood& likelihood() const { return likelihood_; }
  const ParameterSpace& space() const { return space_; }
  const std::vector<std::string>& parameters() const { return parameters_; }
  const SmoothFunction& function() const { return function_; }
  const std::vector<CurvedConstraint>& constraints() const { return constraints_; }
  const MinimizeOptions& limits() const { return limits_; }

  // From `start`, by an optimizer of FitOptions.
  ConstrainedResult minimize(const std::string& optimizer, const Eigen::VectorXd& start) const;
  // Within other bounds, from near the optimum.
  ConstrainedResult refine(const Eigen::VectorXd& start, const Box& box) const;

  // The coordinates of free parameters in natural units.
  Eigen::VectorXd coordinates(const std::vector<double>& parameters) const;

 private:
  const LogLikelihood& likelihood_;
  const ParameterSpace& space_;
  std::vector<std::string> parameters_;
  SmoothFunction function_;
  std::vector<CurvedConstraint> constraints_;
  MinimizeOptions limits_;
};

SmoothFunction objective(const LogLikelihood& likelihood, const ParameterSpace& space);

// Whether a coordinate ended where the range of its logarithm does, the likelihood still rising.
bool ran_away(const ConstrainedResult& end, const ParameterSpace& space);

}  // namespace sde
