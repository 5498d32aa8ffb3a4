// Shards that are to be joined: read once to see that they belong together, then one after the other.
#pragma once

#include <string>
#include <vector>

#include "io/provenance.h"
#include "io/shard.h"

namespace sde::config {

struct ShardFile {
  std::string path;
  io::Shard shard;
};

struct ShardSet {
  std::string kind;
  io::Provenance provenance;     // of the first shard: its configuration is that of all
  std::vector<ShardFile> files;  // by index
  std::uint64_t total = 0;
};

// Throws Error naming the file: Status::bad_data for one that is no shard, belongs to another run (the first
// difference of the configurations is told, or the input that has changed), is there twice, or for an index
// that is missing; as io::Reader for one that cannot be read.
ShardSet open_shards(const std::vector<std::string>& paths);

}  // namespace sde::config
