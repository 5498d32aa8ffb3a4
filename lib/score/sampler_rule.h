// What samplers with a grid share: one step of each, written in levels of noise.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <vector>

#include "score/combine.h"
#include "score/sampler.h"

namespace sde {

// x_t = a x_0 + s eps at time t. Time 0 stands for the data themselves: a = 1, s = 0.
struct NoiseLevel {
  double t = 0, a = 1, s = 0;
  double lambda = std::numeric_limits<double>::infinity();  // ln(a / s)

  double sigma() const { return s / a; }
};

inline NoiseLevel level_at(const NoiseProcess& process, double t) {
  if (t <= 0) return {};
  return {t, process.signal(t), process.noise(t), process.half_log_snr(t)};
}
inline NoiseLevel level_of(const NoiseProcess& process, double lambda) {
  return level_at(process, process.time_at(lambda));
}

// x_from = scale x_to + sqrt(added) z is how noise is added from a level to a noisier one.
struct Transition {
  double scale, added;
};
inline Transition transition(const NoiseLevel& to, const NoiseLevel& from) {
  const double scale = from.a / to.a;
  return {scale, std::fmax(from.s * from.s - scale * scale * to.s * to.s, 0)};
}

// One block on its way through a grid.
struct SamplerPass {
  const ScoreModel& model;
  const Sampler::Noise& noise;
  SamplerWorkspace& workspace;
  bool quiet_end;  // the last step adds no noise

  // [D][lane], memory that lasts for the pass.
  Block vector(std::size_t i) const { return workspace.vectors[i].view(); }
  void score(const NoiseLevel& at, ConstBlock x, Block out) const {
    model.score({at.t, nullptr}, x, out, workspace.step.sde);
  }
  // eps with x = a x_0 + s eps, as the score has it.
  void epsilon(const NoiseLevel& at, ConstBlock x, Block out) const {
    score(at, x, out);
    combine(out, {{-at.s, out}});
  }
  // E[x_0 | x].
  void data(const NoiseLevel& at, ConstBlock x, Block out) const {
    score(at, x, out);
    combine(out, {{1 / at.a, x}, {at.s * at.s / at.a, out}});
  }
  ConstBlock normals(std::uint64_t number) const {
    noise(number, workspace.noise.row(0));
    return workspace.noise.view();
  }
  void scaled_normals(std::uint64_t number, double factor, Block out) const {
    if (factor > 0) return combine(out, {{factor, normals(number)}});
    for (std::size_t i = 0; i < out.rows; ++i) std::fill_n(out.row(i), out.lanes, 0.0);
  }
};

// Immutable, shared by threads; what a multistep rule remembers is in the pass.
class SamplerRule {
 public:
  explicit SamplerRule(std::vector<NoiseLevel> levels) : levels_(std::move(levels)) {}
  virtual ~SamplerRule() = default;

  // Moves x from level i to level i + 1. Steps of a pass come in order.
  virtual void step(std::size_t i, Block x, const SamplerPass& pass) const = 0;
  virtual std::uint64_t evaluations() const { return steps(); }  // of the score, by all steps
  virtual std::size_t vectors() const = 0;                       // that a pass needs
  virtual std::size_t draws() const { return 0; }                // vectors of normals that a step takes
  virtual bool remembers() const { return false; }               // uses what earlier steps evaluated

  std::size_t steps() const { return levels_.size() - 1; }
  const NoiseLevel& level(std::size_t i) const { return levels_[i]; }

 protected:
  // How many draws came before those of step i.
  std::uint64_t number(std::size_t i) const { return static_cast<std::uint64_t>(i) * draws(); }
  // Whether the noise of step i is left out.
  bool silent(std::size_t i, const SamplerPass& pass) const {
    return levels_[i + 1].s <= 0 || (pass.quiet_end && i + 1 == steps());
  }

  std::vector<NoiseLevel> levels_;
};

// The rule of `options.sampler`, whose defaults are filled in.
std::unique_ptr<const SamplerRule> make_rule(std::shared_ptr<const ScoreModel> model,
                                             const SampleOptions& options, std::vector<NoiseLevel> levels);

// By family; null for a name that is not theirs.
std::unique_ptr<const SamplerRule> make_reverse_rule(const std::shared_ptr<const ScoreModel>& model,
                                                     const SampleOptions& options,
                                                     const std::vector<NoiseLevel>& levels);
std::unique_ptr<const SamplerRule> make_exponential_rule(const NoiseProcess& process,
                                                         const SampleOptions& options,
                                                         const std::vector<NoiseLevel>& levels);
std::unique_ptr<const SamplerRule> make_sigma_rule(const NoiseProcess& process, const SampleOptions& options,
                                                   const std::vector<NoiseLevel>& levels);

}  // namespace sde
