// How 128 random bits become numbers; stream.h is what callers want.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "random/stream.h"

namespace sde {

// Four words of Philox to two standard normals: radius sqrt(-2 ln u) with u = ((x0 2^32 + x1) | 1) 2^-64, and
// the angle of a quadrant (bit 31 of x2: left half plane; bit 30: the two exchanged) plus, from the other 62
// bits of x2 and x3, a signed fraction in [-1/2, 1/2) of a quarter turn. The same bits as the fills.
std::array<double, 2> box_muller(const std::array<std::uint32_t, 4>& words);

// Two f32 words to two f32 normals in the same manner, u = (x0 | 1) 2^-32.
std::array<float, 2> box_muller_f32(std::uint32_t x0, std::uint32_t x1);

// What the block kernels take: pair first_pair + p of the lanes with ids first_id + i goes to even[p * stride
// + i] and odd[p * stride + i]. No carry into the high half of ids or pairs happens within a request.
struct FillRequest {
  const Stream* stream;
  std::uint64_t first_id;
  std::size_t lanes;
  std::uint64_t first_pair;
  std::size_t pairs;
  double *even, *odd;
  std::size_t stride;
  double scale = 1;
};

}  // namespace sde
