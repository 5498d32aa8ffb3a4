// Resident memory of the suites.
#pragma once

#include <cmath>
#include <fstream>
#include <string>

namespace sde::bench {

inline void reset_peak_memory() {
  std::ofstream("/proc/self/clear_refs") << "5";
}

// Largest resident memory since the last reset, in bytes; NaN where the kernel does not tell.
inline double peak_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) * 1024;
  return std::nan("");
}

}  // namespace sde::bench
