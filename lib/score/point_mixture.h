// Mixtures of round Gaussians of one variance: toy distributions, and data as they are (variance 0), whose
// score is that of a model that remembers every datum (the limit of memorisation).
#pragma once

#include <optional>
#include <vector>

#include "score/model.h"

namespace sde {

// sum_k w_k N(c_k, v I). Points are taken in tiles, so that memory does not grow with their number beyond
// their own.
class PointMixture : public ScoreModel {
 public:
  // points is [K][D], weights [K] > 0 in any unit, or empty: all the same. Throws Error(Status::usage) for
  // no points, weights that are not positive, or a negative variance.
  PointMixture(std::shared_ptr<const NoiseProcess> process, std::vector<double> points, std::size_t dimension,
               std::vector<double> weights = {}, double variance = 0);

  std::size_t dimension() const override { return dimension_; }
  std::size_t points() const { return log_weights_.size(); }
  double variance() const { return variance_; }
  void score(BlockTime t, ConstBlock x, Block score, SdeWorkspace& workspace) const override;
  void score_and_divergence(BlockTime t, ConstBlock x, Block score, double* divergence,
                            SdeWorkspace& workspace) const override;
  void score_and_product(BlockTime t, ConstBlock x, ConstBlock v, Block score, Block product,
                         SdeWorkspace& workspace) const override;
  double workspace_bytes(std::size_t lanes) const override;
  // At t = 0 only where the variance is positive.
  bool log_density(double t, ConstBlock x, double* out, SdeWorkspace& workspace) const override;
  bool draws() const override { return true; }
  void draw(std::uint64_t seed, std::uint64_t first_id, Block x) const override;

 private:
  void evaluate(BlockTime t, ConstBlock x, Block score, double* divergence, const ConstBlock* v,
                Block* product, double* density, SdeWorkspace& workspace) const;

  std::size_t dimension_;
  std::vector<double> points_, log_weights_, cumulative_;  // cumulative_ is empty for equal weights
  double variance_;
};

}  // namespace sde
