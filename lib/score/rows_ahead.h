// Rows of a step, drawn before it begins by threads that would wait otherwise.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "base/aligned.h"

namespace sde {

// Chunks of rows in turns: drawn for a step, taken, released, drawn for the next. Whoever draws them, random
// numbers have addresses and the rows are the same.
template <class Rows>
class RowsAhead {
 public:
  using Draw = std::function<void(std::size_t chunk, std::uint64_t step, Rows& to)>;

  RowsAhead() = default;  // of none
  // `draw` must not throw.
  template <class Make>
  RowsAhead(std::size_t chunks, const Make& make, Draw draw) : draw_(std::move(draw)) {
    for (std::size_t k = 0; k < chunks; ++k) chunks_.push_back(std::make_unique<Chunk>(make()));
  }

  std::size_t size() const { return chunks_.size(); }

  // Before the threads begin: the next step is `step`, whatever has been drawn for another.
  void start(std::uint64_t step) {
    for (const auto& c : chunks_) {
      if (c->turn != turn(step, kDrawn)) c->turn = turn(step, kFree);
    }
  }

  // The chunk's rows of `step`, whose turn it is. Waits where another thread is drawing them.
  const Rows& take(std::size_t chunk, std::uint64_t step) {
    Chunk& c = *chunks_[chunk];
    if (!draw_free(chunk, turn(step, kFree))) c.turn.wait(turn(step, kBegun), std::memory_order_acquire);
    return c.rows;
  }

  void release(std::size_t chunk, std::uint64_t step) {
    chunks_[chunk]->turn.store(turn(step + 1, kFree), std::memory_order_release);
  }

  // Draws a chunk that nobody has drawn, the first from `from` on, round to where it began; false: there is
  // none.
  bool draw_one(std::size_t from) {
    for (std::size_t i = 0; i < size(); ++i) {
      const std::size_t chunk = (from + i) % size();
      const std::uint64_t seen = chunks_[chunk]->turn.load(std::memory_order_relaxed);
      if (seen % kStates == kFree && draw_free(chunk, seen)) return true;
    }
    return false;
  }

 private:
  static constexpr std::uint64_t kFree = 0, kBegun = 1, kDrawn = 2, kStates = 3;
  static constexpr std::uint64_t turn(std::uint64_t step, std::uint64_t state) {
    return step * kStates + state;
  }

  struct alignas(kAlignment) Chunk {
    explicit Chunk(Rows&& r) : rows(std::move(r)) {}
    std::atomic<std::uint64_t> turn{0};
    Rows rows;
  };

  // Whether its turn was `free`, and now it is drawn.
  bool draw_free(std::size_t chunk, std::uint64_t free) {
    Chunk& c = *chunks_[chunk];
    std::uint64_t seen = free;
    if (!c.turn.compare_exchange_strong(seen, free + kBegun, std::memory_order_acq_rel)) return false;
    draw_(chunk, free / kStates, c.rows);
    c.turn.store(free + kDrawn, std::memory_order_release);
    c.turn.notify_all();
    return true;
  }

  Draw draw_;
  std::vector<std::unique_ptr<Chunk>> chunks_;
};

}  // namespace sde
