// Named arrays in a file: the state of a run, or of a part of one.
#pragma once

#include <string>

#include "base/arrays.h"
#include "io/hdf5.h"

namespace sde::io {

// Datasets <group>/real/<name> and <group>/integer/<name>.
void write_arrays(Writer& writer, const std::string& group, const NamedArrays& arrays);
NamedArrays read_arrays(const Reader& reader, const std::string& group);

}  // namespace sde::io
