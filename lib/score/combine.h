// Linear combinations of blocks.
#pragma once

#include <initializer_list>

#include "base/block.h"

namespace sde {

struct Term {
  double factor;
  ConstBlock block;
};

// to = sum of factor * block, summed in the order given; `to` may be one of the blocks.
inline void combine(Block to, std::initializer_list<Term> terms) {
  for (std::size_t i = 0; i < to.rows; ++i) {
    for (std::size_t l = 0; l < to.lanes; l += kLaneQuantum) {
      double sum[kLaneQuantum] = {};
      for (const Term& term : terms) {
        const double* from = term.block.row(i) + l;
        for (std::size_t k = 0; k < kLaneQuantum; ++k) sum[k] += term.factor * from[k];
      }
      std::copy_n(sum, kLaneQuantum, to.row(i) + l);
    }
  }
}

}  // namespace sde
