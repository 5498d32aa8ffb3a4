// Variational bounds of log-likelihoods under the discrete reverse chain of a score model.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/hooks.h"
#include "score/model.h"

namespace sde {

// Variance of p(x_i | x_{i+1}) for noised states x_i (Ho et al. 2020, sec. 3.2): that of q(x_i | x_{i+1},
// x_0), right for data in one point, or that of q(x_{i+1} | x_i), right for standard normal data.
enum class StepVariance { posterior, forward };
constexpr auto enum_names(StepVariance) {
  using enum StepVariance;
  return std::array{std::pair{"posterior", posterior}, std::pair{"forward", forward}};
}

struct BoundOptions {
  std::optional<std::uint64_t> steps = {};  // of the chain; absent: the levels of the process, else 1000
  std::uint64_t trajectories = 4;           // of noised states of each datum; at least 2 for standard errors
  StepVariance variance = StepVariance::forward;

  template <class V>
  void visit(V& v) {
    v("steps", steps);
    v("trajectories", trajectories);
    v("variance", variance);
  }
};

// A mean over data, in nats, and the standard error that the trajectories leave in it; NaN for one of them.
struct BoundTerm {
  double value = 0, error = 0;
};

// -ln p(x_0) <= L_N + L_{N-1} + ... + L_1 + L_0 with the levels 0 (data), 1, ..., N = steps, those of a
// ladder, else equispaced in ln(a / s) from the process's likelihood cut-off to t = 1:
// L_N = KL(q(x_N | x_0) | prior), L_i = E KL(q(x_i | x_{i+1}, x_0) | p(x_i | x_{i+1})) and L_0 = -E ln p(x_0
// | x_1), a Gaussian density of the forward variance (Ho et al. 2020, eq. 5). All in the data's units.
struct BoundResult {
  std::vector<double> value;           // [n], -(L_N + ... + L_0), mean over trajectories
  std::vector<double> standard_error;  // of the trajectories; NaN for one
  // ln of the mean of p(x_0 ... x_N) / q(x_1 ... x_N | x_0) over the trajectories: between the bound and ln p
  // on average, and rising to it with their number (Burda, Grosse & Salakhutdinov 2016).
  std::vector<double> importance;
  std::vector<BoundTerm> terms;   // [N + 1], L_0 first
  std::vector<double> times;      // [N + 1], 0 first
  std::uint64_t evaluations = 0;  // of the score, a datum
  bool interrupted = false;
};

// data is [n][D] in the data's units, checked by check_data(). A value depends on the datum, its number and
// the options alone. Throws Error(Status::usage) for models without a score, for processes whose signal
// vanishes at t = 1, and for other steps than the levels of a ladder.
BoundResult variational_bound(std::shared_ptr<const ScoreModel> model, const std::vector<double>& data,
                              std::size_t n, const BoundOptions& options, std::uint64_t seed,
                              const Hooks& hooks = {});

// The steps that the options lead to; throws as variational_bound() does.
std::uint64_t bound_steps(const ScoreModel& model, const BoundOptions& options);

}  // namespace sde
