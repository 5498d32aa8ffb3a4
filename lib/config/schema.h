// JSON Schema (draft 7) for every document this project reads: checked by valijson, reported in our own
// sentences.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/document.h"

namespace sde::config {

// The names of the schemas: "sde", "simulate", "fit", "train", "score", "sample", "likelihood", ...
std::vector<std::string> schema_names();

// The text of schemas/<name>.schema.json with the schemas it refers to bundled under "definitions".
// Throws Error(bug) for a name that is not there.
std::string schema_text(const std::string& name);

struct Problem {
  std::string pointer;   // the value at fault; the object's own for a missing or unknown key
  std::string sentence;  // "must be > 0 (got -0.1)"
  std::string key;       // an unknown key's own place; else empty
};

// The first thing wrong with `json` (its most helpful alternative, where there are several), or nothing.
std::optional<Problem> find_problem(const Json& json, const std::string& schema_name);

// Throws Error(usage), `ou.json: at /solver/dt: must be > 0 (got -0.1)`, unless the document satisfies the
// schema.
void validate(const Document& document, const std::string& schema_name);

// The values that the schema lists for the key at `pointer` ("/solver/method"); empty where it lists none.
std::vector<std::string> schema_choices(const std::string& schema_name, const std::string& pointer);

// Where the schema allows only one of two keys, a key that an option sets takes the place of the other, set
// before. `now` are the pointers that the options of one step of precedence have set.
void yield_to(Document& document, const std::string& schema_name, const std::vector<std::string>& now);

// The default that the schema states for the key at `pointer`, as text; "" where it states none.
std::string schema_default(const std::string& schema_name, const std::string& pointer);

// A configuration of all defaults that the schema states.
void schema_defaults(const std::string& schema_name, Json& into);

}  // namespace sde::config
