#include "fit/gmm.h"

#include <tbb/enumerable_thread_specific.h>
#include <tbb/parallel_for.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "expr/program.h"
#include "fit/diagnostics.h"
#include "fit/optimize.h"
#include "sde/generator.h"

namespace sde {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using expr::Expr;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kChunk = 512;  // transitions: what one task works on, and the leaf of every sum
constexpr int kMostWeights = 50;     // rounds of new weights

std::vector<Expr> instruments_of(const SdeExpressions& ito, const GmmOptions& options,
                                 std::vector<std::string>& names) {
  std::vector<Expr> result;
  std::vector<std::string> known = ito.states;
  known.emplace_back("t");
  for (std::size_t i = 0; i < options.instruments.size(); ++i) {
    const Formula& formula = options.instruments[i];
    if (const double* number = std::get_if<double>(&formula)) {
      result.push_back(Expr(*number));
      names.push_back(fmt::format("{}", *number));
      continue;
    }
    names.push_back(std::get<std::string>(formula));
    try {
      result.push_back(expr::parse(names.back(), known));
    } catch (const Error& error) {
      fail(Status::usage, "/gmm/instruments/{}: {}", i, error.what());
    }
  }
  if (!result.empty()) return result;
  result.push_back(Expr(1));
  names.emplace_back("1");
  for (const std::string& state : ito.states) {
    result.push_back(Expr::symbol(state));
    names.push_back(state);
  }
  return result;
}

// The conditions and their derivatives by the free parameters, compiled.
class Conditions {
 public:
  Conditions(const std::vector<Expr>& moments, const SdeExpressions& ito, const Observations& data,
             const std::vector<std::size_t>& free)
      : data_(data), moments_(moments.size()), free_(free.size()) {
    std::vector<Expr> rows = moments;
    for (std::size_t p : free)
      for (const Expr& h : moments) rows.push_back(expr::differentiate(h, ito.parameters[p]));
    std::vector<std::string> lanes = ito.states;
    for (const std::string& state : ito.states) lanes.push_back(state_after(state));
    lanes.emplace_back(kStepSymbol);
    lanes.emplace_back(kTimeSymbol);
    values_ = expr::Program(moments, lanes, ito.parameters);
    slopes_ = expr::Program(rows, lanes, ito.parameters);
  }

  std::size_t size() const { return moments_; }

  // Means of the conditions, and of their derivatives, [condition][free].
  void means(std::span<const double> parameters, VectorXd& mean, MatrixXd* slope) const {
    const expr::Program& program = slope ? slopes_ : values_;
    const std::size_t rows = program.outputs(), n = data_.transitions(), chunks = (n + kChunk - 1) / kChunk;
    std::vector<double> partial(chunks * rows);
    each_chunk(program, parameters, [&](std::size_t chunk, const StateBlock<double>& out, std::size_t lanes) {
      for (std::size_t r = 0; r < rows; ++r) {
        double sum = 0;
        for (std::size_t i = 0; i < lanes; ++i) sum += out.row(r)[i];
        partial[chunk * rows + r] = sum;
      }
    });
    std::vector<double> sum(rows, 0.0);
    for (std::size_t chunk = 0; chunk < chunks; ++chunk)
      for (std::size_t r = 0; r < rows; ++r) sum[r] += partial[chunk * rows + r];
    const auto m = static_cast<Index>(moments_), k = static_cast<Index>(free_);
    mean = Eigen::Map<const VectorXd>(sum.data(), m) / static_cast<double>(n);
    if (slope) *slope = Eigen::Map<const MatrixXd>(sum.data() + m, m, k) / static_cast<double>(n);
  }

  // Their covariance: sum over lags of w_l (C_l + C_l'), w the Bartlett weights, within each series.
  MatrixXd covariance(std::span<const double> parameters, int lags) const {
    const std::size_t n = data_.transitions();
    const auto m = static_cast<Index>(moments_);
    MatrixXd values(m, static_cast<Index>(n));
    each_chunk(values_, parameters, [&](std::size_t chunk, const StateBlock<double>& out, std::size_t lanes) {
      for (std::size_t i = 0; i < lanes; ++i)
        for (Index r = 0; r < m; ++r)
          values(r, static_cast<Index>(chunk * kChunk + i)) = out.row(static_cast<std::size_t>(r))[i];
    });
    MatrixXd sum = values * values.transpose();
    for (int lag = 1; lag <= lags; ++lag) {
      const double weight = 1 - lag / (lags + 1.0);
      for (std::size_t s = 0; s < data_.series(); ++s) {
        const auto first = static_cast<Index>(data_.first_transition(s));
        const auto count = static_cast<Index>(data_.first_transition(s + 1)) - first - lag;
        if (count <= 0) continue;
        const MatrixXd product =
            values.middleCols(first + lag, count) * values.middleCols(first, count).transpose();
        sum += weight * (product + product.transpose());
      }
    }
    return sum / static_cast<double>(n);
  }

 private:
  template <class F>
  void each_chunk(const expr::Program& program, std::span<const double> parameters, F&& use) const {
    struct Scratch {
      TransitionLanes lanes;
      StateBlock<double> out;
      expr::Workspace workspace;
    };
    tbb::enumerable_thread_specific<Scratch> scratch;
    const std::size_t chunks = (data_.transitions() + kChunk - 1) / kChunk;
    tbb::parallel_for(std::size_t{0}, chunks, [&](std::size_t chunk) {
      Scratch& s = scratch.local();
      data_.gather(chunk * kChunk, kChunk, s.lanes);
      std::vector<const double*> inputs;
      for (std::size_t r = 0; r < s.lanes.block.rows(); ++r) inputs.push_back(s.lanes.block.row(r));
      s.out.resize(program.outputs(), s.lanes.block.lanes());
      std::vector<double*> outputs;
      for (std::size_t r = 0; r < s.out.rows(); ++r) outputs.push_back(s.out.row(r));
      program.run(inputs.data(), parameters, outputs.data(), s.out.lanes(), s.workspace);
      use(chunk, s.out, s.lanes.lanes);
    });
  }

  const Observations& data_;
  std::size_t moments_, free_;
  expr::Program values_, slopes_;
};

// The inverse of a covariance, through that of the correlations, whose size does not depend on units.
MatrixXd weights_of(const MatrixXd& covariance) {
  const VectorXd unit = covariance.diagonal().cwiseSqrt().cwiseInverse();
  const MatrixXd correlation = unit.asDiagonal() * covariance * unit.asDiagonal();
  const Eigen::SelfAdjointEigenSolver<MatrixXd> solver(correlation);
  constexpr double kCollinear = 1e-12;
  if (!unit.allFinite() || !(solver.eigenvalues()[0] > kCollinear))
    fail(Status::usage,
         "/gmm/instruments: the conditions are not independent of one another on these data; leave some out");
  return unit.asDiagonal() *
         (solver.eigenvectors() * solver.eigenvalues().cwiseInverse().asDiagonal() *
          solver.eigenvectors().transpose()) *
         unit.asDiagonal();
}

}  // namespace

bool has_closed_moments(const TransitionDensity& density) {
  return !density.mean.empty() && density.mean.size() == density.deviation.size();
}

MomentConditions moment_conditions(const SdeExpressions& ito, const TransitionDensity& density,
                                   const GmmOptions& options) {
  MomentConditions result;
  std::vector<std::string> names;
  const std::vector<Expr> instruments = instruments_of(ito, options, names);
  const std::map<std::string, Expr, std::less<>> inner(density.intermediates.begin(),
                                                       density.intermediates.end());
  const auto add = [&](const Expr& condition, const std::string& name) {
    for (std::size_t z = 0; z < instruments.size(); ++z) {
      result.moments.push_back(condition * instruments[z]);
      result.names.push_back(name + " * " + names[z]);
    }
  };
  std::vector<Expr> rest;
  for (std::size_t i = 0; i < ito.dimension(); ++i) {
    const auto closed = [&](const Expr& e) { return inner.empty() ? e : expr::substitute(e, inner); };
    rest.push_back(Expr::symbol(state_after(ito.states[i])) - closed(density.mean[i]));
    const Expr deviation = closed(density.deviation[i]);
    add(rest[i], "mean of " + ito.states[i]);
    add(rest[i] * rest[i] - deviation * deviation, "variance of " + ito.states[i]);
  }
  if (density.name != "euler") return result;
  const auto covariance = noise_covariance(ito);
  for (std::size_t i = 0; i < ito.dimension(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (!covariance[i][j].is_zero())
        add(rest[i] * rest[j] - covariance[i][j] * Expr::symbol(kStepSymbol),
            "covariance of " + ito.states[j] + " and " + ito.states[i]);
  return result;
}

GmmResult generalised_moments(const MomentConditions& wanted, const SdeExpressions& ito,
                              const Observations& data, const ParameterSpace& space,
                              const FitOptions& options, const Hooks& hooks) {
  const Conditions conditions(wanted.moments, ito, data, space.indices());
  const auto m = static_cast<Index>(conditions.size()), k = static_cast<Index>(space.size());
  if (m < k)
    fail(Status::usage,
         "/gmm/instruments: {} conditions cannot determine {} parameters; add instruments, such as \"{}^2\", "
         "or fix parameters",
         m, k, ito.states[0]);
  const double n = static_cast<double>(data.transitions());
  MatrixXd weights;
  VectorXd mean;
  MatrixXd slope;
  // n/2 times the quadratic form of the means; for the Hessian the means are taken as linear in the
  // parameters (Gauss & Newton).
  const SmoothFunction objective = [&](const VectorXd& y, int order, FunctionValue& result) {
    const std::vector<double> parameters = space.natural(y);
    conditions.means(parameters, mean, order > 0 ? &slope : nullptr);
    const VectorXd weighted = weights * mean;
    result.value = 0.5 * n * mean.dot(weighted);
    if (order == 0) return;
    const MatrixXd scaled = slope * space.slope(y).asDiagonal();
    result.gradient = n * scaled.transpose() * weighted;
    if (order > 1) result.hessian = n * scaled.transpose() * weights * scaled;
  };

  MinimizeOptions limits;
  limits.tolerance = options.tolerance;
  limits.max_iterations = options.max_iterations;
  limits.stop = hooks.stop;
  GmmResult result;
  result.y = space.start();
  result.degrees = static_cast<std::size_t>(m - k);
  MatrixXd covariance = conditions.covariance(space.natural(result.y), options.gmm.lags);
  if (!covariance.allFinite())
    fail(Status::usage, "/parameters: the conditions are not finite at the start; start from other values");
  bool settled = false;
  MinimizeResult end;
  for (int round = 0; round < kMostWeights && !settled && !hooks.stopped(); ++round) {
    weights = weights_of(covariance);
    end = minimize_newton(objective, result.y, space.box(), limits);
    result.iterations += end.iterations;
    result.evaluations += end.evaluations;
    const VectorXd moved = end.y - result.y;
    // In standard errors. Where there are no more conditions than parameters, weights change nothing.
    settled = end.end == MinimizeResult::End::converged &&
              (m == k || (round > 0 && moved.dot(end.at.hessian * moved) < 1e-12));
    result.y = end.y;
    covariance = conditions.covariance(space.natural(result.y), options.gmm.lags);
    if (!covariance.allFinite()) break;
  }
  result.decrement = end.decrement;
  result.converged = settled;
  result.end = settled ? fmt::format("converged: decrement {:.1e}", end.decrement)
                       : "the weights of the conditions do not settle; start from other values";
  result.held = held_at_bounds(result.y, end.at.gradient, space.box());
  for (std::size_t i = 0; i < result.held.size(); ++i)
    if (result.held[i] && !space.bound_is_given(i, result.y[static_cast<Index>(i)] <=
                                                       space.box().lower[static_cast<Index>(i)])) {
      result.converged = false;
      result.end = fmt::format("the conditions keep improving as {} runs away", space.free()[i].name);
    }

  result.covariance = MatrixXd::Constant(k, k, kNaN);
  result.statistic = result.p = kNaN;
  if (!covariance.allFinite()) return result;
  weights = weights_of(covariance);
  conditions.means(space.natural(result.y), mean, &slope);
  if (m > k) {
    result.statistic = n * mean.dot(weights * mean);
    result.p = chi_squared_p(result.statistic, static_cast<double>(result.degrees));
  }
  std::vector<Index> loose;
  for (Index i = 0; i < k; ++i)
    if (!result.held[static_cast<std::size_t>(i)]) loose.push_back(i);
  const MatrixXd part = slope(Eigen::all, loose);
  const MatrixXd information = n * part.transpose() * weights * part;
  const VectorXd unit = information.diagonal().cwiseSqrt().cwiseInverse();
  const Eigen::FullPivLU<MatrixXd> solver(unit.asDiagonal() * information * unit.asDiagonal());
  if (unit.allFinite() && solver.isInvertible()) {
    const MatrixXd inverse = unit.asDiagonal() * solver.inverse() * unit.asDiagonal();
    for (std::size_t a = 0; a < loose.size(); ++a)
      for (std::size_t b = 0; b < loose.size(); ++b)
        result.covariance(loose[a], loose[b]) = inverse(static_cast<Index>(a), static_cast<Index>(b));
  }
  return result;
}

}  // namespace sde
