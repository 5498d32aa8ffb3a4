#include "score/dequantise.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "random/stream.h"

namespace sde {

std::optional<Lattice> find_lattice(const std::vector<double>& data, std::optional<double> step) {
  constexpr double kOff = 1e-3, kLevels = 65536;
  std::vector<double> values = data;
  std::sort(values.begin(), values.end());
  if (values.empty()) return {};
  const double range = values.back() - values.front();
  double least = step.value_or(range);
  for (std::size_t k = 1; k < values.size() && !step; ++k) {
    const double gap = values[k] - values[k - 1];
    // Equal numbers of single precision may differ by their rounding.
    if (gap > range / kLevels / 2) least = std::min(least, gap);
  }
  if (!(least > 0) || !std::isfinite(range) || range / least > kLevels) return {};
  Lattice lattice{values.front(), least, static_cast<std::uint64_t>(std::llround(range / least)) + 1};
  if (!step && lattice.levels > 1) lattice.step = range / static_cast<double>(lattice.levels - 1);
  for (const double x : values) {
    const double k = (x - lattice.origin) / lattice.step;
    if (std::fabs(k - std::round(k)) > kOff) return {};
  }
  return lattice;
}

std::vector<double> dequantised(const std::vector<double>& data, std::size_t dimension, double step,
                                std::uint64_t draws, std::uint64_t seed) {
  std::vector<double> out;
  out.reserve(data.size() * draws);
  const Stream stream = make_stream(seed, Purpose::dequantise);
  for (std::size_t row = 0; row < data.size() / dimension; ++row) {
    for (std::uint64_t j = 0; j < draws; ++j) {
      for (std::size_t i = 0; i < dimension; ++i) {
        const double u = uniform_pair(stream, row, j * dimension + i)[0];
        out.push_back(data[row * dimension + i] + step * u);
      }
    }
  }
  return out;
}

double bits_per_dimension(double nats, std::size_t dimension, double step) {
  return -nats / (static_cast<double>(dimension) * std::numbers::ln2) - std::log2(step);
}

}  // namespace sde
