#include "score/observed.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/suggest.h"
#include "score/combine.h"

namespace sde {
namespace {

// With D = (x + s^2 score) / a the mean of x_0 and V its covariance, both given x_t, and r = y - A D, the
// score gains (dD/dx)^T A^T (noise^2 I + A V A^T)^-1 r. As dD/dx = (I + s^2 J) / a is symmetric for a score,
// J is needed only in products J v.
class ObservedModel final : public ScoreModel {
 public:
  ObservedModel(std::shared_ptr<const ScoreModel> model, const Observation& o)
      : ScoreModel(model->shared_process()), model_(std::move(model)), observation_(o) {
    standardisation_ = model_->standardisation();
    const auto m = static_cast<Eigen::Index>(o.rows.size()), D = static_cast<Eigen::Index>(o.dimension);
    A_.resize(m, D);
    y_.resize(m);
    for (Eigen::Index i = 0; i < m; ++i) {
      for (Eigen::Index j = 0; j < D; ++j)
        A_(i, j) = o.rows[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)];
      y_(i) = o.value[static_cast<std::size_t>(i)];
    }
    gram_ = A_ * A_.transpose();
  }

  std::size_t dimension() const override { return model_->dimension(); }
  unsigned cost() const override {
    return model_->cost() * (tweedie() ? static_cast<unsigned>(observation_.rows.size()) : 2);
  }
  double workspace_bytes(std::size_t lanes) const override {
    const double vectors = static_cast<double>(tweedie() ? observation_.rows.size() + 2 : 3);
    return model_->workspace_bytes(lanes) + 8 * vectors * static_cast<double>(dimension() * lanes);
  }

  void score(BlockTime t, ConstBlock x, Block score, SdeWorkspace& w) const override {
    if (tweedie()) {
      by_moments(t, x, score, w);
    } else {
      by_gradient(t, x, score, w);
    }
  }
  void score_and_divergence(BlockTime, ConstBlock, Block, double*, SdeWorkspace&) const override {
    fail(Status::bug, "an observed model has no divergence");
  }
  void score_and_product(BlockTime, ConstBlock, ConstBlock, Block, Block, SdeWorkspace&) const override {
    fail(Status::bug, "an observed model has no products");
  }

 private:
  bool tweedie() const { return observation_.options.method == ObservationMethod::tweedie; }
  Block spare(Block like, SdeWorkspace& w, std::size_t i, std::size_t count) const {
    if (w.observation.rows() != count * like.rows || w.observation.lanes() != like.lanes) {
      w.observation.resize(count * like.rows, like.lanes);
    }
    return w.observation.view().slice(i * like.rows, like.rows);
  }
  double noise() const { return observation_.options.noise; }

  Eigen::VectorXd residual(ConstBlock x, ConstBlock score, std::size_t lane, double a, double s) const {
    Eigen::VectorXd mean(A_.cols());
    for (Eigen::Index j = 0; j < A_.cols(); ++j) {
      const auto i = static_cast<std::size_t>(j);
      mean(j) = (x.row(i)[lane] + s * s * score.row(i)[lane]) / a;
    }
    return y_ - A_ * mean;
  }

  // V = s^2 dD/dx / a, so that all of it follows from J A^T.
  void by_moments(BlockTime t, ConstBlock x, Block score, SdeWorkspace& w) const {
    const std::size_t m = observation_.rows.size(), D = dimension();
    const Block v = spare(score, w, 0, m + 1);
    for (std::size_t k = 0; k < m; ++k) {
      const auto row = static_cast<Eigen::Index>(k);
      for (std::size_t i = 0; i < D; ++i)
        std::fill_n(v.row(i), x.lanes, A_(row, static_cast<Eigen::Index>(i)));
      model_->score_and_product(t, x, v, score, spare(score, w, k + 1, m + 1), w);
    }
    const auto size = static_cast<Eigen::Index>(m);
    Eigen::MatrixXd C(A_.cols(), size), S(size, size);  // V A^T; A V A^T + noise
    for (std::size_t l = 0; l < x.lanes; ++l) {
      const double a = process_->signal(t.at(l)), s = process_->noise(t.at(l));
      for (std::size_t k = 0; k < m; ++k) {
        const ConstBlock product = spare(score, w, k + 1, m + 1);
        const auto column = static_cast<Eigen::Index>(k);
        for (std::size_t i = 0; i < D; ++i) {
          const auto row = static_cast<Eigen::Index>(i);
          C(row, column) = s * s / (a * a) * (A_(column, row) + s * s * product.row(i)[l]);
        }
      }
      S = A_ * C;
      S = 0.5 * (S + S.transpose().eval());
      // A network's covariance may fail to be positive; a trace of it keeps the system solvable.
      S.diagonal().array() += noise() * noise() + 1e-12 * (std::fabs(S.trace()) + s * s);
      const Eigen::VectorXd weights = S.ldlt().solve(residual(x, score, l, a, s));
      const Eigen::VectorXd gain = a / (s * s) * (C * weights);
      for (std::size_t i = 0; i < D; ++i) score.row(i)[l] += gain(static_cast<Eigen::Index>(i));
    }
  }

  void by_gradient(BlockTime t, ConstBlock x, Block score, SdeWorkspace& w) const {
    const std::size_t D = dimension();
    const Block v = spare(score, w, 0, 2), product = spare(score, w, 1, 2);
    model_->score(t, x, score, w);
    const auto m = static_cast<Eigen::Index>(observation_.rows.size());
    const double variance = observation_.options.variance.value_or(1);
    Eigen::LDLT<Eigen::MatrixXd> solver;
    for (std::size_t l = 0; l < x.lanes; ++l) {
      const double a = process_->signal(t.at(l)), s = process_->noise(t.at(l));
      if (!l || t.lanes) {
        const double spread = observation_.options.method == ObservationMethod::pigdm
                                  ? variance * s * s / (a * a * variance + s * s)
                                  : 0;
        solver.compute(noise() * noise() * Eigen::MatrixXd::Identity(m, m) + spread * gram_);
      }
      const Eigen::VectorXd back = A_.transpose() * solver.solve(residual(x, score, l, a, s));
      for (std::size_t i = 0; i < D; ++i) v.row(i)[l] = back(static_cast<Eigen::Index>(i));
    }
    model_->score_and_product(t, x, v, score, product, w);
    for (std::size_t l = 0; l < x.lanes; ++l) {
      const double a = process_->signal(t.at(l)), s = process_->noise(t.at(l));
      for (std::size_t i = 0; i < D; ++i) {
        score.row(i)[l] += (v.row(i)[l] + s * s * product.row(i)[l]) / a;
      }
    }
  }

  std::shared_ptr<const ScoreModel> model_;
  Observation observation_;
  Eigen::MatrixXd A_, gram_;
  Eigen::VectorXd y_;
};

}  // namespace

Observation make_observation(const ScoreModel& model, const ObservationOptions& options,
                             const std::vector<std::string>& columns) {
  const std::size_t D = model.dimension();
  const Standardisation& standard = model.standardisation();
  const auto mean = [&](std::size_t i) { return standard.identity() ? 0 : standard.mean[i]; };
  const auto deviation = [&](std::size_t i) { return standard.identity() ? 1 : standard.deviation[i]; };
  Observation o;
  o.options = options;
  o.dimension = D;
  if (options.known.empty() == !options.matrix) {
    fail(Status::usage, "/observation: must have either \"known\" or \"matrix\" with \"value\"");
  }
  if (!(options.noise >= 0) || !std::isfinite(options.noise)) {
    fail(Status::usage, "/observation/noise: must be >= 0 (got {})", options.noise);
  }
  const bool selects = !options.known.empty();
  if (selects) {
    if (options.value) fail(Status::usage, "/observation/value: belongs to \"matrix\"; leave it out");
    for (const auto& [name, value] : options.known) {
      const auto found = std::find(columns.begin(), columns.end(), name);
      if (found == columns.end()) {
        fail(Status::usage, "/observation/known: the model has no column \"{}\"{}", name,
             suggestion(name, columns));
      }
      if (!std::isfinite(value)) {
        fail(Status::usage, "/observation/known/{}: must be a finite number (got {})", name, value);
      }
      const auto i = static_cast<std::size_t>(found - columns.begin());
      o.known.emplace_back(i, (value - mean(i)) / deviation(i));
      std::vector<double> row(D, 0.0);
      // In the data's units, so that its noise is.
      row[i] = deviation(i);
      o.rows.push_back(std::move(row));
      o.value.push_back(value - mean(i));
    }
    std::sort(o.known.begin(), o.known.end());
  } else {
    if (!options.value || options.value->size() != options.matrix->size() || options.matrix->empty()) {
      fail(Status::usage,
           "/observation/value: must have one number for each of the {} rows of the matrix (got {})",
           options.matrix->size(), options.value ? options.value->size() : 0);
    }
    for (std::size_t k = 0; k < options.matrix->size(); ++k) {
      std::vector<double> row = (*options.matrix)[k];
      if (row.size() != D) {
        fail(Status::usage,
             "/observation/matrix/{}: must have {} numbers, one for each column of the model (got {})", k, D,
             row.size());
      }
      double value = (*options.value)[k];
      for (std::size_t i = 0; i < D; ++i) {
        value -= row[i] * mean(i);
        row[i] *= deviation(i);
      }
      o.rows.push_back(std::move(row));
      o.value.push_back(value);
    }
  }
  const auto m = static_cast<Eigen::Index>(o.rows.size());
  Eigen::MatrixXd A(m, static_cast<Eigen::Index>(D));
  for (Eigen::Index k = 0; k < m; ++k) {
    A.row(k) = Eigen::Map<const Eigen::RowVectorXd>(o.rows[static_cast<std::size_t>(k)].data(),
                                                    static_cast<Eigen::Index>(D));
  }
  if (!A.allFinite() || Eigen::FullPivLU<Eigen::MatrixXd>(A).rank() < m) {
    fail(Status::usage, "/observation/matrix: its rows must be finite and none a combination of others");
  }
  if (o.by_steps() && (!selects || options.noise > 0)) {
    fail(Status::usage,
         "/observation/method: replacement and repaint need \"known\" components without noise; use tweedie");
  }
  if (options.method == ObservationMethod::dps && !(options.noise > 0)) {
    fail(Status::usage, "/observation/noise: must be > 0 for dps, which divides by it (got {})",
         options.noise);
  }
  if (options.variance && (options.method != ObservationMethod::pigdm || !(*options.variance > 0))) {
    fail(Status::usage, "/observation/variance: must be > 0, and is for pigdm");
  }
  if (options.resamples && (options.method != ObservationMethod::repaint || *options.resamples < 1 ||
                            *options.resamples > 10'000)) {
    fail(Status::usage, "/observation/resamples: must be 1 to 10000, and is for repaint");
  }
  return o;
}

std::shared_ptr<const ScoreModel> observe(std::shared_ptr<const ScoreModel> model,
                                          const Observation& observation) {
  return std::make_shared<ObservedModel>(std::move(model), observation);
}

}  // namespace sde
