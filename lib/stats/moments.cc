#include "stats/moments.h"

#include <cmath>

#include "stats/kernels.h"

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
  const std::size_t whole = n / kWays * kWays;
  double sum[kWays], count[kWays], squares[kWays];
  partial_sums(values, whole, sum, count);
  for (std::size_t i = whole; i < n; ++i) {
    const bool finite = std::isfinite(values[i]);
    sum[i % kWays] += finite ? values[i] : 0.0;
    count[i % kWays] += finite ? 1.0 : 0.0;
  }
  const double total = fold(count);
  if (total == 0) return {};
  const double mean = fold(sum) / total;
  partial_squares(values, mean, whole, squares);
  for (std::size_t i = whole; i < n; ++i) {
    const double d = std::isfinite(values[i]) ? values[i] - mean : 0.0;
    squares[i % kWays] += d * d;
  }
  return {total, mean, fold(squares)};
}

}  // namespace sde
