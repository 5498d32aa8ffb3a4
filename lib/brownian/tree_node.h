// What halving an interval of a virtual Brownian tree reads and writes, a row of lanes each.
#pragma once

#include <cstdint>

namespace sde {

struct TreeNode {
  std::uint64_t first_id, node;
  double length, time;                        // of the interval, and of its start
  const double *part_w, *part_h, *w_a, *h_a;  // h_a null: no areas
  double *left_w, *left_h, *right_w, *right_h, *middle_w, *middle_h;
};

}  // namespace sde
