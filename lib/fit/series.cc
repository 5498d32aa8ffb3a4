#include "fit/series.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "fit/rows.h"

namespace sde {

void SeriesTable::add(const std::string& name, std::span<const double> time, std::span<const double> value) {
  const std::size_t width = columns_.size(), n = time.size();
  if (value.size() != n * width)
    fail(Status::bug, "SeriesTable::add: {} times but {} values of {} columns", n, value.size(), width);
  if (n == 0) return;
  for (std::size_t i = 0; i < n; ++i) {
    require_row(name, i, time, value.subspan(i * width, width), columns_);
    for (std::size_t c = 0; c < width; ++c) {
      if (!std::isnan(value[i * width + c])) ++present_;
    }
    if (i == 0) continue;
    const double step = time[i] - time[i - 1];
    shortest_ = longest_ == 0 ? step : std::min(shortest_, step);
    longest_ = std::max(longest_, step);
  }
  first_.push_back(time_.size());
  names_.push_back(name);
  time_.insert(time_.end(), time.begin(), time.end());
  value_.insert(value_.end(), value.begin(), value.end());
}

std::string SeriesTable::describe(std::size_t row) const {
  const auto s =
      static_cast<std::size_t>(std::upper_bound(first_.begin(), first_.end(), row) - first_.begin()) - 1;
  return fmt::format("{} (t = {:.10g})", row_place(names_[s], row - first_[s]), time_[row]);
}

}  // namespace sde
