#include "score/box_mixture.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "base/error.h"
#include "random/stream.h"

namespace sde {
namespace {

// e^{z^2} erfc(z) for z >= 0.
double scaled_erfc(double z) {
  if (z < 20) return std::exp(z * z) * std::erfc(z);
  const double w = 1 / (2 * z * z);  // the asymptotic series to 1e-15
  return std::numbers::inv_sqrtpi / z * (1 - w * (1 - 3 * w * (1 - 5 * w * (1 - 7 * w))));
}

// The logarithm of the density at x of a uniform point of [lo, hi] plus a normal of deviation s, and its
// first two derivatives.
struct Edge {
  double log_density, slope, curvature;
};

Edge noised_interval(double x, double lo, double hi, double s) {
  // Mirrored so that x is in the lower half; then both arguments of the distribution function are where it is
  // known to full relative precision.
  const bool mirrored = 2 * x > lo + hi;
  const double near = (mirrored ? hi - x : x - lo) / s, far = (mirrored ? lo - x : x - hi) / s;
  const double root = std::numbers::sqrt2, gauss = 1 / std::sqrt(2 * std::numbers::pi);
  // phi(near) / Z and phi(far) / Z with Z = Phi(near) - Phi(far), far <= -|near|.
  const double ratio = std::exp(0.5 * (near - far) * (near + far));
  double log_z, p, q;
  if (near < -1) {
    const double z = 0.5 * (scaled_erfc(-near / root) - scaled_erfc(-far / root) * ratio);
    log_z = std::log(z) - 0.5 * near * near;
    p = gauss / z;
  } else {
    const double z = 0.5 * (std::erfc(-near / root) - std::erfc(-far / root));
    log_z = std::log(z);
    p = gauss * std::exp(-0.5 * near * near) / z;
  }
  q = p * ratio;
  const double slope = (p - q) / s;
  return {log_z - std::log(hi - lo), mirrored ? -slope : slope,
          -(near * p - far * q) / (s * s) - slope * slope};
}

}  // namespace

BoxMixture::BoxMixture(std::shared_ptr<const NoiseProcess> process, std::vector<double> corners,
                       std::size_t dimension, double side)
    : ScoreModel(std::move(process)), dimension_(dimension), boxes_(corners.size() / dimension), side_(side) {
  if (corners.empty() || corners.size() % dimension || !(side > 0)) {
    fail(Status::usage, "/score: boxes need corners and a side > 0");
  }
  starts_ = corners;
  std::sort(starts_.begin(), starts_.end());
  starts_.erase(std::unique(starts_.begin(), starts_.end()), starts_.end());
  for (const double c : corners) {
    places_.push_back(
        static_cast<std::size_t>(std::lower_bound(starts_.begin(), starts_.end(), c) - starts_.begin()));
  }
}

// With r_k the posterior weights of the boxes and g_k their scores, score = sum r_k g_k and J = sum r_k (g_k
// g_k^T + diag curvature_k) - score score^T.
void BoxMixture::evaluate(BlockTime t, ConstBlock x, Block* score, double* divergence, const ConstBlock* v,
                          Block* product, double* density, SdeWorkspace& workspace) const {
  const std::size_t D = dimension_, S = starts_.size();
  workspace.values.resize(boxes_ + 3 * D * S + 2 * D);
  double *r = workspace.values.data(), *mean = r + boxes_, *image = mean + D, *table = image + D;
  for (std::size_t l = 0; l < x.lanes; ++l) {
    const double at = t.at(l);
    const double a = process_->signal(at), s = process_->noise(at);
    for (std::size_t i = 0; i < D; ++i) {
      for (std::size_t j = 0; j < S; ++j) {
        const Edge e = noised_interval(x.row(i)[l], a * starts_[j], a * (starts_[j] + side_), s);
        double* to = table + 3 * (i * S + j);
        to[0] = e.log_density;
        to[1] = e.slope;
        to[2] = e.curvature;
      }
    }
    const auto edge = [&](std::size_t k, std::size_t i) { return table + 3 * (i * S + places_[k * D + i]); };
    double top = -std::numeric_limits<double>::infinity(), total = 0, trace = 0, along = 0;
    for (std::size_t k = 0; k < boxes_; ++k) {
      r[k] = 0;
      for (std::size_t i = 0; i < D; ++i) r[k] += edge(k, i)[0];
      top = std::fmax(top, r[k]);
    }
    std::fill_n(mean, 2 * D, 0.0);
    for (std::size_t k = 0; k < boxes_; ++k) {
      const double w = std::exp(r[k] - top);
      total += w;
      double dot = 0;
      for (std::size_t i = 0; i < D; ++i) {
        const double* e = edge(k, i);
        mean[i] += w * e[1];
        trace += w * (e[2] + e[1] * e[1]);
        if (v) dot += e[1] * v->row(i)[l];
      }
      if (!v) continue;
      for (std::size_t i = 0; i < D; ++i) {
        const double* e = edge(k, i);
        image[i] += w * (e[1] * dot + e[2] * v->row(i)[l]);
      }
    }
    if (density) density[l] = top + std::log(total / static_cast<double>(boxes_));
    if (!score) continue;
    double squares = 0;
    for (std::size_t i = 0; i < D; ++i) {
      mean[i] /= total;
      score->row(i)[l] = mean[i];
      squares += mean[i] * mean[i];
      if (v) along += mean[i] * v->row(i)[l];
    }
    if (divergence) divergence[l] = trace / total - squares;
    if (!product) continue;
    for (std::size_t i = 0; i < D; ++i) product->row(i)[l] = image[i] / total - mean[i] * along;
  }
}

void BoxMixture::score(BlockTime t, ConstBlock x, Block score, SdeWorkspace& workspace) const {
  evaluate(t, x, &score, nullptr, nullptr, nullptr, nullptr, workspace);
}

void BoxMixture::score_and_divergence(BlockTime t, ConstBlock x, Block score, double* divergence,
                                      SdeWorkspace& workspace) const {
  evaluate(t, x, &score, divergence, nullptr, nullptr, nullptr, workspace);
}

void BoxMixture::score_and_product(BlockTime t, ConstBlock x, ConstBlock v, Block score, Block product,
                                   SdeWorkspace& workspace) const {
  evaluate(t, x, &score, nullptr, &v, &product, nullptr, workspace);
}

bool BoxMixture::log_density(double t, ConstBlock x, double* out, SdeWorkspace& workspace) const {
  if (t > 0) {
    evaluate({t, nullptr}, x, nullptr, nullptr, nullptr, nullptr, out, workspace);
    return true;
  }
  const double inside =
      -std::log(static_cast<double>(boxes_)) - static_cast<double>(dimension_) * std::log(side_);
  for (std::size_t l = 0; l < x.lanes; ++l) {
    out[l] = -std::numeric_limits<double>::infinity();
    for (std::size_t k = 0; k < boxes_; ++k) {
      bool in = true;
      for (std::size_t i = 0; i < dimension_; ++i) {
        const double from = starts_[places_[k * dimension_ + i]];
        in = in && x.row(i)[l] >= from && x.row(i)[l] < from + side_;
      }
      if (in) out[l] = inside;
    }
  }
  return true;
}

void BoxMixture::draw(std::uint64_t seed, std::uint64_t first_id, Block x) const {
  const std::size_t L = x.lanes;
  AlignedVector<double> u(L), unused(L), at(L);
  fill_uniforms(make_stream(seed, Purpose::exact, 0), first_id, L, 0, u.data(), unused.data());
  for (std::size_t i = 0; i < dimension_; ++i) {
    const Stream stream = make_stream(seed, Purpose::exact, static_cast<std::uint32_t>(i + 1));
    fill_uniforms(stream, first_id, L, 0, at.data(), unused.data());
    for (std::size_t l = 0; l < L; ++l) {
      const auto k = std::min(static_cast<std::size_t>(u[l] * static_cast<double>(boxes_)), boxes_ - 1);
      x.row(i)[l] = starts_[places_[k * dimension_ + i]] + side_ * at[l];
    }
  }
}

}  // namespace sde
