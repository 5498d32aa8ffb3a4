#include "score/bound.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <mutex>
#include <numbers>

#include "base/error.h"
#include "random/stream.h"
#include "score/likelihood.h"
#include "score/sampler_rule.h"

namespace sde {
namespace {

// From level i + 1 to level i of the chain. q(x_i | x_{i+1}, x_0) has the mean from_state x_{i+1} + from_data
// x_0, p(x_i | x_{i+1}) the same with the model's E[x_0 | x_{i+1}] for x_0.
struct ChainStep {
  NoiseLevel from;
  double from_state, from_data;
  double variance;  // of q; 0 for the step to the data
  double assumed;   // of p
};

// Mean and centred sum of squares over trajectories, one a lane.
struct Running {
  AlignedVector<double> mean, squares;
};

class Chain {
 public:
  Chain(const NoiseProcess& process, std::uint64_t steps, const BoundOptions& options) {
    levels_.push_back({});
    if (process.levels() || steps == 1) {
      for (std::uint64_t i = 1; i <= steps; ++i) {
        levels_.push_back(level_at(process, static_cast<double>(i) / static_cast<double>(steps)));
      }
    } else {
      const std::vector<double> falling =
          sampling_grid(process, GridType::logsnr, steps - 1, process.likelihood_cutoff());
      for (std::size_t i = falling.size(); i-- > 0;) levels_.push_back(level_at(process, falling[i]));
    }
    prior_ = process.prior_deviation();
    for (std::uint64_t i = 0; i < steps; ++i) {
      const NoiseLevel &to = levels_[i], &from = levels_[i + 1];
      const Transition forward = transition(to, from);
      const double part = 1 / (from.s * from.s);
      ChainStep step{from, forward.scale * to.s * to.s * part, to.a * forward.added * part,
                     forward.added * to.s * to.s * part, 0};
      step.assumed = i == 0 || options.variance == StepVariance::forward ? forward.added : step.variance;
      if (!(step.assumed > 0)) {
        fail(Status::usage, "/bound/steps: the noise does not rise from level {} to {}; take fewer steps", i,
             i + 1);
      }
      steps_.push_back(step);
    }
  }

  std::size_t length() const { return steps_.size(); }
  const ChainStep& step(std::size_t i) const { return steps_[i]; }
  const std::vector<NoiseLevel>& levels() const { return levels_; }
  double prior() const { return prior_; }

 private:
  std::vector<NoiseLevel> levels_;
  std::vector<ChainStep> steps_;
  double prior_;
};

// What one block of data leads to; sums over its lanes.
struct BlockResult {
  std::vector<double> sum, variance;  // [N + 1], of means and of their squared standard errors
};

class BlockBound {
 public:
  BlockBound(const ScoreModel& model, const Chain& chain, const BoundOptions& options,
             const std::vector<Stream>& streams)
      : model_(model), chain_(chain), trajectories_(options.trajectories), streams_(streams) {}

  // x is [D][lane], data `first` and on in the model's units. False where it was stopped.
  bool run(const StateBlock<double>& x0, std::uint64_t first, std::size_t count, const Hooks& hooks,
           BoundResult& out, BlockResult& sums) const {
    const std::size_t N = chain_.length(), D = x0.rows(), L = x0.lanes();
    std::vector<Running> terms(N);
    for (Running& r : terms) r.mean.assign(L, 0.0), r.squares.assign(L, 0.0);
    Running total{AlignedVector<double>(L, 0.0), AlignedVector<double>(L, 0.0)};
    std::vector<AlignedVector<double>> weights(trajectories_, AlignedVector<double>(L, 0.0));
    AlignedVector<double> end(L, 0.0), sum(L), gap(L), turned(L), term(L);
    add_prior(x0, end);
    StateBlock<double> x(D, L), score(D, L);
    AlignedVector<double> normals(2 * D * L);
    SdeWorkspace workspace;
    const std::uint64_t pairs = (N + 1) / 2;  // each trajectory has numbers of its own
    for (std::uint64_t k = 0; k < trajectories_; ++k) {
      std::uint64_t drawn = 0;
      const auto draw = [&]() -> const double* {
        const std::uint64_t n = drawn++;
        if (n % 2 == 0) fill_normal_steps(streams_.data(), D, first, L, k * pairs + n / 2, 1, normals.data());
        return normals.data() + n % 2 * D * L;
      };
      const NoiseLevel& top = chain_.levels().back();
      const double* z = draw();
      std::copy(end.begin(), end.end(), sum.begin());
      for (std::size_t c = 0; c < D; ++c) {
        for (std::size_t l = 0; l < L; ++l) x.row(c)[l] = top.a * x0.row(c)[l] + top.s * z[c * L + l];
      }
      add_end_weight(x, z, weights[k]);
      for (std::size_t i = N; i-- > 0;) {
        if (hooks.stopped()) return false;
        const ChainStep& s = chain_.step(i);
        model_.score({s.from.t, nullptr}, x, score, workspace);
        z = i > 0 ? draw() : nullptr;
        std::fill(gap.begin(), gap.end(), 0.0);
        std::fill(turned.begin(), turned.end(), 0.0);
        const double a = 1 / s.from.a, b = s.from.s * s.from.s / s.from.a, root = std::sqrt(s.variance);
        for (std::size_t c = 0; c < D; ++c) {
          for (std::size_t l = 0; l < L; ++l) {
            const double data = a * x.row(c)[l] + b * score.row(c)[l];
            const double apart = s.from_data * (x0.row(c)[l] - data);
            gap[l] += apart * apart;
            if (!z) continue;
            const double noise = root * z[c * L + l];
            // |x_i - mean of p|^2 and |x_i - mean of q|^2, the latter over its variance.
            turned[l] += (noise + apart) * (noise + apart) / s.assumed - noise * noise / s.variance;
            x.row(c)[l] = s.from_state * x.row(c)[l] + s.from_data * x0.row(c)[l] + noise;
          }
        }
        const double constant = i == 0
                                    ? 0.5 * std::log(2 * std::numbers::pi * s.assumed)
                                    : 0.5 * (s.variance / s.assumed - 1 + std::log(s.assumed / s.variance));
        const double d = static_cast<double>(D);
        for (std::size_t l = 0; l < L; ++l) {
          term[l] = d * constant + 0.5 * gap[l] / s.assumed;
          sum[l] += term[l];
          weights[k][l] -= i == 0 ? term[l] : 0.5 * (turned[l] + d * std::log(s.assumed / s.variance));
        }
        add(terms[i], term, k);
      }
      add(total, sum, k);
    }
    finish(first, count, terms, total, end, weights, out, sums);
    return true;
  }

 private:
  static void add(Running& r, const AlignedVector<double>& value, std::uint64_t k) {
    for (std::size_t l = 0; l < value.size(); ++l) {
      const double change = value[l] - r.mean[l];
      r.mean[l] += change / static_cast<double>(k + 1);
      r.squares[l] += change * (value[l] - r.mean[l]);
    }
  }

  // L_N = KL(N(a x_0, s^2) | N(0, prior^2)).
  void add_prior(const StateBlock<double>& x0, AlignedVector<double>& end) const {
    const NoiseLevel& top = chain_.levels().back();
    const double v = chain_.prior() * chain_.prior(), ratio = top.s * top.s / v;
    const double constant = 0.5 * static_cast<double>(x0.rows()) * (ratio - 1 - std::log(ratio));
    for (std::size_t l = 0; l < x0.lanes(); ++l) {
      double squares = 0;
      for (std::size_t c = 0; c < x0.rows(); ++c) squares += x0.row(c)[l] * x0.row(c)[l];
      end[l] = constant + 0.5 * top.a * top.a * squares / v;
    }
  }

  // ln prior(x_N) - ln q(x_N | x_0).
  void add_end_weight(const StateBlock<double>& x, const double* z, AlignedVector<double>& weight) const {
    const double v = chain_.prior() * chain_.prior();
    const double constant =
        static_cast<double>(x.rows()) * std::log(chain_.levels().back().s / chain_.prior());
    for (std::size_t l = 0; l < x.lanes(); ++l) {
      weight[l] = constant;
      for (std::size_t c = 0; c < x.rows(); ++c) {
        const double noise = z[c * x.lanes() + l];
        weight[l] += 0.5 * (noise * noise - x.row(c)[l] * x.row(c)[l] / v);
      }
    }
  }

  void finish(std::uint64_t first, std::size_t count, const std::vector<Running>& terms, const Running& total,
              const AlignedVector<double>& end, const std::vector<AlignedVector<double>>& weights,
              BoundResult& out, BlockResult& sums) const {
    const double unit = model_.standardisation().log_determinant(), K = static_cast<double>(trajectories_);
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const auto squared_error = [&](const Running& r, std::size_t l) {
      return trajectories_ > 1 ? r.squares[l] / (K * (K - 1)) : nan;
    };
    const std::size_t N = terms.size();
    sums.sum.assign(N + 1, 0.0);
    sums.variance.assign(N + 1, 0.0);
    for (std::size_t l = 0; l < count; ++l) {
      out.value[first + l] = -total.mean[l] - unit;
      out.standard_error[first + l] = std::sqrt(squared_error(total, l));
      double most = -std::numeric_limits<double>::infinity(), scaled = 0;
      for (const auto& w : weights) most = std::max(most, w[l]);
      for (const auto& w : weights) scaled += std::exp(w[l] - most) / K;
      out.importance[first + l] = most + std::log(scaled) - unit;
      for (std::size_t i = 0; i < N; ++i) {
        sums.sum[i] += terms[i].mean[l] + (i == 0 ? unit : 0);
        sums.variance[i] += squared_error(terms[i], l);
      }
      sums.sum[N] += end[l];
    }
  }

  const ScoreModel& model_;
  const Chain& chain_;
  std::uint64_t trajectories_;
  const std::vector<Stream>& streams_;
};

}  // namespace

std::uint64_t bound_steps(const ScoreModel& model, const BoundOptions& options) {
  if (model.has_no_score() || model.flow_only()) {
    fail(Status::usage,
         "/method: elbo needs a model with a score and a chain of noised states, and this one has none; take "
         "flow");
  }
  if (!(model.process().signal(kHorizon) > 0)) {
    fail(Status::usage, "/method: elbo is of processes that keep a signal at t = 1 (got 0); take flow");
  }
  const std::uint64_t levels = model.process().levels();
  if (levels && options.steps.value_or(levels) != levels) {
    fail(Status::usage, "/bound/steps: the process has {} levels, which are its steps; leave it out (got {})",
         levels, *options.steps);
  }
  const std::uint64_t steps = options.steps.value_or(levels ? levels : 1000);
  if (steps < 1 || steps > 100'000) fail(Status::usage, "/bound/steps: must be 1 to 100000 (got {})", steps);
  if (options.trajectories < 1 || options.trajectories > 100'000) {
    fail(Status::usage, "/bound/trajectories: must be 1 to 100000 (got {})", options.trajectories);
  }
  return steps;
}

BoundResult variational_bound(std::shared_ptr<const ScoreModel> model, const std::vector<double>& data,
                              std::size_t n, const BoundOptions& options, std::uint64_t seed,
                              const Hooks& hooks) {
  const std::uint64_t steps = bound_steps(*model, options);
  check_data(*model, data, n);
  const std::size_t D = model->dimension();
  const Chain chain(model->process(), steps, options);
  std::vector<Stream> streams;
  for (std::size_t c = 0; c < D; ++c) {
    streams.push_back(make_stream(seed, Purpose::sampler, static_cast<std::uint32_t>(c)));
  }
  const BlockBound block(*model, chain, options, streams);
  BoundResult out;
  out.value.resize(n);
  out.standard_error.resize(n);
  out.importance.resize(n);
  out.evaluations = steps * options.trajectories;
  for (const NoiseLevel& level : chain.levels()) out.times.push_back(level.t);
  const std::size_t blocks = (n + kLikelihoodBlock - 1) / kLikelihoodBlock;
  std::vector<BlockResult> sums(blocks);
  std::atomic<bool> whole = true;
  std::mutex counting;
  std::uint64_t done = 0;
  tbb::parallel_for(std::size_t{0}, blocks, [&](std::size_t b) {
    const std::size_t first = b * kLikelihoodBlock, count = std::min(kLikelihoodBlock, n - first);
    StateBlock<double> x(D, count);
    for (std::size_t l = 0; l < x.lanes(); ++l) {
      const double* row = data.data() + std::min(first + l, n - 1) * D;
      for (std::size_t c = 0; c < D; ++c) x.row(c)[l] = row[c];
    }
    model->standardisation().to_model(x);
    if (!block.run(x, first, count, hooks, out, sums[b])) whole = false;
    const std::scoped_lock lock(counting);
    hooks.report(done += count, n);
  });
  out.interrupted = !whole;
  if (out.interrupted) return out;
  out.terms.resize(steps + 1);
  const auto size = static_cast<double>(n);
  for (std::size_t i = 0; i <= steps; ++i) {
    double value = 0, variance = 0;
    for (const BlockResult& s : sums) value += s.sum[i], variance += s.variance[i];
    out.terms[i] = {value / size, std::sqrt(variance) / size};
  }
  return out;
}

}  // namespace sde
