// The configuration of sde-fit (schemas/fit.schema.json) as a plain struct.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json_text.h"
#include "fit/options.h"
#include "io/dataset.h"

namespace sde {

struct FitConfig {
  std::optional<std::string> name, description;
  JsonText sde;
  FitOptions fit;
  // Densities to fit by as well, for the table that compares them.
  std::vector<std::string> compare;
  // Other models to fit to the same data: files and @names.
  std::vector<std::string> models;
  // Data sets drawn from the fit and fitted in their turn; 0: none.
  int bootstrap = 0;
  io::DatasetOptions data;

  template <class V>
  void visit(V& v) {
    v("name", name);
    v("description", description);
    v("sde", sde);
    fit.visit(v);
    v("compare", compare);
    v("models", models);
    v("bootstrap", bootstrap);
    v("data", data);
  }
};

}  // namespace sde
