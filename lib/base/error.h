// Errors that carry the exit status of the program and one sentence for its user.
#pragma once

#include <fmt/core.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace sde {

// What the programs exit with (sysexits.h where it has a name for it).
enum class Status : int {
  success = 0,
  negative = 1,        // ran, with a negative result: not converged, regression found, check failed
  usage = 2,           // command line or configuration
  bad_data = 65,       // input that is not what it should be
  no_input = 66,       // no such file
  bug = 70,            // a broken invariant of ours
  cannot_create = 73,  // the output exists or its directory cannot be written
  io = 74,             // a read or write failed
  interrupted = 75,    // stopped by a signal, checkpoint written where asked for
};

// One sentence: where (file, JSON pointer, HDF5 path, row), what is wrong, what was found, what to do.
class Error : public std::runtime_error {
 public:
  Error(Status status, const std::string& sentence) : std::runtime_error(sentence), status_(status) {}

  Status status() const { return status_; }

 private:
  Status status_;
};

template <class... Args>
[[noreturn]] void fail(Status status, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(status, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace sde
