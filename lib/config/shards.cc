#include "config/shards.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "config/differences.h"

namespace sde::config {

ShardSet open_shards(const std::vector<std::string>& paths) {
  ShardSet set;
  for (const std::string& path : paths) {
    if (path == "-") fail(Status::usage, "--merge: a shard is a file; standard input cannot be read twice");
    const io::Reader reader(path);
    const io::Shard shard = io::read_shard(reader);
    const io::Provenance provenance = io::read_provenance(reader);
    if (set.files.empty()) {
      set.kind = reader.kind();
      set.provenance = provenance;
      set.total = shard.total;
    }
    const std::string& first = paths.front();
    if (reader.kind() != set.kind)
      fail(Status::bad_data, "{}: does not belong with {}: it is of kind {}, not {}", path, first,
           reader.kind(), set.kind);
    if (!set.files.empty() && shard.count != set.files.front().shard.count)
      fail(Status::bad_data, "{}: does not belong with {}: it is one of {} shards, not of {}", path, first,
           shard.count, set.files.front().shard.count);
    const std::string difference = first_difference(set.provenance.config_json, provenance.config_json);
    if (!difference.empty() || shard.total != set.total)
      fail(Status::bad_data, "{}: does not belong with {}: {}", path, first,
           difference.empty() ? fmt::format("the whole has {} ids there and {} here", set.total, shard.total)
                              : difference);
    const auto& inputs = set.provenance.inputs;
    for (std::size_t i = 0; i < std::max(inputs.size(), provenance.inputs.size()); ++i) {
      const bool both = i < inputs.size() && i < provenance.inputs.size();
      if (both && inputs[i].second == provenance.inputs[i].second) continue;
      // A configuration that was read from a file may be written in another way; what it says was compared.
      if (both && inputs[i].first.ends_with(".json") && provenance.inputs[i].first.ends_with(".json"))
        continue;
      fail(Status::bad_data, "{}: does not belong with {}: {} was another file then", path, first,
           i < provenance.inputs.size() ? provenance.inputs[i].first : inputs[i].first);
    }
    for (const ShardFile& other : set.files)
      if (other.shard.index == shard.index)
        fail(Status::bad_data, "{}: is shard {} of {}, and so is {}", path, shard.index, shard.count,
             other.path);
    set.files.push_back({path, shard});
  }
  std::sort(set.files.begin(), set.files.end(),
            [](const ShardFile& a, const ShardFile& b) { return a.shard.index < b.shard.index; });
  const std::uint64_t count = set.files.front().shard.count;
  if (set.files.size() < count) {
    std::vector<std::uint64_t> missing;
    std::uint64_t next = 0;
    for (const ShardFile& file : set.files) {
      for (; next < file.shard.index && missing.size() < 10; ++next) missing.push_back(next);
      next = file.shard.index + 1;
    }
    for (; next < count && missing.size() < 10; ++next) missing.push_back(next);
    const std::uint64_t more = count - set.files.size() - missing.size();
    fail(Status::bad_data, "--merge: shard{} {}{} of {} {} missing", missing.size() > 1 ? "s" : "",
         fmt::join(missing, ", "), more > 0 ? fmt::format(" and {} more", more) : "", count,
         missing.size() > 1 ? "are" : "is");
  }
  std::uint64_t next = 0;
  for (const ShardFile& file : set.files) {
    if (file.shard.first != next)
      fail(Status::bad_data, "{}: begins at id {}, and the shards before it end at {}", file.path,
           file.shard.first, next);
    next += file.shard.rows;
  }
  if (next != set.total) fail(Status::bad_data, "--merge: the shards end at id {} of {}", next, set.total);
  return set;
}

}  // namespace sde::config
