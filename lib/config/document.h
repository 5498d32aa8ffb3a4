// A JSON document with what messages about it need: where each part came from.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "config/json.h"

namespace sde::config {

class Document {
 public:
  Document();  // an empty object without a name
  Document(Json json, std::string name, std::string folder);
  Document(const Document& other);
  Document(Document&&) noexcept;
  Document& operator=(Document other) noexcept;
  ~Document();

  const Json& json() const { return *json_; }
  Json& json() { return *json_; }
  const std::string& name() const { return name_; }  // for messages: "ou.json", "@ou", "standard input"
  const std::string& folder() const {
    return folder_;
  }  // relative file names in it start here; "" is the current one

  // The file that the string at `pointer` names, as seen from the current folder; "@name", "-" and absolute
  // names stay.
  std::string resolve(const std::string& file, std::string_view pointer = "") const;

  // Replaces the file's name at `pointer` by the name seen from the current folder, for a document that is
  // going to stand elsewhere.
  void settle_file(const std::string& pointer);

  // Records that the value at `pointer` was set by `origin` ("--dt", "--set", "SDE_DT"), not by the file.
  void set_origin(const std::string& pointer, const std::string& origin);

  // Whether just the value at `pointer` (not one around it) was set by an option or the environment.
  bool set_by_option(std::string_view pointer) const;

  // Puts `other` over this document: objects are joined key by key, everything else is replaced, null
  // removes. The parts that `other` set are remembered as coming from it, relative file names in them
  // included.
  void merge(const Document& other);

  // Puts the part of `other` at `other_pointer` in the place of what is at `pointer`. Messages about it name
  // `other`.
  void embed(const std::string& pointer, const Document& other, const std::string& other_pointer = "");

  // Removes the key at `pointer`, where there is one.
  void erase(const std::string& pointer);

  // The start of a message about the value at `pointer`: `ou.json: at /solver/dt`, `--dt`, `ou.json` for the
  // root.
  std::string at(std::string_view pointer) const;

  // Throws Error(status): `<at(pointer)>: <what>`.
  [[noreturn]] void error(std::string_view pointer, const std::string& what,
                          Status status = Status::usage) const;

 private:
  struct Origin {
    std::string label;
    bool is_file = false;        // label is a document's name, not an option
    std::string folder;          // where the file stands
    std::string source_pointer;  // the place of this part in the file
  };
  const std::pair<const std::string, Origin>* origin(std::string_view pointer) const;
  void forget(const std::string& pointer);
  void merge_at(const std::string& pointer, const Document& other);

  std::unique_ptr<Json> json_;
  std::string name_, folder_;
  std::map<std::string, Origin, std::less<>> origins_;
};

// The folder of a path with its slash; "" for the current one.
std::string folder_of(const std::string& path);

// Reads a JSON file ("-": standard input). Throws as io::Input and parse_json do.
Document read_document(const std::string& path);

}  // namespace sde::config
