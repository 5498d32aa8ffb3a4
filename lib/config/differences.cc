#include "config/differences.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "config/json.h"

namespace sde::config {

std::string first_difference(const std::string& there, const std::string& here) {
  // Unordered, so that the order of keys is no difference.
  const nlohmann::json a = nlohmann::json::parse(there), b = nlohmann::json::parse(here);
  const nlohmann::json patch = nlohmann::json::diff(a, b);
  if (patch.empty()) return "";
  const std::string path = patch[0]["path"];
  const nlohmann::json::json_pointer pointer(path);
  const auto text = [&](const nlohmann::json& json) {
    return json.contains(pointer) ? json[pointer].dump() : std::string("absent");
  };
  return fmt::format("{} is {} there and {} here", path, text(a), text(b));
}

}  // namespace sde::config
