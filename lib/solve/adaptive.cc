#include "solve/adaptive.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace sde {

AdaptiveIntegrator::AdaptiveIntegrator(const Stepper& stepper, const AdaptiveOptions& options,
                                       std::size_t lanes, int order)
    : stepper_(stepper),
      options_(options),
      order_(order),
      next_(stepper.dimension(), lanes),
      error_(stepper.dimension(), lanes),
      t_(next_.lanes()),
      h_(next_.lanes()),
      size_(next_.lanes(), 0.0),
      previous_error_(next_.lanes(), 1.0),
      report_(next_.lanes()),
      active_(next_.lanes()) {}

// A first step across which the drift changes the state by about 1 % of its scale. An Euler step of tiny
// length gives the drift.
void AdaptiveIntegrator::guess_first_steps(double span, double direction, ConstBlock x,
                                           StepWorkspace& workspace) {
  const double tiny = options_.first_step > 0 ? options_.first_step : 1e-6 * span;
  std::fill(h_.begin(), h_.end(), direction * tiny);
  if (options_.first_step <= 0) {
    stepper_.step({{0, t_.data()}, {0, h_.data()}, x}, next_, nullptr, workspace);
    ++rounds_;
  }
  for (std::size_t lane = 0; lane < x.lanes; ++lane) {
    size_[lane] = std::min(tiny, span);
    if (options_.first_step > 0) continue;
    double state = 0, slope = 0;
    for (std::size_t i = 0; i < x.rows; ++i) {
      const double scale = options_.atol + options_.rtol * std::abs(x.row(i)[lane]);
      state += std::pow(x.row(i)[lane] / scale, 2);
      slope += std::pow((next_.row(i)[lane] - x.row(i)[lane]) / tiny / scale, 2);
    }
    const double guess = state > 0 && slope > 1e-10 ? 0.01 * std::sqrt(state / slope) : tiny;
    size_[lane] = std::isfinite(guess) ? std::clamp(guess, 1e-10 * span, span) : tiny;
    ++report_[lane].guesses;
  }
}

// Accepts or rejects the step of a lane and sizes the next one; false where the lane cannot go on.
bool AdaptiveIntegrator::judge(std::size_t lane, double end, double span, Block x) {
  const double exponent = 1.0 / order_;
  double sum = 0;
  for (std::size_t i = 0; i < x.rows; ++i) {
    const double scale =
        options_.atol + options_.rtol * std::max(std::abs(x.row(i)[lane]), std::abs(next_.row(i)[lane]));
    const double ratio = error_.row(i)[lane] / scale;
    sum += ratio * ratio;
  }
  const double norm = std::sqrt(sum / static_cast<double>(x.rows));
  LaneReport& report = report_[lane];
  const double h = std::abs(h_[lane]);
  if (norm <= 1) {
    ++report.accepted;
    const bool last = h >= std::abs(end - t_[lane]);
    if (keeps_steps_) {
      last_t_[lane] = t_[lane];
      last_h_[lane] = h_[lane];
      for (std::size_t i = 0; i < x.rows; ++i) last_x_.row(i)[lane] = x.row(i)[lane];
    }
    t_[lane] = last ? end : t_[lane] + h_[lane];
    for (std::size_t i = 0; i < x.rows; ++i) x.row(i)[lane] = next_.row(i)[lane];
    const double bounded = std::max(norm, 1e-4);
    const double factor =
        0.9 * std::pow(bounded, -0.7 * exponent) * std::pow(previous_error_[lane], 0.4 * exponent);
    previous_error_[lane] = bounded;
    // A step cut short by the end says nothing about a longer one.
    if (h >= size_[lane]) size_[lane] = h * std::clamp(factor, 0.2, 5.0);
  } else {
    ++report.rejected;
    const double factor = std::isfinite(norm) ? 0.9 * std::pow(norm, -exponent) : 0.1;
    size_[lane] = h * std::clamp(factor, 0.1, 0.9);
  }
  const double spacing = std::numeric_limits<double>::epsilon() * std::max(std::abs(t_[lane]), span);
  if (t_[lane] == end ||
      (size_[lane] >= 4 * spacing && report.accepted + report.rejected + report.guesses < options_.max_steps))
    return true;
  for (std::size_t i = 0; i < x.rows; ++i) x.row(i)[lane] = std::numeric_limits<double>::quiet_NaN();
  report.finished = false;
  return false;
}

// Takes every lane to `stop` or past it, but not past `end`.
bool AdaptiveIntegrator::run(double stop, double end, double direction, double span, Block x,
                             StepWorkspace& workspace, const Hooks& hooks) {
  const auto goes_on = [&](std::size_t lane) { return (stop - t_[lane]) * direction > 0; };
  for (std::size_t lane = 0; lane < x.lanes; ++lane) active_[lane] = report_[lane].finished && goes_on(lane);
  for (;;) {
    bool any = false;
    for (std::size_t lane = 0; lane < x.lanes; ++lane) {
      h_[lane] = active_[lane] ? direction * std::min(size_[lane], std::abs(end - t_[lane])) : 0;
      any = any || active_[lane];
    }
    if (!any) return true;
    if (hooks.stopped()) return false;
    Block error = error_;
    stepper_.step({{0, t_.data()}, {0, h_.data()}, x}, next_, &error, workspace);
    ++rounds_;
    powers_hold_ = false;
    if (domains_) apply_domains(*domains_, x, next_);
    for (std::size_t lane = 0; lane < x.lanes; ++lane)
      if (active_[lane]) active_[lane] = judge(lane, end, span, x) && goes_on(lane);
  }
}

bool AdaptiveIntegrator::advance(double t0, double t1, Block x, StepWorkspace& workspace,
                                 const Hooks& hooks) {
  std::fill(t_.begin(), t_.end(), t0);
  const double span = std::abs(t1 - t0), direction = t1 > t0 ? 1 : -1;
  if (size_[0] == 0) guess_first_steps(span, direction, x, workspace);
  return run(t1, t1, direction, span, x, workspace, hooks);
}

void AdaptiveIntegrator::start(double t0, double t1, ConstBlock x, const std::vector<Domain>* domains) {
  end_ = t1;
  span_ = t1 - t0;
  keeps_steps_ = true;
  domains_ = domains;
  x_.resize(x.rows, x.lanes);
  last_x_.resize(x.rows, x.lanes);
  copy(x, x_.view());
  std::fill(t_.begin(), t_.end(), t0);
  last_t_.assign(t_.begin(), t_.end());
  last_h_.assign(t_.size(), 0.0);
}

bool AdaptiveIntegrator::save(double t, Block x, StepWorkspace& workspace, const Hooks& hooks) {
  if (size_[0] == 0) guess_first_steps(span_, 1, x_, workspace);
  if (!run(t, end_, 1, span_, x_, workspace, hooks)) return false;
  copy<double>(x_.view(), x);
  const std::size_t degree = stepper_.dense_degree(), dimension = x.rows;
  for (std::size_t lane = 0; lane < x.lanes; ++lane) {
    if (!report_[lane].finished || t_[lane] <= t) continue;
    if (!powers_hold_) {
      if (powers_.rows() == 0) powers_.resize(degree * dimension, x.lanes);
      stepper_.dense({{0, last_t_.data()}, {0, last_h_.data()}, last_x_}, powers_, workspace);
      powers_hold_ = true;
    }
    const double theta = (t - last_t_[lane]) / last_h_[lane];
    for (std::size_t i = 0; i < dimension; ++i) {
      double sum = 0;
      for (std::size_t j = degree; j-- > 0;) sum = (sum + powers_.row(j * dimension + i)[lane]) * theta;
      x.row(i)[lane] = last_x_.row(i)[lane] + sum;
    }
  }
  // A bound that the extension crosses between two states within it.
  if (domains_) apply_domains(*domains_, last_x_, x);
  return true;
}

}  // namespace sde
