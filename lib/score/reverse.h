// The reverse-time SDE and the probability-flow ODE of a score model, as an Sde for the solvers.
#pragma once

#include <memory>
#include <vector>

#include "score/model.h"

namespace sde {

// dx = -[f x - (g^2 + w^2) score / 2] d(tau) + w dW in tau = 1 - t, from noise at tau = 0 to data (Anderson
// 1982, w = g; of flows w^2 is NoiseProcess::reverse_diffusion_squared).
class ReverseSde final : public Sde {
 public:
  explicit ReverseSde(std::shared_ptr<const ScoreModel> model) : model_(std::move(model)) {}

  std::size_t dimension() const override { return model_->dimension(); }
  std::size_t noises() const override { return model_->dimension(); }
  Calculus calculus() const override { return Calculus::ito; }
  NoiseKind noise_kind() const override { return NoiseKind::additive; }
  bool diagonal_storage() const override { return true; }
  void drift(BlockTime t, ConstBlock x, Block f, SdeWorkspace& workspace) const override;
  void diffusion(BlockTime t, ConstBlock x, Block g, SdeWorkspace& workspace) const override;

 private:
  std::shared_ptr<const ScoreModel> model_;
};

// What of the divergence of the flow is integrated beside the state.
enum class Divergence { none, exact, hutchinson, hutch_plus_plus };
constexpr auto enum_names(Divergence) {
  using enum Divergence;
  return std::array{std::pair{"exact", exact}, std::pair{"hutchinson", hutchinson},
                    std::pair{"hutch++", hutch_plus_plus}};
}

// dx/dt = f x - g^2 score / 2, in the time of the process. With a divergence, rows after the first D of the
// state are integrals of it, so that ln p_0(x_0) = ln p_1(x_1) + (what they gain from 0 to 1): one row where
// it is exact, one for each probe where v . J v estimates it (Hutchinson 1990; Grathwohl et al. 2019). With
// hutch++, half of the probes only say, by their products with J, where most of the trace lies: there, on an
// orthonormal basis Q of the products, it is exact, and only the rest is estimated by the other half,
// tr J = tr Q' J Q + E v' (1 - QQ') J (1 - QQ') v (Meyer, Musco, Musco & Woodruff, SOSA 2021).
class ProbabilityFlow final : public Sde {
 public:
  explicit ProbabilityFlow(std::shared_ptr<const ScoreModel> model, Divergence divergence = Divergence::none)
      : model_(std::move(model)), divergence_(divergence) {}
  // Probes are fixed along a path: [probe * D + i][lane], for blocks of as many lanes.
  ProbabilityFlow(std::shared_ptr<const ScoreModel> model, std::shared_ptr<const StateBlock<double>> probes,
                  Divergence divergence = Divergence::hutchinson)
      : model_(std::move(model)), divergence_(divergence), probes_(std::move(probes)) {}

  std::size_t dimension() const override { return model_->dimension() + extra_rows(); }
  std::size_t extra_rows() const {
    if (divergence_ == Divergence::none) return 0;
    if (divergence_ == Divergence::exact) return 1;
    const std::size_t probes = probes_->rows() / model_->dimension();
    return divergence_ == Divergence::hutch_plus_plus ? probes / 2 : probes;
  }
  std::size_t noises() const override { return 0; }
  Calculus calculus() const override { return Calculus::ito; }
  NoiseKind noise_kind() const override { return NoiseKind::none; }
  bool diagonal_storage() const override { return true; }
  void drift(BlockTime t, ConstBlock x, Block f, SdeWorkspace& workspace) const override;
  void diffusion(BlockTime t, ConstBlock x, Block g, SdeWorkspace& workspace) const override;

 private:
  void hutch_plus_plus(BlockTime t, ConstBlock x, Block f, Block out, SdeWorkspace& workspace) const;

  std::shared_ptr<const ScoreModel> model_;
  Divergence divergence_;
  std::shared_ptr<const StateBlock<double>> probes_;
};

}  // namespace sde
