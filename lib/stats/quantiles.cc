#include "stats/quantiles.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

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
    int exponent;
    const double mantissa = 2 * std::frexp(std::min(distance, 1e300), &exponent);  // in [1, 2)
    bin = kLinear + static_cast<std::size_t>(exponent - 1) * kPerOctave +
          static_cast<std::size_t>((mantissa - 1) * kPerOctave);
    bin = std::min(bin, kHalf - 1);
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
}

std::size_t QuantileSketch::bin_at(double p, double* within) const {
  // The rank of R's default rule (type 7); inside the bin values are taken as evenly spread.
  const double rank = p * static_cast<double>(count_ - 1);
  double before = 0;
  for (std::size_t p_index = 0; p_index < pages_.size(); ++p_index) {
    for (std::size_t i = 0; i < pages_[p_index].size(); ++i) {
      const double here = static_cast<double>(pages_[p_index][i]);
      if (here > 0 && rank < before + here) {
        *within = (rank - before + 0.5) / here;
        return p_index * kPage + i;
      }
      before += here;
    }
  }
  *within = 1;
  return bin_of(greatest_);
}

double QuantileSketch::quantile(double p) const {
  if (count_ == 0) return std::numeric_limits<double>::quiet_NaN();
  double within;
  const std::size_t bin = bin_at(p, &within);
  const double low = lower_edge(bin), high = lower_edge(bin + 1);
  return std::clamp(low + (high - low) * within, least_, greatest_);
}

double QuantileSketch::resolution(double p) const {
  if (count_ == 0) return std::numeric_limits<double>::quiet_NaN();
  double within;
  const std::size_t bin = bin_at(p, &within);
  return 0.5 * (lower_edge(bin + 1) - lower_edge(bin));
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
