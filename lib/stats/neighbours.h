// Comparisons of samples by nearest neighbours.
#pragma once

#include <cstdint>

#include "stats/point_set.h"

namespace sde {

// The classifier two-sample test (Lopez-Paz & Oquab, ICLR 2017): half of the rows of both samples train a
// classifier by the majority of nearest neighbours, and its accuracy on the other half is 1/2 where the laws
// are the same. Samples are cut to equal sizes, so that chance is 1/2.
struct ClassifierTest {
  Estimate accuracy;                           // error: over replicates of the held-out rows
  double p_value = 0;                          // of as high an accuracy by chance, N(1/2, 1 / (4 held_out))
  std::uint64_t held_out = 0, neighbours = 0;  // neighbours: the odd number next to sqrt(rows trained on)
};
ClassifierTest classifier_test(const PointSet& a, const PointSet& b, const Bootstrap& bootstrap);

// The share of rows of `b` within the support of `a`, taken as the balls about the rows of `a` that reach to
// their k-th neighbour (Kynkaanniemi et al., NeurIPS 2019): the precision of samples `b` of data `a`; their
// recall is coverage(b, a). Error: over replicates of the rows of `b`, the support being kept. `which` is the
// number of `b` among the sets, for the bootstrap.
Estimate coverage(const PointSet& a, const PointSet& b, std::uint64_t k, const Bootstrap& bootstrap,
                  std::uint32_t which);

}  // namespace sde
