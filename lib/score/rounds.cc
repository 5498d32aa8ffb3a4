#include "score/rounds.h"

#include <tbb/task_arena.h>
#include <tbb/task_group.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>

#include "base/aligned.h"
#include "hwy/cache_control.h"

namespace sde {
namespace {

// Looks at the round before a thread sleeps: 10 to 40 microseconds, about what it takes to wake one.
constexpr int kLooks = 500;

// A round's number in the upper half of 64 bits, so that what belongs to another round is never taken for
// its own; in the lower one its pieces, or the next of a share.
constexpr std::uint64_t packed(std::uint64_t round, std::uint64_t low) {
  return round << 32 | low;
}
constexpr std::uint64_t round_of(std::uint64_t word) {
  return word >> 32;
}
constexpr std::uint64_t low_of(std::uint64_t word) {
  return word & 0xffffffff;
}

class Crew {
 public:
  Crew(const Rounds& rounds, std::size_t members)
      : rounds_(rounds), members_(members), shares_(std::make_unique<Share[]>(members)) {
    open(rounds.pieces);
  }

  void work(std::size_t member) {
    std::uint64_t seen = now_.load(std::memory_order_acquire);
    while (low_of(seen)) {
      for (std::size_t i = 0; i < members_; ++i) take_share((member + i) % members_, member, seen);
      seen = wait_while(seen);
    }
  }

  void rethrow() const {
    if (thrown_) std::rethrow_exception(thrown_);
  }

 private:
  struct alignas(kAlignment) Share {
    std::atomic<std::uint64_t> next{0};
  };

  std::uint64_t first_of(std::size_t share, std::uint64_t pieces) const { return share * pieces / members_; }

  void open(std::uint64_t pieces) {
    const std::uint64_t round = round_of(now_.load(std::memory_order_relaxed)) + 1;
    unfinished_.store(pieces, std::memory_order_relaxed);
    for (std::size_t i = 0; i < members_; ++i) {
      shares_[i].next.store(packed(round, first_of(i, pieces)), std::memory_order_release);
    }
    now_.store(packed(round, pieces));  // in sequence with the look for sleepers that follows
    now_.notify_all();
  }

  void take_share(std::size_t share, std::size_t member, std::uint64_t round) {
    const std::uint64_t end = first_of(share + 1, low_of(round));
    std::atomic<std::uint64_t>& next = shares_[share].next;
    std::uint64_t k = next.load(std::memory_order_acquire);
    while (round_of(k) == round_of(round) && low_of(k) < end) {
      if (!next.compare_exchange_weak(k, k + 1, std::memory_order_acquire)) continue;
      guard([&] { rounds_.piece(low_of(k), member); });
      if (unfinished_.fetch_sub(1, std::memory_order_acq_rel) == 1) finish();
      k = next.load(std::memory_order_acquire);
    }
  }

  void finish() {
    std::size_t pieces = 0;
    if (!thrown_) guard([&] { pieces = rounds_.next(); });
    open(thrown_ ? 0 : pieces);
  }

  std::uint64_t wait_while(std::uint64_t seen) {
    std::uint64_t now = now_.load(std::memory_order_acquire);
    for (int i = 0; now == seen && i < kLooks; ++i) {
      hwy::Pause();
      now = now_.load(std::memory_order_acquire);
    }
    if (now == seen) {
      now_.wait(seen, std::memory_order_acquire);
      now = now_.load(std::memory_order_acquire);
    }
    return now;
  }

  template <class F>
  void guard(F run) {
    try {
      run();
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!thrown_) thrown_ = std::current_exception();
    }
  }

  const Rounds& rounds_;
  const std::size_t members_;
  std::unique_ptr<Share[]> shares_;
  alignas(kAlignment) std::atomic<std::uint64_t> now_{0};  // the round
  alignas(kAlignment) std::atomic<std::uint64_t> unfinished_{0};
  std::mutex mutex_;
  std::exception_ptr thrown_;
};

}  // namespace

std::size_t round_members(std::size_t most) {
  return std::min(most, static_cast<std::size_t>(tbb::this_task_arena::max_concurrency()));
}

void run_rounds(const Rounds& rounds, std::size_t members) {
  Crew crew(rounds, members);
  tbb::task_group others;
  for (std::size_t m = 1; m < members; ++m) others.run([&crew, m] { crew.work(m); });
  crew.work(0);
  others.wait();
  crew.rethrow();
}

}  // namespace sde
