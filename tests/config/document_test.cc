#include "config/document.h"

#include <nlohmann/json.hpp>

#include "config/overrides.h"
#include "throws.h"

namespace sde::config {
namespace {

Document make(const std::string& text, const std::string& name, const std::string& folder = "") {
  return Document(parse_json(text, name), name, folder);
}

TEST(Document, MessagesNameWhereAValueCameFrom) {
  Document document = make(R"({"solver": {"dt": 1}, "sde": "ou.json"})", "sim.json", "runs/");
  EXPECT_EQ(document.at("/solver/dt"), "sim.json: at /solver/dt");
  EXPECT_EQ(document.at(""), "sim.json");
  document.embed("/sde", make(R"({"fit": {"drift": {"x": "1"}}})", "fit.json", "fits/"), "/fit");
  EXPECT_EQ(document.at("/sde/drift/x"), "fit.json: at /fit/drift/x");
  set_at(document, "/solver/dt", Json(2), "--dt");
  EXPECT_EQ(document.at("/solver/dt"), "--dt");
  EXPECT_EQ(document.at("/solver"), "sim.json: at /solver");
  EXPECT_TRUE(document.set_by_option("/solver/dt"));
  EXPECT_FALSE(document.set_by_option("/sde"));
}

TEST(Document, FilesAreLookedUpBesideTheDocumentThatNamesThem) {
  Document document = make(R"({"sde": "ou.json"})", "runs/sim.json", "runs/");
  EXPECT_EQ(document.resolve("ou.json", "/sde"), "runs/ou.json");
  EXPECT_EQ(document.resolve("/abs.json", "/sde"), "/abs.json");
  EXPECT_EQ(document.resolve("@ou", "/sde"), "@ou");
  EXPECT_EQ(document.resolve("-", "/sde"), "-");
  document.embed("/sde", make(R"({"initial": {"x": {"data": "x0.h5"}}})", "models/ou.json", "models/"));
  EXPECT_EQ(document.resolve("x0.h5", "/sde/initial/x/data"), "models/x0.h5");
  set_at(document, "/sde", Json("mine.json"), "--set sde");
  EXPECT_EQ(document.resolve("mine.json", "/sde"), "mine.json");
}

TEST(Document, MergeJoinsObjectsAndReplacesTheRest) {
  Document document = make(R"({"a": {"x": 1, "y": 2}, "b": [1, 2], "c": 3})", "one.json");
  document.merge(make(R"({"a": {"y": 5, "z": 6}, "b": [9], "c": null, "d": {"e": 1}})", "two.json"));
  EXPECT_EQ(document.json().dump(), R"({"a":{"x":1,"y":5,"z":6},"b":[9],"d":{"e":1}})");
  EXPECT_EQ(document.at("/a/x"), "one.json: at /a/x");
  EXPECT_EQ(document.at("/a/y"), "two.json: at /a/y");
  EXPECT_EQ(document.at("/d/e"), "two.json: at /d/e");
}

TEST(Document, EraseForgets) {
  Document document = make(R"({"a": {"x": 1}})", "one.json");
  set_at(document, "/a/y", Json(1), "--y");
  document.erase("/a/y");
  document.erase("/nothing/here");
  EXPECT_EQ(document.json().dump(), R"({"a":{"x":1}})");
  EXPECT_EQ(document.at("/a/y"), "one.json: at /a/y");
}

TEST(Document, ReadsFiles) {
  EXPECT_EQ(
      sentence_of([] { read_document("/nonexistent/a.json"); }, Status::no_input).find("/nonexistent/a.json"),
      0u);
}

}  // namespace
}  // namespace sde::config
