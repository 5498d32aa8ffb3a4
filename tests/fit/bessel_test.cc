#include "fit/bessel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/math/special_functions/bessel.hpp>
#include <cmath>

#include "base/block.h"

namespace sde {
namespace {

struct Reference {
  double nu, z, value[6];
};

const double kReference[][8] = {
#include "log_bessel_reference.inc"
};

struct Rows {
  StateBlock<double> block{7, kLaneQuantum};

  LogBesselRows rows() {
    return {block.row(0), block.row(1), block.row(2), block.row(3), block.row(4), block.row(5)};
  }
  double* z() { return block.row(6); }
};

TEST(LogBessel, MatchesSixtyDigitReference) {
  // The error of the value and of each first derivative in absolute terms (they add up to a log-likelihood
  // and a score), relative to the larger of 1 and the terms the result is made of.
  const double kTolerance[] = {4e-15, 2e-13, 2e-13, 5e-12, 5e-12, 5e-12};
  double worst[6] = {};
  for (const auto& row : kReference) {
    const double nu = row[0], z = row[1];
    Rows rows;
    std::fill_n(rows.z(), kLaneQuantum, z);
    log_scaled_bessel_i(nu, rows.z(), kLaneQuantum, 2, rows.rows());
    for (int d = 0; d < 6; ++d) {
      const double found = rows.block.row(static_cast<std::size_t>(d))[3], expected = row[2 + d];
      // Derivatives in nu vanish at nu = 0; 1 / s is their natural size there.
      const double scale =
          d == 0 ? std::max(1.0, std::fabs(expected))
                 : std::max(std::fabs(expected), d == 2 || d == 5 ? 0 : 1 / std::max(1.0, std::hypot(nu, z)));
      const double error = std::fabs(found - expected) / scale;
      worst[d] = std::max(worst[d], error);
      EXPECT_LT(error, kTolerance[d]) << "nu " << nu << " z " << z << " derivative " << d << " found "
                                      << found << " expected " << expected;
    }
  }
  for (int d = 0; d < 6; ++d) RecordProperty("worst_" + std::to_string(d), std::to_string(worst[d] * 1e16));
}

}  // namespace
}  // namespace sde
