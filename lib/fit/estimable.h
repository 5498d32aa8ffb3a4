// A document as estimators take it.
#pragma once

#include <map>
#include <span>
#include <string>

#include "sde/document.h"

namespace sde {

// Parameters that paths draw become constants at their values in `fix`; data say little about the law of a
// parameter that is drawn once a series, and nothing here estimates it. Throws Error(Status::usage) where
// there are others, and where an input has no values at the times `time` (any order).
SdeDocument estimable(const SdeDocument& document, std::span<const double> time,
                      const std::map<std::string, double>& fix = {});

}  // namespace sde
