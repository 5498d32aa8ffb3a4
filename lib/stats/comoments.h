// Covariance of two quantities of an ensemble, with the standard error of the estimate; merged as in
// leaf_tree.h.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "stats/moments.h"

namespace sde {

// Count, means and centred sums of squares and products of a pair (Chan, Golub & LeVeque 1983; Bennett et al.
// 2009 for the products), and the moments over whole leaves of each leaf's own covariance.
struct CoMoments {
  double count = 0;
  double mean_x = 0, mean_y = 0;
  double xx = 0, yy = 0, xy = 0;
  Moments leaves;

  double covariance() const { return count > 1 ? xy / (count - 1) : 0; }
  // NaN where one of the two does not vary.
  double correlation() const;
  // Of covariance(). From the scatter between leaves, which assumes nothing of the law but fourth moments;
  // with fewer than kFewLeaves whole leaves, as of Gaussian quantities.
  double covariance_stderr() const;

  static constexpr double kFewLeaves = 16;
};

inline CoMoments merged(const CoMoments& a, const CoMoments& b) {
  if (a.count == 0 && a.leaves.count == 0) return b;
  if (b.count == 0 && b.leaves.count == 0) return a;
  CoMoments m;
  m.count = a.count + b.count;
  const double dx = b.mean_x - a.mean_x, dy = b.mean_y - a.mean_y;
  const double share = a.count == b.count ? 0.5 : b.count / m.count, weight = a.count * share;
  m.mean_x = a.mean_x + dx * share;
  m.mean_y = a.mean_y + dy * share;
  m.xx = a.xx + b.xx + dx * dx * weight;
  m.yy = a.yy + b.yy + dy * dy * weight;
  m.xy = a.xy + b.xy + dx * dy * weight;
  m.leaves = merged(a.leaves, b.leaves);
  return m;
}

// Of each leaf of n pairs, of which the last may be short, given what find_moments makes of x and of y; pairs
// of which one is not finite are left out. Fixed order of summation.
void find_comoments(const double* x, const Moments* of_x, const double* y, const Moments* of_y, std::size_t n,
                    std::vector<CoMoments>& leaves);
// Of at most kLeafPaths pairs.
CoMoments leaf_comoments(const double* x, const double* y, std::size_t n);

// What is known of E[y] given that the means of x_1 ... x_k are known: control variates (Glasserman 2003,
// section 4.1), with the coefficients that leave the least variance.
struct ControlledMean {
  double value = 0;
  double standard_error = 0;
  double plain_value = 0, plain_standard_error = 0;  // without controls
  double variance_reduction = 1;                     // the plain variance by the one that is left
};

// `pairs` are (y, x_1) ... (y, x_k), then (x_i, x_j) for i <= j row by row; all over the same paths. Controls
// that do not vary, or that others determine, are left out.
ControlledMean controlled_mean(std::span<const CoMoments> pairs, std::span<const double> known_means);

}  // namespace sde
