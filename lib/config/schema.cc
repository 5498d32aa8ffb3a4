#include "config/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>

#include "config/embedded.h"
#include "config/explain.h"
#include "config/valijson.h"

namespace sde::config {
namespace {

const char* find_embedded(const std::string& name) {
  for (const EmbeddedFile* file = kEmbeddedSchemas; file->name; ++file) {
    if (name == file->name) return file->text;
  }
  fail(Status::bug, "there is no schema \"{}\"", name);
}

// Rewrites the references of `json`, a part of schema `inside` (empty: the schema being bundled), to places
// in the bundle, and collects the schemas that they reach.
void bundle(Json& json, const std::string& inside, std::map<std::string, Json>& others) {
  if (json.is_array()) {
    for (Json& item : json) bundle(item, inside, others);
  }
  if (!json.is_object()) return;
  for (auto& [key, value] : json.items()) {
    if (key != "$ref" || !value.is_string()) {
      bundle(value, inside, others);
      continue;
    }
    const std::string reference = value.get<std::string>();
    const std::size_t hash = std::min(reference.find('#'), reference.size());
    const std::string file = reference.substr(0, hash);
    const std::string fragment = hash < reference.size() ? reference.substr(hash + 1) : "";
    std::string target = inside;
    if (!file.empty()) {
      target = file.substr(0, file.find(".schema.json"));
      if (!others.contains(target)) {
        Json& other = others[target] = parse_json(find_embedded(target), file);
        Json copy = other;
        bundle(copy, target, others);
        others[target] = std::move(copy);
      }
    }
    value = "#" + (target.empty() ? "" : "/definitions/" + target) + fragment;
  }
}

Json load(const std::string& name) {
  Json schema = parse_json(find_embedded(name), name + ".schema.json");
  std::map<std::string, Json> others;
  bundle(schema, "", others);
  for (auto& [other, definition] : others) {
    definition.erase("$schema");
    schema["definitions"][other] = std::move(definition);
  }
  return schema;
}

const Json& loaded(const std::string& name) {
  static std::mutex mutex;
  static std::map<std::string, Json> schemas;
  const std::lock_guard lock(mutex);
  const auto found = schemas.find(name);
  return found != schemas.end() ? found->second : schemas.emplace(name, load(name)).first->second;
}

// A copy for the validator: keys in any order, and numbers that are whole as integers, so that 1e6 counts as
// one.
nlohmann::json for_validator(const Json& json) {
  if (json.is_object()) {
    nlohmann::json copy = nlohmann::json::object();
    for (const auto& [key, value] : json.items()) copy[key] = for_validator(value);
    return copy;
  }
  if (json.is_array()) {
    nlohmann::json copy = nlohmann::json::array();
    for (const Json& value : json) copy.push_back(for_validator(value));
    return copy;
  }
  if (json.is_number_float()) {
    const double x = json.get<double>();
    if (std::abs(x) <= 9007199254740992.0 && x == std::floor(x)) return static_cast<std::int64_t>(x);
    return x;
  }
  if (json.is_number_unsigned()) {
    // It knows signed integers only; the upper half of the unsigned ones (seeds) stands at their end.
    return std::min<std::uint64_t>(json.get<std::uint64_t>(), std::numeric_limits<std::int64_t>::max());
  }
  if (json.is_number_integer()) return json.get<std::int64_t>();
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_string()) return json.get<std::string>();
  return nullptr;
}

// Objects that state no default of their own take those of their keys; of alternatives, the first.
void collect_defaults(const Json& root, const Json& schema, Json& into) {
  const Json* part = &schema_target(root, schema);
  while (part->contains("oneOf")) part = &schema_target(root, (*part)["oneOf"][0]);
  if (!part->contains("properties")) return;
  for (const auto& [key, property] : (*part)["properties"].items()) {
    const Json& target = schema_target(root, property);
    if (target.contains("default")) {
      into[key] = target["default"];
      continue;
    }
    Json inner = Json::object();
    collect_defaults(root, target, inner);
    if (!inner.empty()) into[key] = std::move(inner);
  }
}

}  // namespace

std::vector<std::string> schema_names() {
  std::vector<std::string> names;
  for (const EmbeddedFile* file = kEmbeddedSchemas; file->name; ++file) names.emplace_back(file->name);
  return names;
}

std::string schema_text(const std::string& name) {
  return format_json(loaded(name)) + "\n";
}

std::optional<Problem> find_problem(const Json& json, const std::string& schema_name) {
  const Json& schema = loaded(schema_name);
  const std::optional<std::string> verdict = valijson_verdict(for_validator(schema), for_validator(json));
  if (!verdict) return std::nullopt;
  if (std::optional<Problem> problem = explain(schema, json)) return problem;
  return Problem{"", "does not satisfy its schema: " + *verdict, ""};
}

void validate(const Document& document, const std::string& schema_name) {
  const std::optional<Problem> problem = find_problem(document.json(), schema_name);
  if (!problem) return;
  // A key that an option set is that option's fault, not its object's.
  const bool by_option = !problem->key.empty() && document.set_by_option(problem->key);
  document.error(by_option ? problem->key : problem->pointer, problem->sentence);
}

std::vector<std::string> schema_choices(const std::string& schema_name, const std::string& pointer) {
  const Json& schema = loaded(schema_name);
  std::vector<std::string> choices;
  for (const Json* part : schema_parts(schema, pointer)) {
    const auto values = part->find("enum");
    if (values == part->end()) continue;
    for (const Json& value : *values) {
      // Alternatives may name the same.
      if (value.is_string() && std::find(choices.begin(), choices.end(), value) == choices.end()) {
        choices.push_back(value.get<std::string>());
      }
    }
  }
  return choices;
}

void yield_to(Document& document, const std::string& schema_name, const std::vector<std::string>& now) {
  for (const std::string& pointer : now) {
    std::string parent;
    for (const std::string& key : pointer_parts(pointer)) {
      for (const Json* part : schema_parts(loaded(schema_name), parent)) {
        const auto without = part->find("not");
        if (without == part->end() || !without->contains("required")) continue;
        const std::vector<std::string> keys = (*without)["required"].get<std::vector<std::string>>();
        if (std::find(keys.begin(), keys.end(), key) == keys.end()) continue;
        for (const std::string& other : keys) {
          const std::string place = pointer_join(parent, other);
          const bool given = std::any_of(now.begin(), now.end(), [&](const std::string& p) {
            return p == place || p.starts_with(place + "/");
          });
          if (other != key && !given) document.erase(place);
        }
      }
      parent = pointer_join(parent, key);
    }
  }
}

std::string schema_default(const std::string& schema_name, const std::string& pointer) {
  for (const Json* part : schema_parts(loaded(schema_name), pointer)) {
    const auto value = part->find("default");
    if (value == part->end()) continue;
    if (value->is_string()) return value->get<std::string>();
    if (value->is_object()) return "";
    if (!value->is_array()) return value->dump();
    std::vector<std::string> items;
    for (const Json& item : *value) items.push_back(item.is_string() ? item.get<std::string>() : item.dump());
    return fmt::format("{}", fmt::join(items, ","));
  }
  return "";
}

void schema_defaults(const std::string& schema_name, Json& into) {
  const Json& schema = loaded(schema_name);
  into = Json::object();
  collect_defaults(schema, schema, into);
}

}  // namespace sde::config
