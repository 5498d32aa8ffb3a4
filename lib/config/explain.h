// Why a document does not satisfy a schema, in a sentence for its author.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/schema.h"

namespace sde::config {

// The most helpful problem of `json` against `schema` (the keywords that the schemas of this project use,
// references inside the schema), or nothing where none is found.
std::optional<Problem> explain(const Json& schema, const Json& json);

// The parts of the schema that speak about the value at `pointer` of a document: alternatives give several.
std::vector<const Json*> schema_parts(const Json& schema, const std::string& pointer);

// `part` of the schema, or what it refers to.
const Json& schema_target(const Json& schema, const Json& part);

}  // namespace sde::config
