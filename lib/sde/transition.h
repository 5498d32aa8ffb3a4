// What the known laws come to in numbers: Gaussian transitions over a time, and moments.
#pragma once

#include <Eigen/Core>
#include <span>

#include "sde/law.h"

namespace sde {

// dX = (A X + b) dt + S dW.
struct LinearSystem {
  Eigen::MatrixXd slope;      // A, [n][n]
  Eigen::VectorXd intercept;  // b
  Eigen::MatrixXd scale;      // S, [n][noises]
};

// X(t + h) given X(t) = x is N(growth x + shift, covariance).
struct GaussianTransition {
  Eigen::MatrixXd growth;      // e^{Ah}
  Eigen::VectorXd shift;       // int_0^h e^{As} ds b
  Eigen::MatrixXd covariance;  // int_0^h e^{As} S S' e^{A's} ds; symmetric, positive semidefinite
};

// The coefficients of an Ornstein-Uhlenbeck group at these values of sde.parameters (in their order).
LinearSystem linear_system(const SdeExpressions& sde, const LawGroup& group,
                           std::span<const double> parameters);

// For any A: stable or not, singular, not diagonalisable, stiff. Taylor's series over h / 2^s, where |A| h /
// 2^s <= 1/4, then s doublings, F <- F F, m <- m + F m, P <- P + F P F', which add nothing but positive terms
// to P (Van Loan's exponential of [-A, Q; 0, A'] overflows where A h is large). h >= 0.
GaussianTransition transition(const LinearSystem& system, double h);

// The derivative of transition() along `direction` (dA, db, dS), for gradients in parameters.
GaussianTransition transition_derivative(const LinearSystem& system, const LinearSystem& direction, double h);

struct StateMoments {
  Eigen::VectorXd mean;
  Eigen::MatrixXd covariance;
};

// Exact mean and covariance of all states at time `end` where those at `start` are known (whatever their law:
// these moments need no others). Entries of the covariance between groups stay what independence makes them.
// Throws Error(Status::usage) for a bridge that ends before `end`.
StateMoments propagate(const SdeExpressions& sde, const LawRecognition& law, double start, double end,
                       const StateMoments& initial);

}  // namespace sde
