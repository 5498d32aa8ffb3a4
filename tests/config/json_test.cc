#include "config/json.h"

#include <nlohmann/json.hpp>

#include "throws.h"

namespace sde::config {
namespace {

std::string error_of(std::string_view text) {
  return sentence_of([&] { parse_json(text, "a.json"); });
}

TEST(Json, KeepsOrderAndNumbers) {
  const Json json =
      parse_json(R"({"b": 1, "a": [1.5, -2, 18446744073709551615, 1e-3], "c": null})", "a.json");
  EXPECT_EQ(json.dump(), R"({"b":1,"a":[1.5,-2,18446744073709551615,0.001],"c":null})");
  EXPECT_EQ(parse_json("\xef\xbb\xbf[true]", "a.json").dump(), "[true]");
  EXPECT_EQ(parse_json("{\"a\": {\"b\": [{}, []]}, \"c\": {\"a\": 1}}", "a.json").dump(),
            R"({"a":{"b":[{},[]]},"c":{"a":1}})");
}

TEST(Json, ErrorsNameLineAndColumn) {
  EXPECT_EQ(error_of("{\n  \"a\": 1,\n}"), "a.json: line 3, column 1: a comma before \"}\"");
  EXPECT_EQ(error_of("[1 2]"), "a.json: line 1, column 4: unexpected \"2\"");
  EXPECT_EQ(error_of("{'a': 1}"), "a.json: line 1, column 2: strings and keys take double quotes");
  EXPECT_EQ(error_of("[1, NaN]"),
            "a.json: line 1, column 5: NaN is not a JSON number; a value here must be finite");
  EXPECT_EQ(error_of("[-Infinity]"),
            "a.json: line 1, column 2: -Infinity is not a JSON number; a value here must be finite");
  EXPECT_EQ(error_of("// x\n[1]"),
            "a.json: line 1, column 1: JSON has no comments; a key \"$comment\" can hold one");
  EXPECT_EQ(error_of(""), "a.json: line 1, column 1: is empty; expected a JSON value");
  EXPECT_EQ(error_of(" \n "), "a.json: line 1, column 1: is empty; expected a JSON value");
  EXPECT_EQ(error_of("[1]]"), "a.json: line 1, column 4: \"]\" follows the end of the JSON value");
  EXPECT_EQ(error_of("{\"a\": [1, 2"),
            "a.json: line 1, column 12: the text ends before the JSON value does (a missing }, ] or quote?)");
  EXPECT_EQ(error_of("{\"a\" 1}"), "a.json: line 1, column 6: expected \":\" after the key");
  EXPECT_EQ(error_of("{\"a\": 1 \"b\": 2}"), "a.json: line 1, column 9: expected a comma before a string");
  EXPECT_EQ(error_of("[\"\xff\"]"), "a.json: line 1, column 3: is not valid UTF-8");
}

TEST(Json, RefusesNumbersOutOfRange) {
  EXPECT_EQ(error_of("[1e400]"), "a.json: line 1, column 2: the number is too large for a double");
  EXPECT_EQ(parse_json("[1e308]", "a.json")[0].get<double>(), 1e308);
}

TEST(Json, RefusesAKeyTwice) {
  EXPECT_EQ(error_of("{\"a\": 1,\n \"b\": {\"a\": 2}, \"a\": 3}"),
            "a.json: line 2, column 17: the key \"a\" appears twice in one object");
  EXPECT_EQ(parse_json("[{\"a\": 1}, {\"a\": 2}]", "a.json").size(), 2u);
}

TEST(Json, DepthIsBounded) {
  const auto nested = [](int depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_NO_THROW(parse_json(nested(kMaxJsonDepth), "a.json"));
  EXPECT_EQ(error_of(nested(kMaxJsonDepth + 1)),
            "a.json: line 1, column 257: is nested deeper than 256 levels");
  EXPECT_EQ(error_of(std::string(1000000, '[')),
            "a.json: line 1, column 257: is nested deeper than 256 levels");
  std::string objects;
  for (int i = 0; i < 100000; ++i) objects += "{\"a\":";
  EXPECT_NE(error_of(objects).find("nested deeper"), std::string::npos);
}

TEST(Json, FormatReadsBackAndFitsTheLine) {
  Json json =
      parse_json(R"({"a": {"x": 1, "y": [1, 2]}, "b": [], "m": [[1, 0], [0, 1]], "s": "q\"\n"})", "a.json");
  for (int i = 0; i < 200; ++i) json["long"].push_back(i * 1.25);
  const std::string text = format_json(json);
  EXPECT_EQ(parse_json(text, "b.json"), json);
  EXPECT_NE(text.find("  \"a\": {\"x\": 1, \"y\": [1, 2]},\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\"m\": [[1, 0], [0, 1]]"), std::string::npos) << text;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    EXPECT_LE(end - start, 112u);
    start = end + 1;
  }
}

TEST(Json, PointersEscape) {
  EXPECT_EQ(pointer_join("/a", "b/c~d"), "/a/b~1c~0d");
  EXPECT_EQ(pointer_parts("/a/b~1c~0d"), (std::vector<std::string>{"a", "b/c~d"}));
  EXPECT_TRUE(pointer_parts("").empty());
}

TEST(Json, BriefIsBrief) {
  EXPECT_EQ(brief(Json(-0.1)), "-0.1");
  EXPECT_EQ(brief(Json("abc")), "\"abc\"");
  EXPECT_EQ(brief(Json(std::vector<int>(100, 12345))).size(), 40u);
  EXPECT_EQ(brief(parse_json("{\"a\": [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]}", "")), "an object");
}

}  // namespace
}  // namespace sde::config
