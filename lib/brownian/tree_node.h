// What halving a part of a virtual Brownian tree reads and writes: rows of lanes, one for each coordinate
// (see tree-inl.h).
#pragma once

#include <array>
#include <cstdint>

#include "random/stream.h"

namespace sde {

struct TreeNode {
  const Stream *stream, *third;  // third null: two coordinates
  std::uint64_t first_id, node;
  double length;  // of the part
  std::array<const double*, 3> part;
  std::array<double*, 3> left, right;
};

}  // namespace sde
