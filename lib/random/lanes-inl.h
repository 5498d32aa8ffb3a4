// Philox over blocks of lanes with neighbouring ids, many steps at a time.
//
// Where ids share their high half and steps theirs, the first two rounds split into parts that depend on the
// lane alone, computed once for all steps (LaneRounds), and parts that depend on the step alone (StepRounds):
// two exclusive-ors a lane and step are left of them.
#if defined(SDE_RANDOM_LANES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SDE_RANDOM_LANES_INL_H_
#undef SDE_RANDOM_LANES_INL_H_
#else
#define SDE_RANDOM_LANES_INL_H_
#endif

#include <cstddef>
#include <cstdint>

#include "base/aligned.h"
#include "random/philox-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sde::HWY_NAMESPACE {

using U64 = hn::ScalableTag<std::uint64_t>;

inline constexpr std::size_t kTile = 256;  // lanes whose first rounds are kept

// Vectors drawn at once; a multiple of 16 lanes holds a whole number of such groups. Two were measured to be
// the best with 32 registers and with 16: one waits for its products, four spill.
inline constexpr std::size_t kGroup = 2;

// The order of ids in memory: one after the other, or for each two vectors the even ones before the odd ones.
enum class LaneOrder { plain, even_odd };

struct LaneRounds {
  alignas(kAlignment) std::uint64_t p0[kTile], q1[kTile], h1[kTile];

  HWY_INLINE LaneRounds(const PhiloxKeys& keys, std::uint64_t first_id, std::size_t lanes,
                        std::uint32_t step_high, LaneOrder order = LaneOrder::plain) {
    const U64 du;
    const std::size_t width = hn::Lanes(du);
    for (std::size_t i = 0; i < lanes; i += width) {
      auto id = hn::Iota(du, 0);
      if (order == LaneOrder::plain) {
        id = hn::Add(id, hn::Set(du, first_id + i));
      } else {
        const bool odd = i & width;
        id = hn::Add(hn::Add(id, id), hn::Set(du, first_id + (odd ? i - width + 1 : i)));
      }
      const auto a = MulLow(du, id, hn::Set(du, kPhiloxM0));
      const auto x2 = hn::Xor(hn::ShiftRight<32>(a), hn::Set(du, keys.k1[0] ^ step_high));
      const auto b = MulLow(du, x2, hn::Set(du, kPhiloxM1));
      hn::Store(a, du, p0 + i);
      hn::Store(b, du, q1 + i);
      hn::Store(hn::ShiftRight<32>(b), du, h1 + i);
    }
  }
};

struct StepRounds {
  std::uint64_t a, b, c;

  HWY_INLINE StepRounds(const PhiloxKeys& keys, std::uint32_t id_high, std::uint32_t step_low) {
    const std::uint64_t p1 = kPhiloxM1 * step_low;
    const std::uint64_t q0 = kPhiloxM0 * ((p1 >> 32) ^ id_high ^ keys.k0[0]);
    a = (p1 & 0xffffffff) ^ keys.k0[1];
    b = (q0 >> 32) ^ keys.k1[1];
    c = (q0 & 0xffffffff) ^ keys.k1[2];
  }
};

// The state after the first three rounds, of a group from lane i on.
HWY_INLINE void DrawFirstRounds(const PhiloxKeys& keys, const LaneRounds& lane, const StepRounds& step,
                                std::size_t i, PhiloxWords<hn::Vec<U64>> (&w)[kGroup]) {
  using VU = hn::Vec<U64>;
  const U64 du;
#pragma GCC unroll 2
  for (std::size_t g = 0; g < kGroup; ++g) {
    const std::size_t at = i + g * hn::Lanes(du);
    const VU x0 = hn::Xor(hn::Load(du, lane.h1 + at), hn::Set(du, step.a));
    const VU x2 = hn::Xor(hn::Load(du, lane.p0 + at), hn::Set(du, step.b));
    const VU p0 = MulLow(du, x0, hn::Set(du, kPhiloxM0));
    const VU p1 = MulLow(du, x2, hn::Set(du, kPhiloxM1));
    w[g] = {hn::Xor3(hn::ShiftRight<32>(p1), hn::Load(du, lane.q1 + at), hn::Set(du, keys.k0[2])), p1,
            hn::Xor(hn::ShiftRight<32>(p0), hn::Set(du, step.c)), p0};
  }
}

HWY_INLINE void DrawRound(const PhiloxKeys& keys, std::size_t round, PhiloxWords<hn::Vec<U64>> (&w)[kGroup]) {
#pragma GCC unroll 2
  for (std::size_t g = 0; g < kGroup; ++g) PhiloxRound(U64(), w[g], keys, round);
}

// All ten rounds.
HWY_INLINE void DrawWords(const PhiloxKeys& keys, const LaneRounds& lane, const StepRounds& step,
                          std::size_t i, PhiloxWords<hn::Vec<U64>> (&w)[kGroup]) {
  DrawFirstRounds(keys, lane, step, i, w);
#pragma GCC unroll 7
  for (std::size_t r = 3; r < kPhiloxRounds; ++r) DrawRound(keys, r, w);
}

}  // namespace sde::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // SDE_RANDOM_LANES_INL_H_
