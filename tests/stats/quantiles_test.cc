#include "stats/quantiles.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "random/stream.h"
#include "simd/target.h"

namespace sde {
namespace {

// Values with a heavy upper tail around a large offset: what a relative error would serve badly.
std::vector<double> sample(std::size_t n) {
  const Stream stream = make_stream(5, Purpose::test);
  std::vector<double> values;
  for (std::size_t i = 0; i < n; ++i) values.push_back(1e4 + std::exp(1.5 * normal_pair(stream, i, 0)[0]));
  return values;
}

double exact_quantile(std::vector<double> sorted, double p) {
  std::sort(sorted.begin(), sorted.end());
  const double rank = p * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<std::size_t>(rank);
  const double w = rank - static_cast<double>(low);
  return sorted[low] + w * (sorted[std::min(low + 1, sorted.size() - 1)] - sorted[low]);
}

TEST(QuantileSketch, KeepsTheErrorThatItPromises) {
  const std::vector<double> values = sample(100000);
  const auto [centre, scale] = centre_and_scale({values.data(), 256});
  QuantileSketch sketch(centre, scale);
  sketch.add(values.data(), values.size());
  for (double p : {0.001, 0.05, 0.25, 0.5, 0.75, 0.95, 0.999}) {
    const double allowed = sketch.resolution(p);
    EXPECT_NEAR(sketch.quantile(p), exact_quantile(values, p), allowed) << p;
    EXPECT_LE(allowed, 0.01 * std::max(scale, std::abs(exact_quantile(values, p) - centre))) << p;
  }
}

TEST(QuantileSketch, CountsABatchAsOneByOne) {
  std::vector<double> values = sample(1003);
  for (double x : {1e4, 1e4 - 1, 1e4 + 1, 1e4 - 0.25, 9e3, -1e300, 1e300, 0.0}) values.push_back(x);
  values[17] = std::nan("");
  values[40] = std::numeric_limits<double>::infinity();
  const std::string best = current_target();
  for (const std::string& target : available_targets()) {
    set_target(target);
    QuantileSketch batch(1e4, 1), single(1e4, 1);
    batch.add(values.data(), values.size());
    for (double x : values) single.add(x);
    NamedArrays a, b;
    store_sketches({batch}, a);
    store_sketches({single}, b);
    EXPECT_EQ(a.integers, b.integers) << target;
    EXPECT_EQ(a.reals, b.reals) << target;
  }
  set_target(best);
}

TEST(QuantileSketch, CountsRowsOfAnyLengthAsOneByOne) {
  // The first values far away, near or nowhere, edges of bins, and underflow to -0.
  std::vector<double> values = {1e9, 0.3, -0.2, std::nan(""), -1e9, 2.5, -3.9999, 4, -4, 1, -1, 0};
  for (int k = -1100; k <= 1100; ++k) values.push_back(k / 256.0);
  for (double x : sample(3000)) values.push_back(0.1 * (x - 1e4));
  for (double x : {-5e-324, 5e-324, -0.0}) values.push_back(x);
  const std::string best = current_target();
  for (const std::string& target : available_targets()) {
    set_target(target);
    for (const double scale : {1.0, 1e3})
      for (const std::size_t length : {17, 63, 64, 500, 512, 5000}) {
        for (const std::size_t skipped : {0, 1, 2, 3, 700}) {
          QuantileSketch rows(0, scale), single(0, scale);
          for (std::size_t i = skipped; i < values.size(); i += length)
            rows.add(values.data() + i, std::min(length, values.size() - i));
          for (std::size_t i = skipped; i < values.size(); ++i) single.add(values[i]);
          NamedArrays a, b;
          store_sketches({rows}, a);
          store_sketches({single}, b);
          EXPECT_EQ(a.integers, b.integers) << target << " " << length << " " << skipped;
          EXPECT_EQ(a.reals, b.reals) << target << " " << length << " " << skipped;
        }
      }
  }
  set_target(best);
}

TEST(QuantileSketch, CountsMoreThanItsFirstCountersHold) {
  const std::vector<double> values(512, 0.25);
  QuantileSketch many(0, 1), other(0, 1);
  for (int i = 0; i < 300; ++i) many.add(values.data(), values.size());
  for (int i = 0; i < 100; ++i) other.add(values.data(), values.size());
  many.merge(other);
  NamedArrays arrays;
  store_sketches({many}, arrays);
  EXPECT_EQ(many.count(), 400u * 512);
  EXPECT_EQ(arrays.integer("sketch_counts"), std::vector<std::uint64_t>{400 * 512});
  // Bins of which one fills faster, on both sides of a merge, and one by one.
  std::vector<double> uneven(512, 0.25);
  std::fill_n(uneven.begin(), 128, 0.75);
  QuantileSketch a(0, 1), b(0, 1);
  for (int i = 0; i < 333; ++i) a.add(uneven.data(), uneven.size());
  for (int i = 0; i < 170; ++i) b.add(uneven.data(), uneven.size());
  a.merge(b);
  for (int i = 0; i < 70'000; ++i) a.add(0.75);
  for (int i = 0; i < 200; ++i) a.add(uneven.data(), uneven.size());
  NamedArrays counted;
  store_sketches({a}, counted);
  EXPECT_EQ(a.count(), 703u * 512 + 70'000);
  EXPECT_EQ(counted.integer("sketch_counts"), (std::vector<std::uint64_t>{703 * 384, 703 * 128 + 70'000}));
}

TEST(CentreAndScale, AreOrderStatistics) {
  const std::vector<double> values = sample(600);
  for (std::size_t n = 1; n <= 600; n += n < 10 ? 1 : 59) {
    std::vector<double> some(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(n));
    some[n / 3] = n % 2 == 0 ? 1e308 : some[0];
    const auto got = centre_and_scale(some);
    std::sort(some.begin(), some.end());
    EXPECT_EQ(got.centre, some[n / 2]) << n;
    EXPECT_EQ(got.scale, some[n - 1 - n / 4] - some[n / 4]) << n;
  }
  const double gaps[] = {std::nan(""), 7, std::numeric_limits<double>::infinity(), 7};
  EXPECT_EQ(centre_and_scale(gaps).centre, 7);
  EXPECT_EQ(centre_and_scale(gaps).scale, 0);
}

TEST(QuantileSketch, MergesToTheBitsOfTheWhole) {
  const std::vector<double> values = sample(5000);
  QuantileSketch whole(1e4, 1), a(1e4, 1), b(1e4, 1);
  whole.add(values.data(), values.size());
  b.add(values.data() + 1234, values.size() - 1234);
  a.add(values.data(), 1234);
  b.merge(a);
  for (double p : {0.01, 0.3, 0.5, 0.99}) EXPECT_EQ(whole.quantile(p), b.quantile(p));
}

TEST(QuantileSketch, OfConstantsAndExtremes) {
  QuantileSketch constant(5, 0);
  for (int i = 0; i < 10; ++i) constant.add(5);
  EXPECT_EQ(constant.quantile(0.5), 5);
  QuantileSketch wide(0, 1);
  wide.add(-1e300);
  wide.add(1e300);
  wide.add(std::nan(""));
  EXPECT_EQ(wide.count(), 2u);
  EXPECT_LT(wide.quantile(1e-9), -1e299);
  EXPECT_GT(wide.quantile(1 - 1e-12), 1e299);
  EXPECT_TRUE(std::isnan(QuantileSketch(0, 1).quantile(0.5)));
}

TEST(QuantileSketch, CarriesTheStandardErrorThatItPromises) {
  // Of 300 medians and tails of exponential samples, those further from the law's than two standard errors
  // and the resolution: 4.6 percent where the errors are right.
  for (double p : {0.05, 0.5, 0.95}) {
    const double truth = -std::log1p(-p);
    int outside = 0;
    for (std::uint32_t i = 0; i < 300; ++i) {
      const Stream stream = make_stream(6, Purpose::test, i);
      std::vector<double> values;
      for (std::size_t k = 0; k < 1000; ++k) {
        const auto z = normal_pair(stream, k, 0);
        values.push_back(0.5 * (z[0] * z[0] + z[1] * z[1]));
      }
      const auto [centre, scale] = centre_and_scale({values.data(), 256});
      QuantileSketch sketch(centre, scale);
      sketch.add(values.data(), values.size());
      outside += std::abs(sketch.quantile(p) - truth) > 2 * sketch.standard_error(p) + sketch.resolution(p);
    }
    EXPECT_NEAR(outside / 300.0, 0.0455, 4 * std::sqrt(0.0455 * 0.9545 / 300)) << p;
    EXPECT_GT(outside, 0) << p;
  }
}

TEST(QuantileSketch, ComesBackFromArrays) {
  const std::vector<double> values = sample(3000);
  std::vector<QuantileSketch> sketches = {{1e4, 1}, {0, 0}, {-5, 1e-3}};
  sketches[0].add(values.data(), values.size());
  sketches[2].add(-7);
  NamedArrays arrays;
  store_sketches(sketches, arrays);
  std::vector<QuantileSketch> back = restore_sketches(arrays, 3);
  for (std::size_t q = 0; q < 3; ++q) {
    EXPECT_EQ(back[q].count(), sketches[q].count());
    EXPECT_EQ(back[q].centre(), sketches[q].centre());
    EXPECT_EQ(back[q].scale(), sketches[q].scale());
    EXPECT_EQ(std::isnan(back[q].quantile(0.9)), q == 1);
    if (q != 1) {
      EXPECT_EQ(back[q].quantile(0.9), sketches[q].quantile(0.9));
    }
  }
  EXPECT_THROW(restore_sketches(arrays, 2), Error);
}

}  // namespace
}  // namespace sde
