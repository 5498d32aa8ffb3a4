// Samplers in the scaled state x / a, where the flow is d(x / a) / d sigma = eps with sigma = s / a: the Heun
// method of EDM, linear multistep methods; and consistency sampling.
#include <array>
#include <cmath>
#include <numbers>

#include "score/sampler_rule.h"

namespace sde {
namespace {

// Karras et al. 2022, algorithm 2. The last step of its grid goes to sigma = 0 and is an Euler step, so that
// n steps take 2 n - 1 evaluations.
class Edm final : public SamplerRule {
 public:
  Edm(const NoiseProcess& process, const SampleOptions& options, std::vector<NoiseLevel> levels)
      : SamplerRule(std::move(levels)) {
    const double most = std::numbers::sqrt2 - 1;
    for (std::size_t i = 0; i < steps(); ++i) {
      const NoiseLevel& at = level(i);
      raised_.push_back(at);
      const double sigma = at.sigma();
      if (*options.S_churn <= 0 || sigma < *options.S_min || sigma > options.S_max.value_or(INFINITY))
        continue;
      const double gamma = std::fmin(*options.S_churn / static_cast<double>(steps()), most);
      // Not beyond where the process ends.
      const double hat = std::fmin(sigma * (1 + gamma), level(0).sigma());
      if (!(hat > sigma)) continue;
      raised_.back() = level_of(process, -std::log(hat));
      churned_ = true;
    }
    noise_ = *options.S_noise;
  }

  std::uint64_t evaluations() const override { return 2 * steps() - (level(steps()).s <= 0 ? 1 : 0); }
  std::size_t vectors() const override { return 3; }
  std::size_t draws() const override { return churned_ ? 1 : 0; }

  void step(std::size_t i, Block x, const SamplerPass& pass) const override {
    const NoiseLevel &at = level(i), &from = raised_[i], &to = level(i + 1);
    if (from.t > at.t) {
      const double added = std::sqrt(std::fmax(from.sigma() * from.sigma() - at.sigma() * at.sigma(), 0));
      combine(x, {{from.a / at.a, x}, {from.a * noise_ * added, pass.normals(number(i))}});
    }
    const Block d0 = pass.vector(0), d1 = pass.vector(1), y = pass.vector(2);
    const double scale = to.a / from.a, h = to.a * (to.sigma() - from.sigma());
    pass.epsilon(from, x, d0);
    if (to.s <= 0) return combine(x, {{scale, x}, {h, d0}});
    combine(y, {{scale, x}, {h, d0}});
    pass.epsilon(to, y, d1);
    combine(x, {{scale, x}, {0.5 * h, d0}, {0.5 * h, d1}});
  }

 private:
  std::vector<NoiseLevel> raised_;  // after churn
  double noise_ = 1;
  bool churned_ = false;
};

// Adams-Bashforth in sigma. `plms` has the fixed coefficients of equal steps and starts with an improved
// Euler step, which costs one more evaluation (Liu et al. 2022, eqs. 9 and 12); `lms` integrates the
// polynomial through up to four past eps exactly over each step.
class Multistep final : public SamplerRule {
 public:
  Multistep(bool fixed, std::vector<NoiseLevel> levels) : SamplerRule(std::move(levels)), fixed_(fixed) {}

  std::uint64_t evaluations() const override { return steps() + (fixed_ && level(1).s > 0 ? 1 : 0); }
  bool remembers() const override { return true; }
  std::size_t vectors() const override { return kOrder + (fixed_ ? 2 : 0); }

  void step(std::size_t i, Block x, const SamplerPass& pass) const override {
    const NoiseLevel &from = level(i), &to = level(i + 1);
    const Block e = pass.vector(i % kOrder);
    pass.epsilon(from, x, e);
    const double scale = to.a / from.a, h = to.a * (to.sigma() - from.sigma());
    if (fixed_ && i == 0 && to.s > 0) {
      const Block y = pass.vector(kOrder), next = pass.vector(kOrder + 1);
      combine(y, {{scale, x}, {h, e}});
      pass.epsilon(to, y, next);
      return combine(x, {{scale, x}, {0.5 * h, e}, {0.5 * h, next}});
    }
    const std::size_t order = std::min(i + 1, kOrder);
    const std::array<double, kOrder> w = fixed_ ? kAdams[order - 1] : weights(i, order);
    combine(x, {{scale, x}});
    for (std::size_t k = 0; k < order; ++k) {
      combine(x, {{1, x}, {h * w[k], pass.vector((i - k) % kOrder)}});
    }
  }

 private:
  static constexpr std::size_t kOrder = 4;
  static constexpr std::array<std::array<double, kOrder>, kOrder> kAdams = {
      {{1, 0, 0, 0},
       {3.0 / 2, -1.0 / 2, 0, 0},
       {23.0 / 12, -16.0 / 12, 5.0 / 12, 0},
       {55.0 / 24, -59.0 / 24, 37.0 / 24, -9.0 / 24}}};

  // Means over the step of the Lagrange polynomials at levels i, i - 1, ...: cubic at most, so that two Gauss
  // points are exact.
  std::array<double, kOrder> weights(std::size_t i, std::size_t order) const {
    std::array<double, kOrder> w = {};
    const double from = level(i).sigma(), to = level(i + 1).sigma();
    for (const double node : {-1 / std::numbers::sqrt3, 1 / std::numbers::sqrt3}) {
      const double at = 0.5 * (from + to) + 0.5 * node * (to - from);
      for (std::size_t k = 0; k < order; ++k) {
        double product = 0.5;
        for (std::size_t j = 0; j < order; ++j) {
          if (j == k) continue;
          product *= (at - level(i - j).sigma()) / (level(i - k).sigma() - level(i - j).sigma());
        }
        w[k] += product;
      }
    }
    return w;
  }

  bool fixed_;
};

// Song et al. 2023, algorithm 1: to the data at once, then noise again, one evaluation a step.
class Consistency final : public SamplerRule {
 public:
  using SamplerRule::SamplerRule;

  std::size_t vectors() const override { return 1; }
  std::size_t draws() const override { return 1; }
  void step(std::size_t i, Block x, const SamplerPass& pass) const override {
    const NoiseLevel &from = level(i), &to = level(i + 1), &end = level(steps());
    const Block data = pass.vector(0);
    pass.model.consistency(from.t, end.t, x, data, pass.workspace.step.sde);
    if (i + 1 == steps()) return copy<double>(data, x);
    // From the end of the grid, whose own noise is there already, back to where the next step starts.
    const Transition noising = transition(end, to);
    combine(x, {{noising.scale, data}, {std::sqrt(noising.added), pass.normals(number(i))}});
  }
};

}  // namespace

std::unique_ptr<const SamplerRule> make_sigma_rule(const NoiseProcess& process, const SampleOptions& options,
                                                   const std::vector<NoiseLevel>& levels) {
  const std::string& name = *options.sampler;
  if (name == "edm") return std::make_unique<Edm>(process, options, levels);
  if (name == "plms") return std::make_unique<Multistep>(true, levels);
  if (name == "lms") return std::make_unique<Multistep>(false, levels);
  if (name == "consistency") return std::make_unique<Consistency>(levels);
  return nullptr;
}

}  // namespace sde
