#include "fit/objective.h"

#include <cmath>
#include <memory>

#include "base/error.h"
#include "fit/formula.h"

namespace sde {

using Eigen::Index;
using Eigen::VectorXd;

void to_coordinates(const ParameterSpace& space, const VectorXd& y, int order, FunctionValue& natural) {
  if (order < 1) return;
  const VectorXd slope = space.slope(y);
  natural.gradient = natural.gradient.cwiseProduct(slope).eval();
  if (order < 2) return;
  natural.hessian = (slope.asDiagonal() * natural.hessian * slope.asDiagonal()).eval();
  for (Index i = 0; i < y.size(); ++i)
    if (space.free()[static_cast<std::size_t>(i)].logarithmic) natural.hessian(i, i) += natural.gradient[i];
}

SmoothFunction objective(const LogLikelihood& likelihood, const ParameterSpace& space) {
  return [&](const VectorXd& y, int order, FunctionValue& result) {
    LikelihoodValue value;
    likelihood.evaluate(space.natural(y), order, value);
    result.value = -value.value;
    if (order >= 1) result.gradient = -value.gradient;
    if (order >= 2) result.hessian = -value.hessian;
    to_coordinates(space, y, order, result);
  };
}

bool ran_away(const ConstrainedResult& end, const ParameterSpace& space) {
  const std::vector<bool> held = held_at_bounds(end.y, end.slope, space.box());
  for (std::size_t i = 0; i < held.size(); ++i) {
    const auto at = static_cast<Index>(i);
    if (held[i] && !space.bound_is_given(i, end.y[at] <= space.box().lower[at])) return true;
  }
  return false;
}

FitProblem::FitProblem(const LogLikelihood& likelihood, const ParameterSpace& space,
                       const std::vector<std::string>& parameters, const FitOptions& options,
                       const StopToken* stop)
    : likelihood_(likelihood),
      space_(space),
      parameters_(parameters),
      function_(objective(likelihood, space)) {
  limits_.tolerance = options.tolerance;
  limits_.max_iterations = options.max_iterations;
  limits_.stop = stop;
  for (std::size_t j = 0; j < options.inference.constraints.size(); ++j) {
    const std::string pointer = fmt::format("/constraints/{}", j);
    const Relation relation = parse_relation(pointer, options.inference.constraints[j], parameters);
    const auto formula =
        std::make_shared<const ParameterFormula>(relation.gap(), parameters, space.indices());
    constraints_.push_back({relation.text,
                            [this, formula](const VectorXd& y, int order, FunctionValue& result) {
                              formula->evaluate(space_.natural(y), order, result);
                              to_coordinates(space_, y, order, result);
                            },
                            relation.equality});
  }
}

ConstrainedResult FitProblem::minimize(const std::string& optimizer, const VectorXd& start) const {
  const Box& box = space_.box();
  const bool newton = optimizer == "auto" || optimizer == "newton";
  if (!constraints_.empty())
    return minimize_constrained(function_, constraints_, likelihood_.smooth(), start, box, limits_);
  ConstrainedResult result;
  MinimizeResult& end = result;
  if (!likelihood_.smooth()) {
    // Without a Hessian: by gradients, or by values alone where that is asked for.
    end = minimize_nlopt(newton ? "lbfgs" : optimizer, function_, start, box, limits_);
  } else if (newton) {
    end = minimize_newton(function_, start, box, limits_);
  } else {
    const MinimizeResult first = minimize_nlopt(optimizer, function_, start, box, limits_);
    end = minimize_newton(function_, first.y, box, limits_);
    end.evaluations += first.evaluations;
  }
  result.slope = result.at.gradient;
  result.curvature = result.at.hessian;
  return result;
}

ConstrainedResult FitProblem::refine(const VectorXd& start, const Box& box) const {
  return minimize_constrained(function_, constraints_, likelihood_.smooth(), start, box, limits_);
}

VectorXd FitProblem::coordinates(const std::vector<double>& parameters) const {
  VectorXd y(static_cast<Index>(space_.size()));
  for (Index i = 0; i < y.size(); ++i) {
    const FreeParameter& p = space_.free()[static_cast<std::size_t>(i)];
    y[i] = p.logarithmic ? std::log(std::fabs(parameters[p.index])) : parameters[p.index];
  }
  return y;
}

}  // namespace sde
