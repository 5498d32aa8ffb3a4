#include "score/point_mixture.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"
#include "random/stream.h"
#include "score/point_kernel.h"

namespace sde {

PointMixture::PointMixture(std::shared_ptr<const NoiseProcess> process, std::vector<double> points,
                           std::size_t dimension, std::vector<double> weights, double variance)
    : ScoreModel(std::move(process)), dimension_(dimension), points_(std::move(points)), variance_(variance) {
  if (points_.empty() || !dimension || points_.size() % dimension) {
    fail(Status::usage, "/score: needs points of one dimension (got {} numbers)", points_.size());
  }
  if (!(variance >= 0)) fail(Status::usage, "/score: a variance must be >= 0 (got {})", variance);
  for (std::size_t i = 0; i < points_.size(); ++i) {
    if (std::isfinite(points_[i])) continue;
    fail(Status::bad_data, "/score/data: row {}, column {}: must be a finite number (got {})",
         i / dimension + 1, i % dimension + 1, points_[i]);
  }
  const std::size_t K = points_.size() / dimension;
  if (weights.empty()) {
    log_weights_.assign(K, -std::log(static_cast<double>(K)));
    return;
  }
  if (weights.size() != K) fail(Status::usage, "/score: {} weights for {} points", weights.size(), K);
  double total = 0;
  for (const double w : weights) {
    if (!(w > 0)) fail(Status::usage, "/score: a weight must be > 0 (got {})", w);
    total += w;
  }
  double sum = 0;
  for (const double w : weights) {
    log_weights_.push_back(std::log(w / total));
    cumulative_.push_back(sum += w / total);
  }
}

// With d_k = a c_k - x and v the variance of a component at t, sums under the posterior weights of the
// points: score = E d / v, div = E |d|^2 / v^2 - D / v - |score|^2, J u = (E d (d . u) - E d (E d . u)) / v^2
// - u / v.
void PointMixture::evaluate(BlockTime t, ConstBlock x, Block score, double* divergence, const ConstBlock* v,
                            Block* product, double* density, SdeWorkspace& workspace) const {
  const std::size_t L = x.lanes, D = dimension_;
  workspace.values.resize(6 * L);
  double* next = workspace.values.data();
  const auto take = [&] { return std::exchange(next, next + L); };
  double *a = take(), *variance = take(), *top = take(), *total = take(), *square = take(), *dot = take();
  for (std::size_t l = 0; l < L; ++l) {
    if (l && !t.lanes) {
      a[l] = a[0];
      variance[l] = variance[0];
      continue;
    }
    const double at = t.at(l), s = at > 0 ? process_->noise(at) : 0;
    a[l] = at > 0 ? process_->signal(at) : 1;
    variance[l] = a[l] * a[l] * variance_ + s * s;
  }
  PointSums sums{.a = a,
                 .variance = variance,
                 .x = x,
                 .v = {},
                 .top = top,
                 .total = total,
                 .first = score,
                 .product = {}};
  if (divergence) sums.square = square;
  if (product) {
    sums.v = *v;
    sums.product = *product;
  }
  sum_points(points_.data(), log_weights_.data(), points(), sums, product != nullptr);

  std::fill_n(dot, L, 0.0);
  if (divergence) std::fill_n(divergence, L, 0.0);
  for (std::size_t i = 0; i < D; ++i) {
    double* row = score.row(i);
    for (std::size_t l = 0; l < L; ++l) {
      row[l] /= total[l] * variance[l];
      if (divergence) divergence[l] -= row[l] * row[l];
      if (product) dot[l] += row[l] * v->row(i)[l];
    }
  }
  if (divergence) {
    for (std::size_t l = 0; l < L; ++l) {
      divergence[l] += (square[l] / (total[l] * variance[l]) - static_cast<double>(D)) / variance[l];
    }
  }
  if (product) {
    for (std::size_t i = 0; i < D; ++i) {
      for (std::size_t l = 0; l < L; ++l) {
        double& to = product->row(i)[l];
        to = (to / (total[l] * variance[l]) - v->row(i)[l]) / variance[l] - score.row(i)[l] * dot[l];
      }
    }
  }
  if (density) {
    for (std::size_t l = 0; l < L; ++l) {
      density[l] = top[l] + std::log(total[l]) -
                   0.5 * static_cast<double>(D) * std::log(2 * std::numbers::pi * variance[l]);
    }
  }
}

void PointMixture::score(BlockTime t, ConstBlock x, Block score, SdeWorkspace& workspace) const {
  evaluate(t, x, score, nullptr, nullptr, nullptr, nullptr, workspace);
}

void PointMixture::score_and_divergence(BlockTime t, ConstBlock x, Block score, double* divergence,
                                        SdeWorkspace& workspace) const {
  evaluate(t, x, score, divergence, nullptr, nullptr, nullptr, workspace);
}

void PointMixture::score_and_product(BlockTime t, ConstBlock x, ConstBlock v, Block score, Block product,
                                     SdeWorkspace& workspace) const {
  evaluate(t, x, score, nullptr, &v, &product, nullptr, workspace);
}

bool PointMixture::log_density(double t, ConstBlock x, double* out, SdeWorkspace& workspace) const {
  if (t <= 0 && variance_ <= 0) return false;
  StateBlock<double> score(dimension_, x.lanes);
  evaluate({t, nullptr}, x, score, nullptr, nullptr, nullptr, out, workspace);
  return true;
}

double PointMixture::workspace_bytes(std::size_t lanes) const {
  return 8.0 * static_cast<double>(6 * lanes + points_.size() + log_weights_.size() + cumulative_.size());
}

void PointMixture::draw(std::uint64_t seed, std::uint64_t first_id, Block x) const {
  const std::size_t D = dimension_, L = x.lanes;
  AlignedVector<double> u(L), unused(L), z(L);
  fill_uniforms(make_stream(seed, Purpose::exact, 0), first_id, L, 0, u.data(), unused.data());
  const double deviation = std::sqrt(variance_);
  std::vector<std::size_t> chosen(L);
  for (std::size_t l = 0; l < L; ++l) {
    if (cumulative_.empty()) {
      chosen[l] = static_cast<std::size_t>(u[l] * static_cast<double>(points()));
    } else {
      const auto found = std::upper_bound(cumulative_.begin(), cumulative_.end(), u[l]);
      chosen[l] = static_cast<std::size_t>(found - cumulative_.begin());
    }
    chosen[l] = std::min(chosen[l], points() - 1);
  }
  for (std::size_t i = 0; i < D; ++i) {
    const Stream stream = make_stream(seed, Purpose::exact, static_cast<std::uint32_t>(i + 1));
    fill_normals(stream, first_id, L, 0, z.data(), unused.data());
    for (std::size_t l = 0; l < L; ++l) x.row(i)[l] = points_[chosen[l] * D + i] + deviation * z[l];
  }
}

}  // namespace sde
