#include "simd/target.h"

#include <hwy/highway.h>

#include <cstdint>

#include "base/error.h"

namespace sde {
namespace {

struct Target {
  std::int64_t bit;
  const char* name;
};

// The fastest first.
constexpr Target kTargets[] = {
    {HWY_AVX3, "avx512"}, {HWY_AVX2, "avx2"}, {HWY_NEON, "neon"}, {HWY_EMU128, "portable"}};

// Built and supported here. Asked of the processor once, since hwy::SupportedTargets follows set_target.
std::int64_t available_bits() {
  static const std::int64_t bits = [] {
    hwy::SetSupportedTargetsForTest(0);
    return (hwy::SupportedTargets() | HWY_STATIC_TARGET) & HWY_TARGETS;
  }();
  return bits;
}

}  // namespace

std::vector<std::string> available_targets() {
  std::vector<std::string> names;
  for (const Target& target : kTargets) {
    if (available_bits() & target.bit) names.emplace_back(target.name);
  }
  return names;
}

std::string current_target() {
  const std::int64_t available = available_bits();  // before the query below, which it would reset
  const std::int64_t usable = (hwy::SupportedTargets() | HWY_STATIC_TARGET) & available;
  for (const Target& target : kTargets) {
    if (usable & target.bit) return target.name;
  }
  return "portable";
}

void set_target(std::string_view name) {
  const std::int64_t available = available_bits();
  for (const Target& target : kTargets) {
    if (name == target.name && (available & target.bit)) {
      hwy::SetSupportedTargetsForTest(target.bit);
      hwy::GetChosenTarget().Update(target.bit);
      return;
    }
  }
  std::string offered;
  for (const std::string& known : available_targets()) offered += (offered.empty() ? "" : ", ") + known;
  fail(Status::usage, "instruction set \"{}\" is not available: this machine offers {}", name, offered);
}

}  // namespace sde
