#include "score/standardise.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace sde {

Standardisation standardise(const std::vector<double>& data, std::size_t dimension,
                            const std::vector<std::uint32_t>& rows, std::size_t channels,
                            const std::vector<std::string>& columns) {
  const std::size_t width = channels ? dimension / channels : 1;  // columns that share mean and deviation
  const double count = static_cast<double>(rows.size() * width);
  Standardisation s{std::vector<double>(dimension), std::vector<double>(dimension)};
  for (std::size_t first = 0; first < dimension; first += width) {
    double mean = 0, squares = 0;
    for (std::size_t i = first; i < first + width; ++i) {
      for (const std::uint32_t k : rows) mean += data[k * dimension + i];
    }
    mean /= count;
    for (std::size_t i = first; i < first + width; ++i) {
      for (const std::uint32_t k : rows) squares += std::pow(data[k * dimension + i] - mean, 2);
    }
    const double deviation = std::sqrt(squares / count);
    if (!(deviation > 1e-12 * std::fabs(mean))) {
      if (channels) {
        fail(Status::bad_data, "channel {} is constant (every pixel is {}); leave it out", first / width + 1,
             mean);
      }
      fail(Status::bad_data, "column {}: is constant (every value is {}); leave it out", columns[first],
           mean);
    }
    for (std::size_t i = first; i < first + width; ++i) s.mean[i] = mean, s.deviation[i] = deviation;
  }
  // Columns that are equal have no joint density.
  for (std::size_t i = 0; i < dimension && !channels; ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (s.mean[i] != s.mean[j] || s.deviation[i] != s.deviation[j]) continue;
      const auto same = [&](std::uint32_t k) { return data[k * dimension + i] == data[k * dimension + j]; };
      if (std::all_of(rows.begin(), rows.end(), same)) {
        fail(Status::bad_data, "columns {} and {}: are the same; leave one out", columns[j], columns[i]);
      }
    }
  }
  return s;
}

}  // namespace sde
