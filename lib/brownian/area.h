// Levy areas A_jk = 1/2 int (W_j dW_k - W_k dW_j) over a step, given its increments and space-time areas.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/block.h"
#include "random/stream.h"

namespace sde {

enum class AreaLaw {
  davie,   // A = H_j W_k - W_j H_k + b, b ~ N(0, h^2 / 12): the right variance (Davie 2014)
  foster,  // b ~ N(0, h^2/20 + h/5 (H_j^2 + H_k^2)): the right variance given H (Foster & Habermann 2023)
};

// The areas of the pairs j < k, row by row, of a step of length h. Addressed by (seed, Purpose::levy_area,
// pair, id, step). Both laws match mean and covariance of (W, A): E A = 0, Var A_jk = h^2/4.
class AreaSource {
 public:
  AreaSource(std::uint64_t seed, std::size_t noises, AreaLaw law);

  static constexpr std::size_t pairs(std::size_t noises) { return noises * (noises - (noises > 0)) / 2; }
  std::size_t rows() const { return streams_.size(); }

  // dW and H are [noises][lanes], `area` [pairs][lanes].
  void fill(std::uint64_t first_id, std::uint64_t step, double h, ConstBlock dW, ConstBlock H,
            Block area) const;

 private:
  std::size_t noises_;
  AreaLaw law_;
  std::vector<Stream> streams_;
};

}  // namespace sde
