// Loops over the lanes of blocks that steps are made of; the same bits on every instruction set.
#pragma once

#include <cstddef>

#include "base/block.h"

namespace sde {

// out = c v, or out + c v where `add`; times per_lane[lane] where that is not null.
void accumulate(double c, const double* per_lane, ConstBlock v, bool add, Block out);

// Row i of out = row i of g times row i of w ([row][lane], rows g.lanes apart).
void multiply_rows(ConstBlock g, const double* w, Block out);

// Row i of out = sum_k g[i * columns + k] w[k].
void multiply_matrix(ConstBlock g, const double* w, std::size_t columns, Block out);

// out = gdg (w^2 - h) / 2, row by row; out may be gdg.
void milstein_rows(ConstBlock gdg, const double* w, double h, Block out);

// Row by row: to the nearest f32, and back.
void round_rows(ConstBlock from, BlockView<float> to);
void widen_rows(BlockView<const float> from, Block to);

}  // namespace sde
