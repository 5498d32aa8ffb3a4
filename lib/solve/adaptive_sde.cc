#include "solve/adaptive_sde.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <string_view>
#include <utility>

#include "base/error.h"

namespace sde {
namespace {

// Below this many ticks a step is too small to go on with.
constexpr std::uint64_t kFewestTicks = 1024;

// Strong order 3/2 with the estimate of Rackauckas & Nie (2017).
bool is_embedded(const Method& method) {
  for (std::string_view name : {"srk", "sra1", "sra3", "sosra", "sri1w1", "sri2w1", "sosri"})
    if (name == method.name) return true;
  return false;
}

// Weak schemes draw numbers of their own beside the path, or take its areas.
bool is_weak(const Method& method) {
  return method.family == MethodFamily::explicit_sde && method.most_general == NoiseKind::general &&
         method.weak_order >= 2;
}

bool is_two_register(const Method& method) {
  return std::string_view(method.name) == "reversible-heun";
}

}  // namespace

ErrorEstimate error_estimate(const Method& method, NoiseKind kind) {
  if (kind == NoiseKind::none) return method.adaptive ? ErrorEstimate::embedded : ErrorEstimate::none;
  if (kind == NoiseKind::general || method.family != MethodFamily::explicit_sde || is_two_register(method) ||
      is_weak(method) || strong_order(method, kind) < 1)
    return ErrorEstimate::none;
  return is_embedded(method) ? ErrorEstimate::embedded : ErrorEstimate::halving;
}

std::string adaptive_refusal(const Method& method, Calculus calculus, NoiseKind kind) {
  if (error_estimate(method, kind) != ErrorEstimate::none) return "";
  if (kind == NoiseKind::general)
    return "the noise is general, and steps that adapt look ahead along the Brownian path, which biases "
           "methods whose Levy areas are left out or drawn; use a fixed dt";
  std::vector<std::string> fitting;
  for (const Method& other : methods())
    if (refusal(other, calculus, kind).empty() && error_estimate(other, kind) != ErrorEstimate::none)
      fitting.emplace_back(other.name);
  std::string reason;
  if (kind == NoiseKind::none) {
    reason = fmt::format("{} has no error estimate", method.name);
  } else if (method.family == MethodFamily::exact) {
    reason = "exact draws from the transition law, whatever the step";
  } else if (is_two_register(method)) {
    reason = fmt::format("{} carries a second register from step to step, which a rejected step cannot leave",
                         method.name);
  } else if (is_weak(method)) {
    reason = fmt::format("{} converges in law and has no estimate of a path's error", method.name);
  } else if (method.family != MethodFamily::explicit_sde) {
    reason = fmt::format("{} takes one step length for all paths", method.name);
  } else {
    reason = fmt::format(
        "{} has strong order {} on {} noise, and below order 1 steps that look ahead along the Brownian path "
        "bias the result",
        method.name, strong_order(method, kind), to_string(kind));
  }
  return fmt::format("{}; use {}, or a fixed dt", reason, fmt::join(fitting, ", "));
}

MethodChoice choose_adaptive_method(const SdeExpressions& sde) {
  const NoiseKind kind = sde.noise_kind;
  const char* name = "dopri5";
  switch (kind) {
    case NoiseKind::none:
      return {&find_method(name), "there is no noise"};
    case NoiseKind::general:
      fail(Status::usage, "/solver/adaptive: {}",
           adaptive_refusal(find_method("milstein"), sde.calculus, kind));
    case NoiseKind::additive:
      name = "sosra";
      break;
    case NoiseKind::commutative:
      name = "milstein";
      break;
    default:
      name = "sosri";
  }
  return {&find_method(name), fmt::format("steps adapt and the noise is {}", to_string(kind))};
}

AdaptiveSdeIntegrator::AdaptiveSdeIntegrator(const Stepper& stepper, const AdaptiveOptions& options,
                                             PathSource& source, bool halving, double local_order,
                                             double start, const std::vector<Domain>* domains,
                                             std::size_t lanes)
    : stepper_(stepper),
      options_(options),
      source_(source),
      halving_(halving),
      areas_(stepper.needs().space_time),
      exponent_(1 / local_order),
      start_(start),
      domains_(domains),
      x_(stepper.dimension(), lanes),
      next_(stepper.dimension(), lanes),
      error_(stepper.dimension(), lanes),
      last_x_(stepper.dimension(), lanes) {
  if (stepper.memory() > 0 || stepper.needs().levy_area || (!halving && !stepper.has_error_estimate()))
    fail(Status::bug, "steps of this method cannot adapt");
  const std::size_t width = next_.lanes(), noises = source.noises();
  if (halving_) half_.resize(stepper.dimension(), width);
  for (StateBlock<double>* block : {&w_, &w_mid_, &w_end_, &dW_, &last_w_}) block->resize(noises, width);
  for (StateBlock<double>* block : {&hbar_, &hbar_mid_, &hbar_end_, &H_, &last_hbar_})
    if (areas_) block->resize(noises, width);
  ids_.resize(width);
  for (std::vector<std::uint64_t>* ticks : {&tick_, &middle_, &target_, &last_tick_}) ticks->resize(width);
  active_.resize(width);
  t_.resize(width);
  h_.resize(width);
  const double span = source.time(BrownianTree::kTicks);
  first_ = options.first_step > 0 ? std::min(options.first_step, span) : 0.01 * span;
  size_.resize(width);
  previous_error_.resize(width);
  report_.resize(width);
}

void AdaptiveSdeIntegrator::start(std::uint64_t first_id, std::uint64_t end, ConstBlock x) {
  std::iota(ids_.begin(), ids_.end(), first_id);
  end_ = end;
  copy(x, x_.view());
  copy(x, last_x_.view());
  for (std::vector<std::uint64_t>* ticks : {&tick_, &last_tick_}) std::fill(ticks->begin(), ticks->end(), 0);
  for (StateBlock<double>* block : {&w_, &hbar_, &last_w_, &last_hbar_})
    for (std::size_t c = 0; c < block->rows(); ++c) std::fill_n(block->row(c), block->lanes(), 0.0);
  std::fill(size_.begin(), size_.end(), std::max(first_, options_.min_step));
  std::fill(previous_error_.begin(), previous_error_.end(), 1.0);
  std::fill(report_.begin(), report_.end(), LaneReport{});
}

// Where each lane's next step ends.
void AdaptiveSdeIntegrator::plan() {
  const double ticks_per_time =
      static_cast<double>(BrownianTree::kTicks) / source_.time(BrownianTree::kTicks);
  for (std::size_t lane = 0; lane < tick_.size(); ++lane) {
    if (!active_[lane]) {
      target_[lane] = middle_[lane] = tick_[lane];
      continue;
    }
    const double wanted = std::min(size_[lane] * ticks_per_time, static_cast<double>(end_ - tick_[lane]));
    const auto ticks = std::max(kFewestTicks, static_cast<std::uint64_t>(wanted));
    const int grain = std::bit_width(ticks) - 4;
    target_[lane] = (tick_[lane] + ticks) >> grain << grain;
    if (target_[lane] > end_ || end_ - target_[lane] < ticks / 16) target_[lane] = end_;
    middle_[lane] = tick_[lane] + (target_[lane] - tick_[lane]) / 2;
  }
}

// dW_ and H_ between two ticks of each lane; w_to and hbar_to are filled.
void AdaptiveSdeIntegrator::increments(const std::vector<std::uint64_t>& to, const StateBlock<double>& w_from,
                                       const StateBlock<double>& hbar_from,
                                       const std::vector<std::uint64_t>& from, StateBlock<double>& w_to,
                                       StateBlock<double>& hbar_to) {
  for (std::size_t c = 0; c < dW_.rows(); ++c) {
    for (std::size_t i = 0; i < dW_.lanes(); ++i) {
      const double start = w_from.row(c)[i], end = w_to.row(c)[i];
      dW_.row(c)[i] = end - start;
      if (!areas_ || from[i] == to[i]) continue;
      // Chen's relation, as in tree_increments.
      const double s = source_.time(from[i]), t = source_.time(to[i]);
      const double hbar = hbar_to.row(c)[i] - hbar_from.row(c)[i] - 0.5 * (t * start - s * end);
      H_.row(c)[i] = hbar / source_.time(to[i] - from[i]);
    }
  }
}

void AdaptiveSdeIntegrator::step(const std::vector<std::uint64_t>& from, const std::vector<std::uint64_t>& to,
                                 ConstBlock x, Block next, Block* error, StepWorkspace& workspace) {
  for (std::size_t lane = 0; lane < t_.size(); ++lane) {
    t_[lane] = start_ + source_.time(from[lane]);
    h_[lane] = source_.time(to[lane] - from[lane]);
  }
  StepInput input;
  input.t.lanes = t_.data();
  input.h.lanes = h_.data();
  input.x = x;
  input.dW = dW_.row(0);
  if (areas_) input.H = H_.row(0);
  stepper_.step(input, next, error, workspace);
}

// Accepts or rejects the step of a lane and sizes the next one; whether the lane has still to go to `save`.
bool AdaptiveSdeIntegrator::judge(std::size_t lane, std::uint64_t save) {
  double sum = 0;
  for (std::size_t i = 0; i < x_.rows(); ++i) {
    const double scale =
        options_.atol + options_.rtol * std::max(std::abs(x_.row(i)[lane]), std::abs(next_.row(i)[lane]));
    sum += std::pow(error_.row(i)[lane] / scale, 2);
  }
  const double norm = std::sqrt(sum / static_cast<double>(x_.rows()));
  const double h = source_.time(target_[lane] - tick_[lane]);
  LaneReport& report = report_[lane];
  const bool forced = !(norm <= 1) && std::isfinite(norm) && h <= options_.min_step * (1 + 1e-9);
  if (norm <= 1 || forced) {
    ++report.accepted;
    report.forced += forced;
    const double bounded = std::max(norm, 1e-4);
    const double factor =
        0.9 * std::pow(bounded, -0.7 * exponent_) * std::pow(previous_error_[lane], 0.4 * exponent_);
    previous_error_[lane] = std::min(bounded, 1.0);
    // A step cut short by the end says nothing about a longer one.
    if (target_[lane] != end_ || h >= size_[lane] || factor < 1)
      size_[lane] = h * std::clamp(factor, 0.2, 5.0);
    last_tick_[lane] = std::exchange(tick_[lane], target_[lane]);
    const auto take = [lane](StateBlock<double>& last, StateBlock<double>& now,
                             const StateBlock<double>& to) {
      for (std::size_t i = 0; i < now.rows(); ++i)
        last.row(i)[lane] = std::exchange(now.row(i)[lane], to.row(i)[lane]);
    };
    take(last_x_, x_, next_);
    take(last_w_, w_, w_end_);
    if (areas_) take(last_hbar_, hbar_, hbar_end_);
  } else {
    ++report.rejected;
    const double factor = std::isfinite(norm) ? 0.9 * std::pow(norm, -exponent_) : 0.1;
    // Short enough that rounding to a save time does not bring the same step back.
    size_[lane] = h * std::clamp(factor, 0.1, 0.8);
  }
  size_[lane] = std::max(size_[lane], options_.min_step);
  if (tick_[lane] == end_) return false;
  if (size_[lane] >= source_.time(kFewestTicks) && report.accepted + report.rejected < options_.max_steps)
    return tick_[lane] < save;
  for (std::size_t i = 0; i < x_.rows(); ++i) x_.row(i)[lane] = std::numeric_limits<double>::quiet_NaN();
  report.finished = false;
  return false;
}

// States at `save` of lanes that have passed it, from the point before it.
void AdaptiveSdeIntegrator::step_aside(std::uint64_t save, Block x, StepWorkspace& workspace) {
  bool any = false;
  for (std::size_t lane = 0; lane < tick_.size(); ++lane) {
    const bool passed = report_[lane].finished && tick_[lane] > save;
    any = any || passed;
    middle_[lane] = passed ? last_tick_[lane] : tick_[lane];
    target_[lane] = passed ? save : tick_[lane];
  }
  copy<double>(x_.view(), x);
  if (!any) return;
  source_.at(ids_.data(), target_.data(), w_end_, areas_ ? hbar_end_.view() : Block{});
  increments(target_, last_w_, last_hbar_, middle_, w_end_, hbar_end_);
  step(middle_, target_, last_x_, next_, nullptr, workspace);
  if (domains_) apply_domains(*domains_, last_x_, next_);
  for (std::size_t lane = 0; lane < tick_.size(); ++lane)
    for (std::size_t i = 0; middle_[lane] != target_[lane] && i < x.rows; ++i)
      x.row(i)[lane] = next_.row(i)[lane];
}

bool AdaptiveSdeIntegrator::advance(std::uint64_t save, Block x, StepWorkspace& workspace,
                                    const Hooks& hooks) {
  for (std::size_t lane = 0; lane < active_.size(); ++lane)
    active_[lane] = report_[lane].finished && tick_[lane] < save;
  while (std::find(active_.begin(), active_.end(), 1) != active_.end()) {
    if (hooks.stopped()) return false;
    plan();
    Block error = error_;
    source_.at(ids_.data(), target_.data(), w_end_, areas_ ? hbar_end_.view() : Block{});
    increments(target_, w_, hbar_, tick_, w_end_, hbar_end_);
    if (!halving_) {
      step(tick_, target_, x_, next_, &error, workspace);
    } else {
      step(tick_, target_, x_, error_, nullptr, workspace);  // the whole step, for now
      source_.at(ids_.data(), middle_.data(), w_mid_, areas_ ? hbar_mid_.view() : Block{});
      increments(middle_, w_, hbar_, tick_, w_mid_, hbar_mid_);
      step(tick_, middle_, x_, half_, nullptr, workspace);
      increments(target_, w_mid_, hbar_mid_, middle_, w_end_, hbar_end_);
      step(middle_, target_, half_, next_, nullptr, workspace);
      for (std::size_t i = 0; i < error_.rows(); ++i)
        for (std::size_t lane = 0; lane < error_.lanes(); ++lane)
          error_.row(i)[lane] = next_.row(i)[lane] - error_.row(i)[lane];
    }
    if (domains_) apply_domains(*domains_, x_, next_);
    for (std::size_t lane = 0; lane < active_.size(); ++lane)
      if (active_[lane]) active_[lane] = judge(lane, save);
  }
  step_aside(save, x, workspace);
  return true;
}

}  // namespace sde
