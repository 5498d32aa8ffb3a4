// What the table of options says to people and shells.
#pragma once

#include <string>

#include "cli/tool.h"

namespace sde::cli {

std::string help_text(const ToolInfo& info, const Options& options);

// The OPTIONS section of the manual page and a section for each table of choices, in scdoc's notation.
std::string man_options(const ToolInfo& info, const Options& options);

// A completion script for bash, zsh or fish.
std::string completion(const std::string& shell, const ToolInfo& info, const Options& options);

// An option's choices: its own, else what the schema lists for its key.
std::vector<std::string> choices_of(const ToolInfo& info, const Option& option);

}  // namespace sde::cli
