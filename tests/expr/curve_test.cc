#include "expr/curve.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/aligned.h"
#include "expr/program.h"

namespace sde::expr {
namespace {

const Curve& linear() {
  static const Curve curve("u", Curve::Kind::linear, {0, 1, 3, 3.5}, {1, 2, -2, 0});
  return curve;
}

TEST(Curve, Linear) {
  const std::pair<double, double> values[] = {{0, 1},  {0.25, 1.25}, {1, 2},  {2, 0},
                                              {3, -2}, {3.25, -1},   {3.5, 0}};
  for (const auto& [x, y] : values) EXPECT_DOUBLE_EQ(linear().at(x), y) << x;
  EXPECT_EQ(linear().at(-5), 1);
  EXPECT_EQ(linear().at(9), 0);
  EXPECT_TRUE(std::isnan(linear().at(NAN)));
}

TEST(Curve, PreviousChangesAtItsTimes) {
  const Curve curve("u", Curve::Kind::previous, {0, 0.1, 0.2, 0.3}, {1, 2, 3, 4});
  EXPECT_EQ(curve.at(0), 1);
  EXPECT_EQ(curve.at(0.0999), 1);
  EXPECT_EQ(curve.at(0.1), 2);
  // Times that were summed up are an ulp beside those of the file.
  EXPECT_EQ(curve.at(std::nextafter(0.3, 0)), 4);
  EXPECT_EQ(curve.at(0.7 - 0.4), 4);
  EXPECT_EQ(curve.at(9), 4);
  EXPECT_EQ(curve.at(-1), 1);
}

TEST(Curve, Derivatives) {
  const Expr t = Expr::symbol("t"), x = Expr::symbol("x");
  const Expr u = lookup(linear(), t);
  EXPECT_TRUE(differentiate(u * x, "y").is_zero());
  EXPECT_TRUE(structurally_equal(differentiate(u * x, "x"), u));
  const Expr slope = differentiate(lookup(linear(), 2 * t), "t");
  const std::pair<double, double> slopes[] = {{-1, 0}, {0.2, 2}, {1, -4}, {1.6, 8}, {2, 0}};
  for (const auto& [at, value] : slopes) EXPECT_DOUBLE_EQ(evaluate(slope, {{"t", at}}), value) << at;
  const Curve steps("s", Curve::Kind::previous, {0, 1}, {1, 2});
  EXPECT_TRUE(differentiate(lookup(steps, t), "t").is_zero());
}

TEST(Curve, PrintsByItsName) {
  const Expr t = Expr::symbol("t");
  EXPECT_EQ(to_string(2 * lookup(linear(), t)), "2*u");
  EXPECT_EQ(to_string(lookup(linear(), t + 1)), "u(t + 1)");
}

TEST(Curve, EqualOnesAreOne) {
  const Expr t = Expr::symbol("t");
  const Curve copy = linear();
  EXPECT_TRUE(structurally_equal(lookup(linear(), t), lookup(copy, t)));
  EXPECT_FALSE(structurally_equal(lookup(linear(), t), lookup(linear().derivative(), t)));
}

TEST(Curve, RunsInPrograms) {
  const Expr t = Expr::symbol("t"), x = Expr::symbol("x");
  const Expr e = x * lookup(linear(), t + 0.5);
  constexpr std::size_t kLanes = 64;
  AlignedVector<double> xs(kLanes), ts(kLanes), out(kLanes);
  for (std::size_t i = 0; i < kLanes; ++i)
    xs[i] = 1.0 + static_cast<double>(i), ts[i] = -1 + 0.1 * static_cast<double>(i);
  Workspace workspace;
  const Program per_lane({e}, {"x", "t"}, {});
  const double* inputs[] = {xs.data(), ts.data()};
  double* outputs[] = {out.data()};
  per_lane.run(inputs, {}, outputs, kLanes, workspace);
  for (std::size_t i = 0; i < kLanes; ++i) EXPECT_DOUBLE_EQ(out[i], xs[i] * linear().at(ts[i] + 0.5)) << i;
  const Program common({e}, {"x"}, {"t"});
  const double time = 1.7;
  common.run(inputs, {&time, 1}, outputs, kLanes, workspace);
  for (std::size_t i = 0; i < kLanes; ++i) EXPECT_DOUBLE_EQ(out[i], xs[i] * linear().at(2.2)) << i;

  AlignedVector<float> xf(kLanes, 2.0f), tf(kLanes, 0.25f), of(kLanes);
  const float* f32_inputs[] = {xf.data(), tf.data()};
  float* f32_outputs[] = {of.data()};
  per_lane.run(f32_inputs, {}, f32_outputs, kLanes, workspace);
  EXPECT_FLOAT_EQ(of[7], 3.5f);
}

}  // namespace
}  // namespace sde::expr
