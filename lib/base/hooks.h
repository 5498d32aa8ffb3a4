// How a long computation reports to, and is stopped by, whoever called it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

namespace sde {

// Set from a signal handler or another thread; read between steps.
class StopToken {
 public:
  void request() { stop_.store(true, std::memory_order_relaxed); }
  bool requested() const { return stop_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> stop_{false};
};

// Everything is optional. `progress` may be called from any thread, one call at a time.
struct Hooks {
  const StopToken* stop = nullptr;
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;
  std::function<void(const char* sentence)> warn;  // one sentence without a full stop or newline

  bool stopped() const { return stop && stop->requested(); }
  void report(std::uint64_t done, std::uint64_t total) const {
    if (progress) progress(done, total);
  }
};

}  // namespace sde
