#include "solve/grid.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"

namespace sde {
namespace {

void check_span(double start, double end, const std::vector<double>& save) {
  if (!std::isfinite(start) || !std::isfinite(end) || !(end > start))
    fail(Status::usage, "/time: end must be greater than start (got start {}, end {})", start, end);
  for (std::size_t i = 0; i < save.size(); ++i) {
    if (!(save[i] >= start && save[i] <= end))
      fail(Status::usage, "/time/save/{}: must lie between start {} and end {} (got {})", i, start, end,
           save[i]);
    if (i > 0 && !(save[i] > save[i - 1]))
      fail(Status::usage, "/time/save/{}: save times must increase (got {} after {})", i, save[i],
           save[i - 1]);
  }
}

std::vector<double> stops(double start, double end, const std::vector<double>& save) {
  std::vector<double> result;
  for (double t : save)
    if (t > start) result.push_back(t);
  if (result.empty() || result.back() < end) result.push_back(end);
  return result;
}

}  // namespace

TimeGrid make_grid(double start, double end, const std::vector<double>& save, double dt) {
  check_span(start, end, save);
  if (!(dt > 0) || !std::isfinite(dt)) fail(Status::usage, "/solver/dt: must be > 0 (got {})", dt);
  if ((end - start) / dt > kMostSteps)
    fail(Status::usage,
         "/solver/dt: {} asks for {:.3g} steps, more than 2^62; use a larger dt or a shorter time span", dt,
         (end - start) / dt);
  TimeGrid grid;
  grid.save = save;
  grid.saves_start = !save.empty() && save.front() == start;
  double from = start;
  for (double to : stops(start, end, save)) {
    Segment segment{from, to, 0, dt, dt};
    const double exact = (to - from) / dt;
    const double whole = std::max(1.0, std::round(exact));
    // Save times are rounded: what that makes of the distance between two is no step of its own.
    const double rounded =
        2 * std::numeric_limits<double>::epsilon() * std::max(std::abs(from), std::abs(to));
    if (std::abs(exact - whole) <= 1e-9 * whole + rounded / dt) {
      segment.steps = static_cast<std::uint64_t>(whole);
    } else {
      segment.steps = static_cast<std::uint64_t>(std::ceil(exact));
      segment.last = (to - from) - dt * (static_cast<double>(segment.steps) - 1);
      grid.shortened = true;
    }
    grid.steps += segment.steps;
    grid.segments.push_back(segment);
    from = to;
  }
  return grid;
}

TimeGrid make_grid(double start, double end, const std::vector<double>& save) {
  check_span(start, end, save);
  TimeGrid grid;
  grid.save = save;
  grid.saves_start = !save.empty() && save.front() == start;
  double from = start;
  for (double to : stops(start, end, save)) {
    grid.segments.push_back({from, to, 1, to - from, to - from});
    ++grid.steps;
    from = to;
  }
  return grid;
}

std::vector<double> equispaced(double start, double end, std::uint64_t count) {
  std::vector<double> times;
  if (count == 1) times.push_back(end);
  for (std::uint64_t i = 0; count > 1 && i < count; ++i) {
    const double w = static_cast<double>(i) / static_cast<double>(count - 1);
    times.push_back(i + 1 == count ? end : start + (end - start) * w);
  }
  return times;
}

double TimeGrid::step_start(std::uint64_t number) const {
  for (const Segment& segment : segments) {
    if (number < segment.steps) return segment.start + static_cast<double>(number) * segment.h;
    number -= segment.steps;
  }
  return end();
}

std::vector<double> TimeGrid::step_lengths() const {
  std::vector<double> lengths;
  for (const Segment& segment : segments)
    for (std::uint64_t i = 0; i < segment.steps; ++i)
      lengths.push_back(i + 1 == segment.steps ? segment.last : segment.h);
  return lengths;
}

}  // namespace sde
