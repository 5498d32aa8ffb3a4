// The validator, behind a plain function: its headers are heavy and stay in one file.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

namespace sde::config {

// Nothing where `json` satisfies `schema` (draft 7, references inside it only), else the validator's own
// words.
std::optional<std::string> valijson_verdict(const nlohmann::json& schema, const nlohmann::json& json);

}  // namespace sde::config
