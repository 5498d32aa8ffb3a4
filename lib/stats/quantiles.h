// Quantiles of a stream without keeping it: a histogram whose counts add up exactly, in any order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "base/arrays.h"

namespace sde {

// Bins in units of `scale` around `centre`: linear within one scale, then kPerOctave bins for each doubling
// of the distance, out to 2^40 scales. A quantile is off by at most the width of its bin: scale / kLinear
// near the centre, a fraction 1 / kPerOctave of the distance from it beyond. Counts are integers, so that
// sketches merge exactly and their result does not depend on the order in which values came.
class QuantileSketch {
 public:
  static constexpr int kLinear = 256, kPerOctave = 128, kOctaves = 40;

  QuantileSketch() = default;
  // `scale` of 0 or not finite (a quantity that does not vary) is replaced by a small one.
  QuantileSketch(double centre, double scale);

  void add(double value);  // values that are not finite are not counted
  void add(const double* values, std::size_t n);
  // Asks for the counters, which an add soon will want, to be brought near.
  void prefetch() const;
  // The other sketch must have the same centre and scale.
  void merge(const QuantileSketch& other);

  // The p-quantile, 0 <= p <= 1, of the values counted, interpolated between two of them (Hyndman & Fan's
  // type 7, as R and numpy have it); NaN where nothing was counted.
  double quantile(double p) const;
  // The width of the bin in which the p-quantile lies: no more than this is quantile(p) off that of the
  // values themselves.
  double resolution(double p) const;
  // The standard error of the p-quantile as an estimate from a sample, for any law: half the distance between
  // the quantiles one binomial deviation, sqrt(p (1 - p) / n), to either side of p.
  double standard_error(double p) const;

  std::uint64_t count() const { return count_; }
  double centre() const { return centre_; }
  double scale() const { return scale_; }

  friend void store_sketches(const std::vector<QuantileSketch>& sketches, NamedArrays& into);
  friend std::vector<QuantileSketch> restore_sketches(const NamedArrays& from, std::size_t sketches);

 private:
  std::size_t bin_of(double value) const;
  bool has_page(std::size_t page) const;
  std::uint64_t counted_in(std::size_t page, std::size_t i) const;  // the i-th bin of the page
  double lower_edge(std::size_t bin) const;
  struct Place {
    double value, width;  // of the bin that it is in
  };
  Place place_of(std::uint64_t rank) const;  // of a value by its rank, from 0

  double centre_ = 0, scale_ = 1, inverse_scale_ = 1;
  std::uint64_t count_ = 0;
  double least_ = 0, greatest_ = 0;
  // Pages of bins, allocated when first counted in: most quantities touch few octaves.
  static constexpr std::size_t kPage = kPerOctave;
  std::vector<std::vector<std::uint64_t>> pages_;
  std::vector<std::uint64_t>& page(std::size_t p);
  std::uint64_t& counter(std::size_t bin);

  // Batches are counted here first where values are within four scales of the centre, in a quarter of the
  // memory, which they reach all over. Whatever their bins, `room_` more of them fit.
  static constexpr std::size_t kNear = 2 * (kLinear + 2 * std::size_t{kPerOctave});
  static constexpr std::size_t kFirstNear = kLinear + std::size_t{kPerOctave} * kOctaves - kNear / 2;
  static constexpr std::size_t kMostNear = std::numeric_limits<std::uint16_t>::max();
  void make_room(std::size_t n);  // for n more in one bin
  void look_for_room();           // by the fullest of them
  void settle();                  // moves them to their pages
  std::vector<std::uint16_t> near_;
  std::size_t room_ = 0;
};

// To and from named arrays. restore throws Error(Status::bad_data) for arrays that are not those of
// `sketches` sketches.
void store_sketches(const std::vector<QuantileSketch>& sketches, NamedArrays& into);
std::vector<QuantileSketch> restore_sketches(const NamedArrays& from, std::size_t sketches);

// Median and interquartile range of a small sample, from which a sketch takes its centre and scale.
struct CentreAndScale {
  double centre = 0, scale = 0;
};
CentreAndScale centre_and_scale(std::span<const double> sample);

}  // namespace sde
