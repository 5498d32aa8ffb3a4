// What suites that run named cases have in common.
#pragma once

#include <string>
#include <vector>

#include "cli/tool.h"

namespace sde::bench {

// The cases asked for on the command line, in that order; all where none is. Status::usage for one that is
// not among `known`.
std::vector<std::string> wanted_cases(const cli::Context& context, const std::vector<std::string>& known);

// The line above a table of rates: threads and instruction set.
std::string machine_line(const cli::Context& context);

}  // namespace sde::bench
