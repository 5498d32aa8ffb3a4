// Inputs of an SDE that come from data files.
#pragma once

#include <string>

#include "config/document.h"
#include "sde/document.h"

namespace sde::config {

// The input called `name` that `json`, at `pointer` of a document that satisfies its schema, describes, with
// its values. Throws as io::read_dataset does, and for data that are more than one series or have gaps.
InputDocument read_input(const Document& document, const std::string& pointer, const std::string& name,
                         const Json& json);

// The inverse, but for the values.
Json write_input(const InputDocument& input);

}  // namespace sde::config
