#include "score/guidance.h"

#include <cmath>

#include "base/error.h"
#include "score/combine.h"

namespace sde {
namespace {

class GuidedModel final : public ScoreModel {
 public:
  GuidedModel(const ScoreModel& model, std::shared_ptr<const ScoreModel> without,
              std::shared_ptr<const ScoreModel> with, double scale)
      : ScoreModel(model.shared_process()),
        without_(std::move(without)),
        with_(std::move(with)),
        scale_(scale) {
    standardisation_ = model.standardisation();
  }

  std::size_t dimension() const override { return with_->dimension(); }
  unsigned cost() const override { return without_->cost() + with_->cost(); }
  bool flow_only() const override { return with_->flow_only(); }
  bool has_no_score() const override { return with_->has_no_score(); }

  void score(BlockTime t, ConstBlock x, Block score, SdeWorkspace& w) const override {
    without_->score(t, x, score, w);
    const Block other = spare(score, w, 0);
    with_->score(t, x, other, w);
    mix(score, other);
  }
  void score_and_divergence(BlockTime t, ConstBlock x, Block score, double* divergence,
                            SdeWorkspace& w) const override {
    without_->score_and_divergence(t, x, score, divergence, w);
    const Block other = spare(score, w, 0);
    AlignedVector<double> second(x.lanes);
    with_->score_and_divergence(t, x, other, second.data(), w);
    mix(score, other);
    for (std::size_t l = 0; l < x.lanes; ++l) divergence[l] += scale_ * (second[l] - divergence[l]);
  }
  void score_and_product(BlockTime t, ConstBlock x, ConstBlock v, Block score, Block product,
                         SdeWorkspace& w) const override {
    without_->score_and_product(t, x, v, score, product, w);
    const Block other = spare(score, w, 0), second = spare(score, w, 1);
    with_->score_and_product(t, x, v, other, second, w);
    mix(score, other);
    mix(product, second);
  }
  double workspace_bytes(std::size_t lanes) const override {
    return without_->workspace_bytes(lanes) + 16.0 * static_cast<double>(dimension() * lanes);
  }

 private:
  void mix(Block to, ConstBlock other) const { combine(to, {{1 - scale_, to}, {scale_, other}}); }
  static Block spare(Block like, SdeWorkspace& w, std::size_t i) {
    if (w.guidance.rows() != 2 * like.rows || w.guidance.lanes() != like.lanes) {
      w.guidance.resize(2 * like.rows, like.lanes);
    }
    return w.guidance.view().slice(i * like.rows, like.rows);
  }

  std::shared_ptr<const ScoreModel> without_, with_;
  double scale_;
};

}  // namespace

std::shared_ptr<const ScoreModel> guide(std::shared_ptr<const ScoreModel> model, std::int64_t label,
                                        std::optional<double> scale) {
  const auto classes = static_cast<std::int64_t>(model->classes());
  if (!classes) {
    fail(Status::usage,
         "/label: the model was trained without class labels; leave it out, or train with them");
  }
  if (label < 0 || label >= classes) {
    fail(Status::usage, "/label: must be 0 to {}, a class of the model (got {})", classes - 1, label);
  }
  const double w = scale.value_or(1);
  if (!std::isfinite(w)) fail(Status::usage, "/guidance_scale: must be a finite number (got {})", w);
  auto with = model->given(static_cast<std::int32_t>(label));
  if (w == 1) return with;
  auto without = model->given(kNoLabel);
  if (w == 0) return without;
  return std::make_shared<GuidedModel>(*model, std::move(without), std::move(with), w);
}

}  // namespace sde
