#include "fit/bessel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/math/special_functions/bessel.hpp>
#include <cmath>
#include <cstring>

#include "base/block.h"
#include "simd/target.h"

namespace sde {
namespace {

// nu, z, L, dL/dnu, dL/dz, d2L/dnu2, d2L/dnudz, d2L/dz2
const double kReference[][8] = {
#include "log_bessel_reference.inc"
};

struct Rows {
  StateBlock<double> block{7, kLaneQuantum};

  double* z() { return block.row(6); }
  void evaluate(double nu, int order = 2) {
    log_scaled_bessel_i(nu, z(), kLaneQuantum, order,
                        {block.row(0), block.row(1), block.row(2), block.row(3), block.row(4), block.row(5)});
  }
};

TEST(LogBessel, MatchesSixtyDigitReference) {
  const double tolerance[] = {4e-15, 2e-13, 2e-13, 5e-12, 5e-12, 5e-12};
  double worst[6] = {};
  for (const auto& row : kReference) {
    const double nu = row[0], z = row[1];
    Rows rows;
    std::fill_n(rows.z(), kLaneQuantum, z);
    rows.evaluate(nu);
    for (std::size_t d = 0; d < 6; ++d) {
      const double found = rows.block.row(d)[3], expected = row[2 + d];
      // Derivatives in nu vanish at nu = 0; 1 / s is their natural size there.
      const bool in_nu = d == 1 || d == 3 || d == 4;
      const double scale =
          d == 0 ? std::max(1.0, std::fabs(expected))
                 : std::max(std::fabs(expected), in_nu ? 1 / std::max(1.0, std::hypot(nu, z)) : 0);
      worst[d] = std::max(worst[d], std::fabs(found - expected) / scale);
      EXPECT_LE(std::fabs(found - expected), tolerance[d] * scale)
          << "nu " << nu << ", z " << z << ", derivative " << d << ": " << found << " for " << expected;
    }
  }
  for (std::size_t d = 0; d < 6; ++d)
    RecordProperty("worst_" + std::to_string(d), std::to_string(worst[d] * 1e16));
}

TEST(LogBessel, MatchesBoost) {
  Rows rows;
  for (double nu : {-0.9, -0.1, 0.0, 0.5, 2.0, 10.0, 31.0, 90.0}) {
    for (double z = 0.01; z < 600; z *= 1.37) {
      std::fill_n(rows.z(), kLaneQuantum, z);
      rows.evaluate(nu, 0);
      if (boost::math::cyl_bessel_i(nu, z) < 1e-290) continue;  // no digits left
      const double expected = std::log(boost::math::cyl_bessel_i(nu, z)) - z;
      EXPECT_NEAR(rows.block.row(0)[0], expected, 1e-13 * std::max(1.0, std::fabs(expected)) + 1e-15 * z)
          << "nu " << nu << ", z " << z;
    }
  }
}

// The two formulas meet at nu^2 + z^2 = 900.
TEST(LogBessel, IsSmoothWhereTheFormulasMeet) {
  for (double nu : {-0.5, 0.0, 3.0, 15.0, 29.0}) {
    const double z = std::sqrt(900 - nu * nu);
    Rows below, above;
    std::fill_n(below.z(), kLaneQuantum, z * (1 - 1e-15));
    std::fill_n(above.z(), kLaneQuantum, z * (1 + 1e-15));
    below.evaluate(nu);
    above.evaluate(nu);
    for (std::size_t d = 0; d < 6; ++d)
      EXPECT_NEAR(below.block.row(d)[0], above.block.row(d)[0],
                  1e-12 * std::max(0.01, std::fabs(above.block.row(d)[0])))
          << "nu " << nu << ", derivative " << d;
  }
}

TEST(LogBessel, HasTheSameBitsOnEveryInstructionSet) {
  const std::string before = current_target();
  for (double nu : {-0.7, 4.0, 44.0}) {
    std::vector<StateBlock<double>> found;
    for (const std::string& target : available_targets()) {
      set_target(target);
      Rows rows;
      // Lanes of both formulas side by side.
      for (std::size_t i = 0; i < kLaneQuantum; ++i)
        rows.z()[i] = 0.3 * std::pow(2.7, static_cast<double>(i));
      rows.evaluate(nu);
      found.push_back(rows.block);
    }
    for (const auto& block : found)
      for (std::size_t d = 0; d < 6; ++d)
        EXPECT_EQ(std::memcmp(block.row(d), found[0].row(d), kLaneQuantum * sizeof(double)), 0);
  }
  set_target(before);
}

TEST(LogBessel, NeverNaNInsideItsDomain) {
  Rows rows;
  for (double nu : {-1 + 1e-15, -0.5, 0.0, 1e-8, 1.0, 1e4, 1e9, 1e14}) {
    for (double z : {1e-310, 1e-200, 1e-10, 1.0, 29.999999, 1e5, 1e10, 1e15, 1e100}) {
      std::fill_n(rows.z(), kLaneQuantum, z);
      rows.evaluate(nu, 1);
      for (std::size_t d = 0; d < 3; ++d)
        EXPECT_FALSE(std::isnan(rows.block.row(d)[0])) << nu << " " << z << " " << d;
      EXPECT_TRUE(std::isfinite(rows.block.row(0)[0])) << nu << " " << z;
    }
  }
  std::fill_n(rows.z(), kLaneQuantum, 2.0);
  rows.evaluate(-1.5);
  EXPECT_TRUE(std::isnan(rows.block.row(0)[0]));
}

}  // namespace
}  // namespace sde
