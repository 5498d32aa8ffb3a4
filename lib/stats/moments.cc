#include "stats/moments.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace sde {

double Moments::stderr_of_mean() const {
  return count > 0 ? std::sqrt(variance() / count) : 0;
}

Moments merged(const Moments& a, const Moments& b) {
  if (a.count == 0) return b;
  if (b.count == 0) return a;
  const double count = a.count + b.count;
  const double difference = b.mean - a.mean;
  return {count, a.mean + difference * (b.count / count),
          a.squares + b.squares + difference * difference * (a.count * b.count / count)};
}

Moments leaf_moments(const double* values, std::size_t n) {
  // Eight partial sums in a fixed pattern: enough for the compiler to overlap the additions.
  constexpr std::size_t kWays = 8;
  const auto fold = [](const double* part) {
    return ((part[0] + part[4]) + (part[2] + part[6])) + ((part[1] + part[5]) + (part[3] + part[7]));
  };
  double sum[kWays] = {}, count[kWays] = {};
  for (std::size_t i = 0; i < n; ++i) {
    const bool finite = std::isfinite(values[i]);
    sum[i % kWays] += finite ? values[i] : 0.0;
    count[i % kWays] += finite ? 1.0 : 0.0;
  }
  const double total = fold(count);
  if (total == 0) return {};
  const double mean = fold(sum) / total;
  double squares[kWays] = {};
  for (std::size_t i = 0; i < n; ++i) {
    const double d = std::isfinite(values[i]) ? values[i] - mean : 0.0;
    squares[i % kWays] += d * d;
  }
  return {total, mean, fold(squares)};
}

namespace {

std::vector<Moments> merge_all(const std::vector<Moments>& a, const std::vector<Moments>& b) {
  std::vector<Moments> result(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) result[i] = merged(a[i], b[i]);
  return result;
}

}  // namespace

void MomentTree::add(std::uint64_t leaf, std::vector<Moments> moments) {
  insert(0, leaf, std::move(moments));
}

void MomentTree::insert(int level, std::uint64_t index, std::vector<Moments> moments) {
  assert(moments.size() == quantities_);
  for (auto sibling = nodes_.find({level, index ^ 1}); sibling != nodes_.end();
       sibling = nodes_.find({level, index ^ 1})) {
    moments = (index & 1) ? merge_all(sibling->second, moments) : merge_all(moments, sibling->second);
    nodes_.erase(sibling);
    ++level;
    index >>= 1;
  }
  nodes_.emplace(std::pair{level, index}, std::move(moments));
}

void MomentTree::merge(MomentTree other) {
  for (auto& [place, moments] : other.nodes_) insert(place.first, place.second, std::move(moments));
}

std::vector<Moments> MomentTree::total() const {
  std::vector<std::pair<std::uint64_t, const std::vector<Moments>*>> ordered;
  for (const auto& [place, moments] : nodes_) ordered.emplace_back(place.second << place.first, &moments);
  std::sort(ordered.begin(), ordered.end());
  std::vector<Moments> result(quantities_);
  for (const auto& [first, moments] : ordered) result = merge_all(result, *moments);
  return result;
}

}  // namespace sde
