// Philox4x32-10 against Random123, the authors' own library.
#include <Random123/philox.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <set>

#include "base/aligned.h"
#include "random/stream.h"
#include "simd/target.h"

namespace sde {
namespace {

using Words = std::array<std::uint32_t, 4>;
using Key = std::array<std::uint32_t, 2>;

Words random123(const Words& counter, const Key& key) {
  const r123::Philox4x32::ctr_type c = {{counter[0], counter[1], counter[2], counter[3]}};
  const r123::Philox4x32::key_type k = {{key[0], key[1]}};
  const auto w = r123::Philox4x32()(c, k);
  return {w[0], w[1], w[2], w[3]};
}

// The (0, 1) number that fill_uniforms makes of two words.
double uniform_of(std::uint32_t high, std::uint32_t low) {
  const std::uint64_t k = (std::uint64_t{high} << 32 | low) >> 12;
  return (static_cast<double>(k) + 0.5) * 0x1p-52;
}

TEST(Philox, PublishedKnownAnswers) {
  // kat_vectors of Random123: philox4x32, 10 rounds.
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, AgreesWithRandom123) {
  std::mt19937 engine(1);
  for (int i = 0; i < 20000; ++i) {
    const Words counter = {static_cast<std::uint32_t>(engine()), static_cast<std::uint32_t>(engine()),
                           static_cast<std::uint32_t>(engine()), static_cast<std::uint32_t>(engine())};
    const Key key = {static_cast<std::uint32_t>(engine()), static_cast<std::uint32_t>(engine())};
    ASSERT_EQ(philox(counter, key), random123(counter, key));
  }
}

TEST(Philox, StreamsAreKeyedBySeedPurposeAndComponent) {
  const std::uint64_t seed = 0x0123456789abcdef;
  const Stream stream = make_stream(seed, Purpose::brownian, 5);
  const Words w = random123({1, 5, 0, 0}, {0x89abcdef, 0x01234567});
  EXPECT_EQ(stream.key, (Key{w[0], w[1]}));
  std::set<Key> keys;
  for (std::uint64_t s : {0ull, 1ull, 1ull << 32}) {
    for (std::uint32_t purpose = 1; purpose <= 19; ++purpose) {
      for (std::uint32_t c = 0; c < 16; ++c)
        keys.insert(make_stream(s, static_cast<Purpose>(purpose), c).key);
    }
  }
  EXPECT_EQ(keys.size(), 3u * 19 * 16);
}

// The kernels keep their words to themselves, but a uniform tells 52 bits of each pair of words.
TEST(Philox, TheKernelsAgreeWithRandom123) {
  const Stream stream = make_stream(99, Purpose::test);
  constexpr std::size_t kLanes = 528;  // more than a tile, and not a multiple of one
  AlignedVector<double> even(kLanes), odd(kLanes);
  for (const std::string& target : available_targets()) {
    set_target(target);
    for (const std::uint64_t first_id :
         {0ull, 12345ull, (1ull << 32) - 48, (1ull << 32) - 8, (7ull << 32) + 5, ~0ull - 700}) {
      for (const std::uint64_t pair : {0ull, 1ull, 0xffffffffull, 0x100000000ull, 0x123456789abcull}) {
        fill_uniforms(stream, first_id, kLanes, pair, even.data(), odd.data());
        for (std::size_t i = 0; i < kLanes; ++i) {
          const std::uint64_t id = first_id + i;
          const Words w =
              random123({static_cast<std::uint32_t>(id), static_cast<std::uint32_t>(id >> 32),
                         static_cast<std::uint32_t>(pair), static_cast<std::uint32_t>(pair >> 32)},
                        stream.key);
          ASSERT_EQ(even[i], uniform_of(w[0], w[1])) << target << " id " << id << " pair " << pair;
          ASSERT_EQ(odd[i], uniform_of(w[2], w[3])) << target << " id " << id << " pair " << pair;
        }
      }
    }
  }
  set_target(available_targets().front());
}

TEST(Philox, UniformsAreOpenAndSymmetric) {
  EXPECT_GT(uniform_of(0, 0), 0);
  EXPECT_LT(uniform_of(~0u, ~0u), 1);
  EXPECT_EQ(uniform_of(0, 0), 1 - uniform_of(~0u, ~0u));
}

}  // namespace
}  // namespace sde
