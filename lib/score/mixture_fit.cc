#include "score/mixture_fit.h"

#include <Eigen/Dense>
#include <cmath>
#include <limits>
#include <numbers>
#include <optional>

#include "base/error.h"
#include "random/stream.h"

namespace sde {
namespace {

using Eigen::Index;

Index index(std::size_t i) {
  return static_cast<Index>(i);
}

// Rows of x, each drawn with probability proportional to its squared distance from those before.
Eigen::MatrixXd spread(const Eigen::MatrixXd& x, std::size_t count, std::uint64_t seed) {
  const Stream stream = make_stream(seed, Purpose::start);
  const Index n = x.rows();
  Eigen::MatrixXd centres(index(count), x.cols());
  Eigen::VectorXd distance = Eigen::VectorXd::Constant(n, std::numeric_limits<double>::infinity());
  Index next = static_cast<Index>(uniform_pair(stream, 0, 0)[0] * static_cast<double>(n));
  for (Index k = 0; k < centres.rows(); ++k) {
    centres.row(k) = x.row(next);
    distance = distance.cwiseMin((x.rowwise() - centres.row(k)).rowwise().squaredNorm());
    double left = uniform_pair(stream, static_cast<std::uint64_t>(k + 1), 0)[0] * distance.sum();
    for (next = 0; next + 1 < n && left >= distance(next); ++next) left -= distance(next);
  }
  return centres;
}

}  // namespace

MixtureFit fit_mixture(const std::vector<double>& data, std::size_t dimension, std::size_t count,
                       std::uint64_t seed, const Hooks& hooks) {
  const std::size_t n = dimension ? data.size() / dimension : 0;
  if (dimension > 128)
    fail(Status::usage, "a mixture is fitted in at most 128 dimensions (got {})", dimension);
  if (count < 1 || n < count) fail(Status::bad_data, "{} data are too few for {} components", n, count);
  const Index D = index(dimension), N = index(n), K = index(count);
  const Eigen::MatrixXd x =
      Eigen::Map<const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>(data.data(), N,
                                                                                               D);
  if (!x.allFinite()) fail(Status::bad_data, "the data must be finite numbers");
  const Eigen::RowVectorXd mean = x.colwise().mean();
  const Eigen::MatrixXd total =
      (x.rowwise() - mean).transpose() * (x.rowwise() - mean) / static_cast<double>(n);
  const double scale = total.trace() / static_cast<double>(dimension);
  if (!(scale > 0)) fail(Status::bad_data, "all rows of the data are the same");
  const Eigen::MatrixXd ridge = 1e-6 * scale * Eigen::MatrixXd::Identity(D, D);

  Eigen::MatrixXd centres = spread(x, count, seed), r(N, K);
  std::vector<Eigen::MatrixXd> covariance(count, total / static_cast<double>(count) + ridge);
  Eigen::VectorXd weight = Eigen::VectorXd::Constant(K, 1 / static_cast<double>(count));
  MixtureFit fit;
  double before = -std::numeric_limits<double>::infinity();
  for (fit.iterations = 0; fit.iterations < 500 && !hooks.stopped(); ++fit.iterations) {
    for (Index k = 0; k < K; ++k) {
      const Eigen::LLT<Eigen::MatrixXd> factor(covariance[static_cast<std::size_t>(k)]);
      const Eigen::MatrixXd lower = factor.matrixL();
      const Eigen::MatrixXd white =
          lower.triangularView<Eigen::Lower>().solve((x.rowwise() - centres.row(k)).transpose());
      const double constant = std::log(weight(k)) - lower.diagonal().array().log().sum() -
                              0.5 * static_cast<double>(dimension) * std::log(2 * std::numbers::pi);
      r.col(k) = (constant - 0.5 * white.colwise().squaredNorm().array()).transpose();
    }
    const Eigen::VectorXd top = r.rowwise().maxCoeff();
    r = (r.colwise() - top).array().exp();
    const Eigen::VectorXd sums = r.rowwise().sum();
    fit.loglik = (top.array() + sums.array().log()).mean();
    r = r.array().colwise() / sums.array();
    if (fit.loglik - before < 1e-8 * (1 + std::fabs(fit.loglik))) break;
    before = fit.loglik;
    for (Index k = 0; k < K; ++k) {
      const double mass = std::fmax(r.col(k).sum(), 1e-10);
      weight(k) = mass / static_cast<double>(n);
      centres.row(k) = r.col(k).transpose() * x / mass;
      const Eigen::MatrixXd centred = x.rowwise() - centres.row(k);
      covariance[static_cast<std::size_t>(k)] =
          centred.transpose() * (centred.array().colwise() * r.col(k).array()).matrix() / mass + ridge;
    }
    weight /= weight.sum();
  }
  for (Index k = 0; k < K; ++k) {
    MixtureModel::Component c;
    c.weight = weight(k);
    const Eigen::MatrixXd& matrix = covariance[static_cast<std::size_t>(k)];
    for (Index i = 0; i < D; ++i) {
      c.mean.push_back(centres(k, i));
      c.covariance.emplace_back();
      for (Index j = 0; j < D; ++j) c.covariance.back().push_back(0.5 * (matrix(i, j) + matrix(j, i)));
    }
    fit.components.push_back(std::move(c));
  }
  const double d = static_cast<double>(dimension), k = static_cast<double>(count);
  const double numbers = k * (d + 0.5 * d * (d + 1)) + k - 1;
  fit.bic = -2 * static_cast<double>(n) * fit.loglik + std::log(static_cast<double>(n)) * numbers;
  return fit;
}

MixtureFit choose_mixture(const std::vector<double>& data, std::size_t dimension, std::size_t most,
                          std::uint64_t seed, const Hooks& hooks) {
  std::optional<MixtureFit> best;
  const std::size_t n = dimension ? data.size() / dimension : 0;
  for (std::size_t count = 1; count <= most && (count == 1 || count * (dimension + 1) <= n); count *= 2) {
    MixtureFit fit = fit_mixture(data, dimension, count, seed, hooks);
    // Far past the best, more components will not help.
    if (best && fit.bic > best->bic + 0.05 * std::fabs(best->bic)) break;
    if (!best || fit.bic < best->bic) best = std::move(fit);
  }
  return *best;
}

}  // namespace sde
