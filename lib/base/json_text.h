// A part of a configuration that is kept as JSON text, so that the numerical library needs no JSON header to
// carry it.
#pragma once

#include <string>

namespace sde {

struct JsonText {
  std::string text;  // one JSON value; empty: absent

  bool empty() const { return text.empty(); }
};

}  // namespace sde
