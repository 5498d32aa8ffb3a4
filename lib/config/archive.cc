#include "config/archive.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

namespace sde::config {
namespace {

// A number that is whole, however it was written: 1000000, 1e6 and 1000000.0 are the same integer.
bool is_whole(const Json& json) {
  return json.is_number_float() && std::abs(json.get<double>()) <= 9007199254740992.0 &&
         json.get<double>() == std::floor(json.get<double>());
}

bool contains(std::initializer_list<std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

class Reader final : public Archive {
 public:
  Reader(const Document& document, const std::string& pointer) : document_(document) {
    const Json::json_pointer place(pointer);
    static const Json kEmpty = Json::object();
    stack_.push_back({document.json().contains(place) ? &document.json().at(place) : &kEmpty, pointer, {}});
  }

  bool reading() const override { return true; }

  JsonKind kind() const override {
    const Json& json = at();
    switch (json.type()) {
      case Json::value_t::null:
        return JsonKind::null;
      case Json::value_t::boolean:
        return JsonKind::boolean;
      case Json::value_t::string:
        return JsonKind::string;
      case Json::value_t::array:
        return JsonKind::array;
      case Json::value_t::object:
        return JsonKind::object;
      case Json::value_t::number_float:
        return is_whole(json) ? JsonKind::integer : JsonKind::number;
      default:
        return JsonKind::integer;
    }
  }

  void error(const std::string& what) const override { document_.error(stack_.back().pointer, what); }

 protected:
  bool enter(const char* key) override {
    Level& level = stack_.back();
    level.known.push_back(key);
    const auto found = level.json->find(key);
    if (found == level.json->end()) return false;
    stack_.push_back({&*found, pointer_join(level.pointer, key), {}});
    return true;
  }
  void enter(std::size_t index) override {
    const Level& level = stack_.back();
    stack_.push_back({&(*level.json)[index], pointer_join(level.pointer, std::to_string(index)), {}});
  }
  void leave() override { stack_.pop_back(); }

  void begin_object() override {
    if (!at().is_object()) wrong("an object");
    stack_.back().known.clear();
  }
  void end_object() override {
    const std::vector<std::string>& known = stack_.back().known;
    for (const auto& [key, value] : at().items()) {
      if (std::find(known.begin(), known.end(), key) != known.end()) continue;
      if (contains({"$comment", "$schema", "name", "description", "source"}, key)) continue;  // for people
      error(fmt::format("unknown key \"{}\"{}", key, suggestion(key, known)));
    }
  }
  std::size_t begin_array(std::size_t) override {
    if (!at().is_array()) wrong("an array");
    return at().size();
  }
  std::vector<std::string> keys() override {
    std::vector<std::string> keys;
    for (const auto& [key, value] : at().items()) {
      if (key != "$comment") keys.push_back(key);
    }
    return keys;
  }

  void value(bool& x) override {
    if (!at().is_boolean()) wrong("true or false");
    x = at().get<bool>();
  }
  void value(std::int64_t& x, std::int64_t min, std::int64_t max) override {
    const Json& json = whole();
    bool fits = true;
    if (json.is_number_unsigned()) {
      fits = max >= 0 && json.get<std::uint64_t>() <= static_cast<std::uint64_t>(max);
    } else {
      fits = json.get<std::int64_t>() >= min && json.get<std::int64_t>() <= max;
    }
    if (!fits) error(fmt::format("must be between {} and {} (got {})", min, max, brief(json)));
    x = json.get<std::int64_t>();
  }
  void value(std::uint64_t& x, std::uint64_t max) override {
    const Json& json = whole();
    const bool negative = !json.is_number_unsigned() && json.get<double>() < 0;
    if (negative || json.get<std::uint64_t>() > max) {
      error(fmt::format("must be between 0 and {} (got {})", max, brief(json)));
    }
    x = json.get<std::uint64_t>();
  }
  void value(double& x) override {
    if (!at().is_number()) wrong("a number");
    x = at().get<double>();
  }
  void value(std::string& x) override {
    if (!at().is_string()) wrong("a string");
    x = at().get<std::string>();
  }
  void value(JsonText& x) override { x.text = at().dump(); }
  void null() override {
    if (!at().is_null()) wrong("null");
  }

 private:
  struct Level {
    const Json* json;
    std::string pointer;
    std::vector<std::string> known;  // the keys asked for so far
  };

  const Json& at() const { return *stack_.back().json; }
  const Json& whole() const {
    if (!at().is_number() || (at().is_number_float() && !is_whole(at()))) wrong("an integer");
    return at();
  }
  [[noreturn]] void wrong(const char* expected) const {
    error(fmt::format("must be {} (got {})", expected, brief(at())));
    throw;  // error() does not return
  }

  const Document& document_;
  std::vector<Level> stack_;
};

class Writer final : public Archive {
 public:
  Writer() { stack_.push_back(&root_); }

  Json take() { return std::move(root_); }

  bool reading() const override { return false; }
  JsonKind kind() const override { return JsonKind::null; }
  void error(const std::string& what) const override {
    fail(Status::bug, "options cannot be written: {}", what);
  }

 protected:
  bool enter(const char* key) override {
    stack_.push_back(&(*stack_.back())[key]);
    return true;
  }
  void enter(std::size_t index) override { stack_.push_back(&(*stack_.back())[index]); }
  void leave() override { stack_.pop_back(); }
  void begin_object() override { *stack_.back() = Json::object(); }
  void end_object() override {}
  std::size_t begin_array(std::size_t size) override {
    // All items are made at once: references into a growing array would not last.
    *stack_.back() = Json(Json::array_t(size));
    return size;
  }
  std::vector<std::string> keys() override { return {}; }
  void value(bool& x) override { *stack_.back() = x; }
  void value(std::int64_t& x, std::int64_t, std::int64_t) override { *stack_.back() = x; }
  void value(std::uint64_t& x, std::uint64_t) override { *stack_.back() = x; }
  void value(double& x) override { *stack_.back() = x; }
  void value(std::string& x) override { *stack_.back() = x; }
  void value(JsonText& x) override {
    *stack_.back() = x.empty() ? Json() : parse_json(x.text, "a part of the configuration");
  }
  void null() override { *stack_.back() = nullptr; }

 private:
  Json root_;
  std::vector<Json*> stack_;
};

}  // namespace

namespace detail {

ArchiveHandle::ArchiveHandle(const Document& document, const std::string& pointer)
    : archive_(std::make_unique<Reader>(document, pointer)) {}
ArchiveHandle::ArchiveHandle() : archive_(std::make_unique<Writer>()) {}
ArchiveHandle::~ArchiveHandle() = default;
void ArchiveHandle::take(Json& into) {
  into = static_cast<Writer&>(*archive_).take();
}

}  // namespace detail
}  // namespace sde::config
