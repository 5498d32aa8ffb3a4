// What a Brownian path does over several pieces one after the other, by Chen's relation.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/aligned.h"
#include "base/block.h"

namespace sde {

// Components from here on of the streams that have the normals of H have those of K.
inline constexpr std::uint32_t kThirdComponents = 0x80000000;

// What of a Brownian path over a piece of length h is wanted beside its increment W:
// space_time H = (1/h) int (W_r - (r/h) W) dr ~ N(0, h/12); space_time_time K = (1/h^2) int (W_r - (r/h) W)
// (h/2 - r) dr ~ N(0, h/720); levy_area A_jk = 1/2 int (W_j dW_k - W_k dW_j), which takes H too. W, H and K
// are independent.
struct BrownianNeeds {
  bool space_time = false;
  bool levy_area = false;
  bool space_time_time = false;

  bool uses_space_time() const { return space_time || levy_area || space_time_time; }
};

// One piece; blocks are [noises][lanes] ([pairs j < k][lanes] the areas), empty where they are not needed. H
// and K are `scale_h` and `scale_k` times what stands there.
struct PathPiece {
  double length = 0;
  ConstBlock dW, H, K, area;
  double scale_h = 1, scale_k = 1;
};

// The sum of pieces. One thread's.
class PathSum {
 public:
  PathSum(std::size_t noises, BrownianNeeds needs, std::size_t lanes);

  void clear();
  // The piece that follows those before it.
  void add(const PathPiece& piece);
  // All of them together: H, K and the areas of the whole way. Valid until the next call of add or clear.
  PathPiece total();

 private:
  std::size_t noises_;
  BrownianNeeds needs_;
  double length_ = 0;
  StateBlock<double> W_, hbar_, kbar_, area_;  // hbar_ = length H, kbar_ = length^2 K
  StateBlock<double> H_, K_;
};

}  // namespace sde
