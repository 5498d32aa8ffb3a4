#include "expr/factor.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sde::expr {
namespace {

const std::vector<std::string> kNames = {"x", "w", "a", "b"};

std::string factored_text(const std::string& text) {
  return to_string(factored(parse(text, kNames), {"x", "w"}));
}

TEST(Factored, TakesOutWhatTermsShare) {
  EXPECT_EQ(factored_text("x + a*x + b*x*w"), to_string(parse("x + x*(a + b*w)", kNames)));
  EXPECT_EQ(factored_text("a + w*x - w*b"), to_string(parse("a + w*(x - b)", kNames)));
  EXPECT_EQ(factored_text("x/a + b*x"), to_string(parse("x*(1/a + b)", kNames)));
  for (const char* stays : {"x + w", "x*w", "a*x + b*w", "x + a*w", "a + b"})
    EXPECT_EQ(factored_text(stays), to_string(parse(stays, kNames))) << stays;
}

TEST(Factored, HasTheSameValues) {
  for (const char* text : {"x + a*x + b*x*w + a*b*x*(w*w - a)", "-(x*w) - x*a + w*b - w*x/b",
                           "(x - w)*x + (x - w)*w - x/(x*w)", "x*x*w - 2*x*w*w + 3*x*w - w"})
    EXPECT_TRUE(probably_equal(parse(text, kNames), factored(parse(text, kNames), {"x", "w"}))) << text;
}

TEST(Factored, AStepOfMilsteinsMethodTakesFourOperations) {
  const Expr step = parse("x + a*(b*x) + b*x*w + (0.5*b*b*x)*(w*w - a)", kNames);
  EXPECT_EQ(compile_factored({step}, {"x", "w"}, {"a", "b"}).lane_operations(), 4u);
}

// What outputs share may be worth more than what a sum's terms share.
TEST(Factored, KeepsTheProgramWithFewerOperations) {
  const std::vector<Expr> outputs = {parse("x*w*x*w + x*w", kNames), parse("x*w", kNames),
                                     parse("sin(x*w)", kNames)};
  EXPECT_LE(compile_factored(outputs, {"x", "w"}, {}).lane_operations(),
            Program(outputs, {"x", "w"}, {}).lane_operations());
}

}  // namespace
}  // namespace sde::expr
