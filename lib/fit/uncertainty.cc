#include "fit/uncertainty.h"

#include <Eigen/Eigenvalues>
#include <cmath>
#include <limits>

#include "base/error.h"

namespace sde {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

}  // namespace

void add_uncertainty(const FitProblem& problem, const ConstrainedResult& end, const std::vector<bool>& held,
                     double quantile, FitResult& result) {
  const LogLikelihood& likelihood = problem.likelihood();
  const ParameterSpace& space = problem.space();
  const std::vector<double> parameters = space.natural(end.y);
  LikelihoodValue second, scores;
  likelihood.evaluate_scores(parameters, scores);
  const auto k = static_cast<Index>(space.size());
  MatrixXd whole;  // the information
  const VectorXd slope = space.slope(end.y);
  MatrixXd jacobian = end.jacobian;  // of active constraints, in natural units
  for (Index r = 0; r < jacobian.rows(); ++r)
    jacobian.row(r) = jacobian.row(r).cwiseQuotient(slope.transpose()).eval();
  if (!likelihood.smooth()) {
    whole = scores.score_product;
    if (scores.hessian.size() > 0) whole -= scores.hessian;
  } else if (jacobian.rows() > 0) {
    whole = slope.cwiseInverse().asDiagonal() * end.curvature * slope.cwiseInverse().asDiagonal();
  } else {
    likelihood.evaluate(parameters, 2, second);
    whole = -second.hessian;
  }
  std::vector<Index> loose;
  for (Index i = 0; i < k; ++i)
    if (!held[static_cast<std::size_t>(i)]) loose.push_back(i);
  const auto m = static_cast<Index>(loose.size());
  MatrixXd information(m, m), products(m, m), active(jacobian.rows(), m);
  VectorXd unit(m);
  for (Index i = 0; i < m; ++i) {
    const Index a = loose[static_cast<std::size_t>(i)];
    for (Index j = 0; j < m; ++j) {
      const Index b = loose[static_cast<std::size_t>(j)];
      information(i, j) = whole(a, b);
      products(i, j) = scores.score_product(a, b);
    }
  }
  for (Index i = 0; i < m; ++i) unit[i] = information(i, i) > 0 ? 1 / std::sqrt(information(i, i)) : 1;
  for (Index i = 0; i < m; ++i) active.col(i) = jacobian.col(loose[static_cast<std::size_t>(i)]) * unit[i];
  // Along the constraints, in units of each parameter's curvature.
  const MatrixXd along = null_space(active, m);
  const Index directions = along.cols();
  const MatrixXd scaled = unit.asDiagonal() * information * unit.asDiagonal();
  Eigen::SelfAdjointEigenSolver<MatrixXd> solver;
  MatrixXd vectors = along;  // [loose][direction]
  if (directions > 0) {
    solver.compute(along.transpose() * scaled * along);
    vectors = along * solver.eigenvectors();
  }

  // A direction without curvature: the likelihood does not change along it, and the parameters in it are not
  // determined.
  constexpr double kFlat = 1e-10, kWeak = 1e-6;
  std::vector<bool> identified(space.size(), true);
  VectorXd inverse(directions);
  Spectrum& spectrum = result.inference.spectrum;
  const auto name_of = [&](Index i) -> const std::string& {
    return space.free()[static_cast<std::size_t>(loose[static_cast<std::size_t>(i)])].name;
  };
  // The direction, in the parameters' units and 1 for the largest of its parts in standard errors.
  const auto direction_of = [&](Index e) {
    std::vector<std::pair<std::string, double>> parts;
    double largest = 0, at = 1;
    for (Index i = 0; i < m; ++i)
      if (std::fabs(vectors(i, e)) > std::fabs(largest))
        largest = vectors(i, e), at = vectors(i, e) * unit[i];
    for (Index i = 0; i < m; ++i)
      if (std::fabs(vectors(i, e)) >= 0.05) parts.emplace_back(name_of(i), vectors(i, e) * unit[i] / at);
    return parts;
  };
  const auto sentence_of = [&](Index e) {
    std::string names, line;
    for (const auto& [name, part] : direction_of(e)) {
      names += (names.empty() ? "" : ", ") + name;
      line += fmt::format("{}{:.4g} {}",
                          line.empty() ? ""
                          : part < 0   ? " - "
                                       : " + ",
                          line.empty() ? part : std::fabs(part), name);
    }
    return std::pair{names, line};
  };
  std::vector<VectorXd> flat;
  for (Index e = 0; e < directions; ++e) {
    const double curvature = solver.eigenvalues()[e];
    spectrum.eigenvalues.push_back(curvature);
    inverse[e] = curvature > kFlat ? 1 / curvature : 0;
    if (e == 0) spectrum.weakest = direction_of(e);
    const auto [names, line] = sentence_of(e);
    const bool single = names.find(',') == std::string::npos;
    if (curvature > kFlat) {
      if (curvature < kWeak && !single)
        result.warnings.push_back(fmt::format(
            "the data hardly determine {} together: the likelihood is nearly flat along {}; fix one, "
            "or report a combination",
            names, line));
      continue;
    }
    VectorXd direction = VectorXd::Zero(k);
    for (Index i = 0; i < m; ++i) {
      if (std::fabs(vectors(i, e)) < 0.05) continue;
      const Index p = loose[static_cast<std::size_t>(i)];
      identified[static_cast<std::size_t>(p)] = false;
      direction[p] = vectors(i, e) * unit[i];
    }
    flat.push_back(direction);
    result.warnings.push_back(
        single
            ? fmt::format("the data do not determine {}: the likelihood does not change with it; fix it",
                          names)
            : fmt::format("the data do not determine {} together: the likelihood is flat along {}; fix one",
                          names, line));
  }
  const MatrixXd covariance =
      unit.asDiagonal() * (vectors * inverse.asDiagonal() * vectors.transpose()) * unit.asDiagonal();
  const MatrixXd robust = covariance * products * covariance;

  InferenceResult& more = result.inference;
  result.covariance = more.robust_covariance = MatrixXd::Constant(k, k, kNaN);
  more.whole_covariance = more.whole_robust = MatrixXd::Zero(k, k);
  more.undetermined.resize(k, static_cast<Index>(flat.size()));
  for (std::size_t f = 0; f < flat.size(); ++f) more.undetermined.col(static_cast<Index>(f)) = flat[f];
  for (Index i = 0; i < m; ++i) {
    const Index a = loose[static_cast<std::size_t>(i)];
    for (Index j = 0; j < m; ++j) {
      const Index b = loose[static_cast<std::size_t>(j)];
      more.whole_covariance(a, b) = covariance(i, j);
      more.whole_robust(a, b) = robust(i, j);
      if (!identified[static_cast<std::size_t>(a)] || !identified[static_cast<std::size_t>(b)]) continue;
      result.covariance(a, b) = covariance(i, j);
      more.robust_covariance(a, b) = robust(i, j);
    }
    Estimate& estimate = result.estimates[static_cast<std::size_t>(a)];
    estimate.identified = identified[static_cast<std::size_t>(a)];
    if (!estimate.identified) continue;
    // What the constraints leave no freedom has no error to speak of.
    if (along.row(i).norm() < 1e-7) {
      result.warnings.push_back(
          fmt::format("{} is determined by the constraints; it has no standard error", estimate.name));
      continue;
    }
    estimate.se = std::sqrt(covariance(i, i));
    estimate.se_robust = std::sqrt(robust(i, i));
    estimate.low = estimate.value - quantile * estimate.se;
    estimate.high = estimate.value + quantile * estimate.se;
  }
}

}  // namespace sde
