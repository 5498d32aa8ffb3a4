#include "io/shard.h"

#include <gtest/gtest.h>

#include "io/arrays.h"
#include "io/spool.h"
#include "scratch.h"

namespace sde::io {
namespace {

TEST(Shard, DealsEveryIdOnceInWholeGroups) {
  for (const std::uint64_t total : {0ull, 1ull, 63ull, 64ull, 65ull, 1000ull, 1ull << 40, (1ull << 62) + 5}) {
    for (const std::uint64_t count : {1ull, 2ull, 3ull, 7ull, 100ull}) {
      std::uint64_t next = 0, least = ~0ull, most = 0;
      for (std::uint64_t i = 0; i < count; ++i) {
        const Shard s = shard_of(total, i, count, 64);
        EXPECT_EQ(s.first, next);
        EXPECT_EQ(s.total, total);
        EXPECT_TRUE(s.first % 64 == 0 || s.rows == 0 || s.first == total);
        next = s.first + s.rows;
        const std::uint64_t groups = (s.rows + 63) / 64;
        least = std::min(least, groups);
        most = std::max(most, groups);
      }
      EXPECT_EQ(next, total);
      EXPECT_LE(most - least, 1u) << total << ' ' << count;
    }
  }
}

TEST(Shard, ComesBackWithItsArrays) {
  const Scratch s;
  NamedArrays arrays;
  arrays.put("a", std::vector<double>{1.5, -2});
  arrays.put("empty", std::vector<double>{});
  arrays.put("n", std::vector<std::uint64_t>{~0ull});
  {
    Writer w(s.path("a.h5"), "ensemble");
    write_shard(w, {1, 3, 64, 128, 500});
    write_arrays(w, "/shard/tally", arrays);
    w.finish();
  }
  {
    Writer w(s.path("whole.h5"), "ensemble");
    w.make_group("/x");
    w.finish();
  }
  const Reader r(s.path("a.h5"));
  const Shard shard = read_shard(r);
  EXPECT_EQ(shard.index, 1u);
  EXPECT_EQ(shard.rows, 128u);
  EXPECT_EQ(shard.total, 500u);
  const NamedArrays back = read_arrays(r, "/shard/tally");
  EXPECT_EQ(back.real("a"), (std::vector<double>{1.5, -2}));
  EXPECT_TRUE(back.real("empty").empty());
  EXPECT_EQ(back.integer("n")[0], ~0ull);
  EXPECT_THROW(back.real("n"), Error);
  EXPECT_THROW(back.real("a", 3), Error);
  EXPECT_REFUSED(read_shard(Reader(s.path("whole.h5"))), Status::bad_data, "is the output of a whole run");
}

EnsembleBlock rows(std::uint64_t first, std::size_t paths) {
  EnsembleBlock b;
  b.first = first;
  for (std::size_t p = 0; p < paths; ++p) {
    b.path_id.push_back(1000 + first + p);
    b.status.push_back(static_cast<std::uint8_t>(p % 2));
    for (int k = 0; k < 3; ++k) b.value.push_back(static_cast<double>(first + p) + 0.25 * k);
  }
  return b;
}

TEST(Spool, KeepsWhatWasSyncedAndForgetsTheRest) {
  const Scratch s;
  const std::string path = s.path("spool");
  std::uint64_t length = 0;
  {
    Spool spool(path, 3);
    spool.append(rows(10, 4));
    spool.append(rows(0, 2));
    length = spool.sync();
    spool.append(rows(2, 5));
  }
  {
    Spool spool(path, 3, length);
    spool.append(rows(20, 1));
    std::vector<std::uint64_t> firsts;
    std::vector<double> values;
    spool.replay([&](EnsembleBlock b) {
      firsts.push_back(b.first);
      EXPECT_EQ(b.value, rows(b.first, b.status.size()).value);
      EXPECT_EQ(b.path_id, rows(b.first, b.status.size()).path_id);
      EXPECT_EQ(b.status, rows(b.first, b.status.size()).status);
    });
    EXPECT_EQ(firsts, (std::vector<std::uint64_t>{10, 0, 20}));
  }
  EXPECT_REFUSED(Spool(path, 3, 1 << 20), Status::bad_data, "is shorter than its checkpoint says");
}

}  // namespace
}  // namespace sde::io
