#include "base/suggest.h"

#include <gtest/gtest.h>

namespace sde {
namespace {

TEST(Suggest, FindsTheNearestName) {
  const std::vector<std::string> names = {"milstein", "heun", "euler-maruyama", "exact"};
  EXPECT_EQ(nearest("milstien", names), "milstein");
  EXPECT_EQ(nearest("huen", names), "heun");
  EXPECT_EQ(nearest("euler-marujama", names), "euler-maruyama");
  EXPECT_EQ(nearest("rk4", names), "");
}

TEST(Suggest, ListsWhatIsKnownWhereNothingIsNear) {
  EXPECT_EQ(suggestion("zzz", {"a", "b"}), " (known: a, b)");
  EXPECT_EQ(suggestion("kapa", {"kappa", "mu"}), "; did you mean \"kappa\"?");
}

}  // namespace
}  // namespace sde
