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

void refuse_repeats(const std::vector<double>& data, std::size_t dimension,
                    const std::vector<std::uint32_t>& rows, const std::vector<std::string>& columns) {
  // A line through two rows has every column on it.
  if (rows.size() < 3) return;
  const auto at = [&](std::size_t k, std::size_t c) { return data[rows[k] * dimension + c]; };
  for (std::size_t b = 1; b < dimension; ++b) {
    for (std::size_t a = 0; a < b; ++a) {
      // The slope between the first row and the one farthest from it; most pairs fail at once.
      std::size_t far = 0;
      for (std::size_t k = 1; k < std::min<std::size_t>(rows.size(), 16); ++k) {
        if (std::fabs(at(k, a) - at(0, a)) > std::fabs(at(far, a) - at(0, a))) far = k;
      }
      if (!far) continue;
      const double slope = (at(far, b) - at(0, b)) / (at(far, a) - at(0, a));
      bool repeats = slope != 0;
      for (std::size_t k = 0; repeats && k < rows.size(); ++k) {
        const double line = at(0, b) + slope * (at(k, a) - at(0, a));
        const double size = std::fabs(at(0, b)) + std::fabs(at(k, b)) + std::fabs(slope * at(0, a));
        repeats = std::fabs(at(k, b) - line) <= 1e-12 * size;
      }
      if (!repeats) continue;
      fail(Status::bad_data, "column {}: repeats column {} on another scale; leave one of them out",
           columns[b], columns[a]);
    }
  }
}

double measure_deviation(const std::vector<float>& data, std::size_t dimension,
                         const std::vector<std::uint32_t>& rows) {
  const double n = static_cast<double>(rows.size());
  double total = 0;
  for (std::size_t c = 0; c < dimension; ++c) {
    double mean = 0, squares = 0;
    for (const std::uint32_t k : rows) mean += static_cast<double>(data[k * dimension + c]) / n;
    for (const std::uint32_t k : rows) {
      squares += std::pow(static_cast<double>(data[k * dimension + c]) - mean, 2);
    }
    total += squares / n;
  }
  return std::sqrt(total / static_cast<double>(dimension));
}

}  // namespace sde
