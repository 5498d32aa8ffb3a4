// Data that are uniform on boxes.
#pragma once

#include <vector>

#include "score/model.h"

namespace sde {

// One of several boxes of one size, each as likely, and a uniform point in it; noised, a product of
// differences of normal distribution functions along each axis.
class BoxMixture : public ScoreModel {
 public:
  // corners is [K][D], the lower ends of the boxes along each axis.
  BoxMixture(std::shared_ptr<const NoiseProcess> process, std::vector<double> corners, std::size_t dimension,
             double side);

  std::size_t dimension() const override { return dimension_; }
  void score(BlockTime t, ConstBlock x, Block score, SdeWorkspace& workspace) const override;
  void score_and_divergence(BlockTime t, ConstBlock x, Block score, double* divergence,
                            SdeWorkspace& workspace) const override;
  void score_and_product(BlockTime t, ConstBlock x, ConstBlock v, Block score, Block product,
                         SdeWorkspace& workspace) const override;
  double workspace_bytes(std::size_t lanes) const override {
    return 8.0 * static_cast<double>(lanes + 3 * starts_.size() + 4 * dimension_);
  }
  bool log_density(double t, ConstBlock x, double* out, SdeWorkspace& workspace) const override;
  bool draws() const override { return true; }
  void draw(std::uint64_t seed, std::uint64_t first_id, Block x) const override;

 private:
  void evaluate(BlockTime t, ConstBlock x, Block* score, double* divergence, const ConstBlock* v,
                Block* product, double* density, SdeWorkspace& workspace) const;

  std::size_t dimension_, boxes_;
  double side_;
  std::vector<double> starts_;       // the different lower ends, of all axes
  std::vector<std::size_t> places_;  // [K][D] into starts_
};

}  // namespace sde
