#include "config/summary.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "config/plan.h"

namespace sde::config {
namespace {

TEST(Summary, BuildsObjectsInOrder) {
  Summary summary;
  summary.set("/kind", "simulate")
      .set("/paths", std::uint64_t{10})
      .set("/ok", true)
      .set("/final/x/mean", 0.5);
  summary.set("/final/x/variance", std::numeric_limits<double>::quiet_NaN())
      .set("/mean", std::vector<double>{1, INFINITY});
  summary.set(path({"expect", "x/2"}), -1).set_null("/bits").set("/sde", JsonText{"{\"a\": 1}"});
  Summary run;
  run.set("/case", "ou");
  summary.append("/runs", run).append("/runs", run);
  summary.set("/runs/-/case", "third").set("/runs/2/value", 2.0);
  EXPECT_EQ(
      summary.line(),
      R"({"kind":"simulate","paths":10,"ok":true,"final":{"x":{"mean":0.5,"variance":null}},"mean":[1.0,null],)"
      R"("expect":{"x/2":-1},"bits":null,"sde":{"a":1},"runs":[{"case":"ou"},{"case":"ou"},{"case":"third","value":2.0}]})");
  EXPECT_EQ(parse_json(summary.text(), ""), summary.json());
  EXPECT_EQ(summary.text().back(), '\n');
}

TEST(Plan, QuantitiesForPeople) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(1023), "1023 B");
  EXPECT_EQ(human_bytes(1536), "1.5 KiB");
  EXPECT_EQ(human_bytes(400.0 * 1024 * 1024), "400 MiB");
  EXPECT_EQ(human_count(999999), "999999");
  EXPECT_EQ(human_count(12345678), "12.3 million");
  EXPECT_EQ(human_count(1e9), "1 billion");
  EXPECT_EQ(human_seconds(0.42), "0.42 s");
  EXPECT_EQ(human_seconds(200), "3 min 20 s");
  EXPECT_EQ(human_seconds(7260), "2 h 1 min");
  EXPECT_EQ(human_seconds(90000), "1 d 1 h");
  EXPECT_EQ(aligned({{"a", "1"}, {"long", "2"}}), "a     1\nlong  2\n");
}

}  // namespace
}  // namespace sde::config
