// The table of methods: what it claims hangs together, and a refusal helps.
#include "solve/method.h"

#include <gtest/gtest.h>

#include <set>

#include "base/error.h"

namespace sde {
namespace {

constexpr NoiseKind kKinds[] = {NoiseKind::none,     NoiseKind::additive,    NoiseKind::scalar,
                                NoiseKind::diagonal, NoiseKind::commutative, NoiseKind::general};

TEST(MethodTable, ARefusalNamesTheMethodAndOnlyMethodsThatFit) {
  int refused = 0;
  for (const Method& method : methods()) {
    if (method.family == MethodFamily::exact) continue;  // it looks at the law
    for (const Calculus calculus : {Calculus::ito, Calculus::stratonovich}) {
      for (const NoiseKind kind : kKinds) {
        const std::string text = refusal(method, calculus, kind);
        if (text.empty()) continue;
        ++refused;
        EXPECT_EQ(text.find(method.name), 0u) << text;
        const std::size_t use = text.find("; use ");
        ASSERT_NE(use, std::string::npos) << text;
        std::string rest = text.substr(use + 6);
        int named = 0;
        while (!rest.empty()) {
          const std::size_t comma = rest.find(", ");
          EXPECT_EQ(refusal(find_method(rest.substr(0, comma)), calculus, kind), "") << text;
          rest = comma == std::string::npos ? "" : rest.substr(comma + 2);
          ++named;
        }
        EXPECT_GE(named, 2) << text;
      }
    }
  }
  EXPECT_GT(refused, 100);
}

TEST(MethodTable, ClaimsHangTogether) {
  std::set<std::string> names;
  for (const Method& method : methods()) {
    EXPECT_TRUE(names.insert(method.name).second) << method.name;
    EXPECT_TRUE(method.ito || method.stratonovich) << method.name;
    if (method.family == MethodFamily::exact) continue;
    for (const Calculus calculus : {Calculus::ito, Calculus::stratonovich}) {
      for (const NoiseKind kind : kKinds) {
        // What may run has an order, and a simpler noise never has a lower one.
        if (!refusal(method, calculus, kind).empty()) continue;
        EXPECT_GT(strong_order(method, kind), 0) << method.name << " on " << to_string(kind);
        EXPECT_GT(weak_order(method, kind), 0) << method.name << " on " << to_string(kind);
        if (kind == NoiseKind::none || kind == NoiseKind::general) continue;
        EXPECT_GE(strong_order(method, kind), method.strong_general) << method.name;
        EXPECT_GE(weak_order(method, kind), method.weak_order) << method.name;
      }
    }
  }
}

// What users of other libraries look for.
TEST(MethodTable, HasTheMethodsOfTheField) {
  for (const char* name : {"euler-maruyama",
                           "euler-heun",
                           "milstein",
                           "heun",
                           "midpoint",
                           "ralston",
                           "reversible-heun",
                           "srk",
                           "sra1",
                           "sra3",
                           "sosra",
                           "sri1w1",
                           "sosri",
                           "shark",
                           "sea",
                           "spark",
                           "slowrk",
                           "general-shark",
                           "dri1",
                           "ri6",
                           "w2ito1",
                           "pl1wm",
                           "tamed-euler",
                           "truncated-euler",
                           "implicit-euler",
                           "theta",
                           "log-ode",
                           "exact",
                           "baoab",
                           "align",
                           "should",
                           "quicsort",
                           "euler",
                           "rk4",
                           "dopri5",
                           "tsit5",
                           "bosh3"})
    EXPECT_NO_THROW(find_method(name)) << name;
}

}  // namespace
}  // namespace sde
