// Values from outside the configuration file. Precedence: defaults < file < environment < --set < named
// option.
#pragma once

#include <string>
#include <string_view>

#include "config/document.h"

namespace sde::config {

// `a.b.2.c` (or the JSON pointer `/a/b/2/c`) as a JSON pointer; a backslash keeps the character after it.
// Throws Error(usage) for an empty part.
std::string path_to_pointer(std::string_view path, const std::string& origin);

// A JSON value where the text is one, else the text as a string: `1e-3`, `[1,2]`, `true`, `milstein`.
// Text that looks like a JSON array, object or string but is broken is an error, not a string.
Json parse_value(std::string_view text, const std::string& origin);

// Sets the value at `pointer`, making the objects on the way. An array takes an index that it has, or its
// size (appends). Throws Error(usage), naming `origin`, where the path runs into a value that is no object or
// array.
void set_at(Document& document, const std::string& pointer, Json value, const std::string& origin);

// One `--set a.b.c=VALUE`; returns the pointer that it set.
std::string apply_set(Document& document, const std::string& assignment, const std::string& origin = "--set");

}  // namespace sde::config
