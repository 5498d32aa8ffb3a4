#include "solve/one_step.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "brownian/area.h"
#include "expr/program.h"
#include "solve/convergence.h"
#include "solve/ensemble.h"
#include "solve/grid.h"
#include "solve/stepper.h"

namespace sde {
namespace {

using expr::Expr;

constexpr std::size_t kMostNodes = 70000;
constexpr std::size_t kLanes = 1024;
constexpr std::uint64_t kSteps = 64;  // of the path to the start states
constexpr double kSlack = 0.03;       // of an order measured

// Gauss-Hermite quadrature for the standard normal law.
struct Quadrature {
  std::vector<double> nodes, weights;
};

// He_n and He_(n-1) at x.
std::array<double, 2> hermite(int n, double x) {
  double before = 0, now = 1;
  for (int k = 0; k < n; ++k) {
    const double next = x * now - k * before;
    before = now;
    now = next;
  }
  return {now, before};
}

Quadrature gauss_hermite(int n) {
  Quadrature q;
  double factorial = 1;
  for (int k = 2; k <= n; ++k) factorial *= k;
  const double end = std::sqrt(4.0 * n + 2), width = 2 * end / 1000;
  for (int cell = 0; cell < 1000; ++cell) {
    double low = -end + cell * width, high = low + width;
    if (hermite(n, low)[0] * hermite(n, high)[0] > 0) continue;
    for (int i = 0; i < 80; ++i) {
      const double middle = 0.5 * (low + high);
      (hermite(n, low)[0] * hermite(n, middle)[0] <= 0 ? high : low) = middle;
    }
    const double x = 0.5 * (low + high), other = hermite(n, x)[1];
    q.nodes.push_back(x);
    q.weights.push_back(factorial / (n * n * other * other));
  }
  return q;
}

// The exponents of every monomial of degree 1 to `degree`.
std::vector<std::vector<int>> monomials(std::size_t dimension, int degree) {
  std::vector<std::vector<int>> all, level = {std::vector<int>(dimension, 0)};
  for (int d = 1; d <= degree; ++d) {
    std::vector<std::vector<int>> next;
    for (const auto& m : level) {
      // Raise no variable before the last one raised, so that each comes once.
      std::size_t last = 0;
      for (std::size_t i = 0; i < dimension; ++i)
        if (m[i] > 0) last = i;
      for (std::size_t i = last; i < dimension; ++i) {
        next.push_back(m);
        ++next.back()[i];
      }
    }
    all.insert(all.end(), next.begin(), next.end());
    level = std::move(next);
  }
  return all;
}

std::string centre_name(std::size_t i) {
  return "#c" + std::to_string(i);
}

// phi, L phi, L^2 phi of every monomial in x - c.
class Expansion {
 public:
  Expansion(const SdeExpressions& sde, const std::vector<std::vector<int>>& powers) : sde_(sde) {
    for (const auto& power : powers) {
      Expr phi = 1;
      for (std::size_t i = 0; i < power.size(); ++i)
        for (int k = 0; k < power[i]; ++k)
          phi = phi * (Expr::symbol(sde.states[i]) - Expr::symbol(centre_name(i)));
      const Expr first = generator(phi);
      terms_.push_back({first, generator(first)});
    }
  }

  // (L phi, L^2 phi) at x, with c = x, where every phi is 0.
  std::vector<std::array<double, 2>> at(double t, const std::vector<double>& x) const {
    std::map<std::string, double, std::less<>> values = {{"t", t}};
    for (std::size_t i = 0; i < sde_.parameters.size(); ++i)
      values[sde_.parameters[i]] = sde_.parameter_values[i];
    for (std::size_t i = 0; i < x.size(); ++i) values[sde_.states[i]] = values[centre_name(i)] = x[i];
    std::vector<std::array<double, 2>> result;
    for (const auto& term : terms_)
      result.push_back({expr::evaluate(term[0], values), expr::evaluate(term[1], values)});
    return result;
  }

 private:
  Expr generator(const Expr& phi) const {
    Expr sum = expr::differentiate(phi, "t");
    for (std::size_t i = 0; i < sde_.dimension(); ++i) {
      const Expr slope = expr::differentiate(phi, sde_.states[i]);
      if (slope.is_zero()) continue;
      sum = sum + sde_.drift[i] * slope;
      for (std::size_t j = 0; j < sde_.dimension(); ++j) {
        const Expr curvature = expr::differentiate(slope, sde_.states[j]);
        if (curvature.is_zero()) continue;
        for (std::size_t k = 0; k < sde_.noises.size(); ++k)
          sum = sum + Expr(0.5) * sde_.diffusion[i][k] * sde_.diffusion[j][k] * curvature;
      }
    }
    return sum;
  }

  const SdeExpressions& sde_;
  std::vector<std::array<Expr, 2>> terms_;
};

// E phi after one step.
class StepMoments {
 public:
  StepMoments(const Stepper& stepper, const std::vector<std::vector<int>>& powers)
      : stepper_(stepper), powers_(powers), noises_(stepper.noises()) {
    const BrownianNeeds needs = stepper.needs();
    space_time_ = needs.uses_space_time();
    third_ = needs.space_time_time;
    pairs_ = needs.levy_area ? AreaSource::pairs(noises_) : 0;
    const std::size_t normals = noises_ * (1 + space_time_ + third_);
    for (int n = 10; n >= 4 && rule_.nodes.empty(); n -= 2) {
      nodes_ = 1;
      for (std::size_t d = 0; d < normals && nodes_ <= kMostNodes; ++d) nodes_ *= static_cast<std::size_t>(n);
      for (std::size_t p = 0; p < pairs_ && nodes_ <= kMostNodes; ++p) nodes_ *= 2;
      if (nodes_ <= kMostNodes) rule_ = gauss_hermite(n);
    }
  }

  bool possible() const { return !rule_.nodes.empty(); }

  std::vector<double> operator()(double t, double h, const std::vector<double>& x, StepWorkspace& w) const {
    std::vector<double> sums(powers_.size(), 0.0), weight(kLanes);
    StateBlock<double> now(x.size(), kLanes), next(x.size(), kLanes), dW(noises_, kLanes), H(noises_, kLanes),
        K(noises_, kLanes), area(pairs_, kLanes);
    for (std::size_t i = 0; i < x.size(); ++i) std::fill_n(now.row(i), kLanes, x[i]);
    StepInput input;
    input.t.value = t;
    input.h.value = h;
    input.x = now.view();
    input.dW = noises_ > 0 ? dW.row(0) : nullptr;
    input.H = space_time_ ? H.row(0) : nullptr;
    input.K = third_ ? K.row(0) : nullptr;
    input.area = pairs_ > 0 ? area.row(0) : nullptr;
    for (std::size_t first = 0; first < nodes_; first += kLanes) {
      for (std::size_t lane = 0; lane < kLanes; ++lane)
        weight[lane] = place(first + lane, lane, h, dW, H, K, area);
      stepper_.step(input, next, nullptr, w);
      for (std::size_t p = 0; p < powers_.size(); ++p) {
        for (std::size_t lane = 0; lane < kLanes && first + lane < nodes_; ++lane) {
          double phi = weight[lane];
          for (std::size_t i = 0; i < x.size(); ++i)
            for (int k = 0; k < powers_[p][i]; ++k) phi *= next.row(i)[lane] - x[i];
          sums[p] += phi;
        }
      }
    }
    return sums;
  }

 private:
  // Writes the increments of node `index` and returns its weight.
  double place(std::size_t index, std::size_t lane, double h, StateBlock<double>& dW, StateBlock<double>& H,
               StateBlock<double>& K, StateBlock<double>& area) const {
    double weight = 1;
    const auto normal = [&] {
      const std::size_t digit = index % rule_.nodes.size();
      index /= rule_.nodes.size();
      weight *= rule_.weights[digit];
      return rule_.nodes[digit];
    };
    for (std::size_t k = 0; k < noises_; ++k) dW.row(k)[lane] = std::sqrt(h) * normal();
    for (std::size_t k = 0; space_time_ && k < noises_; ++k) H.row(k)[lane] = std::sqrt(h / 12) * normal();
    for (std::size_t k = 0; third_ && k < noises_; ++k) K.row(k)[lane] = std::sqrt(h / 720) * normal();
    std::size_t pair = 0;
    for (std::size_t j = 0; pairs_ > 0 && j < noises_; ++j) {
      for (std::size_t k = j + 1; k < noises_; ++k, ++pair) {
        const double hj = H.row(j)[lane], hk = H.row(k)[lane];
        const double deviation = std::sqrt(h * h / 20 + h / 5 * (hj * hj + hk * hk));
        const double sign = index % 2 == 0 ? 1 : -1;
        index /= 2;
        weight *= 0.5;
        area.row(pair)[lane] = hj * dW.row(k)[lane] - hk * dW.row(j)[lane] + sign * deviation;
      }
    }
    return weight;
  }

  const Stepper& stepper_;
  const std::vector<std::vector<int>>& powers_;
  std::size_t noises_, pairs_ = 0, nodes_ = 0;
  bool space_time_ = false, third_ = false;
  Quadrature rule_;
};

struct Start {
  double t;
  std::vector<double> x;
};

// States of one path by the method itself, from the start to where the last step begins.
std::vector<Start> start_states(const SdeDocument& document, const SdeExpressions& sde,
                                const OneStepOptions& options) {
  EnsembleOptions run;
  run.method = options.method;
  run.seed = options.seed;
  run.statistics.moments = false;
  const double span = options.end - options.start;
  const std::vector<double> times = {options.start, options.start + span / 4, options.start + span / 2};
  std::vector<Start> starts;
  simulate(sde, InitialStates(document), make_grid(options.start, times.back(), times, span / kSteps), run,
           [&](const PathBlock& block) {
             for (std::size_t save = 0; save < times.size(); ++save) {
               std::vector<double> x;
               for (std::size_t i = 0; i < sde.dimension(); ++i) x.push_back(block.at(0, save, i));
               starts.push_back({times[save], std::move(x)});
             }
           });
  return starts;
}

}  // namespace

std::vector<double> one_step_moments(const Stepper& stepper, const std::vector<std::vector<int>>& powers,
                                     double t, double h, const std::vector<double>& x) {
  const StepMoments moments(stepper, powers);
  StepWorkspace w;
  return moments.possible() ? moments(t, h, x, w) : std::vector<double>();
}

bool OneStepResult::ok() const {
  return exact || !order || std::min(claim, 2.0) <= order->high + kSlack;
}

OneStepResult measure_one_step(const SdeDocument& document, const SdeExpressions& given,
                               const OneStepOptions& options) {
  const SdeExpressions sde = suited(given, *options.method);
  OneStepResult result;
  result.claim = weak_order(*options.method, sde.noise_kind);
  if (options.method->family == MethodFamily::exact) {
    result.reason = "it draws from the exact law";
    return result;
  }
  const auto stepper = make_stepper(sde, *options.method);
  if (stepper->memory() > 0) {
    result.reason = "a step depends on those before it";
    return result;
  }
  const auto powers = monomials(sde.dimension(), sde.dimension() <= 2 ? 5 : sde.dimension() <= 4 ? 3 : 2);
  const StepMoments moments(*stepper, powers);
  if (!moments.possible()) {
    result.reason = "there are too many Brownian motions to integrate over";
    return result;
  }
  const SdeExpressions ito = converted(sde, Calculus::ito);
  const Expansion expansion(ito, powers);
  const std::vector<Start> starts = start_states(document, sde, options);

  StepWorkspace w;
  double largest = 0;
  for (const double fraction : options.steps) {
    const double h = fraction * std::min(1.0, options.end - options.start);
    double error = 0;
    for (const Start& start : starts) {
      const auto exact = expansion.at(start.t, start.x);
      const std::vector<double> numerical = moments(start.t, h, start.x, w);
      for (std::size_t p = 0; p < powers.size(); ++p) {
        const double expected = h * exact[p][0] + 0.5 * h * h * exact[p][1];
        error += std::abs(numerical[p] - expected);
        largest = std::max(largest, std::abs(expected));
      }
    }
    result.levels.push_back({h, error, 0});
  }
  for (const ErrorLevel& level : result.levels) {
    if (std::isfinite(level.error)) continue;
    result.reason = "a step or a derivative is not finite";
    return result;
  }
  result.exact = result.levels.front().error <= 1e-12 * largest;
  // Below rounding a slope says nothing.
  std::vector<ErrorLevel> usable;
  for (const ErrorLevel& level : result.levels)
    if (level.error > 1e-11 * largest) usable.push_back(level);
  if (result.exact || usable.size() < 3) return result;
  const auto slope = [&](std::size_t i) {
    return std::log2(usable[i].error / usable[i + 1].error) / std::log2(usable[i].step / usable[i + 1].step);
  };
  const std::size_t n = usable.size();
  const double before = slope(n - 3) - 1, last = slope(n - 2) - 1;
  // The next term of the error is a whole order higher: halving the step halves what is missing.
  const double limit = 2 * last - before;
  Slope order;
  order.value = last;
  order.low = std::min({before, last, limit});
  order.high = std::max({before, last, limit});
  order.standard_error = 0.5 * (order.high - order.low);
  order.intercept = std::log2(usable.back().error) - (last + 1) * std::log2(usable.back().step);
  result.order = order;
  return result;
}

}  // namespace sde
