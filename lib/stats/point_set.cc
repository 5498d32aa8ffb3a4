#include "stats/point_set.h"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "random/stream.h"

namespace sde {
namespace {

// Components of the bootstrap's streams that draw rows rather than replicates.
constexpr std::uint32_t kRows = 0xffff0000u;

}  // namespace

PointSet draw_rows(const std::vector<double>& data, std::size_t n, std::size_t dimension, std::uint64_t most,
                   std::uint64_t seed, std::uint32_t which) {
  PointSet set;
  set.dimension = dimension;
  set.count = most ? std::min<std::size_t>(n, most) : n;
  set.x.resize(set.count * dimension);
  const Stream stream = make_stream(seed, Purpose::bootstrap, kRows + which);
  for (std::size_t k = 0; k < set.count; ++k) {
    std::size_t from = k;
    if (set.count < n) {
      const std::size_t first = k * n / set.count, last = (k + 1) * n / set.count;
      const double u = uniform_pair(stream, k, 0)[0];
      from = std::min(last - 1, first + static_cast<std::size_t>(u * static_cast<double>(last - first)));
    }
    for (std::size_t i = 0; i < dimension; ++i) set.x[i * set.count + k] = data[from * dimension + i];
  }
  return set;
}

std::vector<std::uint32_t> multiplicities(const Bootstrap& bootstrap, std::uint64_t r, std::uint32_t which,
                                          std::size_t count) {
  if (r == 0) return std::vector<std::uint32_t>(count, 1);
  std::vector<std::uint32_t> times(count, 0);
  const Stream stream =
      make_stream(bootstrap.seed, Purpose::bootstrap, static_cast<std::uint32_t>(2 * r) + which);
  const double size = static_cast<double>(count);
  for (std::size_t k = 0; k < count; k += 2) {
    const auto u = uniform_pair(stream, k, 0);
    for (std::size_t j = 0; j < std::min<std::size_t>(2, count - k); ++j)
      ++times[std::min(count - 1, static_cast<std::size_t>(u[j] * size))];
  }
  return times;
}

Estimate estimate_of(const std::vector<double>& values) {
  const std::size_t replicates = values.size() - 1;
  if (replicates < 2) return {values[0], std::numeric_limits<double>::quiet_NaN()};
  double mean = 0, squares = 0;
  for (std::size_t r = 1; r <= replicates; ++r) mean += values[r] / static_cast<double>(replicates);
  for (std::size_t r = 1; r <= replicates; ++r) squares += (values[r] - mean) * (values[r] - mean);
  return {values[0], std::sqrt(squares / static_cast<double>(replicates - 1))};
}

void for_each_row(const PointSet& p, const PointSet& q,
                  const std::function<void(std::size_t, const std::vector<double>&)>& use) {
  tbb::parallel_for(tbb::blocked_range<std::size_t>(0, p.count, 16),
                    [&](const tbb::blocked_range<std::size_t>& range) {
                      std::vector<double> squared(q.count);
                      for (std::size_t i = range.begin(); i < range.end(); ++i) {
                        std::fill(squared.begin(), squared.end(), 0.0);
                        for (std::size_t k = 0; k < p.dimension; ++k) {
                          const double at = p.row(k)[i];
                          const double* other = q.row(k);
                          for (std::size_t j = 0; j < q.count; ++j)
                            squared[j] += (at - other[j]) * (at - other[j]);
                        }
                        use(i, squared);
                      }
                    });
}

}  // namespace sde
