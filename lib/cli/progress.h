// The progress line on standard error: how much, how fast, how long still.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

namespace sde::cli {

class Progress {
 public:
  enum class Mode {
    never,
    line,   // one line that is rewritten, on a terminal
    plain,  // a line every few seconds
    json,   // an object a line, every second and at the end of a phase
  };

  Progress(std::string program, Mode mode) : program_(std::move(program)), mode_(mode) {}
  ~Progress() { clear(); }

  // "auto", "never", "plain" or "json".
  static Mode mode_for(const std::string& how, bool quiet);

  void phase(const std::string& what, const std::string& unit);
  void update(std::uint64_t done, std::uint64_t total);
  // Removes the line, for other output; and the end of a run.
  void clear();
  void finish();

 private:
  using Clock = std::chrono::steady_clock;

  void show(Clock::time_point now);
  std::string text(double seconds) const;

  std::string program_, what_ = "working", unit_;
  Mode mode_;
  std::mutex mutex_;
  Clock::time_point start_ = Clock::now(), shown_ = start_;
  std::uint64_t first_ = 0, done_ = 0, total_ = 0;
  bool began_ = false;    // an update has come in this phase
  bool visible_ = false;  // a line stands on the terminal
};

}  // namespace sde::cli
