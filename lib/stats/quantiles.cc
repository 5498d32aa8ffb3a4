#include "stats/quantiles.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cmath>
#include <limits>
#include <utility>

#include "base/prefetch.h"
#include "stats/kernels.h"
#include "stats/moments.h"

namespace sde {
namespace {

constexpr std::size_t kHalf =
    QuantileSketch::kLinear + std::size_t{QuantileSketch::kPerOctave} * QuantileSketch::kOctaves;

// Distance from the centre, in scales, at which bin b of one side begins.
double edge(std::size_t b) {
  if (b <= QuantileSketch::kLinear) return static_cast<double>(b) / QuantileSketch::kLinear;
  const std::size_t beyond = b - QuantileSketch::kLinear;
  const double fraction =
      static_cast<double>(beyond % QuantileSketch::kPerOctave) / QuantileSketch::kPerOctave;
  return std::ldexp(1 + fraction, static_cast<int>(beyond / QuantileSketch::kPerOctave));
}

}  // namespace

QuantileSketch::QuantileSketch(double centre, double scale)
    : centre_(std::isfinite(centre) ? centre : 0), scale_(scale) {
  const double least = std::max(std::abs(centre_) * 1e-9, std::numeric_limits<double>::min());
  if (!(scale_ >= least) || !std::isfinite(scale_)) scale_ = centre_ != 0 ? least : 1;
  inverse_scale_ = 1 / scale_;
}

std::size_t QuantileSketch::bin_of(double value) const {
  const double y = (value - centre_) * inverse_scale_;
  const double distance = std::abs(y);
  std::size_t bin;
  if (distance < 1) {
    bin = static_cast<std::size_t>(distance * kLinear);
  } else {
    // Exponent and leading bits of the mantissa, read off as one number: octave and place in it.
    constexpr int kPlaceBits = std::countr_zero(static_cast<unsigned>(kPerOctave));
    static_assert(kPerOctave == 1 << kPlaceBits);
    const auto bits = std::bit_cast<std::uint64_t>(distance) >> (52 - kPlaceBits);
    bin = std::min(kLinear + static_cast<std::size_t>(bits - (std::uint64_t{1023} << kPlaceBits)), kHalf - 1);
  }
  return y < 0 ? kHalf - 1 - bin : kHalf + bin;
}

double QuantileSketch::lower_edge(std::size_t bin) const {
  // The outermost bins reach as far as values did.
  if (bin == 0) return std::min(least_, centre_ - scale_ * edge(kHalf));
  if (bin == 2 * kHalf) return std::max(greatest_, centre_ + scale_ * edge(kHalf));
  const double distance = bin < kHalf ? -edge(kHalf - bin) : edge(bin - kHalf);
  return centre_ + scale_ * distance;
}

std::vector<std::uint64_t>& QuantileSketch::page(std::size_t p) {
  static_assert(kHalf % kPage == 0);
  if (pages_.empty()) pages_.resize(2 * kHalf / kPage);
  if (pages_[p].empty()) pages_[p].resize(kPage);
  return pages_[p];
}

std::uint64_t& QuantileSketch::counter(std::size_t bin) {
  return page(bin / kPage)[bin % kPage];
}

void QuantileSketch::add(double value) {
  if (!std::isfinite(value)) return;
  least_ = count_ == 0 ? value : std::min(least_, value);
  greatest_ = count_ == 0 ? value : std::max(greatest_, value);
  ++count_;
  const std::size_t bin = bin_of(value);
  if (bin - kFirstNear >= near_.size()) {
    ++counter(bin);
    return;
  }
  make_room(1);
  ++near_[bin - kFirstNear];
  --room_;
}

void QuantileSketch::add(const double* values, std::size_t n) {
  const BinRule rule{centre_, inverse_scale_, std::countr_zero(static_cast<unsigned>(kLinear)),
                     std::countr_zero(static_cast<unsigned>(kPerOctave)), kNear / 2};
  static_assert(std::has_single_bit(unsigned{kLinear}) && std::has_single_bit(unsigned{kPerOctave}));
  static_assert(kBinRow <= kMostNear);
  const std::size_t whole = n / kBinWays * kBinWays;
  alignas(64) std::array<std::int32_t, kBinRow> bins;
  if (near_.empty()) near_.resize(kNear);
  std::uint16_t* const near = near_.data();
  for (std::size_t start = 0, here = 0; start < whole; start += here) {
    const double* const x = values + start;
    here = std::min(count_ > 0 ? kBinRow : kBinBatch, whole - start);
    make_room(here);
    // Values in bins between those of the least and of the greatest so far change neither.
    std::int32_t low = kNear, high = -1;
    if (count_ > 0) {
      const auto near_bin = [](std::size_t bin) { return static_cast<std::int64_t>(bin - kFirstNear); };
      low = static_cast<std::int32_t>(std::clamp<std::int64_t>(near_bin(bin_of(least_)) + 1, 0, kNear));
      high = static_cast<std::int32_t>(std::clamp<std::int64_t>(near_bin(bin_of(greatest_)), 0, kNear) - 1);
    }
    std::uint32_t outside = find_bins(rule, x, here, low, high, bins.data());
    std::uint64_t inside = 0;
    for (std::size_t i = 0; i < here; outside >>= 1) {
      const std::size_t end = std::min(i + kBinBatch, here);
      if ((outside & 1) == 0) [[likely]] {
        inside += end - i;
        for (; i < end; i += 4) {
          ++near[bins[i]];
          ++near[bins[i + 1]];
          ++near[bins[i + 2]];
          ++near[bins[i + 3]];
        }
        continue;
      }
      for (; i < end; ++i) {
        if (static_cast<std::uint32_t>(bins[i]) >= kNear) {
          add(x[i]);
          continue;
        }
        ++near[bins[i]];
        if (bins[i] >= low && bins[i] <= high) {
          ++inside;
          continue;
        }
        --room_;
        least_ = count_ == 0 ? x[i] : std::min(least_, x[i]);
        greatest_ = count_ == 0 ? x[i] : std::max(greatest_, x[i]);
        ++count_;
      }
    }
    room_ -= inside;
    count_ += inside;
  }
  for (std::size_t i = whole; i < n; ++i) add(values[i]);
}

void QuantileSketch::prefetch() const {
  constexpr std::size_t kLine = kAlignment / sizeof(std::uint16_t);
  for (std::size_t i = 0; i < near_.size(); i += kLine) prefetch_to_change(near_.data() + i);
}

void QuantileSketch::make_room(std::size_t n) {
  if (room_ >= n) return;
  look_for_room();
  if (room_ < n) settle();
}

void QuantileSketch::look_for_room() {
  if (near_.empty()) near_.resize(kNear);
  room_ = kMostNear - *std::max_element(near_.begin(), near_.end());
}

void QuantileSketch::settle() {
  for (std::size_t i = 0; i < near_.size(); ++i)
    if (near_[i] > 0) counter(kFirstNear + i) += std::exchange(near_[i], std::uint16_t{0});
  room_ = kMostNear;
}

bool QuantileSketch::has_page(std::size_t page) const {
  return (!pages_.empty() && !pages_[page].empty()) || page * kPage - kFirstNear < near_.size();
}

std::uint64_t QuantileSketch::counted_in(std::size_t page, std::size_t i) const {
  const std::size_t place = page * kPage + i - kFirstNear;
  const bool far = !pages_.empty() && !pages_[page].empty();
  return (far ? pages_[page][i] : 0) + (place < near_.size() ? near_[place] : 0);
}

void QuantileSketch::merge(const QuantileSketch& other) {
  if (other.count_ == 0) return;
  if (count_ == 0) {
    *this = other;
    return;
  }
  assert(centre_ == other.centre_ && scale_ == other.scale_);
  least_ = std::min(least_, other.least_);
  greatest_ = std::max(greatest_, other.greatest_);
  count_ += other.count_;
  for (std::size_t p = 0; p < other.pages_.size(); ++p) {
    const std::vector<std::uint64_t>& from = other.pages_[p];
    if (from.empty()) continue;
    std::vector<std::uint64_t>& to = page(p);
    for (std::size_t i = 0; i < kPage; ++i) to[i] += from[i];
  }
  if (other.near_.empty()) return;
  if (near_.empty()) near_.resize(kNear);
  make_room(*std::max_element(other.near_.begin(), other.near_.end()));
  for (std::size_t i = 0; i < kNear; ++i) near_[i] = static_cast<std::uint16_t>(near_[i] + other.near_[i]);
  look_for_room();
}

QuantileSketch::Place QuantileSketch::place_of(std::uint64_t rank) const {
  std::uint64_t before = 0;
  for (std::size_t page = 0; page < 2 * kHalf / kPage; ++page) {
    if (!has_page(page)) continue;
    for (std::size_t i = 0; i < kPage; ++i) {
      const std::uint64_t here = counted_in(page, i);
      if (rank < before + here) {
        // Inside the bin values are taken as evenly spread.
        const double within = (static_cast<double>(rank - before) + 0.5) / static_cast<double>(here);
        const double low = lower_edge(page * kPage + i), high = lower_edge(page * kPage + i + 1);
        return {std::clamp(low + (high - low) * within, least_, greatest_), high - low};
      }
      before += here;
    }
  }
  return {greatest_, 0};
}

double QuantileSketch::quantile(double p) const {
  if (count_ == 0) return std::numeric_limits<double>::quiet_NaN();
  // R's default rule (type 7), between two values by their ranks.
  const double rank = p * static_cast<double>(count_ - 1);
  const auto low = static_cast<std::uint64_t>(rank);
  const double w = rank - static_cast<double>(low);
  const double value = place_of(low).value;
  return w > 0 ? value + w * (place_of(low + 1).value - value) : value;
}

double QuantileSketch::resolution(double p) const {
  if (count_ == 0) return std::numeric_limits<double>::quiet_NaN();
  const double rank = p * static_cast<double>(count_ - 1);
  const auto low = static_cast<std::uint64_t>(rank);
  const double width = place_of(low).width;
  return rank > static_cast<double>(low) ? std::max(width, place_of(low + 1).width) : width;
}

double QuantileSketch::standard_error(double p) const {
  if (count_ < 2) return std::numeric_limits<double>::quiet_NaN();
  const double shift = std::sqrt(p * (1 - p) / static_cast<double>(count_));
  return 0.5 * (quantile(std::min(1.0, p + shift)) - quantile(std::max(0.0, p - shift)));
}

void store_sketches(const std::vector<QuantileSketch>& sketches, NamedArrays& into) {
  std::vector<double> places;
  std::vector<std::uint64_t> occupied, bins, counts;
  for (const QuantileSketch& s : sketches) {
    for (double value : {s.centre_, s.scale_, s.least_, s.greatest_}) places.push_back(value);
    const std::size_t before = bins.size();
    for (std::size_t page = 0; page < 2 * kHalf / QuantileSketch::kPage; ++page)
      for (std::size_t i = 0; s.has_page(page) && i < QuantileSketch::kPage; ++i)
        if (const std::uint64_t here = s.counted_in(page, i); here > 0) {
          bins.push_back(page * QuantileSketch::kPage + i);
          counts.push_back(here);
        }
    occupied.push_back(bins.size() - before);
  }
  into.put("sketch_places", std::move(places));
  into.put("sketch_occupied", std::move(occupied));
  into.put("sketch_bins", std::move(bins));
  into.put("sketch_counts", std::move(counts));
}

std::vector<QuantileSketch> restore_sketches(const NamedArrays& from, std::size_t sketches) {
  const std::vector<double>& places = from.real("sketch_places", 4 * sketches);
  const std::vector<std::uint64_t>& occupied = from.integer("sketch_occupied", sketches);
  const std::vector<std::uint64_t>& bins = from.integer("sketch_bins");
  const std::vector<std::uint64_t>& counts = from.integer("sketch_counts", bins.size());
  std::vector<QuantileSketch> result;
  std::size_t next = 0;
  for (std::size_t q = 0; q < sketches; ++q) {
    QuantileSketch s(places[4 * q], places[4 * q + 1]);
    s.least_ = places[4 * q + 2];
    s.greatest_ = places[4 * q + 3];
    if (occupied[q] > bins.size() - next) fail(Status::bad_data, "sketch_bins: has too few values");
    for (const std::size_t end = next + occupied[q]; next < end; ++next) {
      if (bins[next] >= 2 * kHalf) fail(Status::bad_data, "sketch_bins: there is no bin {}", bins[next]);
      s.counter(bins[next]) += counts[next];
      s.count_ += counts[next];
    }
    result.push_back(std::move(s));
  }
  return result;
}

CentreAndScale centre_and_scale(std::span<const double> sample) {
  std::vector<double> finite;
  finite.reserve(sample.size());
  for (double value : sample)
    if (std::isfinite(value)) finite.push_back(value);
  if (finite.empty()) return {};
  const std::size_t n = finite.size();
  // Values are laid out by bins of a tenth of a deviation, so that few are left to compare.
  constexpr std::size_t kBins = 64;
  std::vector<Moments> leaves((n + kLeafPaths - 1) / kLeafPaths);
  find_moments(finite.data(), n, leaves.data());
  Moments all;
  for (const Moments& leaf : leaves) all = merged(all, leaf);
  double low = all.mean - 3.2 * std::sqrt(all.variance());
  double per_unit = 0.5 * kBins / (all.mean - low);
  if (!std::isfinite(low) || !std::isfinite(per_unit)) low = per_unit = 0;
  const auto bin = [&](double value) {
    return static_cast<std::size_t>(static_cast<int>(std::clamp((value - low) * per_unit, 0.0, kBins - 1.0)));
  };
  std::array<std::size_t, kBins + 1> ends{};
  for (const double value : finite) ++ends[bin(value) + 1];
  for (std::size_t b = 0; b < kBins; ++b) ends[b + 1] += ends[b];
  std::vector<double> laid(n);
  std::array<std::size_t, kBins> next;
  std::copy_n(ends.begin(), kBins, next.begin());
  for (const double value : finite) laid[next[bin(value)]++] = value;
  const auto ranked = [&](std::size_t rank) {
    const auto end = std::upper_bound(ends.begin(), ends.end(), rank);
    const auto at = [&](std::size_t i) { return laid.begin() + static_cast<std::ptrdiff_t>(i); };
    std::nth_element(at(*(end - 1)), at(rank), at(*end));
    return laid[rank];
  };
  return {ranked(n / 2), ranked(n - 1 - n / 4) - ranked(n / 4)};
}

}  // namespace sde
