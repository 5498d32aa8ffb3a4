#include "score/mixture.h"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"
#include "base/suggest.h"
#include "random/stream.h"

namespace sde {

double Standardisation::log_determinant() const {
  double sum = 0;
  for (const double d : deviation) sum += std::log(d);
  return sum;
}

void Standardisation::to_model(Block x) const {
  if (identity()) return;
  for (std::size_t i = 0; i < x.rows; ++i) {
    for (std::size_t l = 0; l < x.lanes; ++l) x.row(i)[l] = (x.row(i)[l] - mean[i]) / deviation[i];
  }
}

void Standardisation::to_data(Block z) const {
  if (identity()) return;
  for (std::size_t i = 0; i < z.rows; ++i) {
    for (std::size_t l = 0; l < z.lanes; ++l) z.row(i)[l] = mean[i] + deviation[i] * z.row(i)[l];
  }
}

MixtureModel::MixtureModel(std::shared_ptr<const NoiseProcess> process,
                           const std::vector<Component>& components)
    : ScoreModel(std::move(process)) {
  if (components.empty()) fail(Status::usage, "/score: a mixture needs at least one component");
  dimension_ = components.front().mean.size();
  if (!dimension_) fail(Status::usage, "/score: a mean needs at least one component");
  double total = 0;
  for (const Component& c : components) total += c.weight;
  const auto D = static_cast<Eigen::Index>(dimension_);
  for (std::size_t k = 0; k < components.size(); ++k) {
    const Component& c = components[k];
    if (!(c.weight > 0) || !std::isfinite(c.weight)) {
      fail(Status::usage, "/score/weights/{}: must be > 0 (got {})", k, c.weight);
    }
    if (c.mean.size() != dimension_ || c.covariance.size() != dimension_) {
      fail(Status::usage,
           "/score: component {} has a mean of {} and a covariance of {} rows where others have {}", k,
           c.mean.size(), c.covariance.size(), dimension_);
    }
    Eigen::MatrixXd matrix(D, D);
    for (std::size_t i = 0; i < dimension_; ++i) {
      if (c.covariance[i].size() != dimension_) {
        fail(Status::usage, "/score/covariances/{}/{}: must have {} entries (got {})", k, i, dimension_,
             c.covariance[i].size());
      }
      for (std::size_t j = 0; j < dimension_; ++j) {
        matrix(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j)) = c.covariance[i][j];
      }
    }
    const double scale = matrix.cwiseAbs().maxCoeff();
    if ((matrix - matrix.transpose()).cwiseAbs().maxCoeff() > 1e-10 * scale) {
      fail(Status::usage, "/score/covariances/{}: must be symmetric", k);
    }
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(matrix);
    Kept kept;
    kept.log_weight = std::log(c.weight / total);
    kept.mean = c.mean;
    for (Eigen::Index i = 0; i < D; ++i) {
      const double value = solver.eigenvalues()(i);
      if (value < -1e-10 * scale) {
        fail(Status::usage, "/score/covariances/{}: must not have negative eigenvalues (got {})", k, value);
      }
      kept.values.push_back(std::max(value, 0.0));
      for (Eigen::Index j = 0; j < D; ++j) kept.vectors.push_back(solver.eigenvectors()(j, i));
    }
    components_.push_back(std::move(kept));
  }
}

namespace {

// out = U (x - shift m) or, with `add_transposed`, out += U^T x; row by row over the lanes.
void rotate(const double* u, std::size_t D, ConstBlock x, const double* shift, const double* m, double* out) {
  for (std::size_t i = 0; i < D; ++i) {
    double* to = out + i * x.lanes;
    std::fill_n(to, x.lanes, 0.0);
    for (std::size_t j = 0; j < D; ++j) {
      const double c = u[i * D + j], mean = m ? m[j] : 0;
      const double* from = x.row(j);
      if (m) {
        for (std::size_t l = 0; l < x.lanes; ++l) to[l] += c * (from[l] - shift[l] * mean);
      } else {
        for (std::size_t l = 0; l < x.lanes; ++l) to[l] += c * from[l];
      }
    }
  }
}

void rotate_back(const double* u, std::size_t D, std::size_t lanes, const double* x, double* out) {
  std::fill_n(out, D * lanes, 0.0);
  for (std::size_t i = 0; i < D; ++i) {
    for (std::size_t j = 0; j < D; ++j) {
      const double c = u[i * D + j];
      for (std::size_t l = 0; l < lanes; ++l) out[j * lanes + l] += c * x[i * lanes + l];
    }
  }
}

}  // namespace

// With r_k the posterior weights of the components and q_k their scores,
//   score = sum r_k q_k,  div = sum r_k (|q_k|^2 - tr S_k^-1) - |score|^2,
//   J v = sum r_k (q_k (q_k . v) - S_k^-1 v) - score (score . v).
// Components come one after the other; sums are kept relative to the largest log-weight so far, so that
// nothing overflows and no more than one component is in memory.
void MixtureModel::evaluate(BlockTime t, ConstBlock x, Block score, double* divergence, const ConstBlock* v,
                            Block* product, double* density, SdeWorkspace& workspace) const {
  const std::size_t L = x.lanes, D = dimension_;
  workspace.values.resize((9 + 4 * D) * L);
  double* next = workspace.values.data();
  const auto take = [&](std::size_t rows) { return std::exchange(next, next + rows * L); };
  double *a = take(1), *s2 = take(1), *top = take(1), *total = take(1), *log_p = take(1), *keep = take(1),
         *in = take(1), *dot = take(1), *other = take(1);
  double *y = take(D), *q = take(D), *w = take(D), *z = take(D);
  const NoiseProcess& process = *process_;
  for (std::size_t l = 0; l < L; ++l) {
    if (l && !t.lanes) {
      a[l] = a[0];
      s2[l] = s2[0];
      continue;
    }
    const double at = t.at(l), s = at > 0 ? process.noise(at) : 0;
    a[l] = at > 0 ? process.signal(at) : 1;
    s2[l] = s * s;
  }
  std::fill_n(top, L, -std::numeric_limits<double>::infinity());
  std::fill_n(total, L, 0.0);
  for (std::size_t i = 0; i < D; ++i) std::fill_n(score.row(i), L, 0.0);
  if (divergence) std::fill_n(divergence, L, 0.0);
  if (product) {
    for (std::size_t i = 0; i < D; ++i) std::fill_n(product->row(i), L, 0.0);
  }
  for (const Kept& k : components_) {
    rotate(k.vectors.data(), D, x, a, k.mean.data(), y);
    std::fill_n(log_p, L, 0.0);
    std::fill_n(other, L, 0.0);  // |q|^2 - tr S^-1
    for (std::size_t i = 0; i < D; ++i) {
      double* row = y + i * L;
      for (std::size_t l = 0; l < L; ++l) {
        const double variance = a[l] * a[l] * k.values[i] + s2[l], inverse = 1 / variance;
        const double scaled = -row[l] * inverse;
        log_p[l] += row[l] * scaled - std::log(variance);
        other[l] += scaled * scaled - inverse;
        row[l] = scaled;
      }
    }
    for (std::size_t l = 0; l < L; ++l) {
      const double p = k.log_weight + 0.5 * log_p[l], most = std::fmax(top[l], p);
      keep[l] = std::exp(top[l] - most);
      in[l] = std::exp(p - most);
      top[l] = most;
      total[l] = total[l] * keep[l] + in[l];
    }
    rotate_back(k.vectors.data(), D, L, y, q);
    for (std::size_t i = 0; i < D; ++i) {
      for (std::size_t l = 0; l < L; ++l) score.row(i)[l] = score.row(i)[l] * keep[l] + in[l] * q[i * L + l];
    }
    if (divergence) {
      for (std::size_t l = 0; l < L; ++l) divergence[l] = divergence[l] * keep[l] + in[l] * other[l];
    }
    if (product) {
      rotate(k.vectors.data(), D, *v, nullptr, nullptr, w);
      std::fill_n(dot, L, 0.0);
      for (std::size_t i = 0; i < D; ++i) {
        for (std::size_t l = 0; l < L; ++l) {
          dot[l] += q[i * L + l] * v->row(i)[l];
          w[i * L + l] /= a[l] * a[l] * k.values[i] + s2[l];
        }
      }
      rotate_back(k.vectors.data(), D, L, w, z);
      for (std::size_t i = 0; i < D; ++i) {
        for (std::size_t l = 0; l < L; ++l) {
          double& to = product->row(i)[l];
          to = to * keep[l] + in[l] * (q[i * L + l] * dot[l] - z[i * L + l]);
        }
      }
    }
  }
  std::fill_n(dot, L, 0.0);
  std::fill_n(other, L, 0.0);
  for (std::size_t i = 0; i < D; ++i) {
    for (std::size_t l = 0; l < L; ++l) {
      score.row(i)[l] /= total[l];
      other[l] += score.row(i)[l] * score.row(i)[l];
      if (v) dot[l] += score.row(i)[l] * v->row(i)[l];
    }
  }
  if (divergence) {
    for (std::size_t l = 0; l < L; ++l) divergence[l] = divergence[l] / total[l] - other[l];
  }
  if (product) {
    for (std::size_t i = 0; i < D; ++i) {
      for (std::size_t l = 0; l < L; ++l) {
        product->row(i)[l] = product->row(i)[l] / total[l] - score.row(i)[l] * dot[l];
      }
    }
  }
  if (density) {
    const double constant = -0.5 * static_cast<double>(D) * std::log(2 * std::numbers::pi);
    for (std::size_t l = 0; l < L; ++l) density[l] = top[l] + std::log(total[l]) + constant;
  }
}

void MixtureModel::score(BlockTime t, ConstBlock x, Block score, SdeWorkspace& workspace) const {
  evaluate(t, x, score, nullptr, nullptr, nullptr, nullptr, workspace);
}

void MixtureModel::score_and_divergence(BlockTime t, ConstBlock x, Block score, double* divergence,
                                        SdeWorkspace& workspace) const {
  evaluate(t, x, score, divergence, nullptr, nullptr, nullptr, workspace);
}

void MixtureModel::score_and_product(BlockTime t, ConstBlock x, ConstBlock v, Block score, Block product,
                                     SdeWorkspace& workspace) const {
  evaluate(t, x, score, nullptr, &v, &product, nullptr, workspace);
}

bool MixtureModel::log_density(double t, ConstBlock x, double* out, SdeWorkspace& workspace) const {
  StateBlock<double> score(dimension_, x.lanes);
  evaluate({t, nullptr}, x, score, nullptr, nullptr, nullptr, out, workspace);
  return true;
}

std::shared_ptr<const ScoreModel> MixtureModel::given(std::int32_t label) const {
  auto model = std::make_shared<MixtureModel>(*this);
  if (label != kNoLabel) {
    model->components_ = {components_.at(static_cast<std::size_t>(label))};
    model->components_.front().log_weight = 0;
  }
  return model;
}

void MixtureModel::consistency(double t, double to, ConstBlock x, Block out, SdeWorkspace& workspace) const {
  const Kept& k = components_.front();
  const std::size_t D = dimension_, L = x.lanes;
  workspace.values.resize((2 * D + 1) * L);
  double *shift = workspace.values.data(), *y = shift + L, *z = y + D * L;
  const double a = process_->signal(t), s = process_->noise(t), b = process_->signal(to),
               r = process_->noise(to);
  std::fill_n(shift, L, a);
  rotate(k.vectors.data(), D, x, shift, k.mean.data(), y);
  for (std::size_t i = 0; i < D; ++i) {
    const double scale = std::sqrt((b * b * k.values[i] + r * r) / (a * a * k.values[i] + s * s));
    for (std::size_t l = 0; l < L; ++l) y[i * L + l] *= scale;
  }
  rotate_back(k.vectors.data(), D, L, y, z);
  for (std::size_t i = 0; i < D; ++i) {
    for (std::size_t l = 0; l < L; ++l) out.row(i)[l] = b * k.mean[i] + z[i * L + l];
  }
}

void MixtureModel::draw(std::uint64_t seed, std::uint64_t first_id, Block x) const {
  const std::size_t D = dimension_, L = x.lanes;
  AlignedVector<double> u(L), unused(L), z(D * L);
  fill_uniforms(make_stream(seed, Purpose::exact, 0), first_id, L, 0, u.data(), unused.data());
  for (std::size_t i = 0; i < D; ++i) {
    const Stream stream = make_stream(seed, Purpose::exact, static_cast<std::uint32_t>(i + 1));
    fill_normals(stream, first_id, L, 0, z.data() + i * L, unused.data());
  }
  for (std::size_t l = 0; l < L; ++l) {
    std::size_t k = 0;
    double part = std::exp(components_[0].log_weight);
    while (u[l] >= part && k + 1 < components_.size()) part += std::exp(components_[++k].log_weight);
    const Kept& c = components_[k];
    for (std::size_t j = 0; j < D; ++j) x.row(j)[l] = c.mean[j];
    for (std::size_t i = 0; i < D; ++i) {
      const double along = std::sqrt(c.values[i]) * z[i * L + l];
      for (std::size_t j = 0; j < D; ++j) x.row(j)[l] += along * c.vectors[i * D + j];
    }
  }
}

std::optional<double> MixtureModel::entropy() const {
  if (components_.size() != 1) return {};
  double sum = 0;
  for (const double v : components_.front().values) {
    sum += 0.5 * (std::log(2 * std::numbers::pi * v) + 1);
  }
  return sum;
}

std::shared_ptr<const MixtureModel> make_mixture(const ScoreDocument& document) {
  const AnalyticOptions& o = document.score;
  std::vector<MixtureModel::Component> components;
  const auto need = [](bool there, const char* key, const std::string& type) {
    if (!there) fail(Status::usage, "/score: must have \"{}\" where type is \"{}\"", key, type);
  };
  const auto refuse = [](bool there, const char* key, const std::string& type) {
    if (there) fail(Status::usage, "/score/{}: does not belong to type \"{}\"", key, type);
  };
  if (o.type == "gaussian") {
    need(o.mean.has_value(), "mean", o.type);
    need(o.covariance.has_value(), "covariance", o.type);
    refuse(o.weights.has_value(), "weights", o.type);
    refuse(o.means.has_value(), "means", o.type);
    refuse(o.covariances.has_value(), "covariances", o.type);
    components.push_back({1, *o.mean, *o.covariance});
  } else if (o.type == "gaussian_mixture") {
    need(o.means.has_value(), "means", o.type);
    need(o.covariances.has_value(), "covariances", o.type);
    refuse(o.mean.has_value(), "mean", o.type);
    refuse(o.covariance.has_value(), "covariance", o.type);
    const std::size_t K = o.means->size();
    if (o.covariances->size() != K) {
      fail(Status::usage, "/score/covariances: must be as many as /score/means, {} (got {})", K,
           o.covariances->size());
    }
    if (o.weights && o.weights->size() != K) {
      fail(Status::usage, "/score/weights: must be as many as /score/means, {} (got {})", K,
           o.weights->size());
    }
    for (std::size_t k = 0; k < K; ++k) {
      components.push_back({o.weights ? (*o.weights)[k] : 1, (*o.means)[k], (*o.covariances)[k]});
    }
  } else {
    fail(Status::usage, "/score/type: unknown type \"{}\"{}", o.type,
         suggestion(o.type, {"gaussian", "gaussian_mixture", "empirical", "toy"}));
  }
  return std::make_shared<MixtureModel>(make_process(document.process), components);
}

}  // namespace sde
