#include "io/arrays.h"

namespace sde::io {

void write_arrays(Writer& writer, const std::string& group, const NamedArrays& arrays) {
  writer.make_group(group);
  writer.make_group(group + "/real");
  writer.make_group(group + "/integer");
  for (const auto& [name, values] : arrays.reals)
    writer.write(group + "/real/" + name, values, {values.size()});
  for (const auto& [name, values] : arrays.integers)
    writer.write(group + "/integer/" + name, values, {values.size()});
}

NamedArrays read_arrays(const Reader& reader, const std::string& group) {
  NamedArrays arrays;
  for (const char* kind : {"/real", "/integer"})
    if (!reader.is_group(group + kind)) reader.refuse(group + kind, "is missing");
  for (const std::string& name : reader.list(group + "/real"))
    arrays.put(name, reader.read<double>(group + "/real/" + name, {kAny}));
  for (const std::string& name : reader.list(group + "/integer"))
    arrays.put(name, reader.read<std::uint64_t>(group + "/integer/" + name, {kAny}));
  return arrays;
}

}  // namespace sde::io
