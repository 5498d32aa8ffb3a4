// Errors of the numerical library, which knows no files, put in their place in a document.
#pragma once

#include <string>
#include <utility>

#include "base/error.h"
#include "config/document.h"

namespace sde::config {

// Runs `f`. A usage error whose sentence begins with a JSON pointer ("/drift/x: ...") is thrown again as one
// about that place below `prefix` in `document`: "ou.json: at /sde/drift/x: ...".
template <class F>
auto locate(const Document& document, const std::string& prefix, F&& f) {
  try {
    return std::forward<F>(f)();
  } catch (const Error& error) {
    const std::string sentence = error.what();
    const std::size_t end = sentence.find(": ");
    if (sentence.empty() || sentence[0] != '/' || end == std::string::npos) throw;
    document.error(prefix + sentence.substr(0, end), sentence.substr(end + 2), error.status());
  }
}

}  // namespace sde::config
