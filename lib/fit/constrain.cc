#include "fit/constrain.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>

namespace sde {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

constexpr double kViolation = 1e-8;  // in standard errors
constexpr int kRounds = 40;          // of multipliers

VectorXd units(const MatrixXd& hessian, Index n) {
  VectorXd unit = VectorXd::Ones(n);
  if (hessian.rows() != n) return unit;
  for (Index i = 0; i < n; ++i)
    if (std::fabs(hessian(i, i)) > 1e-12) unit[i] = 1 / std::sqrt(std::fabs(hessian(i, i)));
  return unit;
}

}  // namespace

MatrixXd null_space(const MatrixXd& jacobian, Index variables) {
  if (jacobian.rows() == 0) return MatrixXd::Identity(variables, variables);
  const Eigen::ColPivHouseholderQR<MatrixXd> qr(jacobian.transpose());
  const MatrixXd q = qr.householderQ();
  return q.rightCols(variables - qr.rank());
}

ConstrainedResult minimize_constrained(const SmoothFunction& f,
                                       const std::vector<CurvedConstraint>& constraints, bool smooth,
                                       const VectorXd& start, const Box& box,
                                       const MinimizeOptions& options) {
  const std::size_t m = constraints.size();
  const Index n = start.size();
  const int order = smooth ? 2 : 1;
  const auto inner = [&](const SmoothFunction& g, const VectorXd& y) {
    return smooth ? minimize_newton(g, y, box, options) : minimize_nlopt("lbfgs", g, y, box, options);
  };
  ConstrainedResult result;
  if (m == 0) {
    static_cast<MinimizeResult&>(result) = inner(f, start);
    result.slope = result.at.gradient;
    result.curvature = result.at.hessian;
    return result;
  }

  FunctionValue first, gap;
  f(start, order, first);
  const VectorXd unit = units(first.hessian, n);
  std::vector<double> scale(m, 1), lambda(m, 0);
  for (std::size_t j = 0; j < m; ++j) {
    constraints[j].gap(start, 1, gap);
    const double length = gap.gradient.cwiseProduct(unit).norm();
    if (std::isfinite(length) && length > 0) scale[j] = 1 / length;
  }

  double weight = 10;
  const SmoothFunction augmented = [&](const VectorXd& y, int k, FunctionValue& value) {
    f(y, k, value);
    FunctionValue c;
    for (std::size_t j = 0; j < m; ++j) {
      constraints[j].gap(y, k, c);
      const double s = scale[j];
      // An inequality with room to spare pulls no more.
      const double pull = lambda[j] - weight * c.value * s;
      const bool on = constraints[j].equality || !(pull <= 0);
      value.value +=
          on ? (0.5 * weight * c.value * s - lambda[j]) * c.value * s : -0.5 * lambda[j] * lambda[j] / weight;
      if (k < 1 || !on) continue;
      value.gradient -= pull * s * c.gradient;
      if (k < 2) continue;
      value.hessian += -pull * s * c.hessian + weight * s * s * (c.gradient * c.gradient.transpose());
    }
  };

  VectorXd y = start;
  double last = INFINITY;
  result.end = MinimizeResult::End::stalled;
  int iterations = 0, evaluations = 1;
  for (int round = 0; round < kRounds; ++round) {
    const MinimizeResult one = inner(augmented, y);
    iterations += one.iterations;
    evaluations += one.evaluations;
    if (one.at.finite(1)) y = one.y;
    double violation = 0;
    std::vector<double> next(m);
    for (std::size_t j = 0; j < m; ++j) {
      constraints[j].gap(y, 0, gap);
      next[j] = lambda[j] - weight * gap.value * scale[j];
      double miss = gap.value * scale[j];
      if (!constraints[j].equality) {
        next[j] = std::max(0.0, next[j]);
        miss = std::min(miss, lambda[j] / weight);  // feasible and complementary
      }
      violation = std::max(violation, std::fabs(miss));
    }
    if (!std::isfinite(violation)) break;
    lambda = next;
    if (one.end == MinimizeResult::End::stopped) {
      result.end = one.end;
      break;
    }
    if (violation <= kViolation) {
      result.end = MinimizeResult::End::converged;
      break;
    }
    if (violation > 0.1 * last && weight < 1e6) weight *= 10;
    last = violation;
  }

  result.y = y;
  f(y, order, result.at);
  result.slope = result.at.gradient;
  if (smooth) result.curvature = result.at.hessian;
  result.multipliers.assign(m, 0);
  result.active.assign(m, false);
  std::vector<VectorXd> rows;
  for (std::size_t j = 0; j < m; ++j) {
    constraints[j].gap(y, order, gap);
    if (!constraints[j].equality && !(lambda[j] > 1e-9)) continue;
    result.active[j] = true;
    result.multipliers[j] = lambda[j] * scale[j];
    result.slope -= result.multipliers[j] * gap.gradient;
    if (smooth) result.curvature -= result.multipliers[j] * gap.hessian;
    rows.push_back(gap.gradient);
  }
  result.jacobian.resize(static_cast<Index>(rows.size()), n);
  for (std::size_t r = 0; r < rows.size(); ++r)
    result.jacobian.row(static_cast<Index>(r)) = rows[r].transpose();
  result.iterations = iterations;
  result.evaluations = evaluations + 1;
  result.decrement = INFINITY;
  if (!smooth) return result;

  // The Newton decrement along the constraints, over the variables off their bounds.
  const std::vector<bool> held = held_at_bounds(y, result.slope, box);
  std::vector<Index> loose;
  for (Index i = 0; i < n; ++i)
    if (!held[static_cast<std::size_t>(i)]) loose.push_back(i);
  const auto size = static_cast<Index>(loose.size());
  VectorXd g(size);
  MatrixXd h(size, size), a(result.jacobian.rows(), size);
  for (Index i = 0; i < size; ++i) {
    const Index p = loose[static_cast<std::size_t>(i)];
    g[i] = result.slope[p] * unit[p];
    a.col(i) = result.jacobian.col(p) * unit[p];
    for (Index k = 0; k < size; ++k) {
      const Index q = loose[static_cast<std::size_t>(k)];
      h(i, k) = result.curvature(p, q) * unit[p] * unit[q];
    }
  }
  const MatrixXd z = null_space(a, size);
  result.decrement = newton_decrement(z.transpose() * g, z.transpose() * h * z);
  if (result.end == MinimizeResult::End::converged && !(result.decrement <= 100 * options.tolerance))
    result.end = MinimizeResult::End::stalled;
  return result;
}

}  // namespace sde
