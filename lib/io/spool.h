// Rows of trajectories on their way to a file that can only be written when all are there: a log that a
// killed program leaves readable up to its last checkpoint.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "io/ensemble.h"

namespace sde::io {

class Spool {
 public:
  // Continues the log at `path` after its first `length` bytes, which it must have; 0 begins a new one, over
  // whatever is there. `row` is the number of values a path has.
  Spool(const std::string& path, std::size_t row, std::uint64_t length = 0);
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  void append(const EnsembleBlock& block);                     // from any thread
  void append(std::uint64_t first, std::vector<double> rows);  // ids from `first` on, all of status 0
  // All that was appended has reached the disk; the length up to there.
  std::uint64_t sync();
  // Every block, in the order in which they came.
  void replay(const std::function<void(EnsembleBlock)>& take) const;
  void remove();

 private:
  std::string path_;
  std::size_t row_;
  int descriptor_ = -1;
  std::mutex mutex_;
  std::uint64_t length_ = 0;
};

}  // namespace sde::io
