// Numbers to multiply.
#pragma once

#include <cstddef>
#include <random>

#include "base/aligned.h"

namespace sde::nn {

inline AlignedVector<float> random_values(std::size_t n, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  AlignedVector<float> out(n);
  for (float& x : out) x = normal(generator);
  return out;
}

}  // namespace sde::nn
