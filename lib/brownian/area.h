// Levy areas A_jk = 1/2 int (W_j dW_k - W_k dW_j) over a step, given its increments and space-time areas.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/block.h"
#include "random/stream.h"

namespace sde {

// With Fourier coefficients a_r, b_r ~ N(0, h / (2 pi^2 r^2)) of the Brownian bridge, A_jk = H_j W_k - W_j
// H_k
// + pi sum_r r (a_jr b_kr - b_jr a_kr) and H = -sum_r a_r. Foster and Davie replace the sum by one normal:
// mean and covariance are right, the law is not. The others take p terms of it and a normal for the rest; the
// mean-square error they leave is at most h^{3/2} / 2 (half of what strong order 1 asks of a step).
enum class AreaLaw {
  davie,       // b ~ N(0, h^2 / 12): the right variance (Davie 2014)
  foster,      // b ~ N(0, h^2/20 + h/5 (H_j^2 + H_k^2)): the right variance given H (Foster & Habermann 2023)
  wiktorsson,  // a normal rest given dW alone, H is not used; p >= sqrt(5 m / (3 h)) / pi (Wiktorsson 2001)
  mrongowius,  // sum_r a_r exactly, from H, and a normal for the rest of the products;
               // p >= sqrt(m / (3 h)) / pi (Mrongowius & Roessler 2022)
};

// By its name in configurations, "davie" ... "mrongowius"; throws Error(Status::usage).
AreaLaw area_law(const std::string& name);

// The areas of the pairs j < k, row by row, of a step of length h. Addressed by (seed, Purpose::levy_area,
// component, id, step). All laws match mean and covariance of (W, A): E A = 0, Var A_jk = h^2/4. One
// thread's: it keeps its memory, and what a step drew for the next.
class AreaSource {
 public:
  // `step` is the length of most steps; shorter ones take no more terms.
  AreaSource(std::uint64_t seed, std::size_t noises, AreaLaw law, double step);

  static constexpr std::size_t pairs(std::size_t noises) { return noises * (noises - (noises > 0)) / 2; }
  std::size_t rows() const { return pairs(noises_); }
  std::size_t terms() const { return terms_; }  // p of a step of the usual length, 0 where no sum is taken

  // dW and H are [noises][lanes], `area` [pairs][lanes].
  void fill(std::uint64_t first_id, std::uint64_t step, double h, ConstBlock dW, ConstBlock H, Block area);

 private:
  void fill_normal(std::uint64_t first_id, std::uint64_t step, double h, ConstBlock dW, ConstBlock H,
                   Block area);
  void fill_series(std::uint64_t first_id, std::uint64_t step, double h, ConstBlock dW, ConstBlock H,
                   Block area);
  void turn_rest(double h, double tail, ConstBlock dW, Block area) const;

  std::size_t noises_;
  AreaLaw law_;
  double step_;
  std::size_t terms_ = 0;
  std::vector<Stream> streams_;  // of the pairs, then of (a_r, b_r), r by r, each noise by noise
  // [step of two][pair][lane] normals of the two steps from 2 held_pair_ on, for lanes from held_id_ on.
  AlignedVector<double> held_;
  std::uint64_t held_id_ = 0, held_pair_ = 0;
  AlignedVector<double> alpha_, beta_, missing_, spare_;  // of fill_series
};

}  // namespace sde
