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
      report_(next_.lanes()) {}

bool AdaptiveIntegrator::advance(double t0, double t1, Block x, StepWorkspace& workspace,
                                 const Hooks& hooks) {
  const std::size_t lanes = x.lanes, dimension = x.rows;
  const double direction = t1 > t0 ? 1 : -1, span = std::abs(t1 - t0);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  std::fill(t_.begin(), t_.end(), t0);

  const auto scale_of = [&](std::size_t i, std::size_t lane, double other) {
    return options_.atol + options_.rtol * std::max(std::abs(x.row(i)[lane]), std::abs(other));
  };

  if (size_[0] == 0) {
    // A first step across which the drift changes the state by about 1 % of its scale. An Euler step of tiny
    // length gives the drift.
    const double tiny = options_.first_step > 0 ? options_.first_step : 1e-6 * span;
    std::fill(h_.begin(), h_.end(), direction * tiny);
    if (options_.first_step <= 0) {
      stepper_.step({{0, t_.data()}, {0, h_.data()}, x}, next_, nullptr, workspace);
      ++rounds_;
    }
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      size_[lane] = std::min(tiny, span);
      if (options_.first_step > 0) continue;
      double state = 0, slope = 0;
      for (std::size_t i = 0; i < dimension; ++i) {
        const double scale = scale_of(i, lane, 0);
        state += std::pow(x.row(i)[lane] / scale, 2);
        slope += std::pow((next_.row(i)[lane] - x.row(i)[lane]) / tiny / scale, 2);
      }
      const double guess = state > 0 && slope > 1e-10 ? 0.01 * std::sqrt(state / slope) : tiny;
      size_[lane] = std::isfinite(guess) ? std::clamp(guess, 1e-10 * span, span) : tiny;
      ++report_[lane].accepted;
    }
  }

  std::vector<char> active(lanes, 1);
  for (std::size_t lane = 0; lane < lanes; ++lane) active[lane] = report_[lane].finished;
  const double exponent = 1.0 / order_;
  for (;;) {
    bool any = false;
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      const double left = std::abs(t1 - t_[lane]);
      h_[lane] = active[lane] ? direction * std::min(size_[lane], left) : 0;
      any = any || active[lane];
    }
    if (!any) return true;
    if (hooks.stopped()) return false;
    Block error = error_;
    stepper_.step({{0, t_.data()}, {0, h_.data()}, x}, next_, &error, workspace);
    ++rounds_;

    for (std::size_t lane = 0; lane < lanes; ++lane) {
      if (!active[lane]) continue;
      double sum = 0;
      for (std::size_t i = 0; i < dimension; ++i) {
        const double ratio = error_.row(i)[lane] / scale_of(i, lane, next_.row(i)[lane]);
        sum += ratio * ratio;
      }
      const double norm = std::sqrt(sum / static_cast<double>(dimension));
      LaneReport& report = report_[lane];
      const double h = std::abs(h_[lane]);
      if (norm <= 1) {
        ++report.accepted;
        const bool last = h >= std::abs(t1 - t_[lane]);
        t_[lane] = last ? t1 : t_[lane] + h_[lane];
        for (std::size_t i = 0; i < dimension; ++i) x.row(i)[lane] = next_.row(i)[lane];
        const double bounded = std::max(norm, 1e-4);
        const double factor =
            0.9 * std::pow(bounded, -0.7 * exponent) * std::pow(previous_error_[lane], 0.4 * exponent);
        previous_error_[lane] = bounded;
        // A step cut short by the end says nothing about a longer one.
        if (h >= size_[lane]) size_[lane] = h * std::clamp(factor, 0.2, 5.0);
        if (last) active[lane] = 0;
      } else {
        ++report.rejected;
        const double factor = std::isfinite(norm) ? 0.9 * std::pow(norm, -exponent) : 0.1;
        size_[lane] = h * std::clamp(factor, 0.1, 0.9);
      }
      const double spacing = std::numeric_limits<double>::epsilon() * std::max(std::abs(t_[lane]), span);
      if (active[lane] &&
          (size_[lane] < 4 * spacing || report.accepted + report.rejected >= options_.max_steps)) {
        for (std::size_t i = 0; i < dimension; ++i) x.row(i)[lane] = nan;
        report.finished = false;
        active[lane] = 0;
      }
    }
  }
}

}  // namespace sde
