#include "simd/peak.h"

#include <cstddef>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "simd/peak.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "simd/ops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sde::simd::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

double spin(std::uint64_t least, float* sink) {
  const hn::ScalableTag<float> d;
  // More chains than latency times ports of any processor known, fewer than registers.
  constexpr std::size_t kChains = 12;
  const auto factor = hn::Set(d, 0.999f), term = hn::Set(d, 1e-3f);
  hn::Vec<decltype(d)> x[kChains];
#pragma GCC unroll 12
  for (std::size_t k = 0; k < kChains; ++k) x[k] = hn::Set(d, static_cast<float>(k));
  const std::uint64_t rounds = least / (kChains * hn::Lanes(d)) + 1;
  for (std::uint64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (std::size_t k = 0; k < kChains; ++k) x[k] = Fma(x[k], factor, term);
  }
  auto sum = x[0];
  for (std::size_t k = 1; k < kChains; ++k) sum = hn::Add(sum, x[k]);
  *sink = hn::GetLane(sum);
  return 2.0 * static_cast<double>(rounds) * static_cast<double>(kChains * hn::Lanes(d));
}

}  // namespace sde::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sde::simd {

HWY_EXPORT(spin);

double spin_multiply_adds(std::uint64_t least) {
  volatile float kept = 0;
  float sink = 0;
  const double operations = HWY_DYNAMIC_DISPATCH(spin)(least, &sink);
  kept = sink;
  (void)kept;
  return operations;
}

}  // namespace sde::simd
#endif
