#include "fit/optimize.h"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <nlopt.hpp>
#include <vector>

#include "base/error.h"

namespace sde {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

bool FunctionValue::finite(int order) const {
  return std::isfinite(value) && (order < 1 || gradient.allFinite()) && (order < 2 || hessian.allFinite());
}

std::vector<bool> held_at_bounds(const VectorXd& y, const VectorXd& gradient, const Box& box) {
  std::vector<bool> held(static_cast<std::size_t>(y.size()));
  for (Index i = 0; i < y.size(); ++i)
    held[static_cast<std::size_t>(i)] =
        (y[i] <= box.lower[i] && gradient[i] > 0) || (y[i] >= box.upper[i] && gradient[i] < 0);
  return held;
}

namespace {

// The minimum of g's + s'|H|s/2 over |s| <= radius, |H| having the absolute eigenvalues of H: where the
// curvature is negative the step goes downhill by a length of the right order instead of to the border of the
// region, which on likelihoods ends on far plateaus (Dauphin et al., NIPS 2014).
VectorXd trust_region_step(const VectorXd& g, const MatrixXd& h, double radius) {
  const Eigen::SelfAdjointEigenSolver<MatrixXd> solver(h);
  const VectorXd slope = solver.eigenvectors().transpose() * g;
  const double size = std::max(solver.eigenvalues().cwiseAbs().maxCoeff(), 1e-300);
  const VectorXd curvature = solver.eigenvalues().cwiseAbs().cwiseMax(1e-14 * size);
  const auto step = [&](double shift) -> VectorXd {
    return -slope.cwiseQuotient((curvature.array() + shift).matrix());
  };
  const VectorXd newton = step(0);
  if (newton.norm() <= radius) return solver.eigenvectors() * newton;
  // |step(shift)| falls as the shift grows, and is below the radius at |g| / radius.
  double low = 0, high = slope.norm() / radius;
  for (int i = 0; i < 100 && high - low > 1e-10 * high; ++i) {
    const double middle = 0.5 * (low + high);
    (step(middle).norm() > radius ? low : high) = middle;
  }
  return solver.eigenvectors() * step(high);
}

}  // namespace

double newton_decrement(const VectorXd& g, const MatrixXd& h) {
  const Index n = g.size();
  if (n == 0) return 0;
  VectorXd scale(n);
  for (Index i = 0; i < n; ++i) scale[i] = h(i, i) > 0 ? 1 / std::sqrt(h(i, i)) : 1;
  const Eigen::SelfAdjointEigenSolver<MatrixXd> solver(scale.asDiagonal() * h * scale.asDiagonal());
  const VectorXd slope = solver.eigenvectors().transpose() * g.cwiseProduct(scale);
  double sum = 0;
  for (Index i = 0; i < n; ++i) {
    const double curvature = solver.eigenvalues()[i];
    // A direction the function does not depend on: its curvature is rounding, and so must be its slope.
    sum += slope[i] * slope[i] / (curvature > 1e-10 ? curvature : curvature > -1e-10 ? 1 : 1e-30);
  }
  return std::sqrt(sum);
}

MinimizeResult minimize_newton(const SmoothFunction& f, const VectorXd& start, const Box& box,
                               const MinimizeOptions& options) {
  MinimizeResult result;
  result.y = start;
  f(result.y, 2, result.at);
  result.evaluations = 1;
  if (!result.at.finite(2)) {
    result.end = MinimizeResult::End::stalled;
    result.decrement = INFINITY;
    return result;
  }
  const Index n = start.size();
  // Variables are measured in units of their curvature at the start, which makes the region round.
  VectorXd unit(n);
  for (Index i = 0; i < n; ++i) {
    const double curvature = std::fabs(result.at.hessian(i, i));
    unit[i] = curvature > 1e-12 ? 1 / std::sqrt(curvature) : 1;
  }
  double radius = 1;
  FunctionValue trial;
  for (;; ++result.iterations) {
    const std::vector<bool> held = held_at_bounds(result.y, result.at.gradient, box);
    std::vector<Index> loose;
    for (Index i = 0; i < n; ++i)
      if (!held[static_cast<std::size_t>(i)]) loose.push_back(i);
    const auto m = static_cast<Index>(loose.size());
    VectorXd g(m);
    MatrixXd h(m, m);
    for (Index i = 0; i < m; ++i) {
      const Index a = loose[static_cast<std::size_t>(i)];
      g[i] = result.at.gradient[a] * unit[a];
      for (Index j = 0; j < m; ++j) {
        const Index b = loose[static_cast<std::size_t>(j)];
        h(i, j) = result.at.hessian(a, b) * unit[a] * unit[b];
      }
    }
    result.decrement = newton_decrement(g, h);
    if (result.decrement <= options.tolerance) {
      result.end = MinimizeResult::End::converged;
      return result;
    }
    if (result.iterations >= options.max_iterations) {
      result.end = MinimizeResult::End::iterations;
      return result;
    }
    if (options.stop && options.stop->requested()) {
      result.end = MinimizeResult::End::stopped;
      return result;
    }

    for (;;) {
      const VectorXd scaled = trust_region_step(g, h, radius);
      VectorXd step = VectorXd::Zero(n);
      VectorXd y = result.y;
      for (Index i = 0; i < m; ++i) {
        const Index a = loose[static_cast<std::size_t>(i)];
        y[a] = std::clamp(y[a] + scaled[i] * unit[a], box.lower[a], box.upper[a]);
        step[a] = y[a] - result.y[a];
      }
      const double predicted = -(result.at.gradient.dot(step) + 0.5 * step.dot(result.at.hessian * step));
      f(y, 2, trial);
      ++result.evaluations;
      const bool finite = trial.finite(2);
      const double actual = finite ? result.at.value - trial.value : -INFINITY;
      // Where the promised decrease is below the rounding of the value, the gradient judges: full steps are
      // taken as long as they are inside the region, and the decrement ends the iteration.
      const double rounding = 1e-14 * std::max(1.0, std::fabs(result.at.value));
      const bool blind = finite && std::fabs(predicted) <= rounding && std::fabs(actual) <= 100 * rounding;
      const double ratio = blind ? 1 : predicted > 0 ? actual / predicted : -1;
      const double length = scaled.norm();
      if (ratio < 0.25) {
        radius = 0.25 * std::min(radius, length);
      } else if (ratio > 0.75 && length > 0.8 * radius) {
        radius = std::min(2 * radius, 1e10);
      }
      if (ratio > 1e-4) {
        result.y = y;
        std::swap(result.at, trial);
        break;
      }
      if (radius < 1e-13 || !(step.cwiseAbs().array() > 1e-16 * result.y.cwiseAbs().array()).any()) {
        result.end = MinimizeResult::End::stalled;
        return result;
      }
    }
  }
}

MinimizeResult minimize_nlopt(const std::string& algorithm, const SmoothFunction& f, const VectorXd& start,
                              const Box& box, const MinimizeOptions& options) {
  static const struct {
    const char* name;
    nlopt::algorithm algorithm;
    int order;
  } table[] = {{"lbfgs", nlopt::LD_LBFGS, 1},
               {"slsqp", nlopt::LD_SLSQP, 1},
               {"bobyqa", nlopt::LN_BOBYQA, 0},
               {"subplex", nlopt::LN_SBPLX, 0}};
  const auto* row =
      std::find_if(std::begin(table), std::end(table), [&](const auto& r) { return algorithm == r.name; });
  if (row == std::end(table)) fail(Status::bug, "minimize_nlopt: no algorithm \"{}\"", algorithm);

  struct State {
    const SmoothFunction& f;
    const StopToken* stop;
    nlopt::opt& opt;
    int order, evaluations = 0;
    double best = INFINITY;
    VectorXd best_y;
    FunctionValue value;
  };
  nlopt::opt opt(row->algorithm, static_cast<unsigned>(start.size()));
  State state{f, options.stop, opt, row->order, 0, INFINITY, start, {}};
  opt.set_min_objective(
      [](const std::vector<double>& x, std::vector<double>& gradient, void* data) {
        State& s = *static_cast<State*>(data);
        if (s.stop && s.stop->requested()) s.opt.force_stop();
        const VectorXd y = Eigen::Map<const VectorXd>(x.data(), static_cast<Index>(x.size()));
        s.f(y, gradient.empty() ? 0 : s.order, s.value);
        ++s.evaluations;
        const bool finite = s.value.finite(gradient.empty() ? 0 : s.order);
        if (finite && s.value.value < s.best) {
          s.best = s.value.value;
          s.best_y = y;
        }
        for (std::size_t i = 0; i < gradient.size(); ++i)
          gradient[i] = finite ? s.value.gradient[static_cast<Index>(i)] : 0;
        return finite ? s.value.value : HUGE_VAL;
      },
      &state);
  const auto copied = [](const VectorXd& v) { return std::vector<double>(v.data(), v.data() + v.size()); };
  opt.set_lower_bounds(copied(box.lower));
  opt.set_upper_bounds(copied(box.upper));
  opt.set_ftol_rel(1e-10);
  opt.set_xtol_rel(1e-10);
  opt.set_maxeval(50 * options.max_iterations);
  std::vector<double> x = copied(start);
  double least = 0;
  MinimizeResult result;
  result.end = MinimizeResult::End::converged;
  try {
    const nlopt::result code = opt.optimize(x, least);
    if (code == nlopt::MAXEVAL_REACHED) result.end = MinimizeResult::End::iterations;
  } catch (const nlopt::forced_stop&) {
    result.end = MinimizeResult::End::stopped;
  } catch (const std::runtime_error&) {
    result.end = MinimizeResult::End::stalled;  // NLopt's generic failure, or rounding limits its progress
  }
  result.y = state.best_y;
  result.evaluations = state.evaluations;
  f(result.y, 1, result.at);
  result.decrement = INFINITY;
  return result;
}

}  // namespace sde
