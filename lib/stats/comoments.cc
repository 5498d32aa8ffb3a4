#include "stats/comoments.h"

#include <Eigen/Dense>
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "stats/kernels.h"

namespace sde {

double CoMoments::correlation() const {
  if (!(xx > 0) || !(yy > 0)) return std::numeric_limits<double>::quiet_NaN();
  return xy / std::sqrt(xx * yy);
}

double CoMoments::covariance_stderr() const {
  if (leaves.count >= kFewLeaves) return leaves.stderr_of_mean();
  if (count < 2) return std::numeric_limits<double>::quiet_NaN();
  // Var = (C_xx C_yy + C_xy^2) / (n - 1) of Gaussian pairs.
  const double f = count - 1;
  return std::sqrt((xx / f * (yy / f) + xy / f * (xy / f)) / f);
}

namespace {

// A leaf that is not whole scatters more than the others; the standard error does without it.
void close_leaf(CoMoments& m) {
  if (m.count == static_cast<double>(kLeafPaths)) m.leaves = {1, m.covariance(), 0};
}

// Where some pairs are left out.
CoMoments leaf_with_gaps(const double* x, const double* y, std::size_t n) {
  double sum_x[kWays] = {}, sum_y[kWays] = {}, count[kWays] = {};
  for (std::size_t i = 0; i < n; ++i) {
    const bool finite = std::isfinite(x[i]) && std::isfinite(y[i]);
    sum_x[i % kWays] += finite ? x[i] : 0.0;
    sum_y[i % kWays] += finite ? y[i] : 0.0;
    count[i % kWays] += finite ? 1.0 : 0.0;
  }
  CoMoments m;
  m.count = fold(count);
  if (m.count == 0) return m;
  m.mean_x = fold(sum_x) / m.count;
  m.mean_y = fold(sum_y) / m.count;
  double xx[kWays] = {}, yy[kWays] = {}, xy[kWays] = {};
  for (std::size_t i = 0; i < n; ++i) {
    const bool finite = std::isfinite(x[i]) && std::isfinite(y[i]);
    const double dx = finite ? x[i] - m.mean_x : 0.0, dy = finite ? y[i] - m.mean_y : 0.0;
    xx[i % kWays] += dx * dx;
    yy[i % kWays] += dy * dy;
    xy[i % kWays] += dx * dy;
  }
  m.xx = fold(xx);
  m.yy = fold(yy);
  m.xy = fold(xy);
  return m;
}

}  // namespace

void find_comoments(const double* x, const Moments* of_x, const double* y, const Moments* of_y, std::size_t n,
                    std::vector<CoMoments>& leaves) {
  const std::size_t count = (n + kLeafPaths - 1) / kLeafPaths;
  leaves.resize(count);
  constexpr std::size_t kAtOnce = 8;
  std::array<double, kAtOnce> products;
  for (std::size_t leaf = 0; leaf < count; ++leaf) {
    const std::size_t start = leaf * kLeafPaths, here = std::min(kLeafPaths, n - start);
    if (leaf % kAtOnce == 0 && x != y)
      find_products(x + start, of_x + leaf, y + start, of_y + leaf, std::min(kAtOnce * kLeafPaths, n - start),
                    products.data());
    const Moments &a = of_x[leaf], &b = of_y[leaf];
    CoMoments& m = leaves[leaf];
    const auto all = static_cast<double>(here);
    if (a.count == all && b.count == all) {
      m = {all, a.mean, b.mean, a.squares, b.squares, x == y ? a.squares : products[leaf % kAtOnce], {}};
    } else {
      m = leaf_with_gaps(x + start, y + start, here);
    }
    close_leaf(m);
  }
}

CoMoments leaf_comoments(const double* x, const double* y, std::size_t n) {
  std::vector<CoMoments> m;
  const Moments of_x = leaf_moments(x, n), of_y = leaf_moments(y, n);
  find_comoments(x, &of_x, y, &of_y, n, m);
  return m.empty() ? CoMoments{} : m[0];
}

ControlledMean controlled_mean(std::span<const CoMoments> pairs, std::span<const double> known_means) {
  const auto k = static_cast<Eigen::Index>(known_means.size());
  ControlledMean result;
  const CoMoments& first = pairs[0];
  const double n = first.count;
  result.value = result.plain_value = first.mean_x;
  const double variance = n > 1 ? first.xx / (n - 1) : 0;
  result.standard_error = result.plain_standard_error = n > 0 ? std::sqrt(variance / n) : 0;
  if (n < 2 || k == 0 || !(variance > 0)) return result;
  Eigen::MatrixXd C(k, k);
  Eigen::VectorXd c(k), gap(k), scale(k);
  for (Eigen::Index i = 0; i < k; ++i) {
    c[i] = pairs[static_cast<std::size_t>(i)].covariance();
    gap[i] = pairs[static_cast<std::size_t>(i)].mean_y - known_means[static_cast<std::size_t>(i)];
  }
  auto next = static_cast<std::size_t>(k);
  for (Eigen::Index i = 0; i < k; ++i)
    for (Eigen::Index j = i; j < k; ++j) C(i, j) = C(j, i) = pairs[next++].covariance();
  // In units of each control's deviation, so that the rank is told from numbers of one size.
  for (Eigen::Index i = 0; i < k; ++i) scale[i] = C(i, i) > 0 ? 1 / std::sqrt(C(i, i)) : 0;
  const Eigen::MatrixXd scaled = scale.asDiagonal() * C * scale.asDiagonal();
  Eigen::CompleteOrthogonalDecomposition<Eigen::MatrixXd> solver;
  solver.setThreshold(1e-10);
  solver.compute(scaled);
  const Eigen::VectorXd beta = scale.asDiagonal() * solver.solve(scale.asDiagonal() * c);
  result.value -= beta.dot(gap);
  const double freedom = n - 1 - static_cast<double>(k);
  const double left = std::max(0.0, variance - beta.dot(c)) * (n - 1) / std::max(1.0, freedom);
  result.standard_error = std::sqrt(left / n);
  result.variance_reduction = left > 0 ? variance / left : std::numeric_limits<double>::infinity();
  return result;
}

}  // namespace sde
