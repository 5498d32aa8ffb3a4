// Feller's condition (Annals of Mathematics 54, 1951).
#pragma once

#include <cstddef>
#include <vector>

#include "sde/expressions.h"

namespace sde {

// Of a state with dX = (b + a X) dt + s sqrt(X) dW, alone or with its noise shared by others, as the variance
// of Heston's model: X > 0 never reaches 0 where 2b >= s^2.
struct FellerCondition {
  std::size_t state = 0;
  double twice_drift = 0;    // 2b
  double variance_rate = 0;  // s^2

  bool holds() const { return twice_drift >= variance_rate; }
};

// Of all such states, at the parameters' values.
std::vector<FellerCondition> feller_conditions(const SdeExpressions& sde);

}  // namespace sde
