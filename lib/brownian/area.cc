#include "brownian/area.h"

#include <cmath>

namespace sde {

AreaSource::AreaSource(std::uint64_t seed, std::size_t noises, AreaLaw law) : noises_(noises), law_(law) {
  for (std::uint32_t pair = 0; pair < pairs(noises); ++pair)
    streams_.push_back(make_stream(seed, Purpose::levy_area, pair));
}

void AreaSource::fill(std::uint64_t first_id, std::uint64_t step, double h, ConstBlock dW, ConstBlock H,
                      Block area) const {
  AlignedVector<double> even(area.lanes), odd(area.lanes);
  const double constant = law_ == AreaLaw::davie ? h * h / 12 : h * h / 20;
  const double slope = law_ == AreaLaw::davie ? 0 : h / 5;
  std::size_t pair = 0;
  for (std::size_t j = 0; j < noises_; ++j) {
    for (std::size_t k = j + 1; k < noises_; ++k, ++pair) {
      // Two steps share one evaluation; the one asked for is kept.
      fill_normals(streams_[pair], first_id, area.lanes, step / 2, even.data(), odd.data());
      const double* z = step % 2 == 0 ? even.data() : odd.data();
      const double *wj = dW.row(j), *wk = dW.row(k), *hj = H.row(j), *hk = H.row(k);
      double* out = area.row(pair);
      for (std::size_t i = 0; i < area.lanes; ++i) {
        const double variance = constant + slope * (hj[i] * hj[i] + hk[i] * hk[i]);
        out[i] = (hj[i] * wk[i] - wj[i] * hk[i]) + std::sqrt(variance) * z[i];
      }
    }
  }
}

}  // namespace sde
