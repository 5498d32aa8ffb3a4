// The command line and the environment, read by the table of options.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "cli/options.h"
#include "cli/tool.h"
#include "config/document.h"

namespace sde::cli {

// All options of a program: its own, then those that every program has, by what ToolInfo says it supports.
Options all_options(const ToolInfo& info);
void add_shared_options(const ToolInfo& info, Options& options);

struct Parsed {
  Values command;                                             // from the command line
  Values environment;                                         // from SDE_*
  std::map<std::string, std::vector<std::string>> arguments;  // by name
};

// Throws Error(usage) for what is not known (with a suggestion), lacks its value, or is not of its type.
// Required arguments are not asked for here: --help and the like do without.
Parsed parse(int argc, const char* const* argv, const ToolInfo& info, const Options& options);

// Throws Error(usage) where a required argument was not given. A configuration stands for the first argument
// of a program whose model is part of it.
void require_arguments(const ToolInfo& info, const Parsed& parsed);

// Refuses a `--set` that would add a name where the options only take those that are there (--param).
void check_assignment(const Options& options, const config::Document& document, const std::string& assignment,
                      const std::string& origin);

// Whether SDE_<NAME> may stand for this option.
bool has_variable(const Option& option);
std::string variable_name(const Option& option);  // "SDE_TIME_COLUMN"

// Puts every given value of an option with a key into the configuration; returns the pointers that it set.
std::vector<std::string> apply_options(const Options& options, const Values& values,
                                       config::Document& document);

double parse_number(const std::string& text, const std::string& origin);
std::int64_t parse_integer(const std::string& text, const std::string& origin);

}  // namespace sde::cli
