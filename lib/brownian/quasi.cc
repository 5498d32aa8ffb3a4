#include "brownian/quasi.h"

#include <algorithm>
#include <bit>
#include <boost/random/sobol.hpp>
#include <cassert>
#include <cmath>
#include <deque>
#include <limits>
#include <utility>

#include "base/error.h"
#include "random/philox.h"
#include "simd/math.h"

namespace sde {
namespace {

constexpr std::size_t kGroup = 64;  // paths filled at a time
constexpr std::uint32_t kScrambles = 0x80000000u;

template <std::size_t n>
double polynomial(const double (&c)[n], double x) {
  double sum = c[n - 1];
  for (std::size_t i = n - 1; i-- > 0;) sum = sum * x + c[i];
  return sum;
}

}  // namespace

void normal_quantiles(const double* u, double* z, std::size_t n, double* logs) {
  static constexpr double a[] = {3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3,
                                 1.3731693765509461125e4, 4.5921953931549871457e4, 6.7265770927008700853e4,
                                 3.3430575583588128105e4, 2.5090809287301226727e3};
  static constexpr double b[] = {1,
                                 4.2313330701600911252e1,
                                 6.8718700749205790830e2,
                                 5.3941960214247511077e3,
                                 2.1213794301586595867e4,
                                 3.9307895800092710610e4,
                                 2.8729085735721942674e4,
                                 5.2264952788528545610e3};
  static constexpr double c[] = {1.42343711074968357734e0,  4.63033784615654529590e0,
                                 5.76949722146069140550e0,  3.64784832476320460504e0,
                                 1.27045825245236838258e0,  2.41780725177450611770e-1,
                                 2.27238449892691845833e-2, 7.74545014278341407640e-4};
  static constexpr double d[] = {1,
                                 2.05319162663775882187e0,
                                 1.67638483018380384940e0,
                                 6.89767334985100004550e-1,
                                 1.48103976427480074590e-1,
                                 1.51986665636164571966e-2,
                                 5.47593808499534494600e-4,
                                 1.05075007164441684324e-9};
  static constexpr double e[] = {6.65790464350110377720e0,  5.46378491116411436990e0,
                                 1.78482653991729133580e0,  2.96560571828504891230e-1,
                                 2.65321895265761230930e-2, 1.24266094738807843860e-3,
                                 2.71155556874348757815e-5, 2.01033439929228813265e-7};
  static constexpr double f[] = {1,
                                 5.99832206555887937690e-1,
                                 1.36929880922735805310e-1,
                                 1.48753612908506148525e-2,
                                 7.86869131145613259100e-4,
                                 1.84631831751005468180e-5,
                                 1.42151175831644588870e-7,
                                 2.04426310338993978564e-15};
  for (std::size_t i = 0; i < n; ++i) logs[i] = std::min(u[i], 1 - u[i]);
  simd::map(simd::Function::log, logs, logs, n);
  for (std::size_t i = 0; i < n; ++i) {
    const double q = u[i] - 0.5;
    if (std::abs(q) <= 0.425) {
      const double r = 0.180625 - q * q;
      z[i] = q * polynomial(a, r) / polynomial(b, r);
      continue;
    }
    const double r = std::sqrt(-logs[i]);
    const double tail = r <= 5 ? polynomial(c, r - 1.6) / polynomial(d, r - 1.6)
                               : polynomial(e, r - 5) / polynomial(f, r - 5);
    z[i] = q < 0 ? -tail : tail;
  }
}

// Boost hands out the points g = 1, 2, ... in the order of Gray's code: point g differs from point g - 1 by
// direction number ctz(g), and point 0 is 0.
std::vector<std::uint32_t> sobol_directions(std::size_t dimensions, std::size_t bits) {
  assert(bits <= 32);
  boost::random::sobol_engine<std::uint32_t, 32> engine(dimensions);
  std::vector<std::uint32_t> result(dimensions * bits), before(dimensions), at(dimensions);
  const auto read = [&](std::uint64_t point, std::vector<std::uint32_t>& values) {
    engine.seed(static_cast<std::uint32_t>(point - 1));
    for (std::uint32_t& value : values) value = engine();
  };
  for (std::size_t bit = 0; bit < bits; ++bit) {
    const std::uint64_t point = std::uint64_t{1} << bit;
    if (bit > 0) read(point - 1, before);
    read(point, at);
    for (std::size_t q = 0; q < dimensions; ++q) result[q * bits + bit] = before[q] ^ at[q];
  }
  return result;
}

void QuasiPaths::require_dimensions(std::uint64_t steps, std::size_t noises) {
  if (steps > kMostDimensions / noises)
    fail(Status::usage,
         "/brownian/points: sobol has {} dimensions, fewer than {} steps with {} noise{} take; use at most "
         "{} steps",
         kMostDimensions, steps, noises, noises == 1 ? "" : "s", kMostDimensions / noises);
}

QuasiPaths::QuasiPaths(std::uint64_t seed, std::size_t noises, std::vector<double> lengths,
                       std::uint64_t points)
    : seed_(seed), noises_(noises), lengths_(std::move(lengths)), points_(points) {
  const std::size_t steps = lengths_.size();
  require_dimensions(steps, noises);
  if (!std::has_single_bit(points) || points < kGroup || points > (std::uint64_t{1} << 31))
    fail(Status::usage, "/brownian/points: sobol points come in powers of two from {} to 2^31 (got {})",
         kGroup, points);
  bits_ = static_cast<std::size_t>(std::countr_zero(points));
  directions_ = sobol_directions(steps * noises, bits_);

  std::vector<double> times = {0};
  for (double h : lengths_) times.push_back(times.back() + h);
  bridge_.push_back({steps, 0, 0, 1, 0, std::sqrt(times[steps])});
  std::deque<std::pair<std::size_t, std::size_t>> open = {{0, steps}};
  while (!open.empty()) {
    const auto [left, right] = open.front();
    open.pop_front();
    if (right - left < 2) continue;
    const std::size_t node = left + (right - left) / 2;
    const double before = times[node] - times[left], after = times[right] - times[node], all = before + after;
    bridge_.push_back({node, left, right, after / all, before / all, std::sqrt(before * after / all)});
    open.emplace_back(left, node);
    open.emplace_back(node, right);
  }
}

void QuasiPaths::scramble(std::uint64_t randomisation, Workspace& w) const {
  if (w.filled && w.randomisation == randomisation) return;
  const std::size_t dimensions = steps() * noises_;
  w.directions.resize(dimensions * bits_);
  w.shifts.resize(dimensions);
  for (std::size_t q = 0; q < dimensions; ++q) {
    const Stream stream = make_stream(seed_, Purpose::brownian, kScrambles + static_cast<std::uint32_t>(q));
    const auto words = [&](std::uint32_t number) {
      return philox({static_cast<std::uint32_t>(randomisation),
                     static_cast<std::uint32_t>(randomisation >> 32), number, 0},
                    stream.key);
    };
    // Column c of a lower triangular matrix of bits: 1 at digit c, anything at the digits below.
    std::uint32_t columns[32];
    for (std::uint32_t c = 0; c < 32; c += 4) {
      const auto random = words(c / 4);
      for (std::uint32_t i = 0; i < 4; ++i) {
        const std::uint32_t digit = 0x80000000u >> (c + i);
        columns[c + i] = digit | (random[i] & (digit - 1));
      }
    }
    for (std::size_t bit = 0; bit < bits_; ++bit) {
      const std::uint32_t plain = directions_[q * bits_ + bit];
      std::uint32_t scrambled = 0;
      for (std::uint32_t c = 0; c < 32; ++c)
        if (plain & (0x80000000u >> c)) scrambled ^= columns[c];
      w.directions[q * bits_ + bit] = scrambled;
    }
    const auto random = words(8);
    w.shifts[q] = (static_cast<std::uint64_t>(random[0]) << 32) | random[1];
  }
  w.filled = true;
  w.randomisation = randomisation;
}

void QuasiPaths::fill_group(std::uint64_t first_point, double* out, std::size_t lanes, Workspace& w) const {
  const std::uint64_t gray = first_point ^ (first_point >> 1);
  const std::size_t row = noises_ * kGroup;
  std::fill_n(w.nodes.data(), row, 0.0);  // W(0)
  std::size_t coordinate = 0;
  for (const Bridge& b : bridge_) {
    for (std::size_t c = 0; c < noises_; ++c, ++coordinate) {
      const std::uint32_t* v = w.directions.data() + coordinate * bits_;
      std::uint32_t x = 0;
      for (std::size_t bit = 0; bit < bits_; ++bit)
        if (gray >> bit & 1) x ^= v[bit];
      for (std::size_t i = 0; i < kGroup; ++i) {
        if (i > 0) x ^= v[std::countr_zero(i)];
        const std::uint64_t digits = (static_cast<std::uint64_t>(x) << 32) ^ w.shifts[coordinate];
        w.uniforms[i] = (static_cast<double>(digits >> 12) + 0.5) * 0x1p-52;
      }
      double* z = w.nodes.data() + b.node * row + c * kGroup;
      normal_quantiles(w.uniforms.data(), z, kGroup, w.logs.data());
      const double* left = w.nodes.data() + b.left * row + c * kGroup;
      const double* right = w.nodes.data() + b.right * row + c * kGroup;
      for (std::size_t i = 0; i < kGroup; ++i)
        z[i] = b.from_left * left[i] + b.from_right * right[i] + b.deviation * z[i];
    }
  }
  for (std::size_t step = 0; step < steps(); ++step)
    for (std::size_t c = 0; c < noises_; ++c) {
      const double* w0 = w.nodes.data() + step * row + c * kGroup;
      double* to = out + (step * noises_ + c) * lanes;
      for (std::size_t i = 0; i < kGroup; ++i) to[i] = w0[row + i] - w0[i];
    }
}

void QuasiPaths::fill(std::uint64_t first_id, std::size_t lanes, double* out, Workspace& w) const {
  assert(first_id % kGroup == 0 && lanes % kGroup == 0);
  w.uniforms.resize(kGroup);
  w.logs.resize(kGroup);
  w.nodes.resize((steps() + 1) * noises_ * kGroup);
  for (std::size_t lane = 0; lane < lanes; lane += kGroup) {
    const std::uint64_t id = first_id + lane;
    scramble(id / points_, w);
    fill_group(id % points_, out + lane, lanes, w);
  }
}

}  // namespace sde
