// The JSON object a program prints, built without JSON headers.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_text.h"
#include "config/json.h"

namespace sde::config {

// Keys keep the order they are set in. A path is a JSON pointer ("/final/x/mean"), its objects are made on
// the way; a part "-" appends to an array ("/runs/-/case" appends an object, "/runs/0/name" addresses one
// that is there). Not-a-number and infinities, which JSON lacks, become null.
class Summary {
 public:
  Summary();
  Summary(const Summary& other);
  Summary(Summary&&) noexcept;
  Summary& operator=(Summary other) noexcept;
  ~Summary();

  Summary& set(std::string_view path, double x);
  Summary& set(std::string_view path, std::int64_t x);
  Summary& set(std::string_view path, std::uint64_t x);
  Summary& set(std::string_view path, int x) { return set(path, static_cast<std::int64_t>(x)); }
  Summary& set(std::string_view path, bool x);
  Summary& set(std::string_view path, std::string_view x);
  Summary& set(std::string_view path, const char* x) { return set(path, std::string_view(x)); }
  Summary& set(std::string_view path, const std::string& x) { return set(path, std::string_view(x)); }
  Summary& set(std::string_view path, const std::vector<double>& x);
  Summary& set(std::string_view path, const std::vector<std::string>& x);
  Summary& set(std::string_view path, const JsonText& x);
  Summary& set(std::string_view path, const Json& x);
  Summary& set_null(std::string_view path);
  Summary& append(std::string_view path,
                  const Summary& x);  // to the array at `path`, made where there is none

  const Json& json() const { return *json_; }
  Json& json() { return *json_; }
  std::string text() const;  // formatted, with a newline at its end
  std::string line() const;  // on one line, without

 private:
  std::unique_ptr<Json> json_;
};

// The pointer that names `parts`: each escaped as RFC 6901 wants (state and expression names may hold "/").
std::string path(std::initializer_list<std::string_view> parts);

}  // namespace sde::config
