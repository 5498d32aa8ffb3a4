// Part I of N of a run over ids: which ids it has, and its mark in a file.
#pragma once

#include <cstdint>

#include "io/hdf5.h"

namespace sde::io {

struct Shard {
  std::uint64_t index = 0, count = 1;
  std::uint64_t first = 0, rows = 0;  // ids first ... first + rows - 1
  std::uint64_t total = 0;            // of the whole run
};

// Deals `total` ids in groups of `grain` neighbours, which no shard cuts; shards differ by one group at most,
// and some are empty where there are more shards than groups.
Shard shard_of(std::uint64_t total, std::uint64_t index, std::uint64_t count, std::uint64_t grain);

// Attributes of /shard. A file without that group is that of a whole run.
void write_shard(Writer& writer, const Shard& shard);
bool is_shard(const Reader& reader);
// Refuses a file that is no shard, or whose mark makes no sense.
Shard read_shard(const Reader& reader);

}  // namespace sde::io
