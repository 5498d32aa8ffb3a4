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

void add_uncertainty(const LogLikelihood& likelihood, const ParameterSpace& space, const VectorXd& y,
                     const std::vector<bool>& held, double quantile, FitResult& result) {
  const std::vector<double> parameters = space.natural(y);
  LikelihoodValue second, scores;
  likelihood.evaluate_scores(parameters, scores);
  if (likelihood.smooth()) {
    likelihood.evaluate(parameters, 2, second);
  } else {
    second.hessian = -scores.score_product;
  }
  const auto k = static_cast<Index>(space.size());
  std::vector<Index> loose;
  for (Index i = 0; i < k; ++i)
    if (!held[static_cast<std::size_t>(i)]) loose.push_back(i);
  const auto m = static_cast<Index>(loose.size());
  MatrixXd information(m, m), products(m, m);
  VectorXd unit(m);
  for (Index i = 0; i < m; ++i) {
    for (Index j = 0; j < m; ++j) {
      information(i, j) =
          -second.hessian(loose[static_cast<std::size_t>(i)], loose[static_cast<std::size_t>(j)]);
      products(i, j) =
          scores.score_product(loose[static_cast<std::size_t>(i)], loose[static_cast<std::size_t>(j)]);
    }
  }
  for (Index i = 0; i < m; ++i) unit[i] = information(i, i) > 0 ? 1 / std::sqrt(information(i, i)) : 1;
  const Eigen::SelfAdjointEigenSolver<MatrixXd> solver(unit.asDiagonal() * information * unit.asDiagonal());

  // A direction without curvature: the likelihood does not change along it, and the parameters in it are not
  // determined.
  constexpr double kFlat = 1e-10;
  std::vector<bool> identified(space.size(), true);
  VectorXd inverse(m);
  for (Index e = 0; e < m; ++e) {
    const double curvature = solver.eigenvalues()[e];
    inverse[e] = curvature > kFlat ? 1 / curvature : 0;
    if (curvature > kFlat) continue;
    std::string names;
    for (Index i = 0; i < m; ++i) {
      if (std::fabs(solver.eigenvectors()(i, e)) < 0.05) continue;
      const auto p = static_cast<std::size_t>(loose[static_cast<std::size_t>(i)]);
      identified[p] = false;
      names += (names.empty() ? "" : ", ") + space.free()[p].name;
    }
    result.warnings.push_back(
        names.find(',') == std::string::npos
            ? fmt::format("the data do not determine {}: the likelihood does not change with it; fix it",
                          names)
            : fmt::format("the data do not determine {} together: the likelihood is flat along a "
                          "combination of them; fix one",
                          names));
  }
  const MatrixXd covariance =
      unit.asDiagonal() * (solver.eigenvectors() * inverse.asDiagonal() * solver.eigenvectors().transpose()) *
      unit.asDiagonal();
  const MatrixXd robust = covariance * products * covariance;

  result.covariance = MatrixXd::Constant(k, k, kNaN);
  for (Index i = 0; i < m; ++i) {
    const auto a = static_cast<std::size_t>(loose[static_cast<std::size_t>(i)]);
    for (Index j = 0; j < m; ++j) {
      const auto b = static_cast<std::size_t>(loose[static_cast<std::size_t>(j)]);
      if (identified[a] && identified[b])
        result.covariance(static_cast<Index>(a), static_cast<Index>(b)) = covariance(i, j);
    }
    Estimate& estimate = result.estimates[a];
    estimate.identified = identified[a];
    if (!identified[a]) continue;
    estimate.se = std::sqrt(covariance(i, i));
    estimate.se_robust = std::sqrt(robust(i, i));
    estimate.low = estimate.value - quantile * estimate.se;
    estimate.high = estimate.value + quantile * estimate.se;
  }
}

}  // namespace sde
