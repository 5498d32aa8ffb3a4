#include "fit/rows.h"

#include <cmath>

#include "base/error.h"

namespace sde {

std::string row_place(const std::string& series, std::size_t row) {
  return series.empty() ? fmt::format("row {}", row + 1)
                        : fmt::format("series \"{}\", row {}", series, row + 1);
}

void require_row(const std::string& series, std::size_t i, std::span<const double> time,
                 std::span<const double> row, const std::vector<std::string>& columns) {
  if (!std::isfinite(time[i]))
    fail(Status::bad_data, "{}: the time is not finite (got {})", row_place(series, i), time[i]);
  if (i > 0 && !(time[i] > time[i - 1]))
    fail(Status::bad_data, "{}: times must increase (got {} after {})", row_place(series, i), time[i],
         time[i - 1]);
  for (std::size_t c = 0; c < row.size(); ++c)
    if (std::isinf(row[c]))
      fail(Status::bad_data, "{}: \"{}\" is not finite (got {})", row_place(series, i), columns[c], row[c]);
}

}  // namespace sde
