// What run_tool knows about a run; behind Context.
#pragma once

#include <optional>

#include "cli/parse.h"
#include "cli/progress.h"
#include "cli/tool.h"
#include "config/shards.h"
#include "io/provenance.h"

namespace sde::cli {

// The run is over, successfully, before the program did its work (--print-config).
struct Finished {};

struct Context::State {
  State(const ToolInfo& tool, Progress::Mode mode) : info(tool), progress(tool.name, mode) {}

  const ToolInfo& info;
  Progress progress;
  std::map<std::string, std::vector<std::string>> arguments;
  Values values;  // the command line over the environment
  config::Document config;
  config::ModelInput model;
  std::string effective = "{}";
  Output output;
  std::string plot;
  Shard shard;
  std::vector<std::string> merge;
  config::ShardSet shards;  // of --merge
  std::uint64_t seed = 0;
  int threads = 1;
  Hooks hooks;
  io::Provenance provenance;  // without inputs
  std::vector<io::Input> inputs;
};

// Tells the user something on standard error: `sde-simulate: <sentence>`.
void say(const std::string& program, const std::string& sentence);

}  // namespace sde::cli
