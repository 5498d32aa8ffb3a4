// Equations that several suites time.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sde/document.h"

namespace sde::bench {

StateDocument state(const char* name, const char* drift,
                    std::vector<std::pair<std::string, std::string>> diffusion, const char* initial);

SdeDocument ou();
SdeDocument gbm();
SdeDocument heston();  // with full truncation

}  // namespace sde::bench
