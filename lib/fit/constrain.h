// Minimisation between bounds and under relations that need not be linear.
#pragma once

#include <string>
#include <vector>

#include "fit/optimize.h"

namespace sde {

struct CurvedConstraint {
  std::string text;
  SmoothFunction gap;  // 0 for an equality, else not negative, where the constraint holds
  bool equality = false;
};

struct ConstrainedResult : MinimizeResult {
  // Gradient and Hessian of the Lagrangian f - sum multiplier * gap; those of f where nothing is active.
  Eigen::VectorXd slope;
  Eigen::MatrixXd curvature;
  std::vector<double> multipliers;  // one a constraint, 0 where it is not active
  std::vector<bool> active;         // holds with equality
  Eigen::MatrixXd jacobian;         // [active][variable] of the active constraints' gaps
};

// Augmented Lagrangians (Nocedal & Wright 2006, algorithm 17.4), each minimised from where the last one
// ended: by Newton's method where `smooth`, else by gradients. Gaps are scaled to the units that f's
// curvature gives at the start, so that a violation is a distance in standard errors; the end has converged
// where it is below 1e-8 and the Newton decrement along the constraints below the tolerance. The start need
// not obey the constraints.
ConstrainedResult minimize_constrained(const SmoothFunction& f,
                                       const std::vector<CurvedConstraint>& constraints, bool smooth,
                                       const Eigen::VectorXd& start, const Box& box,
                                       const MinimizeOptions& options);

// A basis of the directions along which no row of `jacobian` changes: [variable][direction], orthonormal.
Eigen::MatrixXd null_space(const Eigen::MatrixXd& jacobian, Eigen::Index variables);

}  // namespace sde
