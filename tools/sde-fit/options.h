// The configuration of sde-fit (schemas/fit.schema.json) as a plain struct.
#pragma once

#include <optional>
#include <string>

#include "base/json_text.h"
#include "fit/options.h"
#include "io/dataset.h"

namespace sde {

struct FitConfig {
  std::optional<std::string> name, description;
  JsonText sde;
  FitOptions fit;
  io::DatasetOptions data;

  template <class V>
  void visit(V& v) {
    v("name", name);
    v("description", description);
    v("sde", sde);
    fit.visit(v);
    v("data", data);
  }
};

}  // namespace sde
