#include "stats/histogram.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace sde {
namespace {

TEST(Histogram, CountsWhatLiesInEachBinAndBeside) {
  Histogram h(-1, 1, 4);
  const double values[] = {
      -1,   -0.5, -0.4999, 0, 0.99, 1, 1.0001, -1.5, std::nan(""), std::numeric_limits<double>::infinity(),
      1e300};
  h.add(values, 11);
  EXPECT_EQ(h.count(0), 1u);
  EXPECT_EQ(h.count(1), 2u);
  EXPECT_EQ(h.count(2), 1u);
  EXPECT_EQ(h.count(3), 2u);  // the upper end belongs to the last bin
  EXPECT_EQ(h.below(), 1u);
  EXPECT_EQ(h.above(), 2u);
  EXPECT_EQ(h.edge(0), -1);
  EXPECT_EQ(h.edge(3), 0.5);
  EXPECT_EQ(h.edge(4), 1);
}

TEST(Histogram, AddsUp) {
  Histogram whole(0, 1, 10), a(0, 1, 10), b(0, 1, 10);
  for (int i = 0; i < 1000; ++i) {
    const double x = 1.2 * std::fmod(i * 0.618, 1.0) - 0.1;
    whole.add(&x, 1);
    (i % 3 ? a : b).add(&x, 1);
  }
  a.merge(b);
  EXPECT_EQ(a.counts(), whole.counts());
}

}  // namespace
}  // namespace sde
