#include "config/overrides.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

namespace sde::config {
namespace {

std::optional<std::size_t> array_index(std::string_view part) {
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), index);
  if (error != std::errc() || end != part.data() + part.size()) return std::nullopt;
  return index;
}

}  // namespace

std::string path_to_pointer(std::string_view path, const std::string& origin) {
  if (!path.empty() && path[0] == '/') return std::string(path);
  std::string pointer, part;
  const auto finish = [&] {
    if (part.empty()) fail(Status::usage, "{}: \"{}\" has an empty part; write it as a.b.c", origin, path);
    pointer = pointer_join(pointer, part);
    part.clear();
  };
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '.') {
      finish();
    } else {
      if (path[i] == '\\' && i + 1 < path.size()) ++i;
      part += path[i];
    }
  }
  finish();
  return pointer;
}

Json parse_value(std::string_view text, const std::string& origin) {
  const std::size_t first = text.find_first_not_of(" \t\n");
  if (first == std::string_view::npos) return std::string(text);
  if (std::string_view("{[\"").find(text[first]) != std::string_view::npos) return parse_json(text, origin);
  const bool number = std::string_view("-0123456789").find(text[first]) != std::string_view::npos;
  if (!number && text != "true" && text != "false" && text != "null") return std::string(text);
  Json value = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!value.is_discarded()) return value;
  // What looks like a number to JSON but overflows must not pass as text; everything else is text ("2x",
  // "-").
  double x = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, x);
  if (error == std::errc::result_out_of_range && stop == end) {
    fail(Status::usage, "{}: {} is too large for a double", origin, text);
  }
  return std::string(text);
}

void set_at(Document& document, const std::string& pointer, Json value, const std::string& origin) {
  Json* at = &document.json();
  std::string place;
  const std::vector<std::string> parts = pointer_parts(pointer);
  for (const std::string& part : parts) {
    if (at->is_null()) *at = Json::object();
    if (at->is_array()) {
      const std::optional<std::size_t> index = array_index(part);
      if (!index || *index > at->size()) {
        fail(Status::usage, "{}: {} is an array of {} items; \"{}\" is none of them", origin,
             place.empty() ? "the configuration" : place, at->size(), part);
      }
      if (*index == at->size()) at->push_back(Json());
      at = &(*at)[*index];
    } else if (at->is_object()) {
      at = &(*at)[part];
    } else {
      fail(Status::usage, "{}: {} is {} and has no part \"{}\"", origin,
           place.empty() ? "the configuration" : place, brief(*at), part);
    }
    place = pointer_join(place, part);
  }
  *at = std::move(value);
  document.set_origin(pointer, origin);
}

std::string apply_set(Document& document, const std::string& assignment, const std::string& origin) {
  const std::size_t equals = assignment.find('=');
  if (equals == std::string::npos || equals == 0) {
    fail(Status::usage, "{}: expected KEY=VALUE (got \"{}\")", origin, assignment);
  }
  const std::string key = assignment.substr(0, equals);
  const std::string label = fmt::format("{} {}", origin, key);
  const std::string pointer = path_to_pointer(key, label);
  set_at(document, pointer, parse_value(assignment.substr(equals + 1), label), label);
  return pointer;
}

}  // namespace sde::config
