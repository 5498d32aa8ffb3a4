// A virtual Brownian tree: W, and its space-time Levy area, at any time of a span, in any order, as pure
// functions of (seed, path id, component, time). Nothing is stored (Jelincic, Foster & Kidger, arXiv
// 2405.06464).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/block.h"
#include "brownian/chen.h"
#include "random/stream.h"

namespace sde {

// A part of a tree is held by the integrals of shifted Legendre polynomials against dW over it.
inline constexpr double kAreaOfCoordinate = -0.28867513459481288225;  // H is this times the second
inline constexpr double kThirdOfCoordinate = 0.03726779962499649394;  // K is this times the third

// Times are whole ticks from the start of the span, of which there are 2^62: comparing them is exact. A query
// halves the span until it meets its tick, so one that is a multiple of 2^k costs at most 62 - k halvings: a
// caller that rounds its steps to multiples of, say, 2^30 ticks pays half of what one pays that uses them
// all.
class BrownianTree {
 public:
  static constexpr int kLevels = 62;
  static constexpr std::uint64_t kTicks = std::uint64_t{1} << kLevels;

  // With `third`, halving looks at the space-time-time areas K too, so that they can be told: another path of
  // the same law, for another normal of each node is used. Throws Error(Status::usage) for a span that is not
  // positive and finite.
  BrownianTree(std::uint64_t seed, std::size_t noises, double span, bool third = false);

  std::size_t noises() const { return streams_.size(); }
  double span() const { return span_; }
  const std::vector<Stream>& streams() const { return streams_; }  // one a component
  const std::vector<Stream>& third() const { return third_; }      // the same; empty without K
  double time(std::uint64_t ticks) const { return static_cast<double>(ticks) * 0x1p-62 * span_; }
  // The nearest multiple of 2^granularity ticks, within the span.
  std::uint64_t ticks(double time, int granularity = 0) const;

  // w, [noises][lanes]: W at ticks[lane] <= kTicks of the path ids[lane]; W is 0 at 0. hbar, the same shape
  // or empty (data null): t H_{0,t}, where H is the space-time Levy area of [0, t] as in GridReader::areas.
  // Of trees without K.
  void at(const std::uint64_t* ids, const std::uint64_t* ticks, Block w, Block hbar = {}) const;

 private:
  double span_;
  std::vector<Stream> streams_, third_;
};

// What lies between two queries s < t of the same paths: dw = W_t - W_s and, by Chen's relation, the area h =
// H_{s,t}, all [noises][lanes]. from and to are the ticks; lanes where both are equal get zeros. h may be
// empty.
void tree_increments(const BrownianTree& tree, const std::uint64_t* from, const std::uint64_t* to,
                     ConstBlock w_from, ConstBlock w_to, ConstBlock hbar_from, ConstBlock hbar_to, Block dw,
                     Block h);

}  // namespace sde
