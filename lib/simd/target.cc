#include "simd/target.h"

#include <hwy/highway.h>

#if defined(__linux__) && defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
extern "C" long syscall(long number, ...) noexcept;  // without all else that unistd.h has
#endif

#include <cstdint>

#include "base/error.h"

namespace sde {
namespace {

struct Target {
  std::int64_t bit;
  const char* name;
  bool tiles = false;
};

// The fastest first.
constexpr Target kTargets[] = {{HWY_AVX3, "amx", true},
                               {HWY_AVX3, "avx512"},
                               {HWY_AVX2, "avx2"},
                               {HWY_NEON, "neon"},
                               {HWY_EMU128, "portable"}};

// Built and supported here. Asked of the processor once, since hwy::SupportedTargets follows set_target.
std::int64_t available_bits() {
  static const std::int64_t bits = [] {
    hwy::SetSupportedTargetsForTest(0);
    return (hwy::SupportedTargets() | HWY_STATIC_TARGET) & HWY_TARGETS;
  }();
  return bits;
}

// The processor has tiles, and the system lets this process use them: their registers are so large that it
// must ask (Linux 5.16).
bool have_tiles() {
#if defined(__linux__) && defined(__x86_64__)
  static const bool have = [] {
    constexpr unsigned kBfloat = 1u << 22, kTile = 1u << 24;
    constexpr int kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
    unsigned a = 0, b = 0, c = 0, d = 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & kBfloat) && (d & kTile) &&
           ::syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
  }();
  return have;
#else
  return false;
#endif
}

bool is_available(const Target& target) {
  return (available_bits() & target.bit) && (!target.tiles || have_tiles());
}

bool tiles_wanted = true;  // by set_target

}  // namespace

std::vector<std::string> available_targets() {
  std::vector<std::string> names;
  for (const Target& target : kTargets) {
    if (is_available(target)) names.emplace_back(target.name);
  }
  return names;
}

std::string current_target() {
  const std::int64_t available = available_bits();  // before the query below, which it would reset
  const std::int64_t usable = (hwy::SupportedTargets() | HWY_STATIC_TARGET) & available;
  for (const Target& target : kTargets) {
    if ((usable & target.bit) && (!target.tiles || (tiles_wanted && have_tiles()))) return target.name;
  }
  return "portable";
}

bool uses_tiles() {
  return tiles_wanted && have_tiles();
}

void set_target(std::string_view name) {
  for (const Target& target : kTargets) {
    if (name == target.name && is_available(target)) {
      hwy::SetSupportedTargetsForTest(target.bit);
      hwy::GetChosenTarget().Update(target.bit);
      tiles_wanted = target.tiles;
      return;
    }
  }
  std::string offered;
  for (const std::string& known : available_targets()) offered += (offered.empty() ? "" : ", ") + known;
  fail(Status::usage, "instruction set \"{}\" is not available: this machine offers {}", name, offered);
}

}  // namespace sde
