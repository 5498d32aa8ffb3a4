#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include <cmath>
#include <numbers>
#include <numeric>

#include "random/stream.h"
#include "stats/discrepancy.h"
#include "stats/neighbours.h"
#include "stats/transport.h"

namespace sde {
namespace {

// Rows of N(mean, diag(deviation^2)), [n][D].
std::vector<double> normals(std::uint32_t stream, std::size_t n, const std::vector<double>& mean,
                            const std::vector<double>& deviation) {
  std::vector<double> x;
  for (std::size_t k = 0; k < n; ++k) {
    for (std::size_t i = 0; i < mean.size(); ++i) {
      const double z = normal_pair(make_stream(5, Purpose::test, stream), k, i)[0];
      x.push_back(mean[i] + deviation[i] * z);
    }
  }
  return x;
}

PointSet whole(const std::vector<double>& x, std::size_t dimension) {
  return draw_rows(x, x.size() / dimension, dimension, 0, 0, 0);
}

double phi(double z) {
  return 0.5 * std::erfc(-z / std::numbers::sqrt2);
}

// E |Z| for Z ~ N(m, v).
double mean_modulus(double m, double v) {
  const double s = std::sqrt(v);
  return s * std::sqrt(2 / std::numbers::pi) * std::exp(-m * m / (2 * v)) + m * (1 - 2 * phi(-m / s));
}

TEST(PointSet, RowsAreDistinctAndFromEveryPart) {
  std::vector<double> x(1000);
  std::iota(x.begin(), x.end(), 0.0);
  const PointSet set = draw_rows(x, 1000, 1, 100, 3, 0);
  ASSERT_EQ(set.count, 100u);
  for (std::size_t k = 0; k < 100; ++k) {
    EXPECT_GE(set.x[k], 10.0 * static_cast<double>(k));
    EXPECT_LT(set.x[k], 10.0 * static_cast<double>(k + 1));
  }
  EXPECT_NE(draw_rows(x, 1000, 1, 100, 4, 0).x, set.x);
  EXPECT_EQ(draw_rows(x, 1000, 1, 2000, 3, 0).x, x);
}

TEST(PointSet, ReplicatesHaveTheirSize) {
  for (std::uint64_t r : {0, 1, 7}) {
    const auto times = multiplicities({10, 1}, r, 0, 333);
    EXPECT_EQ(std::accumulate(times.begin(), times.end(), 0u), 333u);
    std::size_t missing = 0;
    for (const auto t : times) missing += t == 0;
    // About 1/e of the rows are left out of a replicate.
    EXPECT_NEAR(static_cast<double>(missing) / 333, r ? std::exp(-1.0) : 0, 0.1);
  }
}

TEST(SlicedWasserstein, DirectionsSampleASquareExactly) {
  for (std::size_t D : {1u, 2u, 3u, 7u}) {
    std::vector<double> v(D);
    for (std::size_t i = 0; i < D; ++i) v[i] = 1 + 0.5 * static_cast<double>(i);
    const double squared = std::inner_product(v.begin(), v.end(), v.begin(), 0.0);
    const auto along = directions(D, 3 * D, 8);
    double mean = 0;
    for (const auto& u : along) {
      EXPECT_NEAR(std::inner_product(u.begin(), u.end(), u.begin(), 0.0), 1, 1e-12);
      mean += std::pow(std::inner_product(u.begin(), u.end(), v.begin(), 0.0), 2) /
              static_cast<double>(along.size());
    }
    EXPECT_NEAR(mean, squared / static_cast<double>(D), 1e-12) << D;
  }
}

// Shifted by m, every projection is shifted: SW_2^2 = |m|^2 / D. Scaled by c, SW_2^2 = (1 - c)^2 E|x|^2 / D.
TEST(SlicedWasserstein, OfShiftedAndScaledSamplesIsExact) {
  for (std::size_t D : {1u, 2u, 3u}) {
    const auto x = normals(0, 300, std::vector<double>(D, 0.5), std::vector<double>(D, 1.5));
    auto shifted = x, scaled = x;
    double shift = 0, squares = 0;
    for (std::size_t k = 0; k < x.size(); ++k) {
      shifted[k] += 1 + static_cast<double>(k % D);
      scaled[k] *= 0.25;
      squares += x[k] * x[k] / 300;
    }
    for (std::size_t i = 0; i < D; ++i) shift += std::pow(1 + static_cast<double>(i), 2);
    const Bootstrap none{0, 1};
    const double d = static_cast<double>(D);
    EXPECT_NEAR(sliced_wasserstein(whole(x, D), whole(shifted, D), 6 * D, none).value, std::sqrt(shift / d),
                1e-12);
    EXPECT_NEAR(sliced_wasserstein(whole(x, D), whole(scaled, D), 6 * D, none).value,
                0.75 * std::sqrt(squares / d), 1e-12);
    EXPECT_NEAR(sliced_wasserstein(whole(x, D), whole(x, D), 6 * D, none).value, 0, 1e-12);
  }
}

TEST(SlicedWasserstein, OfSamplesOfDifferentSize) {
  // Quantile functions 0, 3 | halves, and 1, 2, 5 | thirds: by hand ((1)^2 + (2-0)^2 / 2 + (3-2)^2 / 2 +
  // (5-3)^2) / 3.
  const std::vector<double> a{3, 0}, b{5, 1, 2};
  EXPECT_NEAR(sliced_wasserstein(whole(a, 1), whole(b, 1), 1, {0, 0}).value, std::sqrt((1 + 2 + 0.5 + 4) / 3),
              1e-14);
}

// Gaussians of scale s and mean m in each of D dimensions against standard ones: SW_2^2 = m^2 + (1 - s)^2.
TEST(SlicedWasserstein, OfGaussiansMeetsTheClosedForm) {
  const auto a = normals(1, 8000, {0, 0, 0}, {1, 1, 1}), b = normals(2, 8000, {1, 1, 1}, {2, 2, 2});
  const Estimate e = sliced_wasserstein(whole(a, 3), whole(b, 3), 48, {40, 1});
  EXPECT_NEAR(e.value, std::sqrt(2.0), 4 * e.error);
  EXPECT_GT(e.error, 0.002);
  EXPECT_LT(e.error, 0.05);
}

TEST(Frechet, OfSampleMomentsIsExact) {
  // R = diag(2, 3), being positive, is the optimal map from covariance S to R S R, so that the distance is
  // tr((R - 1) S (R - 1)) + |(R - 1) m|^2, although the covariances do not commute.
  const auto x = normals(3, 500, {1, -1}, {1, 0.5});
  auto y = x;
  for (std::size_t k = 0; k < 500; ++k) {
    y[2 * k] = x[2 * k] + 0.3 * x[2 * k + 1];  // correlated
  }
  auto z = y;
  double mean[2] = {}, square[2] = {};
  for (std::size_t k = 0; k < 1000; ++k) mean[k % 2] += y[k] / 500;
  for (std::size_t k = 0; k < 1000; ++k) {
    square[k % 2] += std::pow(y[k] - mean[k % 2], 2) / 499;
    z[k] = y[k] * (k % 2 ? 3 : 2);
  }
  const double truth = square[0] + 4 * square[1] + mean[0] * mean[0] + 4 * mean[1] * mean[1];
  EXPECT_NEAR(frechet(whole(y, 2), whole(z, 2), {0, 0}).value, truth, 1e-10);
  EXPECT_NEAR(frechet(whole(y, 2), whole(y, 2), {0, 0}).value, 0, 1e-10);
}

TEST(Frechet, OfGaussiansMeetsTheClosedForm) {
  const auto a = normals(1, 8000, {0, 0, 0}, {1, 1, 1}), b = normals(2, 8000, {1, 0, 0}, {2, 1, 0.5});
  const Estimate e = frechet(whole(a, 3), whole(b, 3), {60, 1});
  EXPECT_NEAR(e.value, 1 + 1 + 0.25, 4 * e.error);
  EXPECT_LT(e.error, 0.1);
}

TEST(EnergyDistance, MeetsClosedFormsInOneDimension) {
  const auto a = normals(1, 1500, {0}, {1}), b = normals(2, 2000, {0.7}, {1.6});
  const Estimate e = energy_distance(whole(a, 1), whole(b, 1), {60, 1});
  const double v = 1.6 * 1.6;
  const double truth = 2 * mean_modulus(0.7, 1 + v) - mean_modulus(0, 2) - mean_modulus(0, 2 * v);
  EXPECT_NEAR(e.value, truth, 4 * e.error);
  EXPECT_LT(e.error, 0.2 * truth);
  // Uniform on (0, 1) and (1/2, 3/2): F - G is x, 1/2 and 3/2 - x on three halves.
  std::vector<double> u(1500), w(1500);
  for (std::size_t k = 0; k < 1500; ++k) {
    u[k] = (static_cast<double>(k) + 0.5) / 1500;
    w[k] = u[k] + 0.5;
  }
  const double closed = 2 * (1.0 / 24 + 1.0 / 8 + 1.0 / 24);
  EXPECT_NEAR(energy_distance(whole(u, 1), whole(w, 1), {0, 0}).value, closed, 2e-3);
}

TEST(Mmd, MeetsTheClosedFormOfGaussians) {
  const auto a = normals(1, 1500, {0, 0}, {1, 1}), b = normals(2, 1500, {0.8, 0}, {1.5, 1.5});
  const double h = 1.2;
  const Estimate e = squared_mmd(whole(a, 2), whole(b, 2), h, {60, 1});
  // E k of a difference N(m, v 1) in two dimensions: h^2 / (h^2 + v) exp(-|m|^2 / (2 (h^2 + v))).
  const auto mean = [&](double m, double v) {
    return h * h / (h * h + v) * std::exp(-m * m / (2 * (h * h + v)));
  };
  const double truth = mean(0, 2) + mean(0, 2 * 2.25) - 2 * mean(0.8, 1 + 2.25);
  EXPECT_NEAR(e.value, truth, 4 * e.error);
  EXPECT_LT(e.error, 0.25 * truth);
}

// The stated error is the spread over independent samples, for each measure.
TEST(Measures, BootstrapErrorIsTheSpreadOverSamples) {
  const int trials = 60;
  std::vector<double> values[4];
  double errors[4] = {};
  for (int trial = 0; trial < trials; ++trial) {
    const auto number = static_cast<std::uint32_t>(trial);
    const PointSet a = whole(normals(100 + number, 300, {0, 0}, {1, 1}), 2);
    const PointSet b = whole(normals(300 + number, 300, {0.7, 0}, {1.5, 1}), 2);
    const Bootstrap boot{50, 1};
    const Estimate of[4] = {sliced_wasserstein(a, b, 16, boot), frechet(a, b, boot),
                            energy_distance(a, b, boot), squared_mmd(a, b, 1, boot)};
    for (int k = 0; k < 4; ++k) {
      values[k].push_back(of[k].value);
      errors[k] += of[k].error / trials;
    }
  }
  for (int k = 0; k < 4; ++k) {
    values[k].insert(values[k].begin(), 0.0);
    const double spread = estimate_of(values[k]).error;
    EXPECT_NEAR(errors[k] / spread, 1, 0.3) << k;
  }
}

TEST(ClassifierTest, SeesADifferenceAndNoneWhereThereIsNone) {
  const auto a = normals(1, 1000, {0, 0}, {1, 1}), same = normals(2, 1200, {0, 0}, {1, 1}),
             other = normals(3, 1000, {3, 0}, {1, 1});
  const ClassifierTest none = classifier_test(whole(a, 2), whole(same, 2), {50, 1});
  EXPECT_NEAR(none.accuracy.value, 0.5, 4 * 0.5 / std::sqrt(1000.0));
  EXPECT_GT(none.p_value, 1e-4);
  EXPECT_EQ(none.held_out, 1000u);
  EXPECT_EQ(none.neighbours, 31u);
  // The best classifier is x < 3/2: right with probability Phi(3/2).
  const ClassifierTest found = classifier_test(whole(a, 2), whole(other, 2), {50, 1});
  EXPECT_NEAR(found.accuracy.value, phi(1.5), 4 * found.accuracy.error + 0.01);
  EXPECT_NEAR(found.accuracy.error, std::sqrt(phi(1.5) * (1 - phi(1.5)) / 1000), 0.003);
  EXPECT_LT(found.p_value, 1e-10);
}

TEST(Coverage, OfKnownSupports) {
  std::vector<double> a, b;
  for (int k = 0; k < 1000; ++k) {
    a.push_back((k + 0.5) / 1000);
    b.push_back((k + 0.25) / 500);  // uniform on (0, 2): half of it in the support of a
  }
  const PointSet of_a = whole(a, 1), of_b = whole(b, 1);
  EXPECT_NEAR(coverage(of_a, of_b, 3, {20, 1}, 1).value, 0.5, 0.005);
  EXPECT_NEAR(coverage(of_a, of_b, 3, {200, 1}, 1).error, 0.5 / std::sqrt(1000.0), 0.003);
  EXPECT_EQ(coverage(of_b, of_a, 3, {20, 1}, 0).value, 1);
  for (double& x : b) x += 10;
  EXPECT_EQ(coverage(of_a, whole(b, 1), 3, {20, 1}, 1).value, 0);
}

TEST(Measures, SameBitsForAnyThreads) {
  const PointSet a = whole(normals(1, 500, {0, 0}, {1, 1}), 2), b = whole(normals(2, 400, {1, 0}, {1, 1}), 2);
  const auto all = [&] {
    const Bootstrap boot{20, 1};
    std::vector<double> v;
    for (const Estimate& e :
         {sliced_wasserstein(a, b, 32, boot), frechet(a, b, boot), energy_distance(a, b, boot),
          squared_mmd(a, b, 1, boot), classifier_test(a, b, boot).accuracy, coverage(a, b, 3, boot, 1)}) {
      v.insert(v.end(), {e.value, e.error});
    }
    return v;
  };
  const tbb::global_control one(tbb::global_control::max_allowed_parallelism, 1);
  const auto alone = all();
  const tbb::global_control two(tbb::global_control::max_allowed_parallelism, 2);
  EXPECT_EQ(all(), alone);
}

}  // namespace
}  // namespace sde
