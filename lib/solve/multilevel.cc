#include "solve/multilevel.h"

#include <tbb/enumerable_thread_specific.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <limits>
#include <mutex>

#include "base/error.h"
#include "solve/increments.h"
#include "solve/stepper.h"
#include "stats/kernels.h"

namespace sde {
namespace {

constexpr unsigned kMostLevels = 30;
constexpr std::size_t kMostLanes = 512;
constexpr int kLevelIdBits = 48;

struct Worker {
  StepWorkspace steps;
  StateBlock<double> fine, coarse, next, values;
};

struct Level {
  MultilevelLevel report;
  MomentTree tree;  // differences, then fine values
  std::uint64_t wanted = 0, undefined = 0, non_finite = 0, absorbed = 0;
};

class Run {
 public:
  Run(const SdeExpressions& sde, const InitialStates& initial, const MultilevelOptions& options,
      const Hooks& hooks)
      : sde_(sde),
        initial_(initial),
        options_(options),
        hooks_(hooks),
        stepper_(make_stepper(sde, *options.method, false, Precision::f64, options.tuning)),
        domains_(needs_domains(sde.domains)),
        count_(options.expect.size()) {
    const MethodFamily family = options.method->family;
    if ((family != MethodFamily::explicit_sde && family != MethodFamily::implicit) || sde.noises.empty())
      fail(
          Status::usage,
          "/solver/method: multilevel Monte Carlo couples the steps of a discretisation of noise, and {} {}; "
          "use euler-maruyama or milstein",
          options.method->name,
          family == MethodFamily::exact ? "has no error to remove" : "does not follow increments alone");
    if (count_ == 0)
      fail(Status::usage, "/expect: multilevel Monte Carlo estimates an expectation; give one");
    if (!sde.extremes.empty())
      fail(Status::usage,
           "/expect: multilevel Monte Carlo does not follow extremes of the path; leave out --mlmc");
    if (!(options.target > 0) || !std::isfinite(options.target))
      fail(Status::usage, "/target/stderr: must be > 0 (got {})", options.target);
    std::vector<std::string> uniforms = sde.parameters;
    uniforms.emplace_back("t");
    program_ = expr::Program(options.expect, sde.states, uniforms);
  }

  MultilevelResult operator()() {
    for (unsigned l = 0; l <= options_.finest.value_or(2); ++l) add_level();
    for (;;) {
      for (Level& level : levels_)
        if (!advance(level)) return finish(true);
      estimate();
      if (undefined() > 0) return finish(false);
      if (allocate()) continue;
      if (capped_ || options_.finest || bias() <= options_.target || levels_.size() == kMostLevels)
        return finish(false);
      add_level();
    }
  }

 private:
  void add_level() {
    Level level;
    const auto l = levels_.size();
    level.report.steps = l == 0 ? options_.coarsest : levels_.back().report.steps * options_.refinement;
    level.report.cost = level.report.steps + (l == 0 ? 0 : levels_.back().report.steps);
    level.tree = MomentTree(2 * count_);
    level.wanted = round_up(options_.pilot);
    levels_.push_back(std::move(level));
  }

  static std::uint64_t round_up(std::uint64_t paths) {
    return (paths + kLeafPaths - 1) / kLeafPaths * kLeafPaths;
  }

  // Brings a level to the paths that it wants. False where it was stopped.
  bool advance(Level& level) {
    const std::uint64_t first = level.report.paths;
    if (level.wanted <= first) return true;
    const std::uint64_t more = level.wanted - first;
    std::size_t lanes = kMostLanes;
    while (lanes > kLeafPaths && more < 8 * lanes) lanes /= 2;
    const std::uint64_t index = static_cast<std::uint64_t>(&level - levels_.data());
    const std::uint64_t blocks = (more + lanes - 1) / lanes;
    const auto started = std::chrono::steady_clock::now();
    std::atomic<bool> stopped{false};
    tbb::enumerable_thread_specific<Worker> workers;
    tbb::parallel_for(std::uint64_t{0}, blocks, [&](std::uint64_t b) {
      if (stopped) return;
      const std::uint64_t from = first + b * lanes;
      const auto paths = static_cast<std::size_t>(std::min<std::uint64_t>(lanes, level.wanted - from));
      Worker& w = workers.local();
      if (!walk(w, level, index, (index << kLevelIdBits) + from, lanes)) {
        stopped = true;
        return;
      }
      std::uint64_t undefined = 0, non_finite = 0, absorbed = 0;
      std::vector<std::vector<Moments>> leaves = reduce(w, paths, undefined);
      count_ends(w, index > 0, paths, non_finite, absorbed);
      const std::scoped_lock lock(mutex_);
      for (std::size_t i = 0; i < leaves.size(); ++i)
        level.tree.add(from / kLeafPaths + i, std::move(leaves[i]));
      level.undefined += undefined;
      level.non_finite += non_finite;
      level.absorbed += absorbed;
      work_ += static_cast<double>(paths * level.report.cost);
      hooks_.report(static_cast<std::uint64_t>(work_),
                    std::max(static_cast<std::uint64_t>(work_), static_cast<std::uint64_t>(planned_)));
    });
    if (stopped) return false;
    level.report.paths = level.wanted;
    level.report.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    const std::vector<Moments> total = level.tree.total();
    const auto middle = total.begin() + static_cast<std::ptrdiff_t>(count_);
    level.report.difference.assign(total.begin(), middle);
    level.report.fine.assign(middle, total.end());
    return true;
  }

  // Fine and coarse paths of a block to the end; their values to w.values, [fine, then coarse][lane].
  bool walk(Worker& w, const Level& level, std::uint64_t index, std::uint64_t id, std::size_t lanes) const {
    const std::size_t D = sde_.dimension(), memory = stepper_->memory(), noises = stepper_->noises();
    if (w.fine.lanes() != lanes) {
      for (StateBlock<double>* x : {&w.fine, &w.coarse, &w.next}) x->resize(D + memory, lanes);
      w.values.resize(2 * count_, lanes);
    }
    const std::uint64_t steps = level.report.steps, ratio = index == 0 ? steps : options_.refinement;
    const double h = (options_.end - options_.start) / static_cast<double>(steps);
    initial_.fill(options_.seed, id, w.fine.view().slice(0, D));
    if (memory > 0) copy<double>(w.fine.view().slice(0, D), w.fine.view().slice(D, memory));
    if (index > 0) copy<double>(w.fine.view(), w.coarse.view());
    Increments increments(options_.seed, noises, h, stepper_->needs(), options_.areas, lanes, {}, steps);
    increments.start(id);
    PathSum joined(noises, stepper_->needs(), lanes);
    for (std::uint64_t i = 0; i < steps; i += ratio) {
      if (hooks_.stopped()) return false;
      joined.clear();
      for (std::uint64_t j = i; j < i + ratio; ++j) {
        StepInput input = at(j, h, id);
        increments.serve(j, h, input);
        step(w, input, w.fine);
        if (index > 0) joined.add(piece_of(input, noises, lanes));
      }
      if (index == 0) continue;
      StepInput input = at(i / ratio, h * static_cast<double>(ratio), id);
      point_to(joined.total(), input);
      step(w, input, w.coarse);
    }
    evaluate(w, w.fine, 0);
    if (index > 0) evaluate(w, w.coarse, count_);
    for (std::size_t k = 0; index == 0 && k < count_; ++k) std::fill_n(w.values.row(count_ + k), lanes, 0.0);
    return true;
  }

  StepInput at(std::uint64_t number, double h, std::uint64_t id) const {
    StepInput input;
    input.t.value = options_.start + static_cast<double>(number) * h;
    input.h.value = h;
    input.seed = options_.seed;
    input.first_id = id;
    input.number = number;
    return input;
  }

  void step(Worker& w, StepInput& input, StateBlock<double>& x) const {
    input.x = x.view();
    stepper_->step(input, w.next, nullptr, w.steps);
    if (domains_) apply_domains(sde_.domains, x, w.next);
    std::swap(x, w.next);
  }

  void evaluate(Worker& w, StateBlock<double>& x, std::size_t row) const {
    std::vector<const double*> inputs;
    std::vector<double*> outputs;
    for (std::size_t i = 0; i < sde_.dimension(); ++i) inputs.push_back(x.row(i));
    for (std::size_t k = 0; k < count_; ++k) outputs.push_back(w.values.row(row + k));
    std::vector<double> uniforms = sde_.parameter_values;
    uniforms.push_back(options_.end);
    program_.run(inputs.data(), uniforms, outputs.data(), x.lanes(), w.steps.sde.program);
  }

  std::vector<std::vector<Moments>> reduce(Worker& w, std::size_t paths, std::uint64_t& undefined) const {
    std::vector<std::vector<Moments>> leaves;
    for (std::size_t k = 0; k < count_; ++k) {
      const double* fine = w.values.row(k);
      double* coarse = w.values.row(count_ + k);
      for (std::size_t p = 0; p < paths; ++p) {
        coarse[p] = fine[p] - coarse[p];
        undefined += !std::isfinite(coarse[p]);
      }
    }
    for (std::size_t start = 0; start < paths; start += kLeafPaths) {
      const std::size_t n = std::min(kLeafPaths, paths - start);
      std::vector<Moments>& leaf = leaves.emplace_back();
      for (std::size_t k = 0; k < count_; ++k)
        leaf.push_back(leaf_moments(w.values.row(count_ + k) + start, n));
      for (std::size_t k = 0; k < count_; ++k) leaf.push_back(leaf_moments(w.values.row(k) + start, n));
    }
    return leaves;
  }

  // Of the fine paths of a block and, where there are any, of their coarse ones.
  void count_ends(const Worker& w, bool pairs, std::size_t paths, std::uint64_t& non_finite,
                  std::uint64_t& absorbed) const {
    const auto finite = [&](const StateBlock<double>& x, std::size_t from, std::size_t count) {
      for (std::size_t i = 0; i < sde_.dimension(); ++i)
        if (!all_finite(x.row(i) + from, count)) return false;
      return true;
    };
    const auto sound = [&](std::size_t from, std::size_t count) {
      return finite(w.fine, from, count) && (!pairs || finite(w.coarse, from, count));
    };
    const bool all = sound(0, paths);
    for (std::size_t p = 0; (!all || domains_) && p < paths; ++p)
      if (!all && !sound(p, 1))
        ++non_finite;
      else if (domains_ && is_absorbed(sde_.domains, w.fine, p))
        ++absorbed;
  }

  std::uint64_t undefined() const {
    std::uint64_t sum = 0;
    for (const Level& level : levels_) sum += level.undefined;
    return sum;
  }

  // Rates, and variances of the differences; those of few paths by what the rate makes of the level below,
  // where that is more (as Giles' program of 2015 does).
  void estimate() {
    estimates_.assign(count_, {});
    variance_.assign(count_, {});
    for (std::size_t k = 0; k < count_; ++k) {
      MultilevelEstimate& e = estimates_[k];
      std::vector<ErrorLevel> means, variances;
      for (std::size_t l = 1; l < levels_.size(); ++l) {
        const Moments& m = levels_[l].report.difference[k];
        const double h = (options_.end - options_.start) / static_cast<double>(levels_[l].report.steps);
        const double error = m.stderr_of_mean();
        if (std::abs(m.mean) > 3 * error) means.push_back({h, std::abs(m.mean), error});
        // The standard error of a variance of heavy-tailed differences, roughly.
        const double v = m.variance();
        if (v > 0) variances.push_back({h, v, v * std::sqrt(10 / std::max(1.0, m.count))});
      }
      if (means.size() >= 2) e.alpha = fit_slope(means);
      if (variances.size() >= 2) e.beta = fit_slope(variances);
      const double fall = std::pow(static_cast<double>(options_.refinement), std::max(0.5, e.beta.value));
      for (std::size_t l = 0; l < levels_.size(); ++l) {
        double v = levels_[l].report.difference[k].variance();
        if (l >= 2 && levels_[l].report.paths < 4096) v = std::max(v, 0.5 * variance_[k].back() / fall);
        variance_[k].push_back(v);
      }
      for (std::size_t l = 0; l < levels_.size(); ++l) {
        const Moments& m = levels_[l].report.difference[k];
        e.value += m.mean;
        e.standard_error += variance_[k][l] / m.count;
      }
      e.standard_error = std::sqrt(e.standard_error);
      // |E[P_L] - E[P]| from the last two differences; the claimed order where none was seen.
      const double alpha =
          e.alpha.value > 0 ? std::max(0.5, e.alpha.value) : std::max(0.5, options_.method->weak_order);
      const double ratio = std::pow(static_cast<double>(options_.refinement), alpha);
      // From the last three differences, each brought to the finest step; with a standard error on top, so
      // that one which is small by chance does not pass for a small bias.
      e.bias = std::numeric_limits<double>::quiet_NaN();
      for (std::size_t back = 0; back < 3 && back + 1 < levels_.size(); ++back) {
        const std::size_t l = levels_.size() - 1 - back;
        const Moments& m = levels_[l].report.difference[k];
        const double size = std::abs(m.mean) + std::sqrt(variance_[k][l] / m.count);
        e.bias = std::fmax(e.bias, size / std::pow(ratio, static_cast<double>(back)) / (ratio - 1));
      }
    }
  }

  double bias() const {
    double most = 0;
    for (const MultilevelEstimate& e : estimates_) most = std::max(most, e.bias);
    return most;
  }

  // The numbers of paths that bring every standard error to the target with the least work. False where all
  // are there.
  bool allocate() {
    std::vector<double> need(levels_.size(), 0);
    bool met = true;
    for (std::size_t k = 0; k < count_; ++k) {
      met = met && estimates_[k].standard_error <= options_.target;
      double sum = 0;
      for (std::size_t l = 0; l < levels_.size(); ++l)
        sum += std::sqrt(variance_[k][l] * static_cast<double>(levels_[l].report.cost));
      for (std::size_t l = 0; l < levels_.size(); ++l)
        need[l] =
            std::max(need[l], sum * std::sqrt(variance_[k][l] / static_cast<double>(levels_[l].report.cost)) /
                                  (options_.target * options_.target));
    }
    double total = 0;
    for (std::size_t l = 0; l < levels_.size(); ++l)
      total += need[l] = std::max(need[l], static_cast<double>(levels_[l].report.paths));
    // What is left of the budget is shared in proportion.
    const auto most = static_cast<double>(options_.most_paths);
    double done = 0;
    for (const Level& level : levels_) done += static_cast<double>(level.report.paths);
    const double share = total > most ? std::max(0.0, (most - done) / (total - done)) : 1;
    if (share < 1) capped_ = true;
    bool any = false;
    planned_ = work_;
    for (std::size_t l = 0; l < levels_.size(); ++l) {
      Level& level = levels_[l];
      const auto have = static_cast<double>(level.report.paths);
      double more = share * (need[l] - have);
      // A last small remainder is not worth another round, unless the target is missed.
      if (met && more < 0.01 * have) more = 0;
      // Nor is a variance from few paths worth a large multiple of them.
      more = std::min(more, 64 * have);
      std::uint64_t wanted = level.report.paths;
      if (more >= 1)
        wanted += share < 1 ? static_cast<std::uint64_t>(more) / kLeafPaths * kLeafPaths
                            : round_up(static_cast<std::uint64_t>(std::ceil(more)));
      level.wanted = wanted;
      any = any || wanted > level.report.paths;
      planned_ += static_cast<double>((wanted - level.report.paths) * level.report.cost);
    }
    if (any || met || capped_) return any;
    // Every level has what its variance asks for, and rounding alone keeps the error above the target.
    for (Level& level : levels_) level.wanted += kLeafPaths;
    return true;
  }

  MultilevelResult finish(bool interrupted) {
    MultilevelResult result;
    result.interrupted = interrupted;
    if (interrupted) return result;
    for (const Level& level : levels_) {
      result.non_finite += level.non_finite;
      result.absorbed += level.absorbed;
    }
    result.expect = estimates_;
    result.reached = undefined() == 0 && (options_.finest || bias() <= options_.target);
    for (std::size_t k = 0; k < count_; ++k) {
      MultilevelEstimate& e = result.expect[k];
      e.undefined = undefined();
      result.reached = result.reached && e.standard_error <= options_.target;
      const Level& last = levels_.back();
      result.plain_work =
          std::max(result.plain_work, last.report.fine[k].variance() / (e.standard_error * e.standard_error) *
                                          static_cast<double>(last.report.steps));
      if (e.undefined > 0) e.value = e.standard_error = std::numeric_limits<double>::quiet_NaN();
    }
    // Least squares of log cost on the level.
    const auto n = static_cast<double>(levels_.size());
    double ll = 0, lc = 0;
    for (std::size_t l = 0; l < levels_.size(); ++l) {
      const double x = static_cast<double>(l) - (n - 1) / 2;
      ll += x * x;
      lc += x * std::log(static_cast<double>(levels_[l].report.cost));
    }
    if (ll > 0) result.gamma = lc / ll / std::log(static_cast<double>(options_.refinement));
    result.work = work_;
    for (Level& level : levels_) result.levels.push_back(std::move(level.report));
    return result;
  }

  const SdeExpressions& sde_;
  const InitialStates& initial_;
  const MultilevelOptions& options_;
  const Hooks& hooks_;
  std::unique_ptr<Stepper> stepper_;
  expr::Program program_;
  bool domains_;
  std::size_t count_;
  std::vector<Level> levels_;
  std::vector<MultilevelEstimate> estimates_;
  std::vector<std::vector<double>> variance_;  // [expectation][level]
  double planned_ = 0;
  bool capped_ = false;
  std::mutex mutex_;  // guards the trees, and
  double work_ = 0;
};

}  // namespace

MultilevelResult run_multilevel(const SdeExpressions& sde, const InitialStates& initial,
                                const MultilevelOptions& options, const Hooks& hooks) {
  return Run(sde, initial, options, hooks)();
}

}  // namespace sde
