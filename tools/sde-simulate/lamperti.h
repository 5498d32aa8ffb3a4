// --print-sde lamperti and --transform lamperti.
#pragma once

#include "sde/document.h"
#include "sde/lamperti.h"
#include "solve/ensemble.h"

namespace sde {

// The transform of `equation` near where the paths start.
Lamperti lamperti_at(const SdeExpressions& equation, const InitialStates& initial);

StateTransform state_transform(const SdeExpressions& equation, const Lamperti& lamperti);

// The transformed SDE as a document that can be simulated and fitted, its description saying how to come
// back. Throws Error(Status::usage) where a start is not a number or expression.
SdeDocument lamperti_document(const SdeDocument& document, const SdeExpressions& equation);

}  // namespace sde
