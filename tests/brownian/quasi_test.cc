#include "brownian/quasi.h"

#include <gtest/gtest.h>

#include <boost/math/distributions/normal.hpp>
#include <boost/random/sobol.hpp>
#include <cmath>

#include "base/error.h"

namespace sde {
namespace {

TEST(Quasi, DirectionsAreThoseOfTheSequence) {
  const std::size_t dimensions = 7, bits = 10;
  const std::vector<std::uint32_t> v = sobol_directions(dimensions, bits);
  boost::random::sobol_engine<std::uint32_t, 32> engine(dimensions);
  std::vector<std::uint32_t> x(dimensions, 0);
  for (unsigned point = 1; point < (1u << bits); ++point)
    for (std::size_t q = 0; q < dimensions; ++q) {
      x[q] ^= v[q * bits + static_cast<std::size_t>(__builtin_ctz(point))];
      ASSERT_EQ(engine(), x[q]) << point << ", " << q;
    }
}

TEST(Quasi, NormalQuantiles) {
  AlignedVector<double> u(4096), z(4096), logs(4096);
  for (std::size_t i = 0; i < u.size(); ++i)
    u[i] = i < 64 ? std::ldexp(1.0, -static_cast<int>(i) / 2 - 2) : (static_cast<double>(i) - 63.5) / 4032;
  u[63] = 0x1p-53;
  normal_quantiles(u.data(), z.data(), u.size(), logs.data());
  const boost::math::normal law;
  for (std::size_t i = 0; i < u.size(); ++i) {
    const double want = boost::math::quantile(law, u[i]);
    EXPECT_NEAR(z[i], want, 1e-15 * std::max(1.0, std::abs(want)) * 4) << u[i];
  }
}

// Every randomisation puts one point into each of as many strips, of every coordinate: normal quantiles of
// W(T).
TEST(Quasi, StratifiesTheEnd) {
  const std::uint64_t points = 256;
  const QuasiPaths paths(3, 2, {0.5, 0.25, 0.25}, points);
  QuasiPaths::Workspace workspace;
  std::vector<double> out(3 * 2 * 512);
  paths.fill(256, 512, out.data(), workspace);
  for (std::size_t c = 0; c < 2; ++c)
    for (std::size_t r = 0; r < 2; ++r) {
      std::vector<int> strips(points);
      for (std::size_t i = 0; i < points; ++i) {
        double w = 0;
        for (std::size_t step = 0; step < 3; ++step) w += out[(step * 2 + c) * 512 + r * points + i];
        ++strips[static_cast<std::size_t>(0.5 * std::erfc(-w / std::sqrt(2.0)) * points)];
      }
      for (int count : strips) EXPECT_EQ(count, 1);
    }
}

// Over many randomisations one point is a Brownian motion.
TEST(Quasi, EachPathHasTheLaw) {
  const std::vector<double> lengths = {0.1, 0.3, 0.2, 0.2, 0.4};
  const QuasiPaths paths(11, 2, lengths, 64);
  QuasiPaths::Workspace workspace;
  const std::size_t n = 4000, rows = 10;
  std::vector<double> out(rows * 64);
  std::vector<double> products(rows * rows), mean(rows), fourth(rows);
  for (std::size_t r = 0; r < n; ++r) {
    paths.fill(r * 64, 64, out.data(), workspace);
    std::vector<double> z(rows);
    for (std::size_t i = 0; i < rows; ++i) z[i] = out[i * 64 + 17] / std::sqrt(lengths[i / 2]);
    for (std::size_t i = 0; i < rows; ++i) {
      mean[i] += z[i] / n;
      fourth[i] += std::pow(z[i], 4) / n;
      for (std::size_t j = 0; j < rows; ++j) products[i * rows + j] += z[i] * z[j] / n;
    }
  }
  for (std::size_t i = 0; i < rows; ++i) {
    EXPECT_NEAR(mean[i], 0, 4 / std::sqrt(n));
    EXPECT_NEAR(fourth[i], 3, 4 * std::sqrt(96.0 / n));
    for (std::size_t j = 0; j < rows; ++j)
      EXPECT_NEAR(products[i * rows + j], i == j ? 1 : 0, 4 * std::sqrt((i == j ? 2.0 : 1.0) / n));
  }
}

TEST(Quasi, IsAFunctionOfTheId) {
  const QuasiPaths paths(3, 1, {0.5, 0.5}, 128);
  QuasiPaths::Workspace one, two;
  std::vector<double> all(2 * 384), part(2 * 64);
  paths.fill(0, 384, all.data(), one);
  for (std::size_t first = 320;; first -= 64) {
    paths.fill(first, 64, part.data(), two);
    for (std::size_t step = 0; step < 2; ++step)
      for (std::size_t i = 0; i < 64; ++i) ASSERT_EQ(part[step * 64 + i], all[step * 384 + first + i]);
    if (first == 0) break;
  }
}

TEST(Quasi, RefusesWhatItCannotDo) {
  EXPECT_THROW(QuasiPaths(0, 2, std::vector<double>(2000, 0.1), 64), Error);
  EXPECT_THROW(QuasiPaths(0, 1, {1}, 100), Error);
  EXPECT_THROW(QuasiPaths(0, 1, {1}, 32), Error);
}

}  // namespace
}  // namespace sde
