#include "config/overrides.h"

#include <nlohmann/json.hpp>

#include "config/schema.h"
#include "throws.h"

namespace sde::config {
namespace {

Document make(const std::string& text) {
  return Document(parse_json(text, "a.json"), "a.json", "");
}

std::string set(const std::string& text, const std::string& assignment) {
  Document document = make(text);
  apply_set(document, assignment);
  return document.json().dump();
}

std::string error_of(const std::string& text, const std::string& assignment) {
  return sentence_of([&] { set(text, assignment); });
}

TEST(Set, ValuesAreJsonElseText) {
  EXPECT_EQ(set("{}", "a=1e-3"), R"({"a":0.001})");
  EXPECT_EQ(set("{}", "a=true"), R"({"a":true})");
  EXPECT_EQ(set("{}", "a=null"), R"({"a":null})");
  EXPECT_EQ(set("{}", "a=[1,2]"), R"({"a":[1,2]})");
  EXPECT_EQ(set("{}", "a={\"b\":1}"), R"({"a":{"b":1}})");
  EXPECT_EQ(set("{}", "a=\"12\""), R"({"a":"12"})");
  EXPECT_EQ(set("{}", "a=milstein"), R"({"a":"milstein"})");
  EXPECT_EQ(set("{}", "a=2*x"), R"({"a":"2*x"})");
  EXPECT_EQ(set("{}", "a=-x"), R"({"a":"-x"})");
  EXPECT_EQ(set("{}", "a="), R"({"a":""})");
  EXPECT_EQ(set("{}", "a=b=c"), R"({"a":"b=c"})");
}

TEST(Set, PathsReachIntoObjectsAndArrays) {
  EXPECT_EQ(set("{\"a\": {\"b\": 1}}", "a.c.d=2"), R"({"a":{"b":1,"c":{"d":2}}})");
  EXPECT_EQ(set("{\"a\": [1, {\"b\": 2}]}", "a.1.b=3"), R"({"a":[1,{"b":3}]})");
  EXPECT_EQ(set("{\"a\": [1]}", "a.1=2"), R"({"a":[1,2]})");
  EXPECT_EQ(set("{}", "/a/x.y=2"), R"({"a":{"x.y":2}})");
  EXPECT_EQ(set("{}", "a\\.b=2"), R"({"a.b":2})");
}

TEST(Set, Errors) {
  EXPECT_EQ(error_of("{}", "a"), "--set: expected KEY=VALUE (got \"a\")");
  EXPECT_EQ(error_of("{}", "=1"), "--set: expected KEY=VALUE (got \"=1\")");
  EXPECT_EQ(error_of("{}", "a..b=1"), "--set a..b: \"a..b\" has an empty part; write it as a.b.c");
  EXPECT_EQ(error_of("{\"a\": 3}", "a.b=1"), "--set a.b: /a is 3 and has no part \"b\"");
  EXPECT_EQ(error_of("{\"a\": [1]}", "a.2=1"), "--set a.2: /a is an array of 1 items; \"2\" is none of them");
  EXPECT_EQ(error_of("{\"a\": [1]}", "a.x=1"), "--set a.x: /a is an array of 1 items; \"x\" is none of them");
  EXPECT_EQ(error_of("{}", "a=1e999"), "--set a: 1e999 is too large for a double");
  EXPECT_EQ(error_of("{}", "a=[1,"),
            "--set a: line 1, column 4: the text ends before the JSON value does (a missing }, ] or quote?)");
}

TEST(Set, WhatWasSetIsNamedInLaterMessages) {
  Document document = make(R"({"sde": "@ou"})");
  apply_set(document, "solver.dtt=1");
  EXPECT_EQ(sentence_of([&] { validate(document, "simulate"); }),
            "--set solver.dtt: unknown key \"dtt\"; did you mean \"dt\"?");
  Document whole = make(R"({"sde": "@ou"})");
  apply_set(whole, "solver={\"dt\":0}");
  EXPECT_EQ(sentence_of([&] { validate(whole, "simulate"); }), "--set solver: at /dt: must be > 0 (got 0)");
}

TEST(YieldTo, AnOptionReplacesWhatTheSchemaExcludesBesideIt) {
  Document document = make(R"({"sde": "@ou", "solver": {"dt": 0.1, "method": "heun"}})");
  set_at(document, "/solver/steps", Json(5), "--steps");
  yield_to(document, "simulate", {"/solver/steps"});
  EXPECT_EQ(document.json()["solver"].dump(), R"({"method":"heun","steps":5})");
  // Two that are given together stay, for validation to refuse.
  set_at(document, "/solver/dt", Json(0.5), "--dt");
  yield_to(document, "simulate", {"/solver/dt", "/solver/steps"});
  EXPECT_EQ(sentence_of([&] { validate(document, "simulate"); }),
            "a.json: at /solver: takes only one of dt and steps");
}

}  // namespace
}  // namespace sde::config
