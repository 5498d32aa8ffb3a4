// The same address has the same bits: whatever the target, the block, and the way it is asked for.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "base/aligned.h"
#include "base/block.h"
#include "random/box_muller.h"
#include "random/stream.h"
#include "simd/target.h"

namespace sde {
namespace {

template <class T>
bool same_bits(const AlignedVector<T>& a, const AlignedVector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

class Address : public testing::Test {
 protected:
  void TearDown() override { set_target(available_targets().front()); }

  static constexpr std::uint64_t kBase = (3ull << 32) - 320;  // the blocks cross a multiple of 2^32
  static constexpr std::size_t kLanes = 1024;
  const Stream stream_ = make_stream(42, Purpose::brownian, 3);
};

TEST_F(Address, EveryTargetAgreesWithOneAtATime) {
  AlignedVector<double> even(kLanes), odd(kLanes), u(kLanes), v(kLanes);
  for (const std::string& target : available_targets()) {
    set_target(target);
    for (const std::uint64_t first_id : {std::uint64_t{0}, kBase, std::uint64_t{1} << 40}) {
      for (const std::uint64_t pair : {0ull, 77ull, (1ull << 32) + 1}) {
        fill_normals(stream_, first_id, kLanes, pair, even.data(), odd.data());
        fill_uniforms(stream_, first_id, kLanes, pair, u.data(), v.data());
        set_target(available_targets().back());
        for (std::size_t i = 0; i < kLanes; ++i) {
          const auto normals = normal_pair(stream_, first_id + i, pair);
          const auto uniforms = uniform_pair(stream_, first_id + i, pair);
          ASSERT_EQ(std::bit_cast<std::uint64_t>(even[i]), std::bit_cast<std::uint64_t>(normals[0]))
              << target;
          ASSERT_EQ(std::bit_cast<std::uint64_t>(odd[i]), std::bit_cast<std::uint64_t>(normals[1])) << target;
          ASSERT_EQ(u[i], uniforms[0]);
          ASSERT_EQ(v[i], uniforms[1]);
        }
        set_target(target);
      }
    }
  }
}

TEST_F(Address, BlocksOfAnySizeAgree) {
  AlignedVector<double> even(kLanes), odd(kLanes), e(kLanes), o(kLanes);
  fill_normals(stream_, kBase, kLanes, 9, even.data(), odd.data());
  for (const std::size_t block : {16, 48, 256, 272}) {
    for (std::size_t i = 0; i < kLanes; i += block) {
      fill_normals(stream_, kBase + i, std::min(block, kLanes - i), 9, e.data() + i, o.data() + i);
    }
    EXPECT_TRUE(same_bits(even, e)) << block;
    EXPECT_TRUE(same_bits(odd, o)) << block;
  }
}

TEST_F(Address, AnyOrderOfAddressesAgrees) {
  AlignedVector<double> even(kLanes), odd(kLanes);
  std::vector<std::uint64_t> ids(kLanes), pairs(kLanes);
  for (std::size_t i = 0; i < kLanes; ++i) {
    ids[i] = kBase + (i * 389) % kLanes;
    pairs[i] = (i * i) % 7 * 0x60000000ull;
  }
  for (const std::string& target : available_targets()) {
    set_target(target);
    fill_normals_at(stream_, ids.data(), pairs.data(), kLanes, even.data(), odd.data());
    for (std::size_t i = 0; i < kLanes; ++i) {
      const auto normals = normal_pair(stream_, ids[i], pairs[i]);
      ASSERT_EQ(even[i], normals[0]);
      ASSERT_EQ(odd[i], normals[1]);
    }
  }
}

TEST_F(Address, BatchesOfStepsAgree) {
  constexpr std::size_t kComponents = 3, kPairs = 5, kWidth = 304;
  const std::vector<Stream> streams = {make_stream(1, Purpose::brownian, 0),
                                       make_stream(1, Purpose::brownian, 1),
                                       make_stream(1, Purpose::brownian, 2)};
  AlignedVector<double> all(2 * kPairs * kComponents * kWidth), even(kWidth), odd(kWidth);
  for (const std::string& target : available_targets()) {
    set_target(target);
    for (const std::uint64_t first_id : {std::uint64_t{160}, kBase}) {
      for (const std::uint64_t first_pair : {0ull, (1ull << 32) - 2}) {  // the second carries in the batch
        fill_normal_steps(streams.data(), kComponents, first_id, kWidth, first_pair, kPairs, all.data());
        for (std::size_t p = 0; p < kPairs; ++p) {
          for (std::size_t c = 0; c < kComponents; ++c) {
            fill_normals(streams[c], first_id, kWidth, first_pair + p, even.data(), odd.data());
            const double* e = all.data() + ((2 * p) * kComponents + c) * kWidth;
            const double* o = all.data() + ((2 * p + 1) * kComponents + c) * kWidth;
            ASSERT_EQ(std::memcmp(e, even.data(), kWidth * sizeof(double)), 0) << target;
            ASSERT_EQ(std::memcmp(o, odd.data(), kWidth * sizeof(double)), 0) << target;
          }
        }
      }
    }
  }
}

TEST_F(Address, SinglePrecisionAgreesWithItsWords) {
  AlignedVector<float> out[4];
  for (auto& o : out) o.resize(kLanes);
  for (const std::string& target : available_targets()) {
    for (const std::uint64_t first_id : {std::uint64_t{0}, kBase}) {
      for (const std::uint64_t quad : {0ull, 0x1ffffffffull}) {
        set_target(target);
        fill_normals(stream_, first_id, kLanes, quad,
                     {out[0].data(), out[1].data(), out[2].data(), out[3].data()});
        set_target(available_targets().back());
        for (std::size_t i = 0; i < kLanes; ++i) {
          const std::uint64_t id = first_id + i;
          const auto w = philox({static_cast<std::uint32_t>(id), static_cast<std::uint32_t>(id >> 32),
                                 static_cast<std::uint32_t>(quad), static_cast<std::uint32_t>(quad >> 32)},
                                stream_.key);
          const auto first = box_muller_f32(w[0], w[1]), second = box_muller_f32(w[2], w[3]);
          const float expected[4] = {first[0], first[1], second[0], second[1]};
          for (int k = 0; k < 4; ++k) {
            ASSERT_EQ(std::bit_cast<std::uint32_t>(out[k][i]), std::bit_cast<std::uint32_t>(expected[k]))
                << target << " id " << id;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace sde
