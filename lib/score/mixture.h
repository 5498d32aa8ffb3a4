// Gaussians and mixtures of Gaussians, whose scores are known at every time.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "score/model.h"

namespace sde {

// One analytic distribution as a score document writes it.
struct AnalyticOptions {
  std::string type = "gaussian";                               // or gaussian_mixture, empirical, toy
  std::optional<std::vector<double>> mean;                     // gaussian: [D]
  std::optional<std::vector<std::vector<double>>> covariance;  // gaussian: [D][D]
  std::optional<std::vector<double>> weights;  // gaussian_mixture: [K], proportional; equal where absent
  std::optional<std::vector<std::vector<double>>> means;                     // [K][D]
  std::optional<std::vector<std::vector<std::vector<double>>>> covariances;  // [K][D][D]
  // empirical: rows, or the name of a file that holds them; each becomes a Gaussian of this deviation.
  std::optional<std::variant<std::string, std::vector<std::vector<double>>>> data;
  std::optional<double> bandwidth;  // 0 where absent
  std::optional<std::string> name;  // toy: see toys()
  std::optional<double> scale;      // toy: 1 where absent

  template <class V>
  void visit(V& v) {
    v("type", type);
    v("mean", mean);
    v("covariance", covariance);
    v("weights", weights);
    v("means", means);
    v("covariances", covariances);
    v("data", data);
    v("bandwidth", bandwidth);
    v("name", name);
    v("scale", scale);
  }
};

// schemas/score.schema.json
struct ScoreDocument {
  std::string name, description;
  ProcessOptions process;
  AnalyticOptions score;

  template <class V>
  void visit(V& v) {
    v("name", name);
    v("description", description);
    v("process", process);
    v("score", score);
  }
};

// sum_k w_k N(m_k, C_k), noised: every component becomes N(a m_k, a^2 C_k + s^2 I). Each covariance is kept
// as its eigenvectors, so that noising changes only eigenvalues.
class MixtureModel final : public ScoreModel {
 public:
  struct Component {
    double weight = 1;
    std::vector<double> mean;                     // [D]
    std::vector<std::vector<double>> covariance;  // [D][D], symmetric, not negative
  };

  // Throws Error(Status::usage) for weights that are not positive, and for covariances that are not symmetric
  // or have a negative eigenvalue. Component k is called `/score/covariances/k` in messages.
  MixtureModel(std::shared_ptr<const NoiseProcess> process, const std::vector<Component>& components);

  std::size_t dimension() const override { return dimension_; }
  void score(BlockTime t, ConstBlock x, Block score, SdeWorkspace& workspace) const override;
  void score_and_divergence(BlockTime t, ConstBlock x, Block score, double* divergence,
                            SdeWorkspace& workspace) const override;
  void score_and_product(BlockTime t, ConstBlock x, ConstBlock v, Block score, Block product,
                         SdeWorkspace& workspace) const override;

  double workspace_bytes(std::size_t lanes) const override {
    return 8.0 * static_cast<double>((9 + 4 * dimension_) * lanes);
  }
  // ln p_t(x) at one time; t = 0 is the distribution itself (its covariances must then be positive definite).
  bool log_density(double t, ConstBlock x, double* out, SdeWorkspace& workspace) const override;

  // The components of a mixture are its classes.
  std::size_t classes() const override { return components_.size() > 1 ? components_.size() : 0; }
  std::shared_ptr<const ScoreModel> given(std::int32_t label) const override;

  // A Gaussian's flow scales each of its axes.
  bool consistent() const override { return components_.size() == 1; }
  void consistency(double t, double to, ConstBlock x, Block out, SdeWorkspace& workspace) const override;
  bool draws() const override { return true; }
  void draw(std::uint64_t seed, std::uint64_t first_id, Block x) const override;
  std::optional<double> entropy() const override;  // of a Gaussian

 private:
  struct Kept {
    double log_weight;
    std::vector<double> mean, values;  // [D]; eigenvalues of the covariance
    std::vector<double> vectors;       // [D][D], row i is eigenvector i
  };
  // Either of `divergence`, `v` with `product`, and `density` may be absent.
  void evaluate(BlockTime t, ConstBlock x, Block score, double* divergence, const ConstBlock* v,
                Block* product, double* density, SdeWorkspace& workspace) const;

  std::size_t dimension_;
  std::vector<Kept> components_;
};

std::shared_ptr<const MixtureModel> make_mixture(const ScoreDocument& document);

}  // namespace sde
