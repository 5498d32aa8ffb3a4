// Counts of a stream in bins of one width; they add up exactly, in any order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sde {

// Bin i holds low + i w <= x < low + (i + 1) w, w = (high - low) / bins; the last takes x = high too.
class Histogram {
 public:
  Histogram() = default;
  Histogram(double low, double high, std::size_t bins)
      : low_(low), high_(high), per_unit_(static_cast<double>(bins) / (high - low)), counts_(bins + 2) {}

  void add(const double* values, std::size_t n);  // values that are not finite are not counted
  // The other histogram must have the same bins.
  void merge(const Histogram& other);

  double low() const { return low_; }
  double high() const { return high_; }
  std::size_t bins() const { return counts_.size() - 2; }
  std::uint64_t below() const { return counts_.front(); }
  std::uint64_t above() const { return counts_.back(); }
  std::uint64_t count(std::size_t bin) const { return counts_[bin + 1]; }
  double edge(std::size_t i) const {  // the lower one of bin i; i = bins() is high()
    return i == bins() ? high_
                       : low_ + (high_ - low_) * (static_cast<double>(i) / static_cast<double>(bins()));
  }

  const std::vector<std::uint64_t>& counts() const { return counts_; }  // below, bins, above
  void put(std::vector<std::uint64_t> counts) { counts_ = std::move(counts); }

 private:
  double low_ = 0, high_ = 1, per_unit_ = 1;
  std::vector<std::uint64_t> counts_ = std::vector<std::uint64_t>(3);
};

}  // namespace sde
