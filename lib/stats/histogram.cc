#include "stats/histogram.h"

#include <cassert>
#include <cmath>

namespace sde {

void Histogram::add(const double* values, std::size_t n) {
  const auto last = static_cast<double>(bins());
  for (std::size_t i = 0; i < n; ++i) {
    if (!std::isfinite(values[i])) continue;
    const double place = (values[i] - low_) * per_unit_;
    const std::size_t slot = place < 0                             ? 0
                             : values[i] <= high_ && place >= last ? bins()
                             : place >= last                       ? bins() + 1
                                                                   : static_cast<std::size_t>(place) + 1;
    ++counts_[slot];
  }
}

void Histogram::merge(const Histogram& other) {
  assert(low_ == other.low_ && high_ == other.high_ && counts_.size() == other.counts_.size());
  for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
}

}  // namespace sde
