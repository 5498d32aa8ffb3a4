// Scores given by a trained network.
#pragma once

#include <tbb/enumerable_thread_specific.h>

#include "base/aligned.h"
#include "nn/network.h"
#include "nn/tangent_tape.h"
#include "score/model.h"
#include "score/prediction.h"

namespace sde {

// What the network's output stands for.
struct NetworkMeaning {
  Prediction prediction = Prediction::epsilon;
  double sigma_data = 1;
  bool flow_only = false;
  bool consistency = false;  // the output is that of a consistency function, see ConsistencyScales
};

// How many numbers a network says about rows of `dimension`: as many, but an energy is one number. That of a
// unet is the sum of the image that it gives.
std::size_t outputs_of(Prediction prediction, const nn::NetworkOptions& network, std::size_t dimension);

// The network sees x on a scale of order one, and a time; its output is turned into the score by
// conversion(). A consistency model has no score.
class NetworkModel final : public ScoreModel {
 public:
  // theta is laid out as `network` says (usually the moving average of the weights).
  NetworkModel(std::shared_ptr<const NoiseProcess> process, const NetworkMeaning& meaning,
               nn::Network network, AlignedVector<float> theta, Standardisation standardisation);

  std::size_t dimension() const override { return network_.inputs(); }
  bool flow_only() const override { return meaning_.flow_only; }
  bool consistent() const override { return meaning_.consistency; }
  bool has_no_score() const override { return meaning_.consistency; }
  void consistency(double t, double to, ConstBlock x, Block out, SdeWorkspace& workspace) const override;
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

  // Of a scalar network: its gradient, and the trace of its second derivative, or that times v.
  void gradient(Want want, nn::Time<float> time, BlockView<const float> x, BlockView<const float> v,
                BlockView<float> out, float* trace, BlockView<float> product) const;
  NetworkMeaning meaning_;
  using Tapes = tbb::enumerable_thread_specific<nn::TangentTape<float>>;
  std::shared_ptr<Tapes> tapes_;  // energy
  nn::Network network_;
  std::shared_ptr<const AlignedVector<float>> theta_;
  std::int32_t label_ = nn::kNoClass;
};

}  // namespace sde
