#include "config/models.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/suggest.h"
#include "config/embedded.h"

namespace sde::config {

const char* to_string(DocumentKind kind) {
  switch (kind) {
    case DocumentKind::sde:
      return "an SDE document";
    case DocumentKind::simulation:
      return "a simulation configuration";
    case DocumentKind::fit:
      return "a fit configuration";
    case DocumentKind::score:
      return "a score document";
    case DocumentKind::training:
      return "a training configuration";
    case DocumentKind::sample:
      return "a sampling configuration";
    case DocumentKind::likelihood:
      return "a likelihood configuration";
    case DocumentKind::result:
      return "the summary of a run";
    case DocumentKind::unknown:
      break;
  }
  return "a document of no known kind";
}

DocumentKind document_kind(const Json& json) {
  if (!json.is_object()) return DocumentKind::unknown;
  const auto has = [&](std::initializer_list<const char*> keys) {
    return std::any_of(keys.begin(), keys.end(), [&](const char* key) { return json.contains(key); });
  };
  if (has({"kind"})) return DocumentKind::result;
  if (has({"drift", "diffusion"})) return DocumentKind::sde;
  if (has({"score"})) return DocumentKind::score;
  if (has({"model"})) {
    return has({"divergence", "probes", "density"}) ? DocumentKind::likelihood : DocumentKind::sample;
  }
  if (has({"sde"})) {
    return has({"density", "estimate", "bounds", "fix", "starts", "observation", "confidence"})
               ? DocumentKind::fit
               : DocumentKind::simulation;
  }
  if (has({"process", "network", "prediction", "optimizer"})) return DocumentKind::training;
  return DocumentKind::unknown;
}

std::vector<InstalledModel> installed_models() {
  std::vector<InstalledModel> models;
  for (const EmbeddedFile* file = kEmbeddedModels; file->name; ++file) {
    const Json json = parse_json(file->text, file->name);
    models.push_back({file->name, json.value("description", ""), document_kind(json)});
  }
  return models;
}

std::string installed_model_text(const std::string& name) {
  std::vector<std::string> known;
  for (const EmbeddedFile* file = kEmbeddedModels; file->name; ++file) {
    if (name == file->name) return file->text;
    known.emplace_back(file->name);
  }
  const std::string near = nearest(name, known);
  if (near.empty()) fail(Status::usage, "@{}: no such model; --list-models shows those there are", name);
  fail(Status::usage, "@{}: no such model; did you mean \"@{}\"?", name, near);
}

ModelInput read_model(const std::string& argument) {
  ModelInput input;
  input.argument = argument;
  if (argument.starts_with('@')) {
    input.document = Document(parse_json(installed_model_text(argument.substr(1)), argument), argument, "");
    return input;
  }
  input.input.emplace(argument);
  const std::string name = input.input->name();
  switch (input.input->form()) {
    case io::Form::hdf5:
      input.is_hdf5 = true;
      return input;
    case io::Form::binary:
      fail(Status::bad_data, "{}: is neither JSON nor HDF5", name);
    default:
      break;
  }
  input.document = Document(parse_json(input.input->bytes(), name), name, folder_of(argument));
  return input;
}

}  // namespace sde::config
