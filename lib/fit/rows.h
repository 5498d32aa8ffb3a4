// What every row of a series must be, whatever it is a series of.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace sde {

// `series "name", row 3`, rows counted from 1; without the series where it has no name.
std::string row_place(const std::string& series, std::size_t row);

// Throws Error(Status::bad_data), naming series and row, for a time of row `i` that is not finite or not
// later than the one before, and for an infinite value. `row` holds the values of the row by column; NaN is a
// missing one.
void require_row(const std::string& series, std::size_t i, std::span<const double> time,
                 std::span<const double> row, const std::vector<std::string>& columns);

}  // namespace sde
