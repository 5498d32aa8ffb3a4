// The inner loop of PointMixture.
#pragma once

#include <cstddef>

#include "base/block.h"

namespace sde {

// Sums over points k of r_k = exp(logit_k - top), with d_k = a c_k - x and logit_k = log_weight_k - |d_k|^2 /
// (2 variance): `total` of r, `first` of r d, and where they are not null `square` of r |d|^2 and `product`
// of r d (d . v). Lane by lane; rows of D.
struct PointSums {
  const double *a, *variance;              // [lane]
  ConstBlock x, v;                         // v only with `product`
  double *top, *total, *square = nullptr;  // [lane]
  Block first, product;
};

// points is [count][D].
void sum_points(const double* points, const double* log_weights, std::size_t count, const PointSums& sums,
                bool with_product);

}  // namespace sde
