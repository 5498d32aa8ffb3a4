// Quantiles of a stream without keeping it: a histogram whose counts add up exactly, in any order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace sde {

// Bins in units of `scale` around `centre`: linear within one scale, then kPerOctave bins for each doubling
// of the distance, out to 2^40 scales. A quantile is off by at most half the width of its bin: scale / (2 *
// kLinear) near the centre, a fraction 1 / (2 * kPerOctave) of the distance from it beyond. Counts are
// integers, so that sketches merge exactly and their result does not depend on the order in which values
// came.
class QuantileSketch {
 public:
  static constexpr int kLinear = 256, kPerOctave = 128, kOctaves = 40;

  QuantileSketch() = default;
  // `scale` of 0 or not finite (a quantity that does not vary) is replaced by a small one.
  QuantileSketch(double centre, double scale);

  void add(double value);  // values that are not finite are not counted
  void add(const double* values, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) add(values[i]);
  }
  // The other sketch must have the same centre and scale.
  void merge(const QuantileSketch& other);

  // The p-quantile, 0 < p < 1, linear within its bin; NaN where nothing was counted.
  double quantile(double p) const;
  // Half the width of the bin in which the p-quantile lies: its largest discretisation error.
  double resolution(double p) const;

  std::uint64_t count() const { return count_; }
  double centre() const { return centre_; }
  double scale() const { return scale_; }

 private:
  std::size_t bin_of(double value) const;
  double lower_edge(std::size_t bin) const;
  std::size_t bin_at(double p, double* within) const;

  double centre_ = 0, scale_ = 1, inverse_scale_ = 1;
  std::uint64_t count_ = 0;
  double least_ = 0, greatest_ = 0;
  // Pages of bins, allocated when first counted in: most quantities touch few octaves.
  static constexpr std::size_t kPage = kPerOctave;
  std::vector<std::vector<std::uint64_t>> pages_;
};

// Median and interquartile range of a small sample, from which a sketch takes its centre and scale.
struct CentreAndScale {
  double centre = 0, scale = 0;
};
CentreAndScale centre_and_scale(std::span<const double> sample);

}  // namespace sde
