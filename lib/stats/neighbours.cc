#include "stats/neighbours.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

namespace sde {
namespace {

// The share of rows with a mark, and its replicates.
Estimate share(const std::vector<char>& marks, const Bootstrap& bootstrap, std::uint32_t which) {
  std::vector<double> values;
  for (std::uint64_t r = 0; r <= bootstrap.replicates; ++r) {
    const auto times = multiplicities(bootstrap, r, which, marks.size());
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < marks.size(); ++i) sum += marks[i] ? times[i] : 0;
    values.push_back(static_cast<double>(sum) / static_cast<double>(marks.size()));
  }
  return estimate_of(values);
}

// Every second row of the first `size` of both sets, from the first or from the second; those of b come last.
PointSet half(const PointSet& a, const PointSet& b, std::size_t size, std::size_t first) {
  PointSet out;
  out.dimension = a.dimension;
  const std::size_t each = (size - first + 1) / 2;
  out.count = 2 * each;
  for (std::size_t i = 0; i < a.dimension; ++i) {
    for (const PointSet* set : {&a, &b}) {
      for (std::size_t k = 0; k < each; ++k) out.x.push_back(set->row(i)[first + 2 * k]);
    }
  }
  return out;
}

}  // namespace

ClassifierTest classifier_test(const PointSet& a, const PointSet& b, const Bootstrap& bootstrap) {
  const std::size_t size = std::min(a.count, b.count);
  const PointSet train = half(a, b, size, 0), test = half(a, b, size, 1);
  ClassifierTest result;
  result.held_out = test.count;
  result.neighbours = static_cast<std::uint64_t>(std::sqrt(static_cast<double>(train.count))) | 1;
  const auto k = static_cast<std::size_t>(std::min<std::uint64_t>(result.neighbours, train.count - 1));
  std::vector<char> right(test.count);
  for_each_row(test, train, [&](std::size_t i, const std::vector<double>& squared) {
    std::vector<std::pair<double, std::uint32_t>> near;
    for (std::size_t j = 0; j < squared.size(); ++j)
      near.emplace_back(squared[j], static_cast<std::uint32_t>(j));
    std::nth_element(near.begin(), near.begin() + static_cast<std::ptrdiff_t>(k - 1), near.end());
    std::size_t votes = 0;
    for (std::size_t j = 0; j < k; ++j) votes += near[j].second < train.count / 2;
    right[i] = (2 * votes > k) == (i < test.count / 2);
  });
  result.accuracy = share(right, bootstrap, 0);
  const double z = (result.accuracy.value - 0.5) * 2 * std::sqrt(static_cast<double>(test.count));
  result.p_value = 0.5 * std::erfc(z / std::numbers::sqrt2);
  return result;
}

Estimate coverage(const PointSet& a, const PointSet& b, std::uint64_t k, const Bootstrap& bootstrap,
                  std::uint32_t which) {
  std::vector<double> reach(a.count);  // squared distance to the k-th neighbour
  const auto place = static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(k, a.count - 1));
  for_each_row(a, a, [&](std::size_t i, const std::vector<double>& squared) {
    std::vector<double> near = squared;  // the row itself is at 0 and comes first
    std::nth_element(near.begin(), near.begin() + place, near.end());
    reach[i] = near[static_cast<std::size_t>(place)];
  });
  std::vector<char> inside(b.count);
  for_each_row(b, a, [&](std::size_t i, const std::vector<double>& squared) {
    for (std::size_t j = 0; j < squared.size() && !inside[i]; ++j) inside[i] = squared[j] <= reach[j];
  });
  return share(inside, bootstrap, which);
}

}  // namespace sde
