#include "config/sde_document.h"

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "config/schema.h"
#include "throws.h"

namespace sde::config {
namespace {

SdeDocument read(const std::string& text) {
  const Document document(parse_json(text, "a.json"), "a.json", "models/");
  validate(document, "sde");
  return read_sde(document);
}

std::string error_of(const std::string& text) {
  return sentence_of([&] { read(text); });
}

TEST(SdeDocument, ReadsEveryForm) {
  const SdeDocument sde = read(R"({
    "name": "m", "calculus": "stratonovich", "parameters": {"z": 2, "a": 1.5}, "state": ["x", "y", "w"],
    "drift": {"y": "a*x", "x": 3}, "diffusion": {"y": {"n2": "y", "n1": 1}, "x": "z"},
    "initial": {"x": {"normal": [0, "a"]}, "y": {"uniform": [-1, 1]}, "w": {"data": "w.h5"}},
    "domain": {"y": {"min": 0, "boundary": "reflect"}}, "time": {"end": 4}})");
  EXPECT_EQ(sde.calculus, "stratonovich");
  ASSERT_EQ(sde.parameters.size(), 2u);
  EXPECT_EQ(sde.parameters[0], (std::pair<std::string, double>("z", 2)));
  EXPECT_EQ(sde.state_names(), (std::vector<std::string>{"x", "y", "w"}));
  EXPECT_EQ(sde.noises, (std::vector<std::string>{"n2", "n1", "x"}));
  EXPECT_EQ(sde.states[0].drift, "3");
  EXPECT_EQ(sde.states[2].drift, "0");
  EXPECT_EQ(sde.states[1].diffusion[0], (std::pair<std::string, std::string>("n2", "y")));
  EXPECT_EQ(sde.states[0].diffusion[0], (std::pair<std::string, std::string>("x", "z")));
  EXPECT_TRUE(sde.states[2].diffusion.empty());
  EXPECT_EQ(sde.states[0].initial.kind, InitialLaw::Kind::normal);
  EXPECT_EQ(sde.states[0].initial.second, "a");
  EXPECT_EQ(sde.states[1].initial.kind, InitialLaw::Kind::uniform);
  EXPECT_EQ(sde.states[2].initial.data, "models/w.h5");
  EXPECT_EQ(sde.states[1].domain.min, 0);
  EXPECT_EQ(sde.states[1].domain.boundary, Boundary::reflect);
  EXPECT_EQ(sde.time->end, 4);
  EXPECT_EQ(sde.time->start, 0);
}

TEST(SdeDocument, WritesWhatReadsBack) {
  for (const InstalledModel& model : installed_models()) {
    if (model.kind != DocumentKind::sde) continue;
    const SdeDocument sde = read(installed_model_text(model.name));
    Json once, twice;
    write_sde(sde, once);
    EXPECT_FALSE(find_problem(once, "sde")) << once.dump();
    write_sde(read(once.dump()), twice);
    EXPECT_EQ(once.dump(), twice.dump());
    EXPECT_EQ(read(once.dump()).noises, sde.noises) << model.name;
    EXPECT_EQ(read(once.dump()).parameters, sde.parameters) << model.name;
  }
}

TEST(SdeDocument, CorrelationsAndDrawnParameters) {
  const std::string rest = R"("state": ["x", "y"], "drift": {}, "diffusion": {"x": "a", "y": "b"})";
  const SdeDocument sde =
      read(R"({"parameters": {"a": 1, "b": {"lognormal": [0, "a"]}, "r": {"uniform": [-0.5, 0.5]}},
    "correlation": {"y": {"x": "r"}}, )" +
           rest + "}");
  ASSERT_EQ(sde.parameters.size(), 1u);
  ASSERT_EQ(sde.drawn.size(), 2u);
  EXPECT_EQ(sde.drawn[0].law, DrawnParameter::Law::lognormal);
  EXPECT_EQ(sde.drawn[0].second, "a");
  ASSERT_EQ(sde.correlation.size(), 1u);
  EXPECT_EQ(sde.correlation[0].first, "y");
  EXPECT_EQ(sde.correlation[0].value, "r");
  Json once, twice;
  write_sde(sde, once);
  EXPECT_FALSE(find_problem(once, "sde")) << once.dump();
  write_sde(read(once.dump()), twice);
  EXPECT_EQ(once.dump(), twice.dump());
  const SdeDocument rows = read(R"({"correlation": [[1, 0.5], [0.5, 1]], )" + rest + "}");
  EXPECT_EQ(rows.correlation.size(), 4u);
  EXPECT_EQ(error_of(R"({"correlation": [[1, 0.5]], )" + rest + "}"),
            "a.json: at /correlation: must have one entry for each of the 2 noises x, y (got 1)");
  EXPECT_EQ(error_of(R"({"correlation": [[1, 0.5], [1]], )" + rest + "}"),
            "a.json: at /correlation/1: must have one entry for each of the 2 noises x, y (got 1)");
}

TEST(SdeDocument, Errors) {
  EXPECT_EQ(error_of(R"({"state": ["x"], "drift": {"y": "1"}})"),
            "a.json: at /drift: unknown state \"y\"; did you mean \"x\"?");
  EXPECT_EQ(error_of(R"({"state": ["x"], "drift": {"x": "1"}, "parameters": {"x": 1}})"),
            "a.json: at /parameters: \"x\" is a state as well");
  EXPECT_EQ(error_of(R"({"state": ["t"], "drift": {}})"),
            "a.json: at /state: \"t\" is a name that expressions have already");
  EXPECT_EQ(error_of(R"({"state": ["x"], "drift": {}, "parameters": {"pi": 3}})"),
            "a.json: at /parameters: \"pi\" is a name that expressions have already");
  EXPECT_EQ(error_of(R"({"state": ["x"], "noise": ["w1"], "drift": {}, "diffusion": {"x": {"w2": 1}}})"),
            "a.json: at /diffusion/x: unknown noise \"w2\"; did you mean \"w1\"?");
  EXPECT_EQ(error_of(R"({"state": ["x"], "noise": ["x"], "drift": {}})"),
            "a.json: at /noise: \"x\" is a state as well");
  EXPECT_EQ(error_of(R"({"state": ["x"], "drift": {}, "initial": {"x": {"normal": [0, -1]}}})"),
            "a.json: at /initial/x/normal/1: must be >= 0 (got -1)");
  EXPECT_EQ(error_of(R"({"state": ["x"], "drift": {}, "initial": {"x": {"uniform": [1, 0]}}})"),
            "a.json: at /initial/x/uniform: the lower end is above the upper one (got [1,0])");
  EXPECT_EQ(error_of(R"({"state": ["x"], "drift": {}, "domain": {"x": {"min": 1, "max": 1}}})"),
            "a.json: at /domain/x: min must be below max (got 1 and 1)");
  EXPECT_EQ(error_of(R"({"state": ["x"], "drift": {}, "domain": {"x": {"boundary": "absorb"}}})"),
            "a.json: at /domain/x: boundary \"absorb\" needs min or max");
  EXPECT_EQ(error_of(R"({"state": ["x"], "drift": {}, "time": {"start": 1, "end": 1}})"),
            "a.json: at /time: end must be after start (got 1 and 1)");
}

TEST(Models, NamesGetASuggestion) {
  EXPECT_EQ(sentence_of([] { read_model("@hestn"); }), "@hestn: no such model; did you mean \"@heston\"?");
  EXPECT_EQ(sentence_of([] { read_model("@qqqqqqqqqq"); }),
            "@qqqqqqqqqq: no such model; --list-models shows those there are");
}

TEST(Models, KindsAreToldByKeys) {
  const auto kind = [](const char* text) { return document_kind(parse_json(text, "")); };
  EXPECT_EQ(kind(R"({"state": ["x"], "drift": {}})"), DocumentKind::sde);
  EXPECT_EQ(kind(R"({"sde": "a", "paths": 1})"), DocumentKind::simulation);
  EXPECT_EQ(kind(R"({"sde": "a", "density": "exact"})"), DocumentKind::fit);
  EXPECT_EQ(kind(R"({"process": {}, "score": {}})"), DocumentKind::score);
  EXPECT_EQ(kind(R"({"process": {}, "network": {}})"), DocumentKind::training);
  EXPECT_EQ(kind(R"({"kind": "fit", "sde": {}})"), DocumentKind::result);
  EXPECT_EQ(kind(R"([1])"), DocumentKind::unknown);
}

TEST(Models, NamesInAConfigurationAreReplacedByWhatTheyName) {
  const std::string folder = testing::TempDir() + "sdetools_models/";
  ASSERT_EQ(std::system(("mkdir -p " + folder).c_str()), 0);
  std::ofstream(folder + "fit.json")
      << R"({"kind": "fit", "sde": {"state": ["x"], "drift": {"x": "-k*x"}, "parameters": {"k": 2}}})";
  Document document(parse_json(R"({"sde": "fit.json"})", "sim.json"), "sim.json", folder);
  embed_model(document, "/sde", {DocumentKind::sde});
  EXPECT_EQ(document.json()["sde"]["parameters"]["k"], 2);
  EXPECT_EQ(document.at("/sde/drift/x"), folder + "fit.json: at /sde/drift/x");
  EXPECT_EQ(find_sde(document, "/sde").sde.states[0].drift, "-k*x");

  std::ofstream(folder + "ou.json")
      << R"({"state": ["x"], "drift": {"x": "-x"}, "initial": {"x": {"data": "x0.h5"}}})";
  Document data(parse_json(R"({"sde": "ou.json"})", "sim.json"), "sim.json", folder);
  embed_model(data, "/sde", {DocumentKind::sde});
  embed_model(data, "/sde", {DocumentKind::sde});
  EXPECT_EQ(data.json()["sde"]["initial"]["x"]["data"], folder + "x0.h5");
  EXPECT_EQ(read_sde(data, "/sde").states[0].initial.data, folder + "x0.h5");
  EXPECT_EQ(data.at("/sde/initial/x/data"), folder + "ou.json: at /initial/x/data");

  // A model of its own is validated here.
  EXPECT_EQ(find_sde(read_model(folder + "fit.json").document, "").sde.parameters.at(0).second, 2);
  EXPECT_EQ(sentence_of([] { find_sde(Document(parse_json("{\"state\": 1}", "a.json"), "a.json", ""), ""); }),
            "a.json: missing key \"drift\"");

  Document score(parse_json(R"({"sde": "@two-gaussians"})", "sim.json"), "sim.json", "");
  EXPECT_EQ(sentence_of([&] { embed_model(score, "/sde", {DocumentKind::sde}); }),
            "@two-gaussians: is a score document; expected an SDE document");
  Document missing(parse_json(R"({"sde": "nothing.json"})", "sim.json"), "sim.json", "");
  EXPECT_EQ(sentence_of([&] { embed_model(missing, "/sde", {DocumentKind::sde}); }, Status::no_input),
            "sim.json: at /sde: nothing.json: no such file");
}

}  // namespace
}  // namespace sde::config
