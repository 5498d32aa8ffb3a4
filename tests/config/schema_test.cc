#include "config/schema.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "config/explain.h"
#include "config/models.h"
#include "throws.h"

namespace sde::config {
namespace {

std::string error_of(const std::string& text, const std::string& schema) {
  return sentence_of([&] { validate(Document(parse_json(text, "a.json"), "a.json", ""), schema); });
}

TEST(Schema, Sentences) {
  EXPECT_EQ(error_of(R"({"sde": "@ou", "solver": {"dt": -0.1}})", "simulate"),
            "a.json: at /solver/dt: must be > 0 (got -0.1)");
  EXPECT_EQ(error_of(R"({"sde": "@ou", "solver": {"mehtod": "heun"}})", "simulate"),
            "a.json: at /solver: unknown key \"mehtod\"; did you mean \"method\"?");
  EXPECT_EQ(error_of(R"({"sde": "@ou", "solver": {"method": "huen"}})", "simulate"),
            "a.json: at /solver/method: unknown method \"huen\"; did you mean \"heun\"?");
  EXPECT_EQ(error_of(R"({"sde": "@ou", "paths": "many"})", "simulate"),
            "a.json: at /paths: must be an integer (got \"many\")");
  EXPECT_EQ(error_of(R"({"sde": "@ou", "paths": 0})", "simulate"), "a.json: at /paths: must be >= 1 (got 0)");
  EXPECT_EQ(error_of(R"({"sde": "@ou", "paths": 1.5})", "simulate"),
            "a.json: at /paths: must be an integer (got 1.5)");
  EXPECT_EQ(error_of(R"({"paths": 3})", "simulate"), "a.json: missing key \"sde\"");
  EXPECT_EQ(error_of(R"([1])", "simulate"), "a.json: must be an object (got [1])");
  EXPECT_EQ(error_of(R"({"sde": "@ou", "solver": {"dt": 1, "steps": 2}})", "simulate"),
            "a.json: at /solver: takes only one of dt and steps");
  EXPECT_EQ(error_of(R"({"sde": "@ou", "output": {"statistics": ["mean", "men"]}})", "simulate"),
            "a.json: at /output/statistics/1: unknown value \"men\"; did you mean \"mean\"?");
  EXPECT_EQ(error_of(R"({"sde": "@ou", "output": {"statistics": ["mean", "mean"]}})", "simulate"),
            "a.json: at /output/statistics: has \"mean\" twice");
  EXPECT_EQ(error_of(R"({"sde": "cir.json", "confidence": 1})", "fit"),
            "a.json: at /confidence: must be < 1 (got 1)");
  EXPECT_EQ(error_of(R"({"sde": "cir.json", "bounds": {"k": [0]}})", "fit"),
            "a.json: at /bounds/k: must have 2 items (got 1)");
  EXPECT_EQ(error_of(R"({"state": ["x"], "drift": {"x": true}})", "sde"),
            "a.json: at /drift/x: must be a string or a number (got true)");
  EXPECT_EQ(
      error_of(R"({"state": ["2x"], "drift": {}})", "sde"),
      "a.json: at /state/0: must be a name (letters, digits and _, not starting with a digit) (got \"2x\")");
  EXPECT_EQ(error_of(R"({"state": [], "drift": {}})", "sde"),
            "a.json: at /state: must have at least 1 item (got 0)");
}

TEST(Schema, AlternativesAreReportedAsTheOneThatWasMeant) {
  EXPECT_EQ(error_of(R"({"sde": "@ou", "time": {"save": "all"}})", "simulate"),
            "a.json: at /time/save: must be an integer, an array or an object with \"every\" (got \"all\")");
  EXPECT_EQ(error_of(R"({"sde": "@ou", "time": {"save": 0}})", "simulate"),
            "a.json: at /time/save: must be >= 1 (got 0)");
  EXPECT_EQ(error_of(R"({"sde": "@ou", "time": {"save": [0, "x"]}})", "simulate"),
            "a.json: at /time/save/1: must be a number (got \"x\")");
  EXPECT_EQ(error_of(R"({"sde": {"state": ["x"], "drift": {"x": []}}})", "simulate"),
            "a.json: at /sde/drift/x: must be a string or a number (got [])");
  EXPECT_EQ(error_of(R"({"process": {"type": "pv"}})", "train"),
            "a.json: at /process/type: unknown type \"pv\"; did you mean \"vp\"?");
  EXPECT_EQ(error_of(R"({"process": {"type": "ve", "sigma_mx": 3}})", "train"),
            "a.json: at /process: unknown key \"sigma_mx\"; did you mean \"sigma_max\"?");
  EXPECT_EQ(error_of(R"({"process": {"beta_min": 1}})", "train"),
            "a.json: at /process: missing key \"type\"");
  EXPECT_EQ(error_of(R"({"process": {"type": "vp"}, "score": {"type": "gaussian", "mean": [0]}})", "score"),
            "a.json: at /score: missing key \"covariance\"");
  EXPECT_EQ(error_of(R"({"process": {"type": "vp"}, "score": {"type": "gausian"}})", "score"),
            "a.json: at /score/type: unknown type \"gausian\"; did you mean \"gaussian\"?");
  EXPECT_EQ(error_of(R"({"state": ["x"], "drift": {"x": "1"}, "initial": {"x": {"normal": [0]}}})", "sde"),
            "a.json: at /initial/x/normal: must have 2 items (got 1)");
  EXPECT_EQ(error_of(R"({"state": ["x"], "drift": {"x": "1"}, "initial": {"x": {"nromal": [0, 1]}}})", "sde"),
            "a.json: at /initial/x: unknown key \"nromal\"; did you mean \"normal\"?");
}

TEST(Schema, WholeNumbersMayBeWrittenAsFloats) {
  EXPECT_FALSE(find_problem(parse_json(R"({"sde": "@ou", "paths": 1e6})", ""), "simulate"));
}

TEST(Schema, InstalledModelsAreValid) {
  int models = 0;
  for (const InstalledModel& model : installed_models()) {
    const Json json = parse_json(installed_model_text(model.name), model.name);
    const bool training = model.kind == DocumentKind::training;
    const std::string schema = training ? "train" : model.kind == DocumentKind::score ? "score" : "sde";
    const auto problem = find_problem(json, schema);
    EXPECT_FALSE(problem) << model.name << ": " << problem->pointer << " " << problem->sentence;
    EXPECT_EQ(json["name"], model.name);
    EXPECT_FALSE(model.description.empty()) << model.name;
    EXPECT_TRUE(json.contains("source") || training) << model.name;
    ++models;
  }
  EXPECT_GE(models, 15);
}

TEST(Schema, BundlesStandAlone) {
  for (const std::string& name : schema_names()) {
    const Json schema = parse_json(schema_text(name), name);
    const std::function<void(const Json&)> check = [&](const Json& part) {
      if (part.is_object() && part.contains("$ref") && part["$ref"].is_string()) {
        const std::string reference = part["$ref"].get<std::string>();
        ASSERT_EQ(reference[0], '#') << name;
        EXPECT_TRUE(schema.contains(Json::json_pointer(reference.substr(1)))) << name << " " << reference;
      }
      if (part.is_structured()) {
        for (const Json& item : part) check(item);
      }
    };
    check(schema);
  }
}

TEST(Schema, DefaultsSatisfyTheirSchema) {
  for (const std::string& name : schema_names()) {
    Json defaults;
    schema_defaults(name, defaults);
    if (const auto problem = find_problem(defaults, name)) {
      // What has to be given has no default; nothing else may be wrong.
      EXPECT_EQ(problem->sentence.rfind("missing key", 0), 0u)
          << name << problem->pointer << " " << problem->sentence;
    }
  }
}

TEST(Schema, ChoicesAndDefaultsCanBeAskedFor) {
  const auto methods = schema_choices("simulate", "/solver/method");
  EXPECT_NE(std::find(methods.begin(), methods.end(), "milstein"), methods.end());
  EXPECT_EQ(schema_choices("train", "/process/type"),
            (std::vector<std::string>{"vp", "subvp", "vp_cosine", "ve", "edm", "ddpm", "ncsn", "flow",
                                      "interpolant", "bridge", "custom"}));
  EXPECT_TRUE(schema_choices("simulate", "/paths").empty());
  EXPECT_EQ(schema_default("simulate", "/paths"), "1000");
  EXPECT_EQ(schema_default("simulate", "/output/statistics"), "mean,variance");
  EXPECT_EQ(schema_default("simulate", "/solver/dt"), "");
  EXPECT_EQ(sentence_of([] { schema_text("nothing"); }, Status::bug), "there is no schema \"nothing\"");
}

// --- the explanation agrees with the validator, on every small change of documents that are valid ---

std::vector<std::pair<std::string, Json>> valid_documents() {
  std::vector<std::pair<std::string, Json>> documents;
  for (const char* model : {"heston", "cir", "two-gaussians", "gaussian"}) {
    Json json = parse_json(installed_model_text(model), model);
    documents.emplace_back(document_kind(json) == DocumentKind::score ? "score" : "sde", json);
  }
  for (const char* schema : {"simulate", "fit", "train", "sample", "likelihood"}) {
    Json json;
    schema_defaults(schema, json);
    const std::string name = schema;
    if (name == "simulate" || name == "fit") json["sde"] = documents[1].second;
    if (name == "sample") json["model"] = documents[3].second;
    if (name == "likelihood") json["model"] = documents[1].second;
    documents.emplace_back(schema, json);
  }
  documents.back().second["data"] = {{"columns", {"a", 2}}, {"dt", 0.5}};
  return documents;
}

// Every document that differs from `json` in one place.
void mutate(const Json& root, const Json::json_pointer& at, std::vector<Json>& out) {
  static const std::vector<Json> kValues = {nullptr,
                                            true,
                                            -1,
                                            0,
                                            1,
                                            0.5,
                                            1e300,
                                            "",
                                            "x",
                                            "vp",
                                            Json::array(),
                                            {1, 1},
                                            {"x"},
                                            Json::object(),
                                            {{"type", "vp"}},
                                            {{"every", 1}},
                                            {{"normal", {0, 1}}}};
  for (const Json& value : kValues) {
    Json changed = root;
    changed[at] = value;
    out.push_back(changed);
  }
  const Json& here = root[at];
  if (here.is_object()) {
    Json more = root;
    more[at]["typo"] = 1;
    out.push_back(more);
    for (const auto& [key, value] : here.items()) {
      Json less = root;
      less[at].erase(key);
      out.push_back(less);
      mutate(root, at / key, out);
    }
  } else if (here.is_array()) {
    for (std::size_t i = 0; i < std::min<std::size_t>(here.size(), 2); ++i) mutate(root, at / i, out);
  }
}

TEST(Schema, TheExplanationAgreesWithTheValidator) {
  std::size_t refused = 0, accepted = 0;
  for (const auto& [name, document] : valid_documents()) {
    const auto whole = find_problem(document, name);
    ASSERT_FALSE(whole) << name << ": " << whole->pointer << " " << whole->sentence;
    const Json schema = parse_json(schema_text(name), name);
    std::vector<Json> changed;
    mutate(document, Json::json_pointer(), changed);
    for (std::size_t i = 0; i < changed.size();
         i += 3) {  // a third of them takes a second, all of them three
      const auto verdict = find_problem(changed[i], name);
      const auto explained = explain(schema, changed[i]);
      ASSERT_EQ(verdict.has_value(), explained.has_value())
          << name << "\n"
          << changed[i].dump() << "\n"
          << (verdict ? verdict->sentence : explained->sentence);
      ++(verdict ? refused : accepted);
      if (!verdict) continue;
      EXPECT_EQ(verdict->sentence.find("does not satisfy its schema"), std::string::npos)
          << changed[i].dump();
    }
  }
  EXPECT_GT(refused, 500u);
  EXPECT_GT(accepted, 100u);
}

}  // namespace
}  // namespace sde::config
