// Ten rounds of Philox4x32 on many counters at once: each 32-bit word in the low half of a 64-bit lane, where
// the product of one word is at once the low and the high half that the next round wants. High halves of
// words are left dirty; only the low halves of the result count.
#if defined(SDE_RANDOM_PHILOX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SDE_RANDOM_PHILOX_INL_H_
#undef SDE_RANDOM_PHILOX_INL_H_
#else
#define SDE_RANDOM_PHILOX_INL_H_
#endif

#include <array>
#include <cstddef>
#include <cstdint>

#include "hwy/highway.h"
#include "random/philox.h"
#include "random/stream.h"

HWY_BEFORE_NAMESPACE();
namespace sde::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

template <class VU>
struct PhiloxWords {
  VU x0, x1, x2, x3;
};

// The 64-bit product of the low halves of a lane.
template <class DU, class VU>
HWY_INLINE VU MulLow(DU /*du*/, VU a, VU b) {
  const hn::Repartition<std::uint32_t, DU> d32;
  return hn::MulEven(hn::BitCast(d32, a), hn::BitCast(d32, b));
}

template <class DU, class VU>
HWY_INLINE void PhiloxRound(DU du, PhiloxWords<VU>& w, const PhiloxKeys& keys, std::size_t round) {
  const VU p0 = MulLow(du, w.x0, hn::Set(du, kPhiloxM0));
  const VU p1 = MulLow(du, w.x2, hn::Set(du, kPhiloxM1));
  w.x0 = hn::Xor3(hn::ShiftRight<32>(p1), w.x1, hn::Set(du, keys.k0[round]));
  w.x1 = p1;
  w.x2 = hn::Xor3(hn::ShiftRight<32>(p0), w.x3, hn::Set(du, keys.k1[round]));
  w.x3 = p0;
}

// All ten rounds of kCount vectors of counters, side by side: one alone would wait for its products.
template <class DU, class VU, std::size_t kCount>
HWY_INLINE void PhiloxRounds(DU du, PhiloxWords<VU> (&w)[kCount], const PhiloxKeys& keys) {
#pragma GCC unroll 10
  for (std::size_t r = 0; r < kPhiloxRounds; ++r) {
#pragma GCC unroll 2
    for (std::size_t g = 0; g < kCount; ++g) PhiloxRound(du, w[g], keys, r);
  }
}

// The counter of (id, step).
template <class VU>
HWY_INLINE PhiloxWords<VU> Counter(VU id, VU step) {
  return {id, hn::ShiftRight<32>(id), step, hn::ShiftRight<32>(step)};
}

}  // namespace sde::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // SDE_RANDOM_PHILOX_INL_H_
