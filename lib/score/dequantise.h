// Densities of quantised data (pixels, counts): uniform noise fills the gaps, so that a density can be had.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace sde {

// Where quantised data stand: origin + k step, k a whole number below levels.
struct Lattice {
  double origin = 0, step = 1;
  std::uint64_t levels = 1;
};

// The lattice of the data, coarsest step first found: `step` where given, else the least difference of two
// values. Nothing where some value is off it by more than a thousandth of the step (single precision is
// enough), or where it has more than 2^16 levels: such data are taken to be continuous. Nothing either for
// data that are all equal, unless `step` is given.
std::optional<Lattice> find_lattice(const std::vector<double>& data, std::optional<double> step = {});

// Row k of [n][D] becomes `draws` rows, k draws + j, of values in [x, x + step): x + step u with u uniform, a
// function of (seed, row, draw, column). With y such a row, ln P(x) = ln E p(y) + D ln step >= E ln p(y) + D
// ln step, P being the model's mass of the cell (Theis, van den Oord & Bethge, ICLR 2016).
std::vector<double> dequantised(const std::vector<double>& data, std::size_t dimension, double step,
                                std::uint64_t draws, std::uint64_t seed);

// Of dequantised data with mean log-density `nats`: the bound on -ln P(x), in bits a dimension.
double bits_per_dimension(double nats, std::size_t dimension, double step);

}  // namespace sde
