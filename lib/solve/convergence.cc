#include "solve/convergence.h"

#include <fmt/format.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>
#include <numbers>

#include "base/error.h"
#include "sde/law.h"
#include "solve/ensemble.h"
#include "solve/increments.h"
#include "solve/stepper.h"
#include "stats/moments.h"

namespace sde {

using expr::Expr;

SdeExpressions suited(const SdeExpressions& sde, const Method& method) {
  std::string reason = refusal(method, sde.calculus, sde.noise_kind);
  if (reason.empty()) return sde;
  const Calculus other = sde.calculus == Calculus::ito ? Calculus::stratonovich : Calculus::ito;
  if (refusal(method, other, sde.noise_kind).empty()) return converted(sde, other);
  fail(Status::usage, "/solver/method: {}", reason);
}

StrongSolution known_solution(const SdeExpressions& given) {
  const SdeExpressions sde = converted(given, Calculus::ito);
  const LawRecognition law = recognise_law(sde);
  if (!law.known()) return {};
  StrongSolution solution(sde.dimension());
  for (const LawGroup& group : law.groups) {
    if (group.kind != LawKind::geometric) return {};
    for (std::size_t i = 0; i < group.size(); ++i) {
      Expr half = 0, path = 0;
      for (std::size_t k = 0; k < group.noises.size(); ++k) {
        const Expr& s = group.scale[i][k];
        half = half + Expr(0.5) * s * s;
        path = path + s * Expr::symbol("W_" + sde.noises[group.noises[k]]);
      }
      const Expr exponent = (group.slope[i][i] - half) * Expr::symbol("t") + path;
      const std::string& state = sde.states[group.states[i]];
      solution[group.states[i]] = expr::to_string(Expr::symbol(state) * expr::exp(exponent));
    }
  }
  return solution;
}

namespace {

constexpr std::size_t kLanes = kLeafPaths;
constexpr std::size_t kGroups = 32;  // of leaves, for the jackknife

// The end states of all step sizes and of the reference, path by path.
class Measurement {
 public:
  Measurement(const SdeDocument& document, const SdeExpressions& sde, const StrongSolution& solution,
              const ConvergenceOptions& options, const Hooks& hooks)
      : sde_(suited(sde, *options.method)),
        options_(options),
        hooks_(hooks),
        initial_(document),
        stepper_(make_stepper(sde_, *options.method)),
        solved_(!solution.empty()) {
    if (options.method->family == MethodFamily::exact)
      fail(Status::usage, "/methods: exact draws from the law and has no order to measure");
    std::sort(options_.steps.begin(), options_.steps.end());
    if (options_.steps.size() < 3) fail(Status::usage, "/levels: three step counts or more make a slope");
    fine_ = options_.steps.back();
    for (std::uint64_t n : options_.steps)
      if (n == 0 || fine_ % n != 0)
        fail(Status::usage, "/levels: every step count must divide the largest, {} (got {})", fine_, n);
    if (solved_) {
      compile_solution(solution);
      result_.reference = "exact solution";
    } else {
      fine_ *= options_.refinement;
      const Method& best = reference_method();
      reference_sde_ = suited(sde, best);
      reference_ = make_stepper(reference_sde_, best);
      reference_order_ =
          sde_.noise_kind == NoiseKind::none ? best.ode_order : strong_order(best, sde_.noise_kind);
      result_.reference = fmt::format("{} with {} steps", best.name, fine_);
    }
    if (static_cast<double>(fine_) * static_cast<double>(sde_.noises.size()) * kLanes * 16 > 1e9)
      fail(Status::usage, "/levels: the increments of {} steps do not fit in memory; use fewer", fine_);
    for (const Stepper* stepper : {stepper_.get(), reference_.get()}) {
      if (!stepper) continue;
      needs_.space_time = needs_.space_time || stepper->needs().space_time;
      needs_.levy_area = needs_.levy_area || stepper->needs().levy_area;
      needs_.space_time_time = needs_.space_time_time || stepper->needs().space_time_time;
    }
    // Per level: the norm of the error, then the signed error of each state; last, the size of each state.
    width_ = 1 + sde_.dimension();
    quantities_ = options_.steps.size() * width_ + sde_.dimension();
  }

  ConvergenceResult operator()() {
    std::vector<MomentTree> groups(kGroups, MomentTree(quantities_));
    std::mutex mutex;
    std::atomic<bool> stopped{false};
    const std::uint64_t leaves = (options_.paths + kLanes - 1) / kLanes;
    if (leaves < 2 * kGroups)
      fail(Status::usage, "/paths: an order with an interval takes {} paths or more (got {})",
           2 * kGroups * kLanes, options_.paths);
    std::uint64_t done = 0;
    tbb::parallel_for(std::uint64_t{0}, leaves, [&](std::uint64_t leaf) {
      if (stopped || hooks_.stopped()) {
        stopped = true;
        return;
      }
      std::vector<Moments> moments = run_leaf(leaf);
      const std::scoped_lock lock(mutex);
      groups[leaf % kGroups].add(leaf / kGroups, std::move(moments));
      hooks_.report(++done, leaves);
    });
    result_.interrupted = stopped;
    if (!stopped) evaluate(groups);
    return std::move(result_);
  }

 private:
  // Another method than the one measured, so that one which converges to the wrong process is found out, and
  // of the highest order that the noise allows, in whichever calculus it has it.
  const Method& reference_method() const {
    if (options_.method->family == MethodFamily::splitting)  // the equation has the form that these take
      return find_method(std::string(options_.method->name) == "quicsort" ? "should" : "quicsort");
    for (const char* name : {"rk4", "sra3", "sri2w1", "slowrk", "milstein", "log-ode", "dopri5", "sra1"}) {
      const Method& method = find_method(name);
      const bool itself = name == std::string(options_.method->name) ||
                          (std::string(options_.method->name) == "srk" &&
                           (name == std::string("sri2w1") || name == std::string("sra1")));
      const bool good = sde_.noise_kind != NoiseKind::general ? strong_order(method, sde_.noise_kind) > 1
                                                              : strong_order(method, sde_.noise_kind) >= 1;
      if (!itself && good && suits(method)) return method;
    }
    return *options_.method;
  }

  bool suits(const Method& method) const {
    return refusal(method, Calculus::ito, sde_.noise_kind).empty() ||
           refusal(method, Calculus::stratonovich, sde_.noise_kind).empty();
  }

  void compile_solution(const StrongSolution& solution) {
    std::vector<std::string> lanes = sde_.states, known, uniforms = sde_.parameters;
    for (const std::string& noise : sde_.noises) lanes.push_back("W_" + noise);
    uniforms.emplace_back("t");
    known = lanes;
    known.insert(known.end(), uniforms.begin(), uniforms.end());
    std::vector<Expr> outputs;
    for (const std::string& text : solution) outputs.push_back(expr::parse(text, known));
    solution_ = expr::Program(outputs, lanes, uniforms);
  }

  // The Brownian path of a leaf on the fine grid.
  struct FinePath {
    AlignedVector<double> dW, H, K, area;  // [step][row][lane]
    std::size_t noises = 0;

    PathPiece piece(std::uint64_t step, double h) const {
      const auto block = [step](const AlignedVector<double>& values, std::size_t rows) {
        return values.empty() ? ConstBlock{}
                              : ConstBlock{values.data() + step * rows * kLanes, rows, kLanes, kLanes};
      };
      return {h, block(dW, noises), block(H, noises), block(K, noises),
              block(area, AreaSource::pairs(noises))};
    }
  };

  FinePath fine_path(std::uint64_t first) const {
    FinePath path;
    const std::size_t noises = sde_.noises.size(), row = noises * kLanes,
                      area_row = AreaSource::pairs(noises) * kLanes;
    path.noises = noises;
    path.dW.resize(fine_ * row);
    if (needs_.uses_space_time()) path.H.resize(fine_ * row);
    if (needs_.space_time_time) path.K.resize(fine_ * row);
    if (needs_.levy_area) path.area.resize(fine_ * area_row);
    if (noises == 0) return path;
    const double h = (options_.end - options_.start) / static_cast<double>(fine_);
    Increments increments(options_.seed, noises, h, needs_, options_.areas, kLanes);
    increments.start(first);
    StepInput input;
    for (std::uint64_t i = 0; i < fine_; ++i) {
      increments.serve(i, h, input);
      std::copy_n(input.dW, row, path.dW.data() + i * row);
      if (!path.H.empty()) std::copy_n(input.H, row, path.H.data() + i * row);
      if (!path.K.empty()) std::copy_n(input.K, row, path.K.data() + i * row);
      if (!path.area.empty()) std::copy_n(input.area, area_row, path.area.data() + i * area_row);
    }
    return path;
  }

  // Takes x to the end in `n` steps.
  void walk(const Stepper& stepper, std::uint64_t n, const FinePath& path, StateBlock<double>& x,
            StepWorkspace& w) const {
    const double h = (options_.end - options_.start) / static_cast<double>(n);
    const std::size_t dimension = x.rows(), rows = dimension + stepper.memory();
    StateBlock<double> now(rows, kLanes), next(rows, kLanes);
    copy<double>(x.view(), now.view().slice(0, dimension));
    if (stepper.memory() > 0) copy<double>(x.view(), now.view().slice(dimension, dimension));
    // The same path, with the same areas, over several fine steps.
    PathSum coarse(sde_.noises.size(), needs_, kLanes);
    const std::uint64_t stride = fine_ / n;
    for (std::uint64_t i = 0; i < n; ++i) {
      coarse.clear();
      for (std::uint64_t s = i * stride; s < (i + 1) * stride; ++s)
        coarse.add(path.piece(s, h / static_cast<double>(stride)));
      StepInput input;
      input.t.value = options_.start + static_cast<double>(i) * h;
      input.h.value = h;
      input.x = now.view();
      point_to(coarse.total(), input);
      stepper.step(input, next, nullptr, w);
      if (needs_domains(sde_.domains)) apply_domains(sde_.domains, now, next);
      std::swap(now, next);
    }
    copy<double>(now.view().slice(0, dimension), x.view());
  }

  std::vector<Moments> run_leaf(std::uint64_t leaf) const {
    const std::uint64_t first = leaf * kLanes;
    const std::size_t paths =
        static_cast<std::size_t>(std::min<std::uint64_t>(kLanes, options_.paths - first));
    const std::size_t dimension = sde_.dimension();
    StepWorkspace w;
    const FinePath fine = fine_path(first);
    StateBlock<double> start(dimension, kLanes), exact(dimension, kLanes);
    initial_.fill(options_.seed, first, start);
    if (solved_) {
      solve(fine, start, exact, w);
    } else {
      exact = start;
      walk(*reference_, fine_, fine, exact, w);
    }

    std::vector<Moments> moments(quantities_);
    AlignedVector<double> norm(kLanes), error(kLanes);
    for (std::size_t level = 0; level < options_.steps.size(); ++level) {
      StateBlock<double> x = start;
      walk(*stepper_, options_.steps[level], fine, x, w);
      std::fill(norm.begin(), norm.end(), 0.0);
      for (std::size_t i = 0; i < dimension; ++i) {
        for (std::size_t lane = 0; lane < kLanes; ++lane) {
          error[lane] = x.row(i)[lane] - exact.row(i)[lane];
          norm[lane] += error[lane] * error[lane];
        }
        moments[level * width_ + 1 + i] = leaf_moments(error.data(), paths);
      }
      for (double& n : norm) n = std::sqrt(n);
      moments[level * width_] = leaf_moments(norm.data(), paths);
    }
    for (std::size_t i = 0; i < dimension; ++i) {
      for (std::size_t lane = 0; lane < kLanes; ++lane) error[lane] = std::abs(exact.row(i)[lane]);
      moments[options_.steps.size() * width_ + i] = leaf_moments(error.data(), paths);
    }
    return moments;
  }

  void solve(const FinePath& fine, const StateBlock<double>& start, StateBlock<double>& exact,
             StepWorkspace& w) const {
    const std::size_t row = sde_.noises.size() * kLanes;
    AlignedVector<double> total(row, 0.0);
    for (std::uint64_t i = 0; i < fine_; ++i)
      for (std::size_t k = 0; k < row; ++k) total[k] += fine.dW[i * row + k];
    std::vector<const double*> inputs;
    std::vector<double*> outputs;
    for (std::size_t i = 0; i < start.rows(); ++i) inputs.push_back(start.row(i));
    for (std::size_t k = 0; k < sde_.noises.size(); ++k) inputs.push_back(total.data() + k * kLanes);
    for (std::size_t i = 0; i < exact.rows(); ++i) outputs.push_back(exact.row(i));
    std::vector<double> uniforms = sde_.parameter_values;
    uniforms.push_back(options_.end - options_.start);
    solution_.run(inputs.data(), uniforms, outputs.data(), kLanes, w.sde.program);
  }

  // What the moments say: the errors of every level.
  struct Levels {
    std::vector<ErrorLevel> strong, weak;
    double size = 0;  // of the states
  };

  Levels levels_of(const std::vector<Moments>& total) const {
    const std::size_t dimension = sde_.dimension();
    Levels levels;
    for (std::size_t i = 0; i < dimension; ++i)
      levels.size = std::max(levels.size, total[options_.steps.size() * width_ + i].mean);
    for (std::size_t level = 0; level < options_.steps.size(); ++level) {
      const double h = (options_.end - options_.start) / static_cast<double>(options_.steps[level]);
      const Moments* m = total.data() + level * width_;
      levels.strong.push_back({h, m->mean, m->stderr_of_mean()});
      ErrorLevel weak{h, 0, 0};
      for (std::size_t i = 0; i < dimension; ++i)
        if (std::abs(m[1 + i].mean) >= weak.error)
          weak = {h, std::abs(m[1 + i].mean), m[1 + i].stderr_of_mean()};
      levels.weak.push_back(weak);
    }
    return levels;
  }

  static std::vector<ErrorLevel> kept(const std::vector<ErrorLevel>& levels, const std::vector<bool>& keep) {
    std::vector<ErrorLevel> result;
    for (std::size_t i = 0; i < levels.size(); ++i)
      if (keep[i]) result.push_back(levels[i]);
    return result;
  }

  // A slope over all levels, and its limit as steps shrink. The next term of the error's expansion is half an
  // order higher, so that leaving out the coarsest of halving steps takes a slope the fraction 1 - 1/sqrt(2)
  // of the way to its limit.
  struct Pair {
    Slope all;
    double limit = 0;
  };

  Pair slopes_of(const std::vector<ErrorLevel>& levels) const {
    Pair pair{fit_slope(levels, options_.confidence), 0};
    pair.limit = pair.all.value;
    if (levels.size() < 3) return pair;
    const auto coarsest =
        std::max_element(levels.begin(), levels.end(),
                         [](const ErrorLevel& x, const ErrorLevel& y) { return x.step < y.step; });
    std::vector<ErrorLevel> finer = levels;
    finer.erase(finer.begin() + (coarsest - levels.begin()));
    const double movement = fit_slope(finer, options_.confidence).value - pair.all.value;
    pair.limit += movement / (1 - 1 / std::numbers::sqrt2);
    return pair;
  }

  // The interval holds the slope and its limit, each with its own standard error. Levels share their paths
  // and are correlated, so both errors come from a jackknife over groups of paths.
  Slope slope_of(const std::vector<ErrorLevel>& all,
                 const std::vector<std::vector<ErrorLevel>>& without) const {
    const Pair whole = slopes_of(all);
    std::vector<Pair> parts;
    for (const auto& levels : without) parts.push_back(slopes_of(levels));
    const auto jackknife = [&](auto value) {
      double mean = 0, squares = 0;
      const double groups = static_cast<double>(parts.size());
      for (const Pair& part : parts) mean += value(part) / groups;
      for (const Pair& part : parts) squares += (value(part) - mean) * (value(part) - mean);
      return std::sqrt(squares * (groups - 1) / groups);
    };
    const double z = normal_quantile_two_sided(options_.confidence);
    const double here = z * jackknife([](const Pair& p) { return p.all.value; });
    const double there = z * jackknife([](const Pair& p) { return p.limit; });
    Slope slope = whole.all;
    slope.low = std::min(slope.value - here, whole.limit - there);
    slope.high = std::max(slope.value + here, whole.limit + there);
    // A numerical reference has an error of its own, at most the part (its step / the level's)^order of the
    // level's where the constants are alike. Which way it bends the line is not known.
    for (const double sign : {-1.0, 1.0}) {
      if (solved_) break;
      std::vector<ErrorLevel> bent = all;
      for (ErrorLevel& level : bent) {
        const double fine_step = (options_.end - options_.start) / static_cast<double>(fine_);
        level.error /= 1 + sign * std::pow(fine_step / level.step, reference_order_);
      }
      const Pair pair = slopes_of(bent);
      slope.low = std::min({slope.low, pair.all.value - here, pair.limit - there});
      slope.high = std::max({slope.high, pair.all.value + here, pair.limit + there});
    }
    slope.standard_error = (slope.high - slope.low) / (2 * z);
    return slope;
  }

  void evaluate(const std::vector<MomentTree>& groups) {
    std::vector<std::vector<Moments>> totals;
    for (const MomentTree& group : groups) totals.push_back(group.total());
    const auto merge_without = [&](std::size_t left_out) {
      std::vector<Moments> total(quantities_);
      for (std::size_t g = 0; g < totals.size(); ++g)
        for (std::size_t q = 0; g != left_out && q < quantities_; ++q)
          total[q] = merged(total[q], totals[g][q]);
      return total;
    };
    const Levels all = levels_of(merge_without(kGroups));
    result_.strong = all.strong;
    result_.weak = all.weak;
    result_.strong_claim = strong_order(*options_.method, sde_.noise_kind);
    result_.weak_claim = weak_order(*options_.method, sde_.noise_kind);
    double worst = 0;
    for (const ErrorLevel& level : all.strong) worst = std::max(worst, level.error);
    for (const ErrorLevel& level : all.weak)
      result_.resolved.push_back(level.error > 4 * level.standard_error && level.error > 0);
    // Rounding of some thousand steps.
    result_.exact = worst <= 1e-12 * std::max(all.size, 1e-300);
    if (result_.exact) return;
    std::vector<std::vector<ErrorLevel>> strong, weak;
    for (std::size_t g = 0; g < kGroups; ++g) {
      const Levels levels = levels_of(merge_without(g));
      strong.push_back(levels.strong);
      weak.push_back(kept(levels.weak, result_.resolved));
    }
    result_.strong_slope = slope_of(all.strong, strong);
    const std::vector<ErrorLevel> resolved = kept(all.weak, result_.resolved);
    if (resolved.size() >= 3) result_.weak_slope = slope_of(resolved, weak);
  }

  SdeExpressions sde_, reference_sde_;
  ConvergenceOptions options_;
  const Hooks& hooks_;
  InitialStates initial_;
  std::unique_ptr<Stepper> stepper_, reference_;
  BrownianNeeds needs_;
  bool solved_;
  expr::Program solution_;
  std::uint64_t fine_ = 0;
  double reference_order_ = 1;
  std::size_t width_ = 0, quantities_ = 0;
  ConvergenceResult result_;
};

}  // namespace

ConvergenceResult measure_convergence(const SdeDocument& document, const SdeExpressions& sde,
                                      const StrongSolution& solution, const ConvergenceOptions& options,
                                      const Hooks& hooks) {
  return Measurement(document, sde, solution, options, hooks)();
}

}  // namespace sde
