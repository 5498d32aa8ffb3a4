#include "config/document.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "io/file.h"

namespace sde::config {
namespace {

bool starts_at(std::string_view pointer, std::string_view part) {
  return pointer.substr(0, part.size()) == part &&
         (pointer.size() == part.size() || pointer[part.size()] == '/');
}

}  // namespace

Document::Document() : json_(std::make_unique<Json>(Json::object())) {}
Document::Document(Json json, std::string name, std::string folder)
    : json_(std::make_unique<Json>(std::move(json))), name_(std::move(name)), folder_(std::move(folder)) {}
Document::Document(const Document& other)
    : json_(std::make_unique<Json>(*other.json_)),
      name_(other.name_),
      folder_(other.folder_),
      origins_(other.origins_) {}
Document::Document(Document&& other) noexcept = default;
Document& Document::operator=(Document other) noexcept {
  std::swap(json_, other.json_);
  std::swap(name_, other.name_);
  std::swap(folder_, other.folder_);
  std::swap(origins_, other.origins_);
  return *this;
}
Document::~Document() = default;

// The innermost part of the document around `pointer` that came from elsewhere.
const std::pair<const std::string, Document::Origin>* Document::origin(std::string_view pointer) const {
  for (std::size_t end = pointer.size();; end = pointer.rfind('/', end - 1)) {
    const auto found = origins_.find(pointer.substr(0, end));
    if (found != origins_.end()) return &*found;
    if (end == 0 || end == std::string_view::npos) return nullptr;
  }
}

std::string Document::resolve(const std::string& file, std::string_view pointer) const {
  if (file.empty() || file == "-" || file[0] == '/' || file[0] == '@') return file;
  const auto* from = origin(pointer);
  return (from ? from->second.folder : folder_) + file;
}

void Document::settle_file(const std::string& pointer) {
  Json& file = json_->at(Json::json_pointer(pointer));
  file = resolve(file.get<std::string>(), pointer);
  const auto* from = origin(pointer);
  Origin settled{name_, true, "", pointer};
  if (from) {
    settled = from->second;
    settled.folder.clear();
    settled.source_pointer += pointer.substr(from->first.size());
  }
  origins_[pointer] = settled;
}

// What is written over a part makes the origins inside that part void.
void Document::forget(const std::string& pointer) {
  std::erase_if(origins_, [&](const auto& entry) { return starts_at(entry.first, pointer); });
}

void Document::set_origin(const std::string& pointer, const std::string& label) {
  forget(pointer);
  origins_[pointer] = {label, false, "", ""};
}

bool Document::set_by_option(std::string_view pointer) const {
  const auto found = origins_.find(pointer);
  return found != origins_.end() && !found->second.is_file;
}

void Document::embed(const std::string& pointer, const Document& other, const std::string& other_pointer) {
  const Json::json_pointer from(other_pointer);
  (*json_)[Json::json_pointer(pointer)] = other.json().at(from);
  forget(pointer);
  origins_[pointer] = {other.name_, true, other.folder_, other_pointer};
  for (const auto& [at, from_where] : other.origins_) {
    if (starts_at(at, other_pointer)) origins_[pointer + at.substr(other_pointer.size())] = from_where;
  }
}

void Document::erase(const std::string& pointer) {
  const Json::json_pointer place(pointer);
  if (place.empty() || !json_->contains(place)) return;
  Json& parent = json_->at(place.parent_pointer());
  if (!parent.is_object()) return;
  parent.erase(place.back());
  forget(pointer);
}

void Document::merge(const Document& other) {
  if (name_.empty() && json_->empty()) {
    *this = other;
    return;
  }
  merge_at("", other);
}

void Document::merge_at(const std::string& pointer, const Document& other) {
  const Json::json_pointer at(pointer);
  const Json& theirs = other.json().at(at);
  if (!theirs.is_object() || !json_->contains(at) || !json_->at(at).is_object()) {
    embed(pointer, other, pointer);
    return;
  }
  for (const auto& [key, value] : theirs.items()) {
    const std::string place = pointer_join(pointer, key);
    if (value.is_null()) {
      json_->at(at).erase(key);
      forget(place);
    } else {
      merge_at(place, other);
    }
  }
}

std::string Document::at(std::string_view pointer) const {
  const auto* from = origin(pointer);
  std::string name = name_;
  std::string place(pointer);
  if (from) {
    const std::string inside(pointer.substr(from->first.size()));
    name = from->second.label;
    // An option is named by itself; what it holds is named only where it holds more than a value.
    place = from->second.is_file ? from->second.source_pointer + inside : inside;
  }
  if (place.empty()) return name;
  return name.empty() ? "at " + place : name + ": at " + place;
}

void Document::error(std::string_view pointer, const std::string& what, Status status) const {
  const std::string where = at(pointer);
  if (where.empty()) fail(status, "{}", what);
  fail(status, "{}: {}", where, what);
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash + 1);
}

Document read_document(const std::string& path) {
  const io::Input input(path);
  return Document(parse_json(input.bytes(), input.name()), input.name(), folder_of(path));
}

}  // namespace sde::config
