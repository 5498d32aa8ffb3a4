// Distances between samples from means over pairs.
#pragma once

#include "stats/point_set.h"

namespace sde {

// 2 E|X - Y| - E|X - X'| - E|Y - Y'| (Szekely & Rizzo, J. Stat. Plann. Inference 143, 2013), by U-statistics:
// unbiased, so below 0 by chance where the laws are the same. In one dimension 2 int (F - G)^2.
Estimate energy_distance(const PointSet& a, const PointSet& b, const Bootstrap& bootstrap);

// E k(X, X') + E k(Y, Y') - 2 E k(X, Y) with k = exp(-|x - y|^2 / (2 h^2)), h the bandwidth (Gretton et al.,
// JMLR 13, 2012, equation 3): the square of the distance, unbiased.
Estimate squared_mmd(const PointSet& a, const PointSet& b, double bandwidth, const Bootstrap& bootstrap);

// The median distance between two rows of both samples together (at most 1000 rows), the usual bandwidth.
double median_distance(const PointSet& a, const PointSet& b);

}  // namespace sde
