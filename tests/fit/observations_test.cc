#include "fit/observations.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/error.h"

namespace sde {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

std::string message(const std::function<void()>& f, Status expected) {
  try {
    f();
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), expected);
    return error.what();
  }
  ADD_FAILURE() << "nothing thrown";
  return "";
}

TEST(Observations, JoinsOverMissingRows) {
  Observations data({"x", "y"});
  const double time[] = {0, 1, 2, 4, 5};
  const double value[] = {1, 10, 2, kNaN, kNaN, 30, 4, 40, 5, 50};
  data.add("", time, value);
  EXPECT_EQ(data.observations(), 3u);
  EXPECT_EQ(data.transitions(), 2u);
  EXPECT_EQ(data.missing_rows(), 2u);
  EXPECT_EQ(data.common_step(), 0);
  EXPECT_EQ(data.shortest_step(), 1);
  EXPECT_EQ(data.longest_step(), 4);
  EXPECT_EQ(data.describe(1), "row 4 (t = 4)");

  TransitionLanes lanes;
  data.gather(0, 100, lanes);
  ASSERT_EQ(lanes.lanes, 2u);
  EXPECT_EQ(lanes.block.row(0)[0], 1);                 // x before
  EXPECT_EQ(lanes.block.row(1)[1], 40);                // y before
  EXPECT_EQ(lanes.block.row(2)[0], 4);                 // x after
  EXPECT_EQ(lanes.block.row(4)[0], 4);                 // step
  EXPECT_EQ(lanes.block.row(5)[1], 4);                 // time before
  EXPECT_EQ(lanes.block.row(5)[kLaneQuantum - 1], 4);  // padding repeats the last
}

TEST(Observations, TransitionsStayInsideTheirSeries) {
  Observations data({"x"});
  const double two[] = {0, 1}, three[] = {5, 6, 7}, one[] = {9};
  const double a[] = {1, 2}, b[] = {10, 20, 30}, c[] = {100};
  data.add("a", two, a);
  data.add("c", one, c);
  data.add("b", three, b);
  data.add("none", {}, {});
  EXPECT_EQ(data.series(), 3u);
  ASSERT_EQ(data.transitions(), 3u);
  const double before[] = {1, 10, 20};
  for (std::size_t first = 0; first < 3; ++first) {
    TransitionLanes lanes;
    data.gather(first, 16, lanes);
    ASSERT_EQ(lanes.lanes, 3 - first);
    for (std::size_t i = first; i < 3; ++i) {
      EXPECT_EQ(lanes.block.row(0)[i - first], before[i]);
      EXPECT_EQ(data.column(0)[data.observation_before(i)], before[i]);
    }
  }
  EXPECT_EQ(data.describe(4), "series \"b\", row 2 (t = 6)");
  EXPECT_EQ(data.common_step(), 1);
}

TEST(Observations, StepsOfRoundedTimesAreCommon) {
  Observations data({"x"});
  std::vector<double> time, value;
  for (int i = 0; i < 400; ++i) {
    time.push_back(1964 + (5 + i) / 12.0);
    value.push_back(i);
  }
  data.add("", time, value);
  EXPECT_NEAR(data.common_step(), 1.0 / 12, 1e-15);
  // A leap day among days of 1 / 365 is no rounding.
  Observations uneven({"x"});
  time[200] += 1e-5;
  uneven.add("", time, value);
  EXPECT_EQ(uneven.common_step(), 0);
}

TEST(Observations, RefusesBadRowsByNumber) {
  const double value[] = {1, 2, 3};
  const double backwards[] = {0, 2, 1}, twice[] = {0, 1, 1}, unknown[] = {0, kNaN, 2}, good[] = {0, 1, 2};
  const double infinite[] = {1, INFINITY, 2};
  Observations data({"x"});
  EXPECT_EQ(message([&] { data.add("", backwards, value); }, Status::bad_data),
            "row 3: times must increase (got 1 after 2)");
  EXPECT_EQ(message([&] { data.add("s", twice, value); }, Status::bad_data),
            "series \"s\", row 3: times must increase (got 1 after 1)");
  EXPECT_EQ(message([&] { data.add("", unknown, value); }, Status::bad_data),
            "row 2: the time is not finite (got nan)");
  EXPECT_EQ(message([&] { data.add("", good, infinite); }, Status::bad_data),
            "row 2: \"x\" is not finite (got inf)");
}

}  // namespace
}  // namespace sde
