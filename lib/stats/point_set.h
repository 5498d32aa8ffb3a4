// Samples of many dimensions, as the measures of distance between them take it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace sde {

struct PointSet {
  std::size_t count = 0, dimension = 0;
  std::vector<double> x;  // [D][count]

  const double* row(std::size_t i) const { return x.data() + i * count; }
};

// A measure and its standard error over bootstrap replicates.
struct Estimate {
  double value = 0, error = 0;
};

// How many replicates there are and what draws them. Replicate r of a set is a function of (seed, r, which of
// the two sets it is, its size), so that different measures resample alike.
struct Bootstrap {
  std::uint64_t replicates = 100;
  std::uint64_t seed = 0;
};

// At most `most` rows of data [n][D] (0: all), one from each of as many equal strata, at random. `which` (0
// or 1) tells the sets apart.
PointSet draw_rows(const std::vector<double>& data, std::size_t n, std::size_t dimension, std::uint64_t most,
                   std::uint64_t seed, std::uint32_t which);

// How often each of `count` rows is in replicate r (from 1; replicate 0 is the sample itself): counts that
// add up to `count`.
std::vector<std::uint32_t> multiplicities(const Bootstrap& bootstrap, std::uint64_t r, std::uint32_t which,
                                          std::size_t count);

// values[0] is the measure, the others are its replicates: their standard deviation is the error (NaN for
// fewer than two).
Estimate estimate_of(const std::vector<double>& values);

// Calls use(i, squared) for every row i of `p`, from several threads at once, with squared[j] = |p_i - q_j|^2
// over the rows j of `q`. Differences are taken before they are squared, so that rows that are equal are at
// 0.
void for_each_row(const PointSet& p, const PointSet& q,
                  const std::function<void(std::size_t, const std::vector<double>&)>& use);

}  // namespace sde
