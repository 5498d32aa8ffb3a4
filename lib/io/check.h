// Is this a whole, readable file of the format? Behind `sde-bench check`.
#pragma once

#include <string>

namespace sde::io {

// Opens and reads every dataset and attribute, and checks the members that the file's kind must have and
// their shapes. Returns the kind. Throws the reason: Status::bad_data, or no_input where there is no such
// file.
std::string check_file(const std::string& path);

}  // namespace sde::io
