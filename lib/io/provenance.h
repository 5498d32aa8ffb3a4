// Where a file comes from: enough to make it again.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "io/hdf5.h"

namespace sde::io {

struct Provenance {
  std::string config_json;   // the effective configuration
  std::string command_line;  // as typed, quoted for a shell
  std::string version;       // of the program
  std::string git_commit;
  std::uint64_t seed = 0;
  std::uint32_t threads = 1;
  std::string host;
  std::string started_utc;                                  // 2024-05-31T12:00:00Z
  std::vector<std::pair<std::string, std::string>> inputs;  // path, sha256
};

// Fills version, git_commit, host and started_utc.
Provenance make_provenance();
// Adds the input's path and hash.
void add_input(Provenance& provenance, const Input& input);

void write_provenance(Writer& writer, const Provenance& provenance);
Provenance read_provenance(const Reader& reader);

}  // namespace sde::io
