#include "score/rounds.h"

#include <gtest/gtest.h>
#include <tbb/task_arena.h>

#include <array>
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

namespace sde {
namespace {

using std::chrono::microseconds;

// Rounds of changing sizes; what is written in one is read, by other threads, in the next.
TEST(Rounds, RunEveryPieceOnceAndRoundsInOrder) {
  for (const std::size_t members : {1, 2, 5}) {
    std::vector<std::size_t> sizes;
    for (std::size_t k = 0; k < 2000; ++k) sizes.push_back(1 + k % 7);
    std::vector<std::size_t> written(8, 0);
    std::array<std::atomic<int>, 5> at_work{};
    std::array<std::atomic<int>, 8> runs{};
    std::atomic<int> wrong{0};
    std::size_t round = 0;
    Rounds rounds;
    rounds.pieces = sizes[0];
    rounds.piece = [&](std::size_t k, std::size_t member) {
      if (at_work[member]++) ++wrong;
      ++runs[k];
      if (round % 500 == 400) std::this_thread::sleep_for(microseconds(k ? 50 : 2000));  // the others sleep
      if (round && written[k % sizes[round - 1]] < round) ++wrong;
      --at_work[member];
    };
    rounds.next = [&]() -> std::size_t {
      for (std::size_t k = 0; k < runs.size(); ++k) {
        if (runs[k].exchange(0) != (k < sizes[round] ? 1 : 0)) ++wrong;
        written[k] = round + 1;
      }
      return ++round < sizes.size() ? sizes[round] : 0;
    };
    tbb::task_arena arena(2);
    arena.execute([&] { run_rounds(rounds, members); });
    EXPECT_EQ(round, sizes.size());
    EXPECT_EQ(wrong, 0) << members;
  }
}

// A member without pieces has spare work until there is none or the round is over, and no longer.
TEST(Rounds, SpareWorkFillsWaits) {
  std::atomic<int> left{40}, done{0};
  std::size_t round = 0;
  Rounds rounds;
  rounds.pieces = 2;
  rounds.piece = [&](std::size_t k, std::size_t) {
    if (k == 1) std::this_thread::sleep_for(microseconds(3000));
  };
  rounds.spare = [&](std::size_t) {
    if (left.fetch_sub(1) <= 0) return false;
    std::this_thread::sleep_for(microseconds(100));
    ++done;
    return true;
  };
  rounds.next = [&]() -> std::size_t { return ++round < 4 ? 2 : 0; };
  tbb::task_arena arena(2);
  arena.execute([&] { run_rounds(rounds, 1); });
  EXPECT_EQ(done, 0);  // one member never waits
  round = 0;
  arena.execute([&] { run_rounds(rounds, 2); });
  EXPECT_EQ(done, 40);
  rounds.spare = [](std::size_t) -> bool { throw std::runtime_error("spare"); };
  round = 0;
  EXPECT_THROW(arena.execute([&] { run_rounds(rounds, 2); }), std::runtime_error);
}

TEST(Rounds, EndWithWhatAPieceThrows) {
  std::size_t round = 0;
  Rounds rounds;
  rounds.pieces = 3;
  rounds.piece = [&](std::size_t k, std::size_t) {
    if (round == 10 && k == 1) throw std::runtime_error("piece");
  };
  rounds.next = [&]() -> std::size_t {
    ++round;
    return 3;
  };
  tbb::task_arena arena(2);
  EXPECT_THROW(arena.execute([&] { run_rounds(rounds, 3); }), std::runtime_error);
  EXPECT_EQ(round, 10u);
  rounds.piece = [](std::size_t, std::size_t) {};
  rounds.next = []() -> std::size_t { throw std::logic_error("next"); };
  EXPECT_THROW(arena.execute([&] { run_rounds(rounds, 3); }), std::logic_error);
}

TEST(Rounds, MembersAreThreadsOfTheArena) {
  tbb::task_arena arena(2);
  arena.execute([] {
    EXPECT_EQ(round_members(1), 1u);
    EXPECT_EQ(round_members(2), 2u);
    EXPECT_EQ(round_members(9), 2u);
  });
}

}  // namespace
}  // namespace sde
