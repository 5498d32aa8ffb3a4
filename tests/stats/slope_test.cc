#include "stats/slope.h"

#include <gtest/gtest.h>

#include <cmath>

#include "random/stream.h"

namespace sde {
namespace {

TEST(Slope, OfAnExactPowerLaw) {
  std::vector<ErrorLevel> levels;
  for (int k = 3; k < 9; ++k)
    levels.push_back({std::ldexp(1.0, -k), 0.7 * std::pow(std::ldexp(1.0, -k), 1.5), 0});
  const Slope slope = fit_slope(levels);
  EXPECT_NEAR(slope.value, 1.5, 1e-12);
  EXPECT_NEAR(std::exp2(slope.intercept), 0.7, 1e-12);
}

TEST(Slope, IntervalCoversTheTruthAsOftenAsItSays) {
  const Stream stream = make_stream(11, Purpose::test);
  int covered = 0;
  const int trials = 2000;
  for (int trial = 0; trial < trials; ++trial) {
    std::vector<ErrorLevel> levels;
    for (int k = 3; k < 9; ++k) {
      const double h = std::ldexp(1.0, -k), error = 0.4 * h, se = 0.05 * error;
      const double z =
          normal_pair(stream, static_cast<std::uint64_t>(trial), static_cast<std::uint64_t>(k))[0];
      levels.push_back({h, error + se * z, se});
    }
    const Slope slope = fit_slope(levels, 0.95, 0);
    covered += slope.low <= 1 && 1 <= slope.high;
  }
  // At least 95 %: enlarging for scatter widens some intervals. Standard error .005.
  EXPECT_GT(covered, trials * 0.94);
  EXPECT_LT(covered, trials * 0.99);
}

TEST(Slope, NormalQuantile) {
  EXPECT_NEAR(normal_quantile_two_sided(0.95), 1.959963984540054, 1e-12);
}

}  // namespace
}  // namespace sde
