#include "fit/observations.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "fit/rows.h"

namespace sde {

void Observations::add(const std::string& name, std::span<const double> time, std::span<const double> value) {
  const std::size_t dimension = states_.size(), rows = time.size();
  if (value.size() != rows * dimension)
    fail(Status::bug, "Observations::add: {} times but {} values of {} states", rows, value.size(),
         dimension);
  const std::size_t start = time_.size();
  if (start == 0) {
    // One long series takes no more memory than it has to.
    time_.reserve(rows);
    for (auto& column : columns_) column.reserve(rows);
  }
  for (std::size_t i = 0; i < rows; ++i) {
    require_row(name, i, time, value.subspan(i * dimension, dimension), states_);
    bool complete = true;
    for (std::size_t d = 0; d < dimension; ++d) {
      complete = complete && !std::isnan(value[i * dimension + d]);
    }
    if (!complete) {
      ++missing_rows_;
      continue;
    }
    if (time_.size() > start) {
      const double step = time[i] - time_.back();
      shortest_ = transitions_ == 0 ? step : std::min(shortest_, step);
      longest_ = std::max(longest_, step);
      total_ += step;
      ++transitions_;
    }
    for (std::size_t d = 0; d < dimension; ++d) columns_[d].push_back(value[i * dimension + d]);
    if (time_.size() == start || rows_.back().second + (time_.size() - rows_.back().first) != i)
      rows_.emplace_back(time_.size(), i);
    time_.push_back(time[i]);
  }
  if (time_.size() > start) {
    first_.push_back(start);
    names_.push_back(name);
  }
}

double Observations::common_step() const {
  if (transitions_ == 0) return 0;
  // Differences of rounded times differ by a few units in the last place of the times.
  double largest = 0;
  for (double t : time_) largest = std::max(largest, std::fabs(t));
  const double rounding = 8e-16 * largest;
  if (longest_ - shortest_ > std::max(2 * rounding, 1e-12 * longest_)) return 0;
  return total_ / static_cast<double>(transitions_);
}

bool Observations::is_constant(std::size_t state) const {
  const auto& column = columns_[state];
  return std::all_of(column.begin(), column.end(), [&](double x) { return x == column.front(); });
}

std::size_t Observations::first_transition(std::size_t s) const {
  return first_observation(s) - s;
}

std::size_t Observations::observation_before(std::size_t transition) const {
  // The last series whose first transition is not after it; series of one observation have none and are
  // passed over.
  std::size_t low = 0, high = first_.size();
  while (high - low > 1) {
    const std::size_t middle = (low + high) / 2;
    (first_transition(middle) <= transition ? low : high) = middle;
  }
  return transition + low;
}

void Observations::gather(std::size_t first, std::size_t count, TransitionLanes& into) const {
  const std::size_t dimension = states_.size();
  count = std::min(count, transitions_ - first);
  const std::size_t padded = round_up_lanes(count);
  if (into.block.rows() != 2 * dimension + 2 || into.block.lanes() != padded)
    into.block.resize(2 * dimension + 2, padded);
  into.lanes = count;
  double* const step = into.block.row(2 * dimension);
  double* const start = into.block.row(2 * dimension + 1);
  for (std::size_t lane = 0; lane < count;) {
    const std::size_t before = observation_before(first + lane);
    // Transitions up to the end of this series lie side by side.
    const auto next = std::upper_bound(first_.begin(), first_.end(), before);
    const std::size_t end = next == first_.end() ? time_.size() : *next;
    const std::size_t run = std::min(count - lane, end - 1 - before);
    for (std::size_t d = 0; d < dimension; ++d) {
      std::copy_n(columns_[d].data() + before, run, into.block.row(d) + lane);
      std::copy_n(columns_[d].data() + before + 1, run, into.block.row(dimension + d) + lane);
    }
    for (std::size_t i = 0; i < run; ++i) step[lane + i] = time_[before + i + 1] - time_[before + i];
    std::copy_n(time_.data() + before, run, start + lane);
    lane += run;
  }
  for (std::size_t r = 0; r < into.block.rows(); ++r) {
    double* const row = into.block.row(r);
    std::fill(row + count, row + padded, row[count - 1]);
  }
}

std::string Observations::describe(std::size_t observation) const {
  const auto next = std::upper_bound(first_.begin(), first_.end(), observation);
  const auto s = static_cast<std::size_t>(next - first_.begin()) - 1;
  const auto after = std::upper_bound(rows_.begin(), rows_.end(), observation,
                                      [](std::size_t value, const auto& row) { return value < row.first; });
  const auto& [first, row] = *(after - 1);
  return fmt::format("{} (t = {:.10g})", row_place(names_[s], row + (observation - first)),
                     time_[observation]);
}

}  // namespace sde
