// Means and deviations that bring data to the scale networks are made for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "score/model.h"

namespace sde {

// Of the columns of rows `rows` of data, [n][dimension]. Where the columns are images of `channels` planes,
// one after another, the pixels of a plane share theirs: a border that is always black stays as it is. Throws
// Error(Status::bad_data) for a column, or a plane, that is constant, and for columns that are
// equal.
Standardisation standardise(const std::vector<double>& data, std::size_t dimension,
                            const std::vector<std::uint32_t>& rows, std::size_t channels,
                            const std::vector<std::string>& columns);

// Throws Error(Status::bad_data) where a column repeats another, up to scale and shift, on all of these rows:
// their density would be infinite.
void refuse_repeats(const std::vector<double>& data, std::size_t dimension,
                    const std::vector<std::uint32_t>& rows, const std::vector<std::string>& columns);

// The root of the mean over columns of the variance of rows `rows` of data, [n][dimension].
double measure_deviation(const std::vector<float>& data, std::size_t dimension,
                         const std::vector<std::uint32_t>& rows);

}  // namespace sde
