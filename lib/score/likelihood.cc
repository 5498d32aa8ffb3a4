#include "score/likelihood.h"

#include <tbb/enumerable_thread_specific.h>
#include <tbb/parallel_for.h>
#include <tbb/parallel_pipeline.h>
#include <tbb/task_arena.h>

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "base/error.h"
#include "random/stream.h"
#include "solve/adaptive.h"
#include "stats/moments.h"

namespace sde {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

struct Solve {
  double rtol, atol, eps;
};

struct Values {
  AlignedVector<double> value, standard_error, nfe;
  bool whole = true;
};

class Problem {
 public:
  Problem(std::shared_ptr<const ScoreModel> model, const LikelihoodOptions& options)
      : model_(std::move(model)), options_(options) {
    // The first half of hutch++'s spans its basis.
    const std::uint64_t vectors = options.divergence == Divergence::exact             ? 0
                                  : options.divergence == Divergence::hutch_plus_plus ? 2 * options.probes
                                                                                      : options.probes;
    for (std::size_t k = 0; k < vectors; ++k) {
      for (std::size_t i = 0; i < model_->dimension(); ++i) {
        streams_.push_back(make_stream(options.seed, Purpose::probe,
                                       static_cast<std::uint32_t>(k * model_->dimension() + i)));
      }
    }
  }

  // Whether ln p_1 is known, so that the prior need not stand for it.
  bool knows_the_end() const {
    const StateBlock<double> x(model_->dimension(), 1);
    AlignedVector<double> out(x.lanes());
    SdeWorkspace workspace;
    return model_->log_density(kHorizon, x, out.data(), workspace);
  }
  double later_cutoff(double eps) const { return sde::later_cutoff(model_->process(), eps); }

  // x is [D][lane] in the data's units, lane i the datum ids[i].
  Values run(ConstBlock x, const std::uint64_t* ids, const Solve& solve, StepWorkspace& workspace,
             const Hooks& hooks) const {
    const std::size_t D = model_->dimension(), L = x.lanes;
    std::shared_ptr<const ProbabilityFlow> flow;
    if (options_.divergence == Divergence::exact) {
      flow = std::make_shared<ProbabilityFlow>(model_, Divergence::exact);
    } else {
      flow = std::make_shared<ProbabilityFlow>(model_, probes(ids, L), options_.divergence);
    }
    const std::size_t extra = flow->extra_rows();
    StateBlock<double> state(D + extra, L);
    const Block z = state.view().slice(0, D);
    copy<double>(x, z);
    model_->standardisation().to_model(z);

    const auto stepper = make_stepper(flow, find_method("dopri5"));
    AdaptiveOptions tolerance;
    tolerance.rtol = solve.rtol;
    tolerance.atol = solve.atol;
    tolerance.max_steps = 100'000;
    AdaptiveIntegrator integrator(*stepper, tolerance, L);
    Values out;
    out.whole = integrator.advance(solve.eps, kHorizon, state, workspace, hooks);

    const double s = model_->process().prior_deviation(),
                 log_determinant = model_->standardisation().log_determinant();
    const double constant = -static_cast<double>(D) * (0.5 * std::log(2 * std::numbers::pi) + std::log(s));
    out.value.resize(L);
    if (!model_->log_density(kHorizon, z, out.value.data(), workspace.sde)) {
      for (std::size_t l = 0; l < L; ++l) {
        double squares = 0;
        for (std::size_t i = 0; i < D; ++i) squares += z.row(i)[l] * z.row(i)[l];
        out.value[l] = constant - 0.5 * squares / (s * s);
      }
    }
    out.standard_error.assign(L, 0.0);
    out.nfe.resize(L);
    for (std::size_t l = 0; l < L; ++l) {
      double mean = 0, spread = 0;
      for (std::size_t k = 0; k < extra; ++k) mean += state.row(D + k)[l] / static_cast<double>(extra);
      for (std::size_t k = 0; k < extra; ++k) spread += std::pow(state.row(D + k)[l] - mean, 2);
      out.value[l] += mean - log_determinant;
      if (extra > 1) out.standard_error[l] = std::sqrt(spread / static_cast<double>(extra * (extra - 1)));
      out.nfe[l] = static_cast<double>(integrator.evaluations(l));
    }
    return out;
  }

 private:
  std::shared_ptr<const StateBlock<double>> probes(const std::uint64_t* ids, std::size_t lanes) const {
    auto out = std::make_shared<StateBlock<double>>(streams_.size(), lanes);
    for (std::size_t r = 0; r < streams_.size(); ++r) {
      const bool gaussian =
          options_.probe_type == ProbeType::gaussian || options_.divergence == Divergence::hutch_plus_plus;
      for (std::size_t l = 0; l < lanes; ++l) {
        const double draw =
            gaussian ? normal_pair(streams_[r], ids[l], 0)[0] : uniform_pair(streams_[r], ids[l], 0)[0];
        out->row(r)[l] = gaussian ? draw : draw < 0.5 ? -1 : 1;
      }
    }
    return out;
  }

  std::shared_ptr<const ScoreModel> model_;
  const LikelihoodOptions& options_;
  std::vector<Stream> streams_;
};

// Data `ids` of [n][D] as a block; spare lanes repeat the last.
StateBlock<double> gather(const std::vector<double>& data, std::size_t D, std::vector<std::uint64_t>& ids) {
  StateBlock<double> x(D, ids.size());
  ids.resize(x.lanes(), ids.back());
  for (std::size_t l = 0; l < x.lanes(); ++l) {
    for (std::size_t i = 0; i < D; ++i) x.row(i)[l] = data[ids[l] * D + i];
  }
  return x;
}

// KL(N(m, S) | N(0, v I)) = (tr S / v - D - ln det(S / v) + |m|^2 / v) / 2, with S = a^2 C + s^2 I at t = 1.
double prior_mismatch(const ScoreModel& model, const std::vector<double>& data, std::size_t n) {
  const auto D = static_cast<Eigen::Index>(model.dimension());
  if (n < 2 || D > 1000) return kNan;
  Eigen::VectorXd mean = Eigen::VectorXd::Zero(D);
  Eigen::MatrixXd covariance = Eigen::MatrixXd::Zero(D, D);
  const Standardisation& standard = model.standardisation();
  const auto row = [&](std::size_t k) {
    Eigen::VectorXd x = Eigen::Map<const Eigen::VectorXd>(data.data() + k * model.dimension(), D);
    for (Eigen::Index i = 0; i < D && !standard.identity(); ++i) {
      const auto j = static_cast<std::size_t>(i);
      x(i) = (x(i) - standard.mean[j]) / standard.deviation[j];
    }
    return x;
  };
  for (std::size_t k = 0; k < n; ++k) mean += row(k) / static_cast<double>(n);
  for (std::size_t k = 0; k < n; ++k) {
    const Eigen::VectorXd x = row(k) - mean;
    covariance += x * x.transpose() / static_cast<double>(n);
  }
  const double a = model.process().signal(kHorizon), s = model.process().noise(kHorizon);
  const double v = std::pow(model.process().prior_deviation(), 2);
  const Eigen::MatrixXd S = (a * a * covariance + s * s * Eigen::MatrixXd::Identity(D, D)) / v;
  const Eigen::MatrixXd lower = S.llt().matrixL();
  return 0.5 * (S.trace() - static_cast<double>(D) - 2 * lower.diagonal().array().log().sum() +
                a * a * mean.squaredNorm() / v);
}

// Solves a sample of the data again, three times: as asked, more tightly, and from a later cut-off.
void check_errors(const Problem& problem, const std::vector<double>& data, std::size_t n, std::size_t D,
                  const LikelihoodOptions& options, const Solve& as_asked, ErrorBudget& budget,
                  const Hooks& hooks) {
  const std::size_t count = std::min<std::size_t>(options.check, n);
  const std::size_t blocks = (count + kLikelihoodBlock - 1) / kLikelihoodBlock;
  std::vector<double> ode(blocks, 0.0), cutoff(blocks, 0.0);
  std::vector<std::size_t> counted(blocks, 0);
  const double later_eps = problem.later_cutoff(as_asked.eps);
  Hooks quiet;
  quiet.stop = hooks.stop;
  tbb::parallel_for(std::size_t{0}, blocks, [&](std::size_t b) {
    std::vector<std::uint64_t> ids;
    for (std::size_t k = b * kLikelihoodBlock; k < std::min(count, (b + 1) * kLikelihoodBlock); ++k) {
      ids.push_back(k * n / count);
    }
    const std::size_t size = ids.size();
    const StateBlock<double> x = gather(data, D, ids);
    StepWorkspace workspace;
    const Solve tight{as_asked.rtol / 10, as_asked.atol / 10, as_asked.eps};
    const Solve later{tight.rtol, tight.atol, later_eps};
    const Values plain = problem.run(x, ids.data(), as_asked, workspace, quiet);
    const Values better = problem.run(x, ids.data(), tight, workspace, quiet);
    const Values moved = problem.run(x, ids.data(), later, workspace, quiet);
    for (std::size_t l = 0; l < size; ++l) {
      if (!std::isfinite(plain.value[l] + better.value[l] + moved.value[l])) continue;
      ode[b] += std::fabs(plain.value[l] - better.value[l]);
      cutoff[b] += std::fabs(moved.value[l] - better.value[l]);
      ++counted[b];
    }
  });
  budget.ode = budget.cutoff = 0;
  double total = 0;
  for (std::size_t b = 0; b < blocks; ++b) {
    budget.ode += ode[b];
    budget.cutoff += cutoff[b];
    total += static_cast<double>(counted[b]);
  }
  budget.ode /= total;
  budget.cutoff /= total;
}

}  // namespace

double later_cutoff(const NoiseProcess& process, double eps) {
  const double doubled = process.time_at(process.half_log_snr(eps) - 0.5 * std::numbers::ln2);
  return std::min(process.signal(eps) < 1 ? std::max(2 * eps, doubled) : std::max(doubled, 1.001 * eps), 0.5);
}

void check_data(const ScoreModel& model, const std::vector<double>& data, std::size_t n) {
  const std::size_t D = model.dimension();
  if (n < 1) fail(Status::bad_data, "there are no data");
  if (data.size() != n * D) {
    fail(Status::bad_data, "the model has dimension {} and the data {}", D, data.size() / n);
  }
  for (std::size_t i = 0; i < data.size(); ++i) {
    if (!std::isfinite(data[i])) {
      fail(Status::bad_data, "row {}, column {}: must be a finite number (got {})", i / D + 1, i % D + 1,
           data[i]);
    }
  }
  // Networks and products of states are in single precision; squares of states must stay within range.
  for (std::size_t i = 0; i < data.size(); ++i) {
    const Standardisation& standard = model.standardisation();
    const std::size_t c = i % D;
    const double z = standard.identity() ? data[i] : (data[i] - standard.mean[c]) / standard.deviation[c];
    if (std::fabs(z) > 1e18) {
      fail(Status::bad_data,
           "row {}, column {}: is too far from the model's data, {:.3g} of their deviations (got {})",
           i / D + 1, c + 1, z, data[i]);
    }
  }
}

LikelihoodResult likelihood(std::shared_ptr<const ScoreModel> model, const std::vector<double>& data,
                            std::size_t n, const LikelihoodOptions& options,
                            const std::function<void(const LikelihoodBlock&)>& sink, const Hooks& hooks,
                            std::optional<LikelihoodPart> part) {
  const std::uint64_t begin = part ? part->first : 0, end = part ? part->first + part->count : n;
  if (begin % kLeafPaths || end > n)
    fail(Status::bug, "data {} to {} of {} are not whole leaves", begin, end, n);
  const std::size_t D = model->dimension();
  check_data(*model, data, n);
  const Solve solve{options.rtol, options.atol, options.eps.value_or(model->process().likelihood_cutoff())};
  if (!(solve.rtol > 0)) fail(Status::usage, "/rtol: must be > 0 (got {})", solve.rtol);
  if (!(solve.atol > 0)) fail(Status::usage, "/atol: must be > 0 (got {})", solve.atol);
  if (!(solve.eps > 0 && solve.eps < 0.5))
    fail(Status::usage, "/eps: must lie in (0, 0.5) (got {})", solve.eps);
  if (options.divergence != Divergence::exact && (options.probes < 2 || options.probes > 4096)) {
    fail(Status::usage, "/probes: must be 2 to 4096 (got {})", options.probes);
  }

  const Problem problem(model, options);
  tbb::enumerable_thread_specific<StepWorkspace> workspaces;
  LikelihoodResult result;
  double probe_squares = 0, evaluations = 0;
  std::vector<Moments> leaves;
  MomentTree tree(1);

  struct Finished {
    LikelihoodBlock block;
    bool whole = true;
  };
  const auto make = [&](std::uint64_t first) {
    std::vector<std::uint64_t> ids;
    for (std::uint64_t k = first; k < std::min<std::uint64_t>(end, first + kLikelihoodBlock); ++k)
      ids.push_back(k);
    const std::size_t size = ids.size();
    const StateBlock<double> x = gather(data, D, ids);
    const Values values = problem.run(x, ids.data(), solve, workspaces.local(), hooks);
    const auto cut = [&](const AlignedVector<double>& v) {
      return std::vector<double>(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(size));
    };
    return Finished{{first, cut(values.value), cut(values.standard_error), cut(values.nfe)}, values.whole};
  };
  const auto take = [&](const Finished& done) {
    result.interrupted = result.interrupted || !done.whole;
    if (result.interrupted) return;
    const LikelihoodBlock& block = done.block;
    for (std::size_t start = 0; start < block.value.size(); start += kLeafPaths) {
      const std::size_t count = std::min(kLeafPaths, block.value.size() - start);
      tree.add((block.first + start) / kLeafPaths, {leaf_moments(block.value.data() + start, count)});
    }
    for (std::size_t l = 0; l < block.value.size(); ++l) {
      if (!std::isfinite(block.value[l])) ++result.non_finite;
      if (std::isfinite(block.standard_error[l]))
        probe_squares += block.standard_error[l] * block.standard_error[l];
      evaluations += block.nfe[l];
    }
    result.n += block.value.size();
    if (sink) sink(block);
    hooks.report(result.n, end - begin);
  };
  std::uint64_t next = begin;
  const auto source = [&](tbb::flow_control& control) -> std::uint64_t {
    if (next >= end || hooks.stopped()) {
      control.stop();
      return 0;
    }
    return std::exchange(next, next + kLikelihoodBlock);
  };
  const std::size_t in_flight = 2 * static_cast<std::size_t>(tbb::this_task_arena::max_concurrency());
  tbb::parallel_pipeline(in_flight,
                         tbb::make_filter<void, std::uint64_t>(tbb::filter_mode::serial_in_order, source) &
                             tbb::make_filter<std::uint64_t, Finished>(tbb::filter_mode::parallel, make) &
                             tbb::make_filter<Finished, void>(tbb::filter_mode::serial_in_order, take));
  result.interrupted = result.interrupted || result.n < end - begin;
  if (result.n) {
    const Moments total = tree.total().front();
    result.mean = total.count > 0 ? total.mean : kNan;
    result.standard_error = total.stderr_of_mean();
    result.nfe = evaluations / static_cast<double>(result.n);
    result.budget.probe = std::sqrt(probe_squares / static_cast<double>(result.n));
  }
  result.budget.prior = problem.knows_the_end() ? 0 : prior_mismatch(*model, data, n);
  result.budget.ode = result.budget.cutoff = kNan;
  if (options.check && !result.interrupted) {
    check_errors(problem, data, n, D, options, solve, result.budget, hooks);
    result.interrupted = hooks.stopped();
  }
  return result;
}

}  // namespace sde
