#include "simd/target.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"

namespace sde {
namespace {

TEST(Target, TheFastestIsInUseUntilAnotherIsChosen) {
  const auto targets = available_targets();
  ASSERT_FALSE(targets.empty());
  EXPECT_EQ(current_target(), targets.front());
  for (const auto& name : targets) {
    set_target(name);
    EXPECT_EQ(current_target(), name);
    EXPECT_EQ(available_targets(), targets);
  }
  set_target(targets.front());
}

#if defined(__x86_64__) && !defined(__AVX__)
TEST(Target, TheMachinesInstructionSetsAreOffered) {
  const auto targets = available_targets();
  const auto offers = [&](const char* name) { return std::count(targets.begin(), targets.end(), name) == 1; };
  EXPECT_TRUE(offers("portable"));
  EXPECT_EQ(offers("avx2"), __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
  EXPECT_EQ(offers("avx512"), __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                                  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"));
}
#endif

TEST(Target, UnknownNamesAreRefusedWithWhatThereIs) {
  try {
    set_target("sse5");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), Status::usage);
    EXPECT_NE(std::string(error.what()).find("sse5"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find(available_targets().front()), std::string::npos);
  }
}

}  // namespace
}  // namespace sde
