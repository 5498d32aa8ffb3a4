// Hints that fetch cache lines early. Worth their place where another core had the lines last: a miss then
// takes a hundred nanoseconds and more, and many at a time take little longer than one.
#pragma once

#include <cstddef>

#include "base/aligned.h"

namespace sde {

// The line at p will be read.
inline void prefetch_to_read(const void* p) {
  __builtin_prefetch(p, 0, 2);
}

// The line at p will be changed: this core's alone from then on. x86 has had the instruction longer than
// compilers assume it; where it does nothing, it does no harm.
inline void prefetch_to_change(const void* p) {
#if defined(__x86_64__)
  asm volatile("prefetchw (%0)" ::"r"(p));
#else
  __builtin_prefetch(p, 1, 2);
#endif
}

inline constexpr std::size_t kLineFloats = kAlignment / sizeof(float);
inline constexpr std::size_t kFloatsAhead = 16 * kLineFloats;  // of a loop that goes through memory

}  // namespace sde
