#include "score/rows_ahead.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace sde {
namespace {

struct Drawn {
  std::uint64_t value = 0;
  int times = 0;  // not atomic: one thread at a time
};

// Chunks taken in order by one thread, while others draw whatever they find: each is drawn once for each
// step, before it is taken and after it was released.
TEST(RowsAhead, EveryChunkIsDrawnOnceAStepWhoeverDrawsIt) {
  constexpr std::size_t kChunks = 5;
  constexpr std::uint64_t kSteps = 4000;
  std::atomic<int> ahead{0};
  const auto taker = std::this_thread::get_id();
  RowsAhead<Drawn> rows(
      kChunks, [] { return Drawn(); },
      [&](std::size_t chunk, std::uint64_t step, Drawn& to) {
        to.value = 100 * step + chunk;
        ++to.times;
        if (std::this_thread::get_id() != taker) ++ahead;
      });
  ASSERT_EQ(rows.size(), kChunks);
  rows.start(7);
  std::atomic<bool> stop{false};
  std::vector<std::thread> others;
  for (std::size_t from : {0, 3}) {
    others.emplace_back([&, from] {
      while (!stop) rows.draw_one(from);
    });
  }
  for (std::uint64_t step = 7; step < 7 + kSteps; ++step) {
    for (std::size_t k = 0; k < kChunks; ++k) {
      const Drawn& got = rows.take(k, step);
      ASSERT_EQ(got.value, 100 * step + k);
      ASSERT_EQ(got.times, static_cast<int>(step - 6));
      rows.release(k, step);
      if (step % 50 == 0) std::this_thread::yield();
    }
  }
  stop = true;
  for (std::thread& t : others) t.join();
  EXPECT_GT(ahead, 0);
}

TEST(RowsAhead, WhatWasDrawnForAnotherStepIsDrawnAgain) {
  int draws = 0;
  RowsAhead<Drawn> rows(
      2, [] { return Drawn(); },
      [&](std::size_t, std::uint64_t step, Drawn& to) {
        to.value = step;
        ++draws;
      });
  rows.start(3);
  EXPECT_TRUE(rows.draw_one(1));
  rows.start(3);  // kept
  EXPECT_EQ(rows.take(1, 3).value, 3u);
  EXPECT_EQ(draws, 1);
  rows.start(9);
  EXPECT_EQ(rows.take(1, 9).value, 9u);
  EXPECT_TRUE(rows.draw_one(1));
  EXPECT_FALSE(rows.draw_one(0));
  EXPECT_EQ(rows.take(0, 9).value, 9u);
  EXPECT_EQ(draws, 3);
  EXPECT_FALSE(RowsAhead<Drawn>().draw_one(0));
}

}  // namespace
}  // namespace sde
