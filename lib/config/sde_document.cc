#include "config/sde_document.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/suggest.h"
#include "config/inputs.h"
#include "config/schema.h"
#include "io/hdf5.h"

namespace sde::config {
namespace {

// Expressions may be written as numbers.
std::string expression_text(const Json& json) {
  return json.is_string() ? json.get<std::string>() : json.dump();
}

// And numbers that were written as such stay numbers.
Json expression_json(const std::string& text) {
  const Json number = Json::parse(text, nullptr, false);
  return number.is_number() ? number : Json(text);
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

class SdeReader {
 public:
  SdeReader(const Document& document, const std::string& pointer)
      : document_(document), pointer_(pointer), json_(document.json().at(Json::json_pointer(pointer))) {}

  SdeDocument read() {
    sde_.name = json_.value("name", "");
    sde_.description = json_.value("description", "");
    sde_.source = json_.value("source", "");
    sde_.calculus = json_.value("calculus", "ito");
    read_names();
    each_state("drift", [](StateDocument& state, const Json& value, const std::string&) {
      state.drift = expression_text(value);
    });
    read_noise();
    read_correlation();
    read_inputs();
    each_state("initial", [this](StateDocument& state, const Json& value, const std::string& place) {
      state.initial = initial_law(value, place);
    });
    each_state("domain", [this](StateDocument& state, const Json& value, const std::string& place) {
      state.domain = domain(value, place);
    });
    if (json_.contains("time")) {
      const Json& time = json_["time"];
      sde_.time = TimeDocument{time.value("start", 0.0), time.value("end", 1.0)};
      if (!(sde_.time->end > sde_.time->start)) {
        error("/time",
              fmt::format("end must be after start (got {} and {})", sde_.time->end, sde_.time->start));
      }
    }
    return std::move(sde_);
  }

 private:
  [[noreturn]] void error(const std::string& place, const std::string& what) const {
    document_.error(pointer_ + place, what);
  }

  // Names share one space: an expression cannot tell a state from a parameter.
  void read_names() {
    static const std::vector<std::string> kReserved = {"t", "pi"};
    for (const Json& state : json_["state"]) {
      const std::string name = state.get<std::string>();
      if (contains(kReserved, name))
        error("/state", fmt::format("\"{}\" is a name that expressions have already", name));
      sde_.states.emplace_back().name = name;
      states_.push_back(name);
    }
    if (!json_.contains("parameters")) return;
    for (const auto& [name, value] : json_["parameters"].items()) {
      if (contains(kReserved, name))
        error("/parameters", fmt::format("\"{}\" is a name that expressions have already", name));
      if (contains(states_, name)) error("/parameters", fmt::format("\"{}\" is a state as well", name));
      if (value.is_number())
        sde_.parameters.emplace_back(name, value.get<double>());
      else
        sde_.drawn.push_back(drawn_parameter(name, value));
    }
  }

  DrawnParameter drawn_parameter(const std::string& name, const Json& value) const {
    DrawnParameter p{name, {}, {}, {}};
    for (const auto law :
         {DrawnParameter::Law::uniform, DrawnParameter::Law::normal, DrawnParameter::Law::lognormal}) {
      if (!value.contains(to_string(law))) continue;
      p.law = law;
      p.first = expression_text(value[to_string(law)][0]);
      p.second = expression_text(value[to_string(law)][1]);
    }
    return p;
  }

  void read_inputs() {
    if (!json_.contains("inputs")) return;
    for (const auto& [name, value] : json_["inputs"].items())
      sde_.inputs.push_back(read_input(document_, pointer_ + pointer_join("/inputs", name), name, value));
  }

  // By the noises' names, or rows in the order of the document's.
  void read_correlation() {
    if (!json_.contains("correlation")) return;
    const Json& matrix = json_["correlation"];
    if (matrix.is_object()) {
      for (const auto& [first, row] : matrix.items())
        for (const auto& [second, value] : row.items())
          sde_.correlation.push_back({first, second, expression_text(value)});
      return;
    }
    const std::size_t n = sde_.noises.size();
    const auto wrong = [&](std::size_t got, const std::string& place) {
      error("/correlation" + place, fmt::format("must have one entry for each of the {} noises {} (got {})",
                                                n, fmt::join(sde_.noises, ", "), got));
    };
    if (matrix.size() != n) wrong(matrix.size(), "");
    for (std::size_t i = 0; i < n; ++i) {
      if (matrix[i].size() != n) wrong(matrix[i].size(), fmt::format("/{}", i));
      for (std::size_t j = 0; j < n; ++j)
        sde_.correlation.push_back({sde_.noises[i], sde_.noises[j], expression_text(matrix[i][j])});
    }
  }

  template <class F>
  void each_state(const char* key, F f) {
    if (!json_.contains(key)) return;
    const std::string at = std::string("/") + key;
    for (const auto& [name, value] : json_[key].items()) {
      const auto state = std::find(states_.begin(), states_.end(), name);
      if (state == states_.end())
        error(at, fmt::format("unknown state \"{}\"{}", name, suggestion(name, states_)));
      f(sde_.states[static_cast<std::size_t>(state - states_.begin())], value, pointer_join(at, name));
    }
  }

  void read_noise() {
    const bool declared = json_.contains("noise");
    if (declared) sde_.noises = json_["noise"].get<std::vector<std::string>>();
    each_state("diffusion", [&](StateDocument& state, const Json& value, const std::string& place) {
      if (!value.is_object()) return;
      for (const auto& [noise, coefficient] : value.items()) {
        if (!contains(sde_.noises, noise)) {
          if (declared)
            error(place, fmt::format("unknown noise \"{}\"{}", noise, suggestion(noise, sde_.noises)));
          sde_.noises.push_back(noise);
        }
        state.diffusion.emplace_back(noise, expression_text(coefficient));
      }
    });
    // A state's own noise bears its name.
    for (const std::string& noise : sde_.noises) {
      if (contains(states_, noise))
        error(declared ? "/noise" : "/diffusion", fmt::format("\"{}\" is a state as well", noise));
    }
    each_state("diffusion", [&](StateDocument& state, const Json& value, const std::string&) {
      if (!value.is_object()) state.diffusion.emplace_back(state.name, expression_text(value));
    });
    // Own noises in the order of the states, whatever the order of the keys.
    for (const StateDocument& state : sde_.states) {
      if (state.diffusion.size() == 1 && state.diffusion[0].first == state.name)
        sde_.noises.push_back(state.name);
    }
  }

  InitialLaw initial_law(const Json& value, const std::string& place) const {
    InitialLaw law;
    if (!value.is_object()) {
      law.first = expression_text(value);
    } else if (value.contains("data")) {
      law.kind = InitialLaw::Kind::data;
      law.data = document_.resolve(value["data"].get<std::string>(), pointer_ + place);
    } else {
      const bool normal = value.contains("normal");
      law.kind = normal ? InitialLaw::Kind::normal : InitialLaw::Kind::uniform;
      const Json& pair = value[normal ? "normal" : "uniform"];
      law.first = expression_text(pair[0]);
      law.second = expression_text(pair[1]);
      if (normal && pair[1].is_number() && pair[1].get<double>() < 0) {
        error(place + "/normal/1", fmt::format("must be >= 0 (got {})", brief(pair[1])));
      }
      if (!normal && pair[0].is_number() && pair[1].is_number() &&
          pair[0].get<double>() > pair[1].get<double>()) {
        error(place + "/uniform", fmt::format("the lower end is above the upper one (got {})", brief(pair)));
      }
    }
    return law;
  }

  Domain domain(const Json& value, const std::string& place) const {
    Domain d;
    if (value.contains("min")) d.min = value["min"].get<double>();
    if (value.contains("max")) d.max = value["max"].get<double>();
    if (d.min && d.max && !(*d.min < *d.max))
      error(place, fmt::format("min must be below max (got {} and {})", *d.min, *d.max));
    const std::string boundary = value.value("boundary", "none");
    for (Boundary b : {Boundary::none, Boundary::reflect, Boundary::absorb, Boundary::full_truncation}) {
      if (boundary == to_string(b)) d.boundary = b;
    }
    if (d.boundary != Boundary::none && !d.min && !d.max)
      error(place, fmt::format("boundary \"{}\" needs min or max", boundary));
    return d;
  }

  const Document& document_;
  const std::string& pointer_;
  const Json& json_;
  SdeDocument sde_;
  std::vector<std::string> states_;
};

Json write_initial(const InitialLaw& law) {
  switch (law.kind) {
    case InitialLaw::Kind::expression:
      return expression_json(law.first);
    case InitialLaw::Kind::normal:
      return {{"normal", {expression_json(law.first), expression_json(law.second)}}};
    case InitialLaw::Kind::uniform:
      return {{"uniform", {expression_json(law.first), expression_json(law.second)}}};
    case InitialLaw::Kind::data:
      break;
  }
  return {{"data", law.data}};
}

// The effective configuration is kept in results and stands elsewhere then: data files of the initial law and
// of inputs are named from here.
void settle_data(Document& document, const std::string& pointer) {
  std::vector<std::string> files;
  for (const char* key : {"/initial", "/inputs"}) {
    const Json::json_pointer place(pointer + key);
    if (!document.json().contains(place) || !document.json().at(place).is_object()) continue;
    for (const auto& [name, value] : document.json().at(place).items()) {
      if (value.is_object() && value.contains("data") && value["data"].is_string()) {
        files.push_back(pointer_join(pointer + key, name) + "/data");
      }
    }
  }
  for (const std::string& file : files) document.settle_file(file);
}

}  // namespace

SdeDocument read_sde(const Document& document, const std::string& pointer) {
  return SdeReader(document, pointer).read();
}

void write_sde(const SdeDocument& sde, Json& into) {
  into = Json::object();
  if (!sde.name.empty()) into["name"] = sde.name;
  if (!sde.description.empty()) into["description"] = sde.description;
  if (!sde.source.empty()) into["source"] = sde.source;
  into["calculus"] = sde.calculus;
  Json parameters = Json::object(), drift = Json::object(), diffusion = Json::object();
  Json initial = Json::object(), domains = Json::object();
  for (const auto& [name, value] : sde.parameters) parameters[name] = value;
  Json noise = Json::array();
  for (const std::string& name : sde.noises) {
    if (!contains(sde.state_names(), name)) noise.push_back(name);
  }
  for (const StateDocument& state : sde.states) {
    drift[state.name] = expression_json(state.drift);
    for (const auto& [name, coefficient] : state.diffusion) {
      if (name == state.name) {
        diffusion[state.name] = expression_json(coefficient);
      } else {
        diffusion[state.name][name] = expression_json(coefficient);
      }
    }
    initial[state.name] = write_initial(state.initial);
    Json domain = Json::object();
    if (state.domain.min) domain["min"] = *state.domain.min;
    if (state.domain.max) domain["max"] = *state.domain.max;
    if (state.domain.boundary != Boundary::none) domain["boundary"] = to_string(state.domain.boundary);
    if (!domain.empty()) domains[state.name] = domain;
  }
  for (const DrawnParameter& p : sde.drawn)
    parameters[p.name] = {{to_string(p.law), {expression_json(p.first), expression_json(p.second)}}};
  if (!parameters.empty()) into["parameters"] = parameters;
  into["state"] = sde.state_names();
  if (!noise.empty()) into["noise"] = noise;
  for (const CorrelationDocument& c : sde.correlation)
    into["correlation"][c.first][c.second] = expression_json(c.value);
  for (const InputDocument& input : sde.inputs) into["inputs"][input.name] = write_input(input);
  into["drift"] = drift;
  if (!diffusion.empty()) into["diffusion"] = diffusion;
  into["initial"] = initial;
  if (!domains.empty()) into["domain"] = domains;
  if (sde.time) into["time"] = {{"start", sde.time->start}, {"end", sde.time->end}};
}

void embed_model(Document& document, const std::string& pointer, const std::vector<DocumentKind>& kinds) {
  const Json::json_pointer place(pointer);
  if (!document.json().contains(place)) return;
  const Json& value = document.json().at(place);
  if (!value.is_string()) {
    settle_data(document, pointer);
    return;
  }
  if (value == "-") return;  // standard input was read by the overload below, and holds no document
  const std::string where = document.at(pointer);
  ModelInput model;
  try {
    model = read_model(document.resolve(value.get<std::string>(), pointer));
  } catch (const Error& error) {
    if (error.status() != Status::no_input || where.empty()) throw;
    fail(error.status(), "{}: {}", where, error.what());
  }
  embed_model(document, pointer, kinds, model);
}

void embed_model(Document& document, const std::string& pointer, const std::vector<DocumentKind>& kinds,
                 const ModelInput& model) {
  Document found = model.document;
  if (model.is_hdf5) {
    // A fit holds an SDE; what else a model file holds (networks) is for the program to read.
    const io::Reader reader(*model.input);
    if (reader.kind() != "model") {
      fail(Status::bad_data, "{}: holds kind \"{}\"; expected a model", model.input->name(), reader.kind());
    }
    const std::string place = model.input->name() + ": at /model/config_json";
    found = Document(parse_json(reader.read_text("/model/config_json"), place), place, "");
    if (!found.json().is_object() || !found.json().contains("sde")) {
      document.json()[Json::json_pointer(pointer)] = model.argument;
      document.set_origin(pointer, model.input->name());
      return;
    }
  }
  const auto wanted = [&](DocumentKind kind) {
    return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
  };
  DocumentKind kind = document_kind(found.json());
  std::string part;
  if (kind == DocumentKind::result && found.json().contains("sde")) {
    kind = DocumentKind::sde;
    part = "/sde";
  }
  if (!wanted(kind)) {
    std::string expected;
    for (DocumentKind k : kinds) expected += (expected.empty() ? "" : " or ") + std::string(to_string(k));
    found.error("", fmt::format("is {}; expected {}", to_string(kind), expected));
  }
  document.embed(pointer, found, part);
  const std::string schema = kind == DocumentKind::sde ? "sde" : "score";
  if (std::optional<Problem> problem = find_problem(found.json().at(Json::json_pointer(part)), schema)) {
    found.error(part + problem->pointer, problem->sentence);
  }
  settle_data(document, pointer);
}

FoundSde find_sde(const Document& document, const std::string& pointer) {
  FoundSde found{{}, document, pointer};
  if (pointer.empty() && document_kind(document.json()) == DocumentKind::result &&
      document.json().contains("sde")) {
    found.pointer = "/sde";
  }
  embed_model(found.document, found.pointer, {DocumentKind::sde});
  if (!found.document.json().at(Json::json_pointer(found.pointer)).is_object()) {
    found.document.error(pointer, "holds no SDE; expected an SDE document or a fit");
  }
  // What stands in a configuration has been validated with it.
  if (pointer.empty()) {
    if (const auto problem =
            find_problem(found.document.json().at(Json::json_pointer(found.pointer)), "sde")) {
      found.document.error(found.pointer + problem->pointer, problem->sentence);
    }
  }
  found.sde = read_sde(found.document, found.pointer);
  return found;
}

}  // namespace sde::config
