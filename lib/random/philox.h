// Constants of Philox4x32 (Salmon, Moraes, Dror & Shaw, SC 2011) and its key schedule.
#pragma once

#include <cstddef>
#include <cstdint>

#include "random/stream.h"

namespace sde {

inline constexpr std::size_t kPhiloxRounds = 10;
inline constexpr std::uint64_t kPhiloxM0 = 0xD2511F53, kPhiloxM1 = 0xCD9E8D57;
inline constexpr std::uint32_t kPhiloxW0 = 0x9E3779B9, kPhiloxW1 = 0xBB67AE85;

// The keys of all rounds, each in 64 bits as the kernels want them.
struct PhiloxKeys {
  std::uint64_t k0[kPhiloxRounds], k1[kPhiloxRounds];

  explicit PhiloxKeys(const Stream& stream) {
    std::uint32_t a = stream.key[0], b = stream.key[1];
    for (std::size_t r = 0; r < kPhiloxRounds; ++r) {
      k0[r] = a;
      k1[r] = b;
      a += kPhiloxW0;
      b += kPhiloxW1;
    }
  }
};

}  // namespace sde
