// Minimisation of smooth functions of a few variables between bounds.
#pragma once

#include <Eigen/Core>
#include <functional>
#include <string>

#include "base/hooks.h"

namespace sde {

// Value, gradient (order >= 1) and Hessian (order 2) of what is minimised; a value that is not finite marks a
// point outside its domain.
struct FunctionValue {
  double value = 0;
  Eigen::VectorXd gradient;
  Eigen::MatrixXd hessian;
  bool finite(int order) const;
};
using SmoothFunction = std::function<void(const Eigen::VectorXd& y, int order, FunctionValue& result)>;

struct Box {
  Eigen::VectorXd lower, upper;  // infinite where there is no bound
};

struct MinimizeOptions {
  double tolerance = 1e-8;  // on the Newton decrement sqrt(g' H^-1 g) over the variables off their bounds
  int max_iterations = 200;
  const StopToken* stop = nullptr;
};

struct MinimizeResult {
  enum class End { converged, iterations, stalled, stopped };
  End end = End::iterations;
  Eigen::VectorXd y;
  FunctionValue at;      // order 2 for newton, else 1
  double decrement = 0;  // of the last point
  int iterations = 0, evaluations = 0;
};

// Newton's method in a trust region (Nocedal & Wright 2006, algorithm 4.1; the subproblem solved from the
// eigenvalues, section 4.3, negative ones by their absolute value) with bounds by projection: variables on a
// bound that the gradient pushes outwards are held. `start` must lie in the box and have a finite value.
MinimizeResult minimize_newton(const SmoothFunction& f, const Eigen::VectorXd& start, const Box& box,
                               const MinimizeOptions& options);

// The same by an algorithm of NLopt: "lbfgs", "slsqp" (gradients), "bobyqa", "subplex" (values alone); stops
// when neither value nor variables move by 1e-10. Throws Error(bug) for another name.
MinimizeResult minimize_nlopt(const std::string& algorithm, const SmoothFunction& f,
                              const Eigen::VectorXd& start, const Box& box, const MinimizeOptions& options);

// sqrt(g' H^-1 g), the distance to the minimum of the quadratic in standard errors, over directions of
// positive curvature; beyond all bounds where one is negative and the gradient is not zero along it.
double newton_decrement(const Eigen::VectorXd& gradient, const Eigen::MatrixXd& hessian);

// Variables that lie on a bound of `box` towards which -gradient points.
std::vector<bool> held_at_bounds(const Eigen::VectorXd& y, const Eigen::VectorXd& gradient, const Box& box);

}  // namespace sde
