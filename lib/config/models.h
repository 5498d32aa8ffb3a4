// MODEL arguments: files, standard input and the models that come with the programs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/document.h"
#include "io/file.h"

namespace sde::config {

// What a document is, told by its keys.
enum class DocumentKind {
  sde,         // drift, state
  simulation,  // sde and solver, time or paths
  fit,         // sde and density, estimate, ...
  score,       // process and score
  training,    // process and network
  sample,      // model and samples, sampler, ...
  likelihood,  // model and divergence, probes, ...
  result,      // kind "fit" (or another summary) as a program printed it
  unknown,
};
const char* to_string(DocumentKind kind);
DocumentKind document_kind(const Json& json);

struct InstalledModel {
  std::string name;         // without the @
  std::string description;  // one line
  DocumentKind kind = DocumentKind::unknown;
};

// The models that come with the programs, by name.
std::vector<InstalledModel> installed_models();

// The text of model `name` (without @). Throws Error(usage) with a suggestion where there is none.
std::string installed_model_text(const std::string& name);

// A MODEL argument, read: a JSON document, or an HDF5 file that io's readers take.
struct ModelInput {
  std::string argument;            // as given: "ou.json", "@ou", "-"
  Document document;               // where it is JSON
  std::optional<io::Input> input;  // absent for "@name"
  bool is_hdf5 = false;
};

// Reads `argument`: "@name" from the library, "-" from standard input, else a file; HDF5 is told by its
// signature. Throws Error(usage) for an unknown name or broken JSON, Error(no_input) for a missing file,
// Error(bad_data) for what is neither JSON nor HDF5.
ModelInput read_model(const std::string& argument);

}  // namespace sde::config
