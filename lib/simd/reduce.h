// Argument reduction for trigonometric functions of large arguments.
#pragma once

namespace sde::simd {

// x = (4 m + quadrant) pi/2 + head + tail for some integer m, |head + tail| <= pi/4 and quadrant 0 .. 3.
struct ReducedAngle {
  double head, tail;
  int quadrant;
};

// For finite |x| >= 1, exact to about 2^-120 of the angle (Payne & Hanek, SIGNUM Newsletter 18, 1983):
// integer arithmetic only, so that every machine gets the same bits. NaN for infinities and NaN.
ReducedAngle reduce_large_angle(double x);

}  // namespace sde::simd
