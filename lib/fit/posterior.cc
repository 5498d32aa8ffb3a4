#include "fit/posterior.h"

#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <numeric>

#include "base/error.h"
#include "fit/chains.h"
#include "fit/nuts.h"

namespace sde {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int kStartTrials = 100;

// A parameter as a function of a coordinate without bounds, and log |dp/du| with its derivative.
struct Map {
  double value = 0, slope = 0, log_slope = 0, log_slope_derivative = 0;
};

Map map_of(const Support& s, double u) {
  const bool below = std::isfinite(s.low), above = std::isfinite(s.high);
  if (below && above) {
    const double share = u >= 0 ? 1 / (1 + std::exp(-u)) : std::exp(u) / (1 + std::exp(u));
    const double width = s.high - s.low, slope = width * share * (1 - share);
    return {s.low + width * share, slope, std::log(slope), 1 - 2 * share};
  }
  if (below) return {s.low + std::exp(u), std::exp(u), u, 1};
  if (above) return {s.high - std::exp(u), -std::exp(u), u, 1};
  return {u, 1, 0, 0};
}

double unmap(const Support& s, double p) {
  const bool below = std::isfinite(s.low), above = std::isfinite(s.high);
  if (below && above) {
    // A mode on a bound has no finite coordinate: start a little inside.
    const double share = std::clamp((p - s.low) / (s.high - s.low), 1e-3, 1 - 1e-3);
    return std::log(share / (1 - share));
  }
  const double least = std::max(1e-3 * std::fabs(p), 1e-6);
  if (below) return std::log(std::max(p - s.low, least));
  if (above) return std::log(std::max(s.high - p, least));
  return p;
}

// The posterior density of coordinates u, a translation and turn of those the chains run in.
class Target {
 public:
  Target(const FitProblem& problem, const std::vector<Support>& supports, const VectorXd& mode)
      : problem_(problem), supports_(supports), base_(problem.space().natural(mode)) {
    const ParameterSpace& space = problem.space();
    const auto k = static_cast<Index>(space.size());
    centre_.resize(k);
    for (Index i = 0; i < k; ++i) {
      const auto at = static_cast<std::size_t>(i);
      centre_[i] = unmap(supports_[at], base_[space.free()[at].index]);
    }
    root_ = MatrixXd::Identity(k, k);
    // From the curvature at the centre; a direction without any keeps a unit of its coordinate.
    MatrixXd curvature(k, k);
    VectorXd up(k), down(k);
    for (Index i = 0; i < k; ++i) {
      const double h = 1e-4;
      VectorXd u = centre_;
      u[i] += h;
      at_coordinates(u, up);
      u[i] -= 2 * h;
      at_coordinates(u, down);
      curvature.col(i) = (down - up) / (2 * h);
    }
    curvature = (0.5 * (curvature + curvature.transpose())).eval();
    if (!curvature.allFinite()) return;
    const Eigen::SelfAdjointEigenSolver<MatrixXd> solver(curvature);
    VectorXd width(k);
    for (Index i = 0; i < k; ++i) {
      const double c = std::fabs(solver.eigenvalues()[i]);
      width[i] = c > 1e-4 ? 1 / std::sqrt(c) : 1;
    }
    root_ = solver.eigenvectors() * width.asDiagonal();
  }

  double operator()(const VectorXd& w, VectorXd& gradient) const {
    VectorXd g(w.size());
    const double value = at_coordinates(centre_ + root_ * w, g);
    gradient = root_.transpose() * g;
    return value;
  }

  // Natural units of the free parameters, and their density without the Jacobian.
  void describe(const VectorXd& w, double log_density, double* value, double& natural_density) const {
    const VectorXd u = centre_ + root_ * w;
    natural_density = log_density;
    for (Index i = 0; i < u.size(); ++i) {
      const Map m = map_of(supports_[static_cast<std::size_t>(i)], u[i]);
      value[i] = m.value;
      natural_density -= m.log_slope;
    }
  }

 private:
  double at_coordinates(const VectorXd& u, VectorXd& gradient) const {
    const ParameterSpace& space = problem_.space();
    std::vector<double> parameters = base_;
    std::vector<Map> maps;
    double jacobian = 0;
    for (std::size_t i = 0; i < space.size(); ++i) {
      maps.push_back(map_of(supports_[i], u[static_cast<Index>(i)]));
      parameters[space.free()[i].index] = maps.back().value;
      jacobian += maps.back().log_slope;
    }
    gradient.setZero();
    if (!std::isfinite(jacobian)) return -kInfinity;
    if (!problem_.constraints().empty()) {
      // Inside the box of the coordinates that constraints are written in.
      const VectorXd y = problem_.coordinates(parameters);
      FunctionValue gap;
      for (const CurvedConstraint& constraint : problem_.constraints()) {
        constraint.gap(y, 0, gap);
        if (!(gap.value >= 0)) return -kInfinity;
      }
    }
    LikelihoodValue value;
    // A chain waits for its own sums alone: it takes up no task of another chain meanwhile.
    tbb::this_task_arena::isolate([&] { problem_.likelihood().evaluate(parameters, 1, value); });
    if (!std::isfinite(value.value) || !value.gradient.allFinite()) return -kInfinity;
    for (Index i = 0; i < u.size(); ++i) {
      const Map& m = maps[static_cast<std::size_t>(i)];
      gradient[i] = value.gradient[i] * m.slope + m.log_slope_derivative;
    }
    return value.value + jacobian;
  }

  const FitProblem& problem_;
  std::vector<Support> supports_;
  std::vector<double> base_;
  VectorXd centre_;
  MatrixXd root_;
};

double quantile(const std::vector<double>& sorted, double p) {
  const double place = p * static_cast<double>(sorted.size() - 1);
  const auto i = static_cast<std::size_t>(place);
  const double next = sorted[std::min(i + 1, sorted.size() - 1)];
  return sorted[i] + (place - std::floor(place)) * (next - sorted[i]);
}

void summarise(Posterior& result, const FitOptions& options) {
  const auto chains = static_cast<std::size_t>(result.chains), draws = static_cast<std::size_t>(result.draws);
  const std::size_t n = chains * draws, k = result.parameters.size();
  double worst = 0, least = kInfinity;
  bool unmixed = false;
  for (std::size_t i = 0; i < k; ++i) {
    ParameterDraws& p = result.parameters[i];
    std::vector<double> x(n);
    for (std::size_t j = 0; j < n; ++j) x[j] = result.value[j * k + i];
    const ChainDiagnostics d = diagnose_chains(x, chains, draws);
    p.r_hat = d.r_hat;
    p.ess_bulk = d.ess_bulk;
    p.ess_tail = d.ess_tail;
    p.error = d.error;
    p.mean = std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(n);
    double sum = 0;
    for (double v : x) sum += (v - p.mean) * (v - p.mean);
    p.deviation = std::sqrt(sum / static_cast<double>(n - 1));
    std::sort(x.begin(), x.end());
    p.median = quantile(x, 0.5);
    p.low = quantile(x, 0.5 - 0.5 * options.confidence);
    p.high = quantile(x, 0.5 + 0.5 * options.confidence);
    unmixed = unmixed || !(p.r_hat <= 1.01);
    worst = std::max(worst, p.r_hat);
    least = std::min({least, p.ess_bulk, p.ess_tail});
  }
  if (unmixed)
    result.warnings.push_back(
        fmt::format("R-hat reaches {:.3f} (1.01 is the most to trust): the chains have not mixed; take more "
                    "warm-up and draws",
                    worst));
  if (!(least >= 100 * static_cast<double>(chains)))
    result.warnings.push_back(
        fmt::format("the smallest effective sample size is {:.0f}; {} or more make intervals reliable: take "
                    "more draws",
                    least, 100 * chains));
  if (result.divergences > 0)
    result.warnings.push_back(
        fmt::format("{} of {} trajectories diverged: a part of the law may be missing; raise "
                    "posterior.target_acceptance, or give priors",
                    result.divergences, n));
  if (result.deepest > 0)
    result.warnings.push_back(
        fmt::format("{} of {} trajectories reached the largest depth, {}; raise posterior.max_depth",
                    result.deepest, n, options.inference.posterior->max_depth));
}

}  // namespace

Posterior draw_posterior(const FitProblem& problem, const VectorXd& mode,
                         const std::vector<Support>& supports, const FitOptions& options,
                         const Hooks& hooks) {
  const PosteriorOptions& wanted = *options.inference.posterior;
  const Target target(problem, supports, mode);
  const std::size_t k = problem.space().size();
  const auto chains = static_cast<std::size_t>(wanted.chains), draws = static_cast<std::size_t>(wanted.draws);
  Posterior result;
  result.chains = wanted.chains;
  result.draws = wanted.draws;
  result.warmup = wanted.warmup;
  for (const FreeParameter& p : problem.space().free()) {
    ParameterDraws one;
    one.name = p.name;
    result.parameters.push_back(one);
  }
  result.value.resize(chains * draws * k);
  result.log_density.resize(chains * draws);
  result.divergent.resize(chains * draws);
  result.steps.resize(chains * draws);
  result.acceptance.resize(chains);
  result.step.resize(chains);
  std::vector<std::uint64_t> evaluations(chains), deepest(chains);

  std::mutex reporting;
  std::uint64_t done = 0;
  const std::uint64_t total = chains * static_cast<std::uint64_t>(wanted.draws + wanted.warmup);
  const LogDensity density = [&](const VectorXd& w, VectorXd& gradient) { return target(w, gradient); };
  tbb::parallel_for(std::size_t{0}, chains, [&](std::size_t c) {
    // A place with a finite density, nearer to the mode the longer it takes to find one.
    const Stream stream = make_stream(options.seed, Purpose::start, static_cast<std::uint32_t>(1000 + c));
    VectorXd start(static_cast<Index>(k)), gradient(static_cast<Index>(k));
    double reach = 2;
    for (int trial = 0; trial < kStartTrials; ++trial) {
      for (Index i = 0; i < start.size(); ++i)
        start[i] =
            reach * normal_pair(stream, static_cast<std::uint64_t>(trial), static_cast<std::uint64_t>(i))[0];
      if (std::isfinite(density(start, gradient))) break;
      if (trial + 1 == kStartTrials) start.setZero();
      reach *= 0.9;
    }
    if (!std::isfinite(density(start, gradient)))
      fail(Status::usage,
           "/posterior: the density is not finite around the estimates; start from other values");
    NutsChain chain(density, start, options.seed, static_cast<std::uint32_t>(c), wanted);
    std::uint64_t unsaid = 0;
    for (int i = 0; i < wanted.warmup + wanted.draws && !hooks.stopped(); ++i) {
      const ChainDraw draw = chain.next();
      if (++unsaid == 16 || i + 1 == wanted.warmup + wanted.draws) {
        const std::lock_guard lock(reporting);
        done += unsaid;
        unsaid = 0;
        hooks.report(done, total);
      }
      if (i < wanted.warmup) continue;
      const std::size_t at = c * draws + static_cast<std::size_t>(i - wanted.warmup);
      target.describe(chain.position(), draw.log_density, result.value.data() + at * k,
                      result.log_density[at]);
      result.divergent[at] = draw.divergent;
      result.steps[at] = draw.steps;
      result.acceptance[c] += draw.acceptance / static_cast<double>(draws);
      deepest[c] += draw.depth >= wanted.max_depth ? 1 : 0;
    }
    result.step[c] = chain.step();
    evaluations[c] = chain.evaluations();
  });
  if (hooks.stopped()) {
    result.interrupted = true;
    return result;
  }
  for (std::size_t c = 0; c < chains; ++c) {
    result.evaluations += evaluations[c];
    result.deepest += deepest[c];
  }
  for (std::uint8_t d : result.divergent) result.divergences += d;
  summarise(result, options);
  if (hooks.warn)
    for (const std::string& warning : result.warnings) hooks.warn(warning.c_str());
  return result;
}

}  // namespace sde
