#include "config/archive.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "throws.h"

namespace sde::config {
namespace {

enum class Colour { red, dark_blue };
constexpr auto enum_names(Colour) {
  return std::array{std::pair{"red", Colour::red}, std::pair{"dark-blue", Colour::dark_blue}};
}

struct Every {
  double every = 0;
  template <class V>
  void visit(V& v) {
    v("every", every);
  }
};

struct Inner {
  double dt = 0.5;
  std::optional<int> steps;
  template <class V>
  void visit(V& v) {
    v("dt", dt);
    v("steps", steps);
  }
};

struct Outer {
  bool on = true;
  std::uint64_t seed = 7;
  std::int8_t small = -3;
  std::uint16_t port = 80;
  float single = 0.25f;
  std::string name = "n";
  Colour colour = Colour::red;
  Inner inner;
  std::optional<Inner> maybe;
  std::vector<Inner> several;
  std::vector<bool> bits = {true, false};
  std::array<double, 2> pair = {1, 2};
  std::map<std::string, double> fixed;
  std::vector<std::pair<std::string, double>> ordered = {{"z", 1}, {"a", 2}};
  std::variant<std::uint64_t, std::vector<double>, Every> save = std::uint64_t{101};
  JsonText free;

  template <class V>
  void visit(V& v) {
    v("on", on);
    v("seed", seed);
    v("small", small);
    v("port", port);
    v("single", single);
    v("name", name);
    v("colour", colour);
    v("inner", inner);
    v("maybe", maybe);
    v("several", several);
    v("bits", bits);
    v("pair", pair);
    v("fixed", fixed);
    v("ordered", ordered);
    v("save", save);
    v("free", free);
  }
};

Outer read(const std::string& text) {
  Outer outer;
  read_options(Document(parse_json(text, "a.json"), "a.json", ""), outer);
  return outer;
}

std::string error_of(const std::string& text) {
  return sentence_of([&] { read(text); });
}

TEST(Archive, DefaultsStayWhereKeysAreMissing) {
  const Outer outer = read("{\"inner\": {\"steps\": 3}}");
  EXPECT_TRUE(outer.on);
  EXPECT_EQ(outer.inner.dt, 0.5);
  EXPECT_EQ(outer.inner.steps, 3);
  EXPECT_FALSE(outer.maybe);
}

TEST(Archive, WritesEveryDefault) {
  Json json;
  write_options(Outer(), json);
  EXPECT_EQ(
      json.dump(),
      R"({"on":true,"seed":7,"small":-3,"port":80,"single":0.25,"name":"n","colour":"red","inner":{"dt":0.5},)"
      R"("several":[],"bits":[true,false],"pair":[1.0,2.0],"fixed":{},"ordered":{"z":1.0,"a":2.0},"save":101})");
}

TEST(Archive, RoundTrips) {
  const std::string text =
      R"({"on":false,"seed":18446744073709551615,"small":-128,"port":65535,"single":1.5,"name":"x","colour":"dark-blue",)"
      R"("inner":{"dt":0.125,"steps":4},"maybe":{"dt":2.0},"several":[{"dt":1.0},{"dt":2.0,"steps":1}],"bits":[false],)"
      R"("pair":[3.0,4.0],"fixed":{"k":1.5},"ordered":{"b":1.0,"a":0.5},"save":[0.0,0.5],"free":{"any":[1,"x"]}})";
  Json json;
  write_options(read(text), json);
  EXPECT_EQ(json.dump(), text);
}

TEST(Archive, VariantsGoByTheKindOfTheValue) {
  EXPECT_EQ(std::get<std::uint64_t>(read("{\"save\": 5}").save), 5u);
  EXPECT_EQ(std::get<std::vector<double>>(read("{\"save\": [1, 2]}").save), (std::vector<double>{1, 2}));
  EXPECT_EQ(std::get<Every>(read("{\"save\": {\"every\": 0.5}}").save).every, 0.5);
  EXPECT_EQ(error_of("{\"save\": \"x\"}"), "a.json: at /save: is of a kind that is not known here");
}

TEST(Archive, WholeNumbersMayBeWrittenAsFloats) {
  EXPECT_EQ(read("{\"seed\": 1e6}").seed, 1000000u);
  EXPECT_EQ(error_of("{\"seed\": 1.5}"), "a.json: at /seed: must be an integer (got 1.5)");
  EXPECT_EQ(error_of("{\"seed\": 1e30}"), "a.json: at /seed: must be an integer (got 1e+30)");
}

TEST(Archive, RangesAreChecked) {
  EXPECT_EQ(error_of("{\"small\": 128}"), "a.json: at /small: must be between -128 and 127 (got 128)");
  EXPECT_EQ(error_of("{\"small\": -129}"), "a.json: at /small: must be between -128 and 127 (got -129)");
  EXPECT_EQ(error_of("{\"port\": -1}"), "a.json: at /port: must be between 0 and 65535 (got -1)");
  EXPECT_EQ(error_of("{\"port\": 65536}"), "a.json: at /port: must be between 0 and 65535 (got 65536)");
  EXPECT_EQ(error_of("{\"small\": 18446744073709551615}"),
            "a.json: at /small: must be between -128 and 127 (got 18446744073709551615)");
}

TEST(Archive, TypesAreChecked) {
  EXPECT_EQ(error_of("{\"inner\": {\"dt\": \"1\"}}"), "a.json: at /inner/dt: must be a number (got \"1\")");
  EXPECT_EQ(error_of("{\"on\": 1}"), "a.json: at /on: must be true or false (got 1)");
  EXPECT_EQ(error_of("{\"name\": 1}"), "a.json: at /name: must be a string (got 1)");
  EXPECT_EQ(error_of("{\"several\": [{}, 3]}"), "a.json: at /several/1: must be an object (got 3)");
  EXPECT_EQ(error_of("{\"pair\": [1]}"), "a.json: at /pair: must have 2 items (got 1)");
  EXPECT_EQ(error_of("[]"), "a.json: must be an object (got [])");
}

TEST(Archive, IntervalsMayBeOpen) {
  const Outer outer = read("{\"pair\": [null, 3]}");
  EXPECT_EQ(outer.pair[0], -std::numeric_limits<double>::infinity());
  EXPECT_EQ(outer.pair[1], 3);
  EXPECT_EQ(read("{\"pair\": [3, null]}").pair[1], std::numeric_limits<double>::infinity());
  Json json;
  write_options(outer, json);
  EXPECT_EQ(json["pair"].dump(), "[null,3.0]");
}

TEST(Archive, UnknownNamesGetASuggestion) {
  EXPECT_EQ(error_of("{\"inner\": {\"stpes\": 1}}"),
            "a.json: at /inner: unknown key \"stpes\"; did you mean \"steps\"?");
  EXPECT_EQ(error_of("{\"colour\": \"rde\"}"),
            "a.json: at /colour: unknown value \"rde\"; did you mean \"red\"?");
}

TEST(Archive, ReadsAPartOfADocument) {
  Inner inner;
  const Document document(parse_json("{\"a\": {\"b\": {\"dt\": 3}}}", "a.json"), "a.json", "");
  read_options(document, inner, "/a/b");
  EXPECT_EQ(inner.dt, 3);
  Inner absent;
  read_options(document, absent, "/c");
  EXPECT_EQ(absent.dt, 0.5);
}

}  // namespace
}  // namespace sde::config
