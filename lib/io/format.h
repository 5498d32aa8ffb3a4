// The form of an output: chosen by its ending, or said for standard output.
#pragma once

#include <string>

namespace sde::io {

enum class OutputForm { hdf5, csv, json };

// `format` is "", "h5", "csv" or "json"; where empty, the path's ending decides (.csv, .json, anything else
// HDF5). Status::usage for another format.
OutputForm output_form(const std::string& path, const std::string& format);

}  // namespace sde::io
