#include "stats/moments.h"

#include <cmath>

#include "stats/kernels.h"

namespace sde {

double Moments::stderr_of_mean() const {
  return count > 0 ? std::sqrt(variance() / count) : 0;
}

Moments leaf_moments(const double* values, std::size_t n) {
  Moments m;
  find_moments(values, n, &m);
  return m;
}

}  // namespace sde
