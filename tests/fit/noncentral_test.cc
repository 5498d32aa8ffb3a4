#include "fit/noncentral.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/math/distributions/non_central_chi_squared.hpp>
#include <boost/math/special_functions/erf.hpp>
#include <cmath>

namespace sde {
namespace {

double exact_score(double x, double degrees, double noncentrality) {
  const boost::math::non_central_chi_squared law(degrees, noncentrality);
  const double lower = cdf(law, x), upper = cdf(complement(law, x));
  return lower < upper ? -std::sqrt(2.0) * boost::math::erfc_inv(2 * lower)
                       : std::sqrt(2.0) * boost::math::erfc_inv(2 * upper);
}

TEST(NoncentralScore, MatchesTheDistributionFunction) {
  double worst = 0;
  for (double degrees : {0.3, 2.0, 44.0, 1990.0})
    for (double noncentrality : {0.5, 20.0, 900.0, 1100.0, 7500.0, 1e5})
      for (double z = -5; z <= 5; z += 0.037) {
        const double x = degrees + noncentrality + z * std::sqrt(2 * degrees + 4 * noncentrality);
        if (x <= 0) continue;
        const double expected = exact_score(x, degrees, noncentrality);
        if (!(std::fabs(expected) < 6)) continue;
        worst =
            std::max(worst, std::fabs(noncentral_chi_squared_score(x, degrees, noncentrality) - expected));
      }
  EXPECT_LT(worst, 1e-5);
  EXPECT_GT(worst, 0);
}

TEST(NoncentralScore, StaysFiniteInTheTails) {
  for (double noncentrality : {1.0, 100.0, 1e4, 1e8})
    for (double x : {1e-12, 1e-3, 1.0, 1e3, 1e5, 1e9}) {
      const double z = noncentral_chi_squared_score(x, 3, noncentrality);
      EXPECT_TRUE(std::isfinite(z)) << x << " " << noncentrality;
      EXPECT_EQ(z > 0, x > 3 + noncentrality - 1 - 1e-3 * noncentrality) << x << " " << noncentrality;
    }
}

TEST(NoncentralScore, IsSmoothThroughTheMean) {
  // Across the switch to the expansion in |v| and through v = 0: second differences show no jump.
  const double degrees = 3, noncentrality = 5000, sd = std::sqrt(2 * degrees + 4 * noncentrality);
  const auto score = [&](double u) {
    return noncentral_chi_squared_score(degrees + noncentrality + u * sd, degrees, noncentrality);
  };
  for (double u = -0.05; u < 0.05; u += 0.0007) {
    const double h = 0.001;
    EXPECT_LT(std::fabs(score(u + h) - 2 * score(u) + score(u - h)), 3e-7) << u;
    EXPECT_GT(score(u + h), score(u));
  }
}

}  // namespace
}  // namespace sde
