// JSON text in and out. Strict: no NaN or Infinity, no key twice, no number out of range, bounded depth.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace sde::config {

using Json = nlohmann::ordered_json;  // keeps the order its author chose

inline constexpr int kMaxJsonDepth = 256;

// Parses one JSON value. `name` stands for the text in messages (a file's name, "standard input", "--set").
// Throws Error(usage): `ou.json: line 3, column 14: a comma before "}"`.
Json parse_json(std::string_view text, const std::string& name);

// Two-space indentation, as a person would write it: arrays of numbers stay on one line where they fit.
std::string format_json(const Json& json);

// A short form of a value for the end of a message, as in `(got [1, 2, ...])`.
std::string brief(const Json& json);

// The name of a value's kind for messages: "a number", "a string", "true or false", ...
const char* kind_name(const Json& json);

// "/a/b~1c" from its parts and back; a part is unescaped.
std::string pointer_join(const std::string& pointer, std::string_view part);
std::vector<std::string> pointer_parts(std::string_view pointer);

}  // namespace sde::config
