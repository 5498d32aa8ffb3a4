// The SDE document (schemas/sde.schema.json) to and from its plain struct.
#pragma once

#include <string>

#include "config/models.h"
#include "sde/document.h"

namespace sde::config {

// The SDE at `pointer` of a document that satisfies its schema: checks that names are unique and known (with
// a suggestion), expands shorthand, and orders states and noises as written. Expressions are not parsed here.
// Throws Error(usage): `ou.json: at /drift: unknown state "y"; did you mean "x"?`.
SdeDocument read_sde(const Document& document, const std::string& pointer = "");

// The inverse; `into` becomes a document that read_sde reads back to the same struct.
void write_sde(const SdeDocument& sde, Json& into);

// Replaces the file's name or "@name" at `pointer` by the document it names: an SDE or score document as it
// is, a fit result by the SDE with its estimates. Relative names start from the folder of the document that
// holds them. An inline document, and the name of an HDF5 file, stay. Throws as read_model does, and for a
// document whose kind is not among `kinds`.
void embed_model(Document& document, const std::string& pointer, const std::vector<DocumentKind>& kinds);
void embed_model(Document& document, const std::string& pointer, const std::vector<DocumentKind>& kinds,
                 const ModelInput& model);

// The SDE at `pointer` with the place it stands in, for messages about its expressions; a name there is
// looked up first. With the pointer "", the document is a model of its own: an SDE document or a fit, not yet
// validated.
struct FoundSde {
  SdeDocument sde;
  Document document;
  std::string pointer;
};
FoundSde find_sde(const Document& document, const std::string& pointer);

}  // namespace sde::config
