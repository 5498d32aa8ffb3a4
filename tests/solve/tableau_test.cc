// The order conditions of every tableau.
#include "solve/tableau.h"

#include <gtest/gtest.h>

#include <cmath>

namespace sde {
namespace {

double at(const Row& row, std::size_t j) {
  return j < row.size() ? row[j] : 0;
}

double dot(const Row& a, const Row& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * at(b, i);
  return sum;
}

Row times(const std::vector<Row>& a, const Row& x) {
  Row result;
  for (const Row& row : a) {
    double sum = 0;
    for (std::size_t j = 0; j < row.size(); ++j) sum += row[j] * x[j];
    result.push_back(sum);
  }
  return result;
}

Row square(Row x) {
  for (double& v : x) v *= v;
  return x;
}

// --- Runge-Kutta: one condition a rooted tree (Hairer, Norsett & Wanner, theorem II.2.13) ---

struct Tree {
  std::vector<Tree> children;
  int order() const {
    int n = 1;
    for (const Tree& child : children) n += child.order();
    return n;
  }
  double gamma() const {
    double g = order();
    for (const Tree& child : children) g *= child.gamma();
    return g;
  }
  Row weights(const std::vector<Row>& a) const {
    Row result(a.size(), 1.0);
    for (const Tree& child : children) {
      const Row inner = times(a, child.weights(a));
      for (std::size_t i = 0; i < result.size(); ++i) result[i] *= inner[i];
    }
    return result;
  }
};

void forests(int nodes, const std::vector<Tree>& trees, std::size_t from, std::vector<Tree>& picked,
             std::vector<Tree>& out) {
  if (nodes == 0) {
    out.push_back({picked});
    return;
  }
  for (std::size_t i = from; i < trees.size(); ++i) {
    if (trees[i].order() > nodes) continue;
    picked.push_back(trees[i]);
    forests(nodes - trees[i].order(), trees, i, picked, out);
    picked.pop_back();
  }
}

std::vector<Tree> trees_up_to(int order) {
  std::vector<Tree> all;
  for (int n = 1; n <= order; ++n) {
    std::vector<Tree> next, picked;
    forests(n - 1, all, 0, picked, next);
    all.insert(all.end(), next.begin(), next.end());
  }
  return all;
}

TEST(Tableau, NumbersOfRootedTrees) {
  EXPECT_EQ(trees_up_to(5).size(), 1u + 1 + 2 + 4 + 9);
  EXPECT_EQ(trees_up_to(8).size(), 1u + 1 + 2 + 4 + 9 + 20 + 48 + 115);
}

void check_runge_kutta(const RungeKutta& t, int lower) {
  for (const Tree& tree : trees_up_to(t.order))
    EXPECT_NEAR(dot(t.b, tree.weights(t.a)), 1 / tree.gamma(), 1e-13);
  for (std::size_t i = 0; i < t.c.size(); ++i) EXPECT_NEAR(t.c[i], times(t.a, Row(t.c.size(), 1))[i], 1e-13);
  bool higher = true;
  for (const Tree& tree : trees_up_to(t.order + 1))
    higher = higher && std::abs(dot(t.b, tree.weights(t.a)) - 1 / tree.gamma()) < 1e-13;
  EXPECT_FALSE(higher) << "of a higher order than it says";
  // b - e is the embedded method: e vanishes on every tree up to its order.
  if (t.e.empty()) return;
  for (const Tree& tree : trees_up_to(lower)) EXPECT_NEAR(dot(t.e, tree.weights(t.a)), 0, 1e-13);
  double largest = 0;
  for (const Tree& tree : trees_up_to(lower + 1))
    largest = std::max(largest, std::abs(dot(t.e, tree.weights(t.a))));
  EXPECT_GT(largest, 1e-6);
}

// The continuous extension: sum_i b_i(theta) Phi_i(tree) = theta^n / gamma(tree) for trees of n nodes.
void check_dense(const RungeKutta& t, int order) {
  std::vector<Row> a = t.a;
  Row c = t.c;
  a.insert(a.end(), t.late_a.begin(), t.late_a.end());
  c.insert(c.end(), t.late_c.begin(), t.late_c.end());
  ASSERT_EQ(t.dense.size(), a.size());
  for (std::size_t i = 0; i < c.size(); ++i) EXPECT_NEAR(c[i], times(a, Row(c.size(), 1))[i], 1e-13);
  const auto residual = [&](const Tree& tree, double theta) {
    const Row weights = tree.weights(a);
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
      for (std::size_t j = 0; j < t.dense[i].size(); ++j)
        sum += t.dense[i][j] * std::pow(theta, static_cast<double>(j + 1)) * weights[i];
    return sum - std::pow(theta, tree.order()) / tree.gamma();
  };
  for (const double theta : {0.1, 0.37, 0.5, 0.83, 1.0}) {
    for (const Tree& tree : trees_up_to(order)) EXPECT_NEAR(residual(tree, theta), 0, 2e-13) << theta;
    // At the end it is the method.
    for (const Tree& tree : trees_up_to(t.order)) EXPECT_NEAR(residual(tree, 1), 0, 2e-13);
  }
  double largest = 0;
  for (const Tree& tree : trees_up_to(order + 1)) largest = std::max(largest, std::abs(residual(tree, 0.37)));
  EXPECT_GT(largest, 1e-9) << "of a higher order than it says";
}

TEST(Tableau, ContinuousExtensionsMeetTheirConditions) {
  check_dense(bosh3_tableau(), 3);
  check_dense(dopri5_tableau(), 4);
  check_dense(tsit5_tableau(), 4);
  check_dense(dop853_tableau(), 7);
}

TEST(Tableau, RungeKuttaMethodsMeetTheirConditions) {
  check_runge_kutta(euler_tableau(), 0);
  check_runge_kutta(rk4_tableau(), 0);
  check_runge_kutta(bosh3_tableau(), 2);
  check_runge_kutta(dopri5_tableau(), 4);
  check_runge_kutta(dop853_tableau(), 5);
  for (const Tree& tree : trees_up_to(3))
    EXPECT_NEAR(dot(dop853_tableau().e3, tree.weights(dop853_tableau().a)), 0, 1e-13);
  check_runge_kutta(tsit5_tableau(), 4);
}

// --- Roessler 2010 ---

void check_additive(const StrongAdditive& t) {
  const Row one(t.alpha.size(), 1);
  const double tolerance = 1e-11;
  EXPECT_NEAR(dot(t.alpha, one), 1, tolerance);
  EXPECT_NEAR(dot(t.beta1, one), 1, tolerance);
  EXPECT_NEAR(dot(t.beta2, one), 0, tolerance);
  EXPECT_NEAR(dot(t.alpha, times(t.b, one)), 1, tolerance);
  EXPECT_NEAR(dot(t.alpha, times(t.a, one)), 0.5, tolerance);
  EXPECT_NEAR(dot(t.alpha, square(times(t.b, one))), 1.5, tolerance);
  EXPECT_NEAR(dot(t.beta1, t.c1), 1, tolerance);
  EXPECT_NEAR(dot(t.beta2, t.c1), -1, tolerance);
  for (std::size_t i = 0; i < one.size(); ++i) EXPECT_NEAR(t.c0[i], times(t.a, one)[i], tolerance);
}

TEST(Tableau, SraMethodsMeetTheirEightConditions) {
  check_additive(sra1_tableau());
  check_additive(sra3_tableau());
  check_additive(sosra_tableau());
}

void check_ito(const StrongIto& t) {
  const Row one(t.alpha.size(), 1);
  const Row a0 = times(t.a0, one), b0 = times(t.b0, one), a1 = times(t.a1, one), b1 = times(t.b1, one);
  const Row b1b1 = times(t.b1, b1), a1b0 = times(t.a1, b0), b1squared = square(b1);
  const double tolerance = 1e-11;
  EXPECT_NEAR(dot(t.alpha, one), 1, tolerance);
  EXPECT_NEAR(dot(t.alpha, a0), 0.5, tolerance);
  EXPECT_NEAR(dot(t.alpha, b0), 1, tolerance);
  EXPECT_NEAR(dot(t.alpha, square(b0)), 1.5, tolerance);
  const Row* beta[] = {&t.beta1, &t.beta2, &t.beta3, &t.beta4};
  const double sum[] = {1, 0, 0, 0}, with_b1[] = {0, 1, 0, 0}, with_a1[] = {1, 0, -1, 0};
  const double with_squares[] = {1, 0, -1, 2}, with_b1b1[] = {0, 0, 0, 1};
  for (int i = 0; i < 4; ++i) {
    EXPECT_NEAR(dot(*beta[i], one), sum[i], tolerance) << i;
    EXPECT_NEAR(dot(*beta[i], b1), with_b1[i], tolerance) << i;
    EXPECT_NEAR(dot(*beta[i], a1), with_a1[i], tolerance) << i;
    EXPECT_NEAR(dot(*beta[i], b1squared), with_squares[i], tolerance) << i;
    EXPECT_NEAR(dot(*beta[i], b1b1), with_b1b1[i], tolerance) << i;
  }
  EXPECT_NEAR(dot(t.beta1, a1b0) / 2 + dot(t.beta3, a1b0) / 3, 0, tolerance);
  for (std::size_t i = 0; i < one.size(); ++i) {
    EXPECT_NEAR(t.c0[i], a0[i], tolerance);
    EXPECT_NEAR(t.c1[i], a1[i], tolerance);
  }
}

TEST(Tableau, SriMethodsMeetTheirTwentyFiveConditions) {
  check_ito(sri1w1_tableau());
  check_ito(sri2w1_tableau());
  check_ito(sosri_tableau());
}

TEST(Tableau, AWrongSignIsNoticed) {
  // The sign in which some published SRA3 tableaus err.
  const StrongAdditive& t = sra3_tableau();
  Row wrong = t.beta2;
  for (double& v : wrong) v = -v;
  EXPECT_NEAR(dot(wrong, t.c1), 1, 1e-15);
}

// Consistency of the Stratonovich family: sums, and the conditions for additive noise of order 3/2
// (E of the products of dW/2 + H with itself: variance h/3, with dW: h/2).
void check_stratonovich(const StrongStratonovich& t) {
  const Row one(t.b.size(), 1);
  const Row drift = times(t.a, one), w = times(t.w, one), v = times(t.v, one);
  const double tolerance = 1e-13;
  EXPECT_NEAR(dot(t.b, one), 1, tolerance);
  EXPECT_NEAR(dot(t.bw, one), 1, tolerance);
  EXPECT_NEAR(dot(t.bv, one), 0, tolerance);
  EXPECT_NEAR(dot(t.b, drift), 0.5, tolerance);
  for (std::size_t i = 0; i < one.size(); ++i) EXPECT_NEAR(t.c[i], drift[i], tolerance);
  // sum b_i (w_i dW + v_i H) = dW/2 + H.
  EXPECT_NEAR(dot(t.b, w), 0.5, tolerance);
  EXPECT_NEAR(dot(t.b, v), 1, tolerance);
  // sum b_i E (w_i dW + v_i H)^2 / h = 1/2.
  EXPECT_NEAR(dot(t.b, square(w)) + dot(t.b, square(v)) / 12, 0.5, tolerance);
  // Scalar noise, second order in dW: sum bw_i w_i = 1/2; the terms in H cancel.
  EXPECT_NEAR(dot(t.bw, w), 0.5, tolerance);
  EXPECT_NEAR(dot(t.bw, v) + dot(t.bv, w), 0, tolerance);
}

TEST(Tableau, StratonovichMethodsAreConsistent) {
  check_stratonovich(spark_tableau());
  check_stratonovich(slowrk_tableau());
  check_stratonovich(general_shark_tableau());
}

}  // namespace
}  // namespace sde
