#include "config/summary.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace sde::config {
namespace {

Json finite(double x) {
  return std::isfinite(x) ? Json(x) : Json();
}

// The value at `path`, its objects and array items made on the way.
Json& place(Json& root, std::string_view path) {
  Json* at = &root;
  for (const std::string& part : pointer_parts(path)) {
    if (at->is_null()) *at = part == "-" ? Json::array() : Json::object();
    if (!at->is_array()) {
      at = &(*at)[part];
    } else if (part == "-") {
      at = &at->emplace_back();
    } else {
      at = &at->at(std::stoul(part));
    }
  }
  return *at;
}

}  // namespace

Summary::Summary() : json_(std::make_unique<Json>(Json::object())) {}
Summary::Summary(const Summary& other) : json_(std::make_unique<Json>(*other.json_)) {}
Summary::Summary(Summary&& other) noexcept = default;
Summary& Summary::operator=(Summary other) noexcept {
  std::swap(json_, other.json_);
  return *this;
}
Summary::~Summary() = default;

Summary& Summary::set(std::string_view path, const Json& x) {
  place(*json_, path) = x;
  return *this;
}
Summary& Summary::set(std::string_view path, double x) {
  return set(path, finite(x));
}
Summary& Summary::set(std::string_view path, std::int64_t x) {
  return set(path, Json(x));
}
Summary& Summary::set(std::string_view path, std::uint64_t x) {
  return set(path, Json(x));
}
Summary& Summary::set(std::string_view path, bool x) {
  return set(path, Json(x));
}
Summary& Summary::set(std::string_view path, std::string_view x) {
  return set(path, Json(std::string(x)));
}
Summary& Summary::set(std::string_view path, const std::vector<double>& x) {
  Json array = Json::array();
  for (double value : x) array.push_back(finite(value));
  return set(path, array);
}
Summary& Summary::set(std::string_view path, const std::vector<std::string>& x) {
  return set(path, Json(x));
}
Summary& Summary::set(std::string_view path, const JsonText& x) {
  return set(path, x.empty() ? Json() : parse_json(x.text, "a part of the summary"));
}
Summary& Summary::set_null(std::string_view path) {
  return set(path, Json());
}
Summary& Summary::append(std::string_view path, const Summary& x) {
  Json& array = place(*json_, path);
  if (array.is_null()) array = Json::array();
  array.push_back(x.json());
  return *this;
}

std::string Summary::text() const {
  return format_json(*json_) + "\n";
}
std::string Summary::line() const {
  return json_->dump();
}

std::string path(std::initializer_list<std::string_view> parts) {
  std::string joined;
  for (std::string_view part : parts) joined = pointer_join(joined, part);
  return joined;
}

}  // namespace sde::config
