#include "io/shard.h"

#include <algorithm>

namespace sde::io {
namespace {

constexpr const char* kNames[] = {"index", "count", "first", "rows", "total"};

}  // namespace

Shard shard_of(std::uint64_t total, std::uint64_t index, std::uint64_t count, std::uint64_t grain) {
  const std::uint64_t groups = total / grain + (total % grain ? 1 : 0);
  // groups * index / count without overflow.
  const auto start = [&](std::uint64_t i) {
    const std::uint64_t group = groups / count * i + groups % count * i / count;
    return std::min(total, group * grain);
  };
  return {index, count, start(index), start(index + 1) - start(index), total};
}

void write_shard(Writer& writer, const Shard& shard) {
  writer.make_group("/shard");
  const std::uint64_t values[] = {shard.index, shard.count, shard.first, shard.rows, shard.total};
  for (std::size_t i = 0; i < 5; ++i) writer.attribute("/shard", kNames[i], values[i]);
}

bool is_shard(const Reader& reader) {
  return reader.exists("/shard");
}

Shard read_shard(const Reader& reader) {
  if (!is_shard(reader))
    fail(Status::bad_data, "{}: is the output of a whole run, not a shard (those are made with --shard I/N)",
         reader.name());
  std::uint64_t values[5] = {};
  for (std::size_t i = 0; i < 5; ++i) {
    const auto value = reader.attribute<std::uint64_t>("/shard", kNames[i]);
    if (value.size() != 1) reader.refuse("/shard", fmt::format("@{} must be one number", kNames[i]));
    values[i] = value[0];
  }
  const Shard s{values[0], values[1], values[2], values[3], values[4]};
  if (s.index >= s.count || s.first > s.total || s.rows > s.total - s.first)
    reader.refuse("/shard",
                  fmt::format("there is no part {} of {} with ids from {}", s.index, s.count, s.first));
  return s;
}

}  // namespace sde::io
