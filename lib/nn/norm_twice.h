// Reverse mode through a normalisation and its tangents.
#pragma once

#include "nn/norm.h"

namespace sde::nn {

// With y = n (1 + gain) + shift, n = (x - mean) inverse, and tangents y'_k = (1 + gain) n'_k of x'_k: from
// the gradients d of y and e_k of y'_k those of x, x'_k, gain and shift. With Q = (1 + gain) e, means m over
// a group and J v = inverse (v - m(v) - n m(n v)), which is n' = J x' and symmetric:
//   x'_k: J Q_k                             gain: sum over pixels of d n + sum_k e_k n'_k
//   n:    (1 + gain) d - inverse sum_k (Q_k m(n x'_k) + x'_k m(n Q_k))
//   x:    J of the gradient of n - inverse n sum_k m(Q_k n'_k)
// Rows of tangents have `count` times `lanes` numbers, tangent k from k lanes on. `scratch` takes (rows + 8)
// lanes.
template <class T>
struct NormTwice {
  NormShape shape;
  std::size_t lanes = 0, count = 0;
  const T *normalised = nullptr, *inverse = nullptr, *gain = nullptr;  // gain: [channel][lane]
  const T *tangent = nullptr, *d = nullptr, *e = nullptr;
  T *x_gradient = nullptr, *tangent_gradient = nullptr, *gain_gradient = nullptr, *shift_gradient = nullptr;
  bool add_x = false, add_tangent = false, add_film = false;  // to what is there
  T* scratch = nullptr;
};
template <class T>
void normalise_twice(const NormTwice<T>& p);

}  // namespace sde::nn
