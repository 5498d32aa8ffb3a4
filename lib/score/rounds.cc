#include "score/rounds.h"

#include <tbb/task_arena.h>
#include <tbb/task_group.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>

#include "base/aligned.h"
#include "hwy/cache_control.h"

namespace sde {
namespace {

// Looks at the round before a thread sleeps: 10 to 40 microseconds, about what it takes to wake one. And
// looks before it takes what others should: they are late by as much as two cores take to talk, or not there.
constexpr int kLooks = 500, kPatience = 40;

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
    bool patient = true;
    for (std::uint64_t seen = now_.load(std::memory_order_acquire); low_of(seen);) {
      take_share(member, member, seen);
      use_wait(member, seen);
      if (!patient || !changes(seen, kPatience)) {
        bool helped = false;
        for (std::size_t i = 1; i < members_; ++i)
          helped |= take_share((member + i) % members_, member, seen);
        patient = !helped;
        if (!changes(seen, kLooks)) sleep(seen);
      }
      seen = now_.load(std::memory_order_acquire);
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
    now_.store(packed(round, pieces));
    if (sleepers_.load()) now_.notify_all();
  }

  // Whether there was anything left in it. A share that says nothing of this round has not been begun.
  bool take_share(std::size_t share, std::size_t member, std::uint64_t now) {
    const std::uint64_t round = round_of(now), first = first_of(share, low_of(now)),
                        end = first_of(share + 1, low_of(now));
    std::atomic<std::uint64_t>& next = shares_[share].next;
    bool any = false;
    std::uint64_t word = next.load(std::memory_order_acquire);
    while (round_of(word) <= round) {
      const std::uint64_t k = round_of(word) < round ? first : low_of(word);
      if (k >= end) break;
      if (!next.compare_exchange_weak(word, packed(round, k + 1), std::memory_order_acq_rel)) continue;
      any = true;
      guard([&] { rounds_.piece(k, member); });
      if (unfinished_.fetch_sub(1, std::memory_order_acq_rel) == 1) finish();
      word = next.load(std::memory_order_acquire);
    }
    return any;
  }

  void use_wait(std::size_t member, std::uint64_t seen) {
    bool more = static_cast<bool>(rounds_.spare);
    while (more && now_.load(std::memory_order_acquire) == seen) {
      more = false;
      guard([&] { more = rounds_.spare(member); });
    }
  }

  void finish() {
    std::size_t pieces = 0;
    if (!failed_) guard([&] { pieces = rounds_.next(); });
    open(failed_ ? 0 : pieces);
  }

  bool changes(std::uint64_t seen, int looks) const {
    for (int i = 0; i < looks; ++i) {
      if (now_.load(std::memory_order_acquire) != seen) return true;
      hwy::Pause();
    }
    return false;
  }

  // Either open() sees a sleeper, or the sleeper the new round.
  void sleep(std::uint64_t seen) {
    ++sleepers_;
    now_.wait(seen);
    --sleepers_;
  }

  template <class F>
  void guard(F run) {
    try {
      run();
    } catch (...) {
      if (!failed_.exchange(true)) thrown_ = std::current_exception();
    }
  }

  const Rounds& rounds_;
  const std::size_t members_;
  std::unique_ptr<Share[]> shares_;
  alignas(kAlignment) std::atomic<std::uint64_t> now_{0};  // the round
  alignas(kAlignment) std::atomic<std::uint64_t> unfinished_{0};
  alignas(kAlignment) std::atomic<int> sleepers_{0};
  std::atomic<bool> failed_{false};
  std::exception_ptr thrown_;  // read in the end
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
