// Distances between samples in the manner of optimal transport.
#pragma once

#include <cstdint>
#include <vector>

#include "stats/point_set.h"

namespace sde {

// Unit vectors [D] that sample directions evenly: one in one dimension, equal angles over the half circle in
// two, else orthonormal bases of random orientation, so that the mean of (u . v)^2 over them is |v|^2 / D
// exactly where `count` is a multiple of D. At least `count` of them are whole bases.
std::vector<std::vector<double>> directions(std::size_t dimension, std::uint64_t count, std::uint64_t seed);

// Sliced 2-Wasserstein distance (Rabin, Peyre, Delon & Bernot, SSVM 2011), the root of the mean over
// directions of W_2^2 of the projections, which is exact for the two samples: sorted values are matched,
// sizes may differ. It is a distance of samples: between two samples of one law it is above 0 by O(n^-1/2).
Estimate sliced_wasserstein(const PointSet& a, const PointSet& b, std::uint64_t projections,
                            const Bootstrap& bootstrap);

// |m_a - m_b|^2 + tr(S_a + S_b - 2 (S_a^1/2 S_b S_a^1/2)^1/2) of the sample means and covariances (divisor
// n - 1), the squared 2-Wasserstein distance of Gaussians that have them (Dowson & Landau, J. Multivariate
// Anal. 12, 1982); on features of images it is known as FID. Replicates are fewer where D is large (see
// frechet_replicates).
Estimate frechet(const PointSet& a, const PointSet& b, const Bootstrap& bootstrap);
std::uint64_t frechet_replicates(std::size_t dimension, std::uint64_t asked);

}  // namespace sde
