#include "random/stream.h"

#include "random/philox.h"

namespace sde {

Stream make_stream(std::uint64_t seed, Purpose purpose, std::uint32_t component) {
  const auto words = philox({static_cast<std::uint32_t>(purpose), component, 0, 0},
                            {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
  return {{words[0], words[1]}};
}

std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> x, std::array<std::uint32_t, 2> key) {
  for (std::size_t round = 0; round < kPhiloxRounds; ++round) {
    const std::uint64_t p0 = kPhiloxM0 * x[0], p1 = kPhiloxM1 * x[2];
    x = {static_cast<std::uint32_t>(p1 >> 32) ^ x[1] ^ key[0], static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ x[3] ^ key[1], static_cast<std::uint32_t>(p0)};
    key[0] += kPhiloxW0;
    key[1] += kPhiloxW1;
  }
  return x;
}

}  // namespace sde
