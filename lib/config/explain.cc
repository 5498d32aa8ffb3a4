#include "config/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <regex>
#include <span>

#include "base/suggest.h"

namespace sde::config {
namespace {

using Found = std::optional<Problem>;

std::string last_part(const std::string& pointer) {
  const std::size_t slash = pointer.rfind('/');
  return slash == std::string::npos ? "value" : pointer.substr(slash + 1);
}

std::size_t depth(const Problem& problem) {
  return static_cast<std::size_t>(std::count(problem.pointer.begin(), problem.pointer.end(), '/'));
}

bool is_type(const Json& json, const std::string& type) {
  if (type == "object") return json.is_object();
  if (type == "array") return json.is_array();
  if (type == "string") return json.is_string();
  if (type == "boolean") return json.is_boolean();
  if (type == "null") return json.is_null();
  if (type == "number") return json.is_number();
  if (type != "integer" || !json.is_number()) return false;
  if (!json.is_number_float()) return true;
  const double x = json.get<double>();
  return std::abs(x) <= 9007199254740992.0 && x == std::floor(x);
}

const char* type_words(const std::string& type) {
  if (type == "object") return "an object";
  if (type == "array") return "an array";
  if (type == "string") return "a string";
  if (type == "boolean") return "true or false";
  if (type == "null") return "null";
  return type == "integer" ? "an integer" : "a number";
}

// "a, b or c"
std::string either(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
    text += words[i];
  }
  return text;
}

std::vector<std::string> strings(const Json& array) {
  std::vector<std::string> texts;
  for (const Json& item : array) texts.push_back(item.is_string() ? item.get<std::string>() : item.dump());
  return texts;
}

class Explainer {
 public:
  explicit Explainer(const Json& root) : root_(root) {}

  const Json& deref(const Json& schema) const {
    const Json* at = &schema;
    while (at->is_object() && at->contains("$ref")) {
      at = &root_.at(Json::json_pointer((*at)["$ref"].get<std::string>().substr(1)));
    }
    return *at;
  }

  Found check(const Json& reference, const Json& json, const std::string& pointer) const {
    const Json& schema = deref(reference);
    if (schema.is_boolean()) {
      return schema.get<bool>() ? std::nullopt : Found(Problem{pointer, "is not allowed here", ""});
    }
    if (Found problem = check_type(schema, json, pointer)) return problem;
    if (Found problem = check_values(schema, json, pointer)) return problem;
    if (json.is_number()) {
      if (Found problem = check_number(schema, json, pointer)) return problem;
    }
    if (json.is_string()) {
      if (Found problem = check_string(schema, json, pointer)) return problem;
    }
    if (json.is_array()) {
      if (Found problem = check_array(schema, json, pointer)) return problem;
    }
    if (json.is_object()) {
      if (Found problem = check_object(schema, json, pointer)) return problem;
    }
    return check_combined(schema, json, pointer);
  }

 private:
  Found check_type(const Json& schema, const Json& json, const std::string& pointer) const {
    const auto type = schema.find("type");
    if (type == schema.end()) return std::nullopt;
    const std::vector<std::string> types = type->is_array() ? strings(*type) : strings(Json::array({*type}));
    std::vector<std::string> words;
    for (const std::string& t : types) {
      if (is_type(json, t)) return std::nullopt;
      words.push_back(type_words(t));
    }
    return Problem{pointer, fmt::format("must be {} (got {})", either(words), brief(json)), ""};
  }

  Found check_values(const Json& schema, const Json& json, const std::string& pointer) const {
    if (const auto values = schema.find("enum"); values != schema.end()) {
      if (std::find(values->begin(), values->end(), json) != values->end()) return std::nullopt;
      const std::vector<std::string> known = strings(*values);
      if (!json.is_string()) {
        return Problem{pointer, fmt::format("must be {} (got {})", either(known), brief(json)), ""};
      }
      const std::string name = json.get<std::string>();
      std::string what = last_part(pointer);
      if (what.find_first_not_of("0123456789") == std::string::npos) what = "value";
      return Problem{pointer, fmt::format("unknown {} \"{}\"{}", what, name, suggestion(name, known)), ""};
    }
    if (const auto value = schema.find("const"); value != schema.end() && *value != json) {
      return Problem{pointer, fmt::format("must be {} (got {})", value->dump(), brief(json)), ""};
    }
    return std::nullopt;
  }

  Found check_number(const Json& schema, const Json& json, const std::string& pointer) const {
    const double x = json.get<double>();
    const auto limit = [&](const char* keyword, const char* words, auto holds) -> Found {
      const auto found = schema.find(keyword);
      if (found == schema.end() || holds(x, found->get<double>())) return std::nullopt;
      return Problem{pointer, fmt::format("must be {} {} (got {})", words, found->dump(), brief(json)), ""};
    };
    if (Found p = limit("exclusiveMinimum", ">", std::greater<>())) return p;
    if (Found p = limit("minimum", ">=", std::greater_equal<>())) return p;
    if (Found p = limit("exclusiveMaximum", "<", std::less<>())) return p;
    return limit("maximum", "<=", std::less_equal<>());
  }

  Found check_string(const Json& schema, const Json& json, const std::string& pointer) const {
    const std::string text = json.get<std::string>();
    if (const auto length = schema.find("minLength");
        length != schema.end() && text.size() < length->get<std::size_t>()) {
      return Problem{pointer,
                     text.empty() ? "must not be empty" : fmt::format("is too short (got {})", brief(json)),
                     ""};
    }
    const auto pattern = schema.find("pattern");
    if (pattern == schema.end() || std::regex_search(text, std::regex(pattern->get<std::string>())))
      return std::nullopt;
    const std::string wanted = schema.contains("title") ? "be a " + schema["title"].get<std::string>()
                                                        : "match " + pattern->get<std::string>();
    return Problem{pointer, fmt::format("must {} (got {})", wanted, brief(json)), ""};
  }

  Found check_array(const Json& schema, const Json& json, const std::string& pointer) const {
    const auto min = schema.find("minItems"), max = schema.find("maxItems");
    const std::size_t at_least = min == schema.end() ? 0 : min->get<std::size_t>();
    const std::size_t at_most = max == schema.end() ? SIZE_MAX : max->get<std::size_t>();
    if (json.size() < at_least || json.size() > at_most) {
      const std::string count = at_least == at_most      ? fmt::format("{}", at_least)
                                : json.size() < at_least ? fmt::format("at least {}", at_least)
                                                         : fmt::format("at most {}", at_most);
      const bool one = (json.size() < at_least ? at_least : at_most) == 1;
      return Problem{pointer, fmt::format("must have {} item{} (got {})", count, one ? "" : "s", json.size()),
                     ""};
    }
    if (const auto items = schema.find("items"); items != schema.end()) {
      for (std::size_t i = 0; i < json.size(); ++i) {
        if (Found p = check(*items, json[i], pointer_join(pointer, std::to_string(i)))) return p;
      }
    }
    if (schema.contains("uniqueItems") && schema["uniqueItems"].get<bool>()) {
      for (std::size_t i = 0; i < json.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j) {
          if (json[i] == json[j]) return Problem{pointer, fmt::format("has {} twice", brief(json[i])), ""};
        }
      }
    }
    return std::nullopt;
  }

  Found check_object(const Json& schema, const Json& json, const std::string& pointer) const {
    static const Json kNone = Json::object();
    const Json& properties = schema.contains("properties") ? schema["properties"] : kNone;
    // Unknown keys first: a key that is missing is often one that is misspelt.
    if (const auto more = schema.find("additionalProperties"); more != schema.end()) {
      for (const auto& [key, value] : json.items()) {
        if (properties.contains(key)) continue;
        const std::string place = pointer_join(pointer, key);
        if (!more->is_boolean()) {
          if (Found p = check(*more, value, place)) return p;
        } else if (!more->get<bool>()) {
          std::vector<std::string> known;
          for (const auto& [name, part] : properties.items()) {
            if (name[0] != '$') known.push_back(name);
          }
          return Problem{pointer, fmt::format("unknown key \"{}\"{}", key, suggestion(key, known)), place};
        }
      }
    }
    if (const auto names = schema.find("propertyNames"); names != schema.end()) {
      for (const auto& [key, value] : json.items()) {
        if (Found p = check(*names, Json(key), pointer)) return p;
      }
    }
    if (const auto required = schema.find("required"); required != schema.end()) {
      for (const Json& key : *required) {
        if (!json.contains(key.get<std::string>()))
          return Problem{pointer, fmt::format("missing key {}", key.dump()), ""};
      }
    }
    if (const auto least = schema.find("minProperties");
        least != schema.end() && json.size() < least->get<std::size_t>()) {
      return Problem{pointer, "must not be empty", ""};
    }
    for (const auto& [key, part] : properties.items()) {
      if (!json.contains(key)) continue;
      if (Found p = check(part, json[key], pointer_join(pointer, key))) return p;
    }
    return std::nullopt;
  }

  Found check_combined(const Json& schema, const Json& json, const std::string& pointer) const {
    if (const auto all = schema.find("allOf"); all != schema.end()) {
      for (const Json& part : *all) {
        if (Found p = check(part, json, pointer)) return p;
      }
    }
    if (const auto without = schema.find("not"); without != schema.end() && !check(*without, json, pointer)) {
      const Json& part = deref(*without);
      if (part.contains("required")) {
        return Problem{
            pointer, fmt::format("takes only one of {}", fmt::join(strings(part["required"]), " and ")), ""};
      }
      return Problem{pointer, fmt::format("is not allowed (got {})", brief(json)), ""};
    }
    for (const char* keyword : {"oneOf", "anyOf"}) {
      if (const auto any = schema.find(keyword); any != schema.end()) {
        if (Found p = check_alternatives(*any, json, pointer, *keyword == 'o')) return p;
      }
    }
    return std::nullopt;
  }

  // Of several forms, the one that its author most likely meant: of the right type, then with the right value
  // of "type", then with the keys it must have, then where the problem lies deepest.
  Found check_alternatives(const Json& forms, const Json& json, const std::string& pointer, bool one) const {
    Found best;
    long best_score = -1;
    int satisfied = 0;
    std::vector<std::string> words, tags;
    for (const Json& reference : forms) {
      const Json& form = deref(reference);
      const Found problem = check(form, json, pointer);
      if (!problem) {
        ++satisfied;
        continue;
      }
      if (check_type(form, json, pointer)) {
        describe(form, words);
        continue;
      }
      const long score =
          likeness(form, json, tags) + static_cast<long>(std::min<std::size_t>(depth(*problem), 99));
      if (score > best_score) {
        best_score = score;
        best = problem;
      }
    }
    if (satisfied == 1 || (satisfied > 1 && !one)) return std::nullopt;
    if (satisfied > 1) return Problem{pointer, "can be read in more than one way", ""};
    if (!best) return Problem{pointer, fmt::format("must be {} (got {})", either(words), brief(json)), ""};
    // A discriminator that no form knows: name all of them, not those of one form.
    if (!tags.empty() && json.is_object() && json.contains("type") && json["type"].is_string()) {
      const std::string tag = json["type"].get<std::string>();
      if (std::find(tags.begin(), tags.end(), tag) == tags.end()) {
        return Problem{pointer_join(pointer, "type"),
                       fmt::format("unknown type \"{}\"{}", tag, suggestion(tag, tags)), ""};
      }
    }
    return best;
  }

  long likeness(const Json& form, const Json& json, std::vector<std::string>& tags) const {
    long score = 0;
    if (!json.is_object()) return score;
    const auto properties = form.find("properties");
    if (properties != form.end() && properties->contains("type") && (*properties)["type"].contains("enum")) {
      const std::vector<std::string> own = strings((*properties)["type"]["enum"]);
      tags.insert(tags.end(), own.begin(), own.end());
      if (json.contains("type") && json["type"].is_string() &&
          std::find(own.begin(), own.end(), json["type"].get<std::string>()) != own.end()) {
        score += 100000;
      }
    }
    if (const auto required = form.find("required"); required != form.end()) {
      for (const Json& key : *required) score += json.contains(key.get<std::string>()) ? 1000 : 0;
    }
    if (properties != form.end()) {
      for (const auto& [key, value] : json.items()) score += properties->contains(key) ? 100 : 0;
    }
    return score;
  }

  // What a form is called in "must be A, B or C".
  void describe(const Json& form, std::vector<std::string>& words) const {
    const auto type = form.find("type");
    if (type == form.end()) {
      for (const char* keyword : {"oneOf", "anyOf"}) {
        if (!form.contains(keyword)) continue;
        for (const Json& part : form[keyword]) describe(deref(part), words);
      }
      return;
    }
    for (const std::string& t : type->is_array() ? strings(*type) : strings(Json::array({*type}))) {
      std::string word = type_words(t);
      if (t == "object" && form.contains("required")) {
        word = fmt::format("an object with \"{}\"", form["required"][0].get<std::string>());
      }
      if (std::find(words.begin(), words.end(), word) == words.end()) words.push_back(word);
    }
  }

  const Json& root_;
};

void collect(const Explainer& explainer, const Json& reference, std::span<const std::string> rest,
             std::vector<const Json*>& found) {
  const Json& schema = explainer.deref(reference);
  if (!schema.is_object()) return;
  if (rest.empty()) found.push_back(&schema);
  for (const char* keyword : {"oneOf", "anyOf", "allOf"}) {
    if (!schema.contains(keyword)) continue;
    for (const Json& form : schema[keyword]) collect(explainer, form, rest, found);
  }
  if (rest.empty()) return;
  const std::string& key = rest.front();
  const std::span<const std::string> next = rest.subspan(1);
  if (schema.contains("properties") && schema["properties"].contains(key)) {
    collect(explainer, schema["properties"][key], next, found);
  } else if (schema.contains("additionalProperties") && schema["additionalProperties"].is_object()) {
    collect(explainer, schema["additionalProperties"], next, found);
  }
  const bool index = !key.empty() && key.find_first_not_of("0123456789-") == std::string::npos;
  if (index && schema.contains("items")) collect(explainer, schema["items"], next, found);
}

}  // namespace

std::optional<Problem> explain(const Json& schema, const Json& json) {
  return Explainer(schema).check(schema, json, "");
}

std::vector<const Json*> schema_parts(const Json& schema, const std::string& pointer) {
  std::vector<const Json*> parts;
  collect(Explainer(schema), schema, pointer_parts(pointer), parts);
  return parts;
}

const Json& schema_target(const Json& schema, const Json& part) {
  return Explainer(schema).deref(part);
}

}  // namespace sde::config
