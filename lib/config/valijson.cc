#include "config/valijson.h"

#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

namespace sde::config {

std::optional<std::string> valijson_verdict(const nlohmann::json& schema, const nlohmann::json& json) {
  using valijson::adapters::NlohmannJsonAdapter;
  valijson::Schema compiled;
  valijson::SchemaParser parser(valijson::SchemaParser::kDraft7);
  parser.populateSchema(NlohmannJsonAdapter(schema), compiled);
  // Strong types: the text "1" is not the number 1.
  valijson::Validator validator(valijson::Validator::kStrongTypes);
  valijson::ValidationResults results;
  if (validator.validate(compiled, NlohmannJsonAdapter(json), &results)) return std::nullopt;
  valijson::ValidationResults::Error error;
  std::string words = "no reason given";
  while (results.popError(error)) words = error.description;
  return words;
}

}  // namespace sde::config
