// Quantities for people: what --dry-run says about a run before it happens.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace sde::config {

std::string human_bytes(double bytes);      // "1.5 GiB"
std::string human_count(double count);      // "12.3 million"
std::string human_seconds(double seconds);  // "3 min 20 s", "0.42 s"

// Lines "label  value", the values aligned.
std::string aligned(const std::vector<std::pair<std::string, std::string>>& rows);

// What a run is going to take; what is not known stays 0 and is not printed.
struct Plan {
  std::uint64_t paths = 0;                                // or samples, data
  std::uint64_t steps = 0;                                // of one path
  double memory_bytes = 0;                                // at its largest, estimated
  double output_bytes = 0;                                // of the file written
  std::vector<std::pair<std::string, std::string>> more;  // further lines: label, value
};

}  // namespace sde::config
