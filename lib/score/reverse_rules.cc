// Samplers that follow the reverse-time SDE or the flow in the time of the process, and their corrector.
#include <cmath>

#include "score/reverse.h"
#include "score/sampler_rule.h"

namespace sde {
namespace {

// A method of lib/solve on the reverse SDE, or on the probability flow.
class SolverRule final : public SamplerRule {
 public:
  SolverRule(std::shared_ptr<const Sde> sde, const char* method, bool reverse, std::vector<NoiseLevel> levels)
      : SamplerRule(std::move(levels)),
        stepper_(make_stepper(std::move(sde), find_method(method))),
        reverse_(reverse),
        area_(stepper_->needs().space_time) {}

  std::uint64_t evaluations() const override { return steps() * stepper_->evaluations(); }
  std::size_t vectors() const override { return area_ ? 2 : 1; }
  std::size_t draws() const override { return !reverse_ ? 0 : area_ ? 2 : 1; }

  void step(std::size_t i, Block x, const SamplerPass& pass) const override {
    const double t0 = level(i).t, t1 = level(i + 1).t;
    StepInput in{.t = {t0, nullptr}, .h = {t1 - t0, nullptr}, .x = x};
    const Block next = pass.vector(0);
    if (reverse_) {
      in.t.value = kHorizon - t0;
      in.h.value = t0 - t1;
      const double scale = silent(i, pass) ? 0 : std::sqrt(in.h.value);
      if (area_) {
        // Space-time Levy areas have variance h / 12.
        const Block H = pass.vector(1);
        pass.scaled_normals(number(i) + 1, scale / std::sqrt(12.0), H);
        in.H = H.row(0);
      }
      const Block dW = pass.workspace.noise.view();
      pass.scaled_normals(number(i), scale, dW);
      in.dW = dW.row(0);
    }
    stepper_->step(in, next, nullptr, pass.workspace.step);
    copy<double>(next, x);
  }

 private:
  std::unique_ptr<const Stepper> stepper_;
  bool reverse_, area_;
};

// Steps that undo one step of the noise process.
enum class Backward {
  reverse_diffusion,  // x + (what the step forward would subtract) + added score + noise (Song et al. 2021,
                      // E)
  ancestral,          // the mean of the reverse transition; of VP with the noise of the step itself (DDPM)
  euler_maruyama,
};

class BackwardStep {
 public:
  BackwardStep(std::shared_ptr<const ScoreModel> model, Backward kind)
      : model_(std::move(model)), kind_(kind) {}

  void operator()(const NoiseLevel& from, const NoiseLevel& to, bool silent, std::uint64_t number, Block x,
                  const SamplerPass& pass) const {
    const Transition forward = transition(to, from);
    const Block score = pass.vector(0);
    pass.score(from, x, score);
    double keep = 0, drift = 0, deviation = 0;
    switch (kind_) {
      case Backward::reverse_diffusion:
        keep = 2 - forward.scale;
        drift = forward.added;
        deviation = std::sqrt(forward.added);
        break;
      case Backward::ancestral:
        keep = 1 / forward.scale;
        drift = forward.added / forward.scale;
        // Of the two variances that DDPM names, VP takes the larger; where the signal stays, the posterior's.
        deviation = std::sqrt(forward.added) * (preserving(from) ? 1 : to.s / from.s);
        break;
      case Backward::euler_maruyama: {
        const NoiseProcess& process = model_->process();
        const double h = from.t - to.t, w2 = process.reverse_diffusion_squared(from.t);
        keep = 1 - h * process.drift_factor(from.t);
        drift = 0.5 * h * (process.diffusion_squared(from.t) + w2);
        deviation = std::sqrt(h * w2);
      }
    }
    if (silent) {
      combine(x, {{keep, x}, {drift, score}});
    } else {
      combine(x, {{keep, x}, {drift, score}, {deviation, pass.normals(number)}});
    }
  }

 private:
  static bool preserving(const NoiseLevel& at) { return std::fabs(at.a * at.a + at.s * at.s - 1) < 1e-9; }

  std::shared_ptr<const ScoreModel> model_;
  Backward kind_;
};

class BackwardRule final : public SamplerRule {
 public:
  BackwardRule(std::shared_ptr<const ScoreModel> model, Backward kind, std::vector<NoiseLevel> levels)
      : SamplerRule(std::move(levels)), step_(std::move(model), kind) {}

  std::size_t vectors() const override { return 1; }
  std::size_t draws() const override { return 1; }
  void step(std::size_t i, Block x, const SamplerPass& pass) const override {
    step_(level(i), level(i + 1), silent(i, pass), number(i), x, pass);
  }

 private:
  BackwardStep step_;
};

// Langevin steps at each level, then the predictor (Song et al. 2021, algorithms 2 and 3). The step is
// 2 al (snr |z| / |score|)^2 with al = 1 - beta_i for processes that preserve variance, else 1. The norms
// stand for their expectations, |z|^2 = D and |score|^2 = D / s^2: taken from a sample itself they would
// correlate the step with the noise and have no mean in few dimensions, and taken over a batch they would
// make a sample depend on its batch.
class PredictorCorrector final : public SamplerRule {
 public:
  PredictorCorrector(std::shared_ptr<const ScoreModel> model, Backward predictor, std::uint64_t corrections,
                     double snr, std::vector<NoiseLevel> levels)
      : SamplerRule(std::move(levels)),
        predictor_(std::move(model), predictor),
        corrections_(corrections),
        snr_(snr) {}

  std::uint64_t evaluations() const override { return steps() * (1 + corrections_); }
  std::size_t vectors() const override { return 1; }
  std::size_t draws() const override { return 1 + corrections_; }

  void step(std::size_t i, Block x, const SamplerPass& pass) const override {
    const NoiseLevel& at = level(i);
    const double scale = transition(level(i + 1), at).scale;
    const double size = 2 * scale * scale * snr_ * snr_ * at.s * at.s;
    const Block score = pass.vector(0);
    for (std::uint64_t k = 0; k < corrections_; ++k) {
      pass.score(at, x, score);
      combine(x, {{1, x}, {size, score}, {std::sqrt(2 * size), pass.normals(number(i) + k)}});
    }
    predictor_(at, level(i + 1), silent(i, pass), number(i) + corrections_, x, pass);
  }

 private:
  BackwardStep predictor_;
  std::uint64_t corrections_;
  double snr_;
};

}  // namespace

std::unique_ptr<const SamplerRule> make_reverse_rule(const std::shared_ptr<const ScoreModel>& model,
                                                     const SampleOptions& options,
                                                     const std::vector<NoiseLevel>& levels) {
  const std::string& name = *options.sampler;
  const SamplerTraits& traits = find_sampler(name);
  if (traits.method) {
    if (traits.stochastic) {
      return std::make_unique<SolverRule>(std::make_shared<ReverseSde>(model), traits.method, true, levels);
    }
    return std::make_unique<SolverRule>(std::make_shared<ProbabilityFlow>(model), traits.method, false,
                                        levels);
  }
  const auto backward = [](Predictor p) {
    return p == Predictor::ancestral        ? Backward::ancestral
           : p == Predictor::euler_maruyama ? Backward::euler_maruyama
                                            : Backward::reverse_diffusion;
  };
  if (name == "reverse_diffusion" || name == "ancestral") {
    const Predictor own = name == "ancestral" ? Predictor::ancestral : Predictor::reverse_diffusion;
    return std::make_unique<BackwardRule>(model, backward(own), levels);
  }
  if (name == "pc") {
    const std::uint64_t corrections = *options.corrector == Corrector::none ? 0 : *options.corrector_steps;
    return std::make_unique<PredictorCorrector>(model, backward(*options.predictor), corrections,
                                                *options.snr, levels);
  }
  return nullptr;
}

}  // namespace sde
