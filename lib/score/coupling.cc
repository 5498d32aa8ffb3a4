#include "score/coupling.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace sde {

std::vector<std::uint32_t> assign(const std::vector<double>& cost, std::size_t n) {
  constexpr std::uint32_t kNone = ~std::uint32_t{0};
  constexpr double kInfinite = std::numeric_limits<double>::infinity();
  std::vector<double> u(n, 0.0), v(n, 0.0), distance(n);
  std::vector<std::uint32_t> column_of(n, kNone), row_of(n, kNone), from(n), left(n);
  std::vector<char> row_seen(n), column_seen(n);
  for (std::size_t start = 0; start < n; ++start) {
    // The shortest path, in reduced costs, from an unassigned row to an unassigned column.
    std::fill(distance.begin(), distance.end(), kInfinite);
    std::fill(row_seen.begin(), row_seen.end(), 0);
    std::fill(column_seen.begin(), column_seen.end(), 0);
    std::iota(left.begin(), left.end(), 0u);
    std::size_t rest = n;
    double shortest = 0;
    auto row = static_cast<std::uint32_t>(start);
    std::uint32_t sink = kNone;
    while (sink == kNone) {
      row_seen[row] = 1;
      std::size_t next = 0;
      double least = kInfinite;
      for (std::size_t k = 0; k < rest; ++k) {
        const std::uint32_t j = left[k];
        const double d = shortest + cost[row * n + j] - u[row] - v[j];
        if (d < distance[j]) {
          distance[j] = d;
          from[j] = row;
        }
        // Of equal ones, a free column ends the search.
        if (distance[j] < least || (distance[j] == least && row_of[j] == kNone)) {
          least = distance[j];
          next = k;
        }
      }
      shortest = least;
      const std::uint32_t j = left[next];
      left[next] = left[--rest];
      column_seen[j] = 1;
      if (row_of[j] == kNone) {
        sink = j;
      } else {
        row = row_of[j];
      }
    }
    u[start] += shortest;
    for (std::size_t i = 0; i < n; ++i) {
      if (row_seen[i] && i != start) u[i] += shortest - distance[column_of[i]];
    }
    for (std::size_t j = 0; j < n; ++j) {
      if (column_seen[j]) v[j] -= shortest - distance[j];
    }
    for (std::uint32_t j = sink;;) {
      const std::uint32_t i = from[j];
      row_of[j] = i;
      std::swap(column_of[i], j);
      if (i == start) break;
    }
  }
  return column_of;
}

std::vector<double> sinkhorn_plan(const std::vector<double>& cost, std::size_t n, double regularization) {
  const double mean = std::accumulate(cost.begin(), cost.end(), 0.0) / static_cast<double>(n * n);
  const double scale = mean > 0 ? 1 / (regularization * mean) : 0;
  // Rows, then columns, relative to their least cost: factors that the scalings absorb.
  std::vector<double> kernel(n * n), least(n, std::numeric_limits<double>::infinity());
  for (std::size_t i = 0; i < n; ++i) {
    const double* row = cost.data() + i * n;
    const double lowest = *std::min_element(row, row + n);
    for (std::size_t j = 0; j < n; ++j) {
      kernel[i * n + j] = row[j] - lowest;
      least[j] = std::fmin(least[j], kernel[i * n + j]);
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      kernel[i * n + j] = std::exp(-scale * (kernel[i * n + j] - least[j]));
    }
  }
  const double margin = 1 / static_cast<double>(n);
  std::vector<double> left(n, 1.0), right(n, 1.0), sums(n);
  for (int round = 0; round < 1000; ++round) {
    std::fill(sums.begin(), sums.end(), 0.0);
    for (std::size_t i = 0; i < n; ++i) {
      const double* row = kernel.data() + i * n;
      double sum = 0;
      for (std::size_t j = 0; j < n; ++j) sum += row[j] * right[j];
      left[i] = margin / sum;
      for (std::size_t j = 0; j < n; ++j) sums[j] += left[i] * row[j];
    }
    double worst = 0;
    for (std::size_t j = 0; j < n; ++j) worst = std::fmax(worst, std::fabs(sums[j] * right[j] - margin));
    if (worst < 1e-6 * margin) break;
    for (std::size_t j = 0; j < n; ++j) right[j] = margin / sums[j];
  }
  for (std::size_t i = 0; i < n; ++i) {
    double sum = 0;
    for (std::size_t j = 0; j < n; ++j) sum += kernel[i * n + j] *= right[j];
    for (std::size_t j = 0; j < n; ++j) kernel[i * n + j] *= margin / sum;
  }
  return kernel;
}

}  // namespace sde
