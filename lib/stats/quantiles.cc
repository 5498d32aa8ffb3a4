#include "stats/quantiles.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <limits>
#include <utility>

#include "stats/kernels.h"

namespace sde {
namespace {

constexpr std::size_t kHalf =
    QuantileSketch::kLinear + std::size_t{QuantileSketch::kPerOctave} * QuantileSketch::kOctaves;
constexpr std::uint64_t kMostPending = std::numeric_limits<std::uint32_t>::max();

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
    : centre_(std::isfinite(centre) ? centre : 0), scale_(scale), pages_(2 * kHalf / kPage) {
  static_assert(kHalf % kPage == 0);
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

void QuantileSketch::add(double value) {
  if (!std::isfinite(value)) return;
  least_ = count_ == 0 ? value : std::min(least_, value);
  greatest_ = count_ == 0 ? value : std::max(greatest_, value);
  ++count_;
  const std::size_t bin = bin_of(value);
  std::vector<std::uint64_t>& page = pages_[bin / kPage];
  if (page.empty()) page.resize(kPage);
  ++page[bin % kPage];
}

void QuantileSketch::add(const double* values, std::size_t n) {
  constexpr std::size_t kBatch = 128;
  constexpr int kPlaceBits = std::countr_zero(static_cast<unsigned>(kPerOctave));
  static_assert(kNear % (2 * kPage) == 0 && kHalf % kPage == 0);
  const BinRule rule{centre_, inverse_scale_, kLinear, kHalf, kPlaceBits};
  const std::size_t whole = n / kWays * kWays;
  std::uint64_t bins[kBatch];
  double least = count_ == 0 ? std::numeric_limits<double>::infinity() : least_;
  double greatest = count_ == 0 ? -std::numeric_limits<double>::infinity() : greatest_;
  if (near_.empty()) near_.resize(kNear);
  std::uint32_t* const near = near_.data();
  std::uint64_t elsewhere = 0;
  for (std::size_t start = 0; start < whole; start += kBatch) {
    const std::size_t m = std::min(kBatch, whole - start);
    find_bins(rule, values + start, m, bins, least, greatest);
    if (pending_ + m > kMostPending) settle();
    std::uint64_t far = 0;
    for (std::size_t i = 0; i < m; ++i) {
      const std::uint64_t place = bins[i] - kFirstNear;
      if (place < kNear) [[likely]] {
        ++near[place];
        continue;
      }
      ++far;
      if (bins[i] == 2 * kHalf) continue;  // not finite
      std::vector<std::uint64_t>& page = pages_[bins[i] / kPage];
      if (page.empty()) page.resize(kPage);
      ++page[bins[i] % kPage];
      ++elsewhere;
    }
    pending_ += m - far;
    count_ += m - far;
  }
  count_ += elsewhere;
  if (count_ > 0) {
    least_ = least;
    greatest_ = greatest;
  }
  for (std::size_t i = whole; i < n; ++i) add(values[i]);
}

void QuantileSketch::prefetch() const {
  constexpr std::size_t kLine = 64 / sizeof(std::uint32_t);
  for (std::size_t i = 0; i < near_.size(); i += kLine) __builtin_prefetch(near_.data() + i, 1);
}

void QuantileSketch::settle() {
  for (std::size_t i = 0; i < near_.size(); ++i) {
    if (near_[i] == 0) continue;
    std::vector<std::uint64_t>& page = pages_[(kFirstNear + i) / kPage];
    if (page.empty()) page.resize(kPage);
    page[(kFirstNear + i) % kPage] += std::exchange(near_[i], 0);
  }
  pending_ = 0;
}

bool QuantileSketch::has_page(std::size_t page) const {
  return !pages_[page].empty() || page * kPage - kFirstNear < near_.size();
}

std::uint64_t QuantileSketch::counted_in(std::size_t page, std::size_t i) const {
  const std::size_t place = page * kPage + i - kFirstNear;
  return (pages_[page].empty() ? 0 : pages_[page][i]) + (place < near_.size() ? near_[place] : 0);
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
  for (std::size_t p = 0; p < pages_.size(); ++p) {
    if (other.pages_[p].empty()) continue;
    if (pages_[p].empty()) pages_[p].resize(kPage);
    for (std::size_t i = 0; i < kPage; ++i) pages_[p][i] += other.pages_[p][i];
  }
  if (other.pending_ == 0) return;
  if (pending_ + other.pending_ > kMostPending) settle();
  if (near_.empty()) near_.resize(kNear);
  for (std::size_t i = 0; i < kNear; ++i) near_[i] += other.near_[i];
  pending_ += other.pending_;
}

QuantileSketch::Place QuantileSketch::place_of(std::uint64_t rank) const {
  std::uint64_t before = 0;
  for (std::size_t page = 0; page < pages_.size(); ++page) {
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
    for (std::size_t page = 0; page < s.pages_.size(); ++page)
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
      std::vector<std::uint64_t>& page = s.pages_[bins[next] / QuantileSketch::kPage];
      if (page.empty()) page.resize(QuantileSketch::kPage);
      page[bins[next] % QuantileSketch::kPage] += counts[next];
      s.count_ += counts[next];
    }
    result.push_back(std::move(s));
  }
  return result;
}

CentreAndScale centre_and_scale(std::span<const double> sample) {
  std::vector<double> finite;
  for (double value : sample)
    if (std::isfinite(value)) finite.push_back(value);
  if (finite.empty()) return {};
  std::sort(finite.begin(), finite.end());
  const std::size_t n = finite.size();
  return {finite[n / 2], finite[n - 1 - n / 4] - finite[n / 4]};
}

}  // namespace sde
