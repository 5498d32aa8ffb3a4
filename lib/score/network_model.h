// Scores given by a trained network.
#pragma once

#include "base/aligned.h"
#include "nn/network.h"
#include "score/model.h"
#include "score/prediction.h"

namespace sde {

// The network sees c x with c = 1 / sqrt(a^2 + s^2), which has unit variance where standardised data have,
// and the time t; its output is turned into the score by conversion().
class NetworkModel final : public ScoreModel {
 public:
  // theta is laid out as `network` says (usually the moving average of the weights).
  NetworkModel(std::shared_ptr<const NoiseProcess> process, Prediction prediction, nn::Network network,
               AlignedVector<float> theta, Standardisation standardisation);

  std::size_t dimension() const override { return network_.outputs(); }
  std::size_t classes() const override { return network_.classes(); }
  // Shares the weights.
  std::shared_ptr<const ScoreModel> given(std::int32_t label) const override;
  void score(BlockTime t, ConstBlock x, Block score, SdeWorkspace& workspace) const override;
  void score_and_divergence(BlockTime t, ConstBlock x, Block score, double* divergence,
                            SdeWorkspace& workspace) const override;
  void score_and_product(BlockTime t, ConstBlock x, ConstBlock v, Block score, Block product,
                         SdeWorkspace& workspace) const override;
  double workspace_bytes(std::size_t lanes) const override;

 private:
  enum class Want { score, divergence, product };
  void evaluate(Want want, BlockTime t, ConstBlock x, const ConstBlock* v, Block score, double* divergence,
                Block* product, SdeWorkspace& workspace) const;

  Prediction prediction_;
  nn::Network network_;
  std::shared_ptr<const AlignedVector<float>> theta_;
  std::int32_t label_ = nn::kNoClass;
};

}  // namespace sde
