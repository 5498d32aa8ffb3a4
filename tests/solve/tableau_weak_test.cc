// The order conditions of the methods of weak order 2.
#include "solve/tableau_weak.h"

#include <gtest/gtest.h>

#include <cmath>

namespace sde {
namespace {

// Vectors over the stages, with the products that conditions are made of.
struct V {
  std::vector<double> v;
};
V operator*(const V& a, const V& b) {
  V r = a;
  for (std::size_t i = 0; i < r.v.size(); ++i) r.v[i] *= b.v[i];
  return r;
}
struct M {
  std::vector<Row> rows;
};
V operator*(const M& m, const V& x) {
  V r;
  for (const Row& row : m.rows) {
    double sum = 0;
    for (std::size_t j = 0; j < row.size(); ++j) sum += row[j] * x.v[j];
    r.v.push_back(sum);
  }
  return r;
}
double dot(const Row& a, const V& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b.v[i];
  return sum;
}
V square(const V& x) {
  return x * x;
}

struct Condition {
  double value, target;
};

void expect_all(const std::vector<Condition>& conditions, std::size_t count, const char* name) {
  ASSERT_EQ(conditions.size(), count);
  for (std::size_t i = 0; i < conditions.size(); ++i)
    EXPECT_NEAR(conditions[i].value, conditions[i].target, 1e-12) << name << ", condition " << i + 1;
}

// Debrabant & Roessler (2009), theorem 2.1: 1-9 for weak order 1, 1-59 for weak order 2.
std::vector<Condition> ito_conditions(const WeakIto& t) {
  const V e{Row(t.alpha.size(), 1)};
  const M a0{t.a0}, a1{t.a1}, a2{t.a2}, b0{t.b0}, b1{t.b1}, b2{t.b2};
  const Row &alpha = t.alpha, &w1 = t.beta1, &w2 = t.beta2, &w3 = t.beta3, &w4 = t.beta4;
  const V A0 = a0 * e, A1 = a1 * e, A2 = a2 * e, B0 = b0 * e, B1 = b1 * e, B2 = b2 * e;
  const double sum1 = dot(w1, e);
  return {{dot(alpha, e), 1},
          {dot(w4, e), 0},
          {dot(w3, e), 0},
          {sum1 * sum1, 1},
          {dot(w2, e), 0},
          {dot(w1, B1), 0},
          {dot(w4, A2), 0},
          {dot(w3, B2), 0},
          {dot(w4, square(B2)), 0},
          // Weak order 2.
          {dot(alpha, A0), 0.5},
          {dot(alpha, square(B0)), 0.5},
          {sum1 * dot(alpha, B0), 0.5},
          {sum1 * dot(w1, A1), 0.5},
          {dot(w3, A2), 0},
          {dot(w2, B1), 1},
          {dot(w4, B2), 1},
          {sum1 * dot(w1, square(B1)), 0.5},
          {sum1 * dot(w3, square(B2)), 0.5},
          {dot(w1, b1 * B1), 0},
          {dot(w3, b2 * B1), 0},
          {dot(w3, b2 * (b1 * B1)), 0},
          {dot(w1, a1 * B0), 0},
          {dot(w3, a2 * B0), 0},
          {dot(w4, square(A2)), 0},
          {dot(w4, a2 * A0), 0},
          {dot(alpha, b0 * B1), 0},
          {dot(w2, A1), 0},
          {dot(w1, A1 * B1), 0},
          {dot(w3, A2 * B2), 0},
          {dot(w4, a2 * B0), 0},
          {dot(w2, a1 * B0), 0},
          {dot(w4, square(B2) * A2), 0},
          {dot(w4, a2 * square(B0)), 0},
          {dot(w2, a1 * square(B0)), 0},
          {dot(w1, b1 * A1), 0},
          {dot(w3, b2 * A1), 0},
          {dot(w2, square(B1)), 0},
          {dot(w4, b2 * B1), 0},
          {dot(w2, b1 * B1), 0},
          {dot(w1, B1 * square(B1)), 0},
          {dot(w3, B2 * square(B2)), 0},
          {dot(w1, b1 * square(B1)), 0},
          {dot(w3, b2 * square(B1)), 0},
          {dot(w4, square(square(B2))), 0},
          {dot(w4, square(b2 * B1)), 0},
          {dot(w4, B2 * (b2 * B1)), 0},
          {dot(alpha, B0 * (b0 * B1)), 0},
          {dot(w1, (a1 * B0) * B1), 0},
          {dot(w3, (a2 * B0) * B2), 0},
          {dot(w1, a1 * (b0 * B1)), 0},
          {dot(w3, a2 * (b0 * B1)), 0},
          {dot(w4, (b2 * A1) * B2), 0},
          {dot(w1, b1 * (a1 * B0)), 0},
          {dot(w3, b2 * (a1 * B0)), 0},
          {dot(w1, B1 * (b1 * B1)), 0},
          {dot(w3, B2 * (b2 * B1)), 0},
          {dot(w1, b1 * (b1 * B1)), 0},
          {dot(w4, B2 * (b2 * square(B1))), 0},
          {dot(w4, B2 * (b2 * (b1 * B1))), 0}};
}

// Roessler (2006), theorem 5.1: 1-6 for weak order 1, 1-55 for weak order 2.
std::vector<Condition> stratonovich_conditions(const WeakStratonovich& t) {
  const V e{Row(t.alpha.size(), 1)};
  const M a0{t.a0}, a1{t.a1}, a2{t.a2}, b0{t.b0}, b1{t.b1}, b2{t.b2}, b3{t.b3};
  const Row &alpha = t.alpha, &w1 = t.beta1, &w2 = t.beta2;
  const V A0 = a0 * e, A1 = a1 * e, A2 = a2 * e, B0 = b0 * e, B1 = b1 * e, B2 = b2 * e, B3 = b3 * e;
  const double sum1 = dot(w1, e);
  return {{dot(alpha, e), 1},
          {sum1 * sum1, 1},
          {dot(w2, e), 0},
          {dot(w1, B1), 0.5},
          {dot(w2, A2), 0},
          {dot(w2, square(B2)), 0},
          // Weak order 2.
          {dot(alpha, A0), 0.5},
          {dot(alpha, b0 * B1), 0.25},
          {dot(alpha, square(B0)), 0.5},
          {sum1 * dot(alpha, B0), 0.5},
          {sum1 * dot(w1, A1), 0.5},
          {dot(w1, b1 * A1), 0.25},
          {dot(w1, B1 * A1), 0.25},
          {dot(w1, B3), 0.5},
          {sum1 * dot(w1, square(B1)), 1.0 / 3},
          {sum1 * dot(w1, square(B3)), 0.5},
          {dot(w1, b3 * B3), 0},
          {dot(w2, B2) * dot(w2, B2), 0.25},
          {dot(w1, B1 * square(B1)), 0.25},
          {dot(w1, b1 * square(B1)), 1.0 / 12},
          {dot(w1, b1 * square(B3)), 0.25},
          {dot(w1, a1 * B0), 0},
          {dot(w2, square(A2)), 0},
          {dot(w2, a2 * A0), 0},
          {dot(w1, b1 * (b1 * B1)), 1.0 / 24},
          {dot(w2, a2 * B0), 0},
          {dot(w2, a2 * square(B0)), 0},
          {dot(w2, square(square(B2))), 0},
          {dot(w2, square(b2 * B1)), 0},
          {dot(w2, square(b2 * B3)), 0},
          {dot(w1, B1 * square(B3)), 0.25},
          {dot(w2, A2 * square(B2)), 0},
          {dot(w1, b1 * (b3 * B1)), 0.125},
          {dot(w1, b3 * (b3 * B3)), 0},
          {dot(w1, b3 * (b1 * B3)), 0},
          {dot(w2, a2 * (b0 * B1)), 0},
          {sum1 * dot(w1, B3 * B1), 0.25},
          {sum1 * dot(w1, b1 * B1), 1.0 / 6},
          {sum1 * dot(w1, b3 * B1), 0.25},
          {sum1 * dot(w1, b1 * B3), 0.25},
          {dot(w1, B1 * (b1 * B1)), 0.125},
          {dot(w1, B1 * (b3 * B1)), 0.125},
          {dot(w1, B3 * (b1 * B3)), 0.25},
          {dot(w1, B3 * (b3 * B3)), 0},
          {dot(w1, b3 * (B3 * B1)), 0},
          {dot(w2, (b2 * A1) * B2), 0},
          {dot(w2, B2 * (b2 * B1)), 0},
          {dot(w2, B2 * (b2 * B3)), 0},
          {dot(w2, B2 * (b2 * square(B1))), 0},
          {dot(w2, B2 * (b2 * square(B3))), 0},
          {dot(w2, B2 * (b2 * (B1 * B3))), 0},
          {dot(w2, B2 * (b2 * (b1 * B1))), 0},
          {dot(w2, B2 * (b2 * (b3 * B1))), 0},
          {dot(w2, B2 * (b2 * (b3 * B3))), 0},
          {dot(w2, B2 * (b2 * (b1 * B3))), 0}};
}

TEST(WeakTableau, ItoMethodsMeetTheirFiftyNineConditions) {
  expect_all(ito_conditions(dri1_tableau()), 59, "dri1");
  expect_all(ito_conditions(ri6_tableau()), 59, "ri6");
}

TEST(WeakTableau, StratonovichMethodsMeetTheirFiftyFiveConditions) {
  expect_all(stratonovich_conditions(rs1_tableau()), 55, "rs1");
  expect_all(stratonovich_conditions(rs2_tableau()), 55, "rs2");
}

TEST(WeakTableau, AChangedCoefficientIsNoticed) {
  WeakIto t = dri1_tableau();
  t.b2[2][1] *= 1.01;
  int broken = 0;
  for (const Condition& c : ito_conditions(t)) broken += std::abs(c.value - c.target) > 1e-6;
  EXPECT_GT(broken, 0);
}

TEST(WeakTableau, NodesAreTheRowSums) {
  for (const WeakIto* t : {&dri1_tableau(), &ri6_tableau()}) {
    const V e{Row(t->alpha.size(), 1)};
    for (std::size_t i = 0; i < e.v.size(); ++i) {
      EXPECT_NEAR(t->c0[i], (M{t->a0} * e).v[i], 1e-14);
      EXPECT_NEAR(t->c1[i], (M{t->a1} * e).v[i], 1e-14);
      EXPECT_NEAR(t->c2[i], (M{t->a2} * e).v[i], 1e-14);
    }
  }
  for (const WeakStratonovich* t : {&rs1_tableau(), &rs2_tableau()}) {
    const V e{Row(t->alpha.size(), 1)};
    for (std::size_t i = 0; i < e.v.size(); ++i) {
      EXPECT_NEAR(t->c0[i], (M{t->a0} * e).v[i], 1e-14);
      EXPECT_NEAR(t->c1[i], (M{t->a1} * e).v[i], 1e-14);
      EXPECT_NEAR(t->c2[i], (M{t->a2} * e).v[i], 1e-14);
    }
  }
}

// Without noise, by the classical conditions: order 3 for dri1, w2ito1 and rs2, 2 for ri6 and rs1.
TEST(WeakTableau, OrdersWithoutNoise) {
  const auto third = [](const Row& alpha, const std::vector<Row>& a, const Row& c) {
    const V nodes{c};
    return std::abs(dot(alpha, square(nodes)) - 1.0 / 3) < 1e-12 &&
           std::abs(dot(alpha, M{a} * nodes) - 1.0 / 6) < 1e-12;
  };
  EXPECT_TRUE(third(dri1_tableau().alpha, dri1_tableau().a0, dri1_tableau().c0));
  EXPECT_TRUE(third(w2ito1_drift().alpha, w2ito1_drift().a, w2ito1_drift().c));
  EXPECT_FALSE(third(ri6_tableau().alpha, ri6_tableau().a0, ri6_tableau().c0));
  EXPECT_FALSE(third(rs1_tableau().alpha, rs1_tableau().a0, rs1_tableau().c0));
  EXPECT_TRUE(third(rs2_tableau().alpha, rs2_tableau().a0, rs2_tableau().c0));
}

}  // namespace
}  // namespace sde
