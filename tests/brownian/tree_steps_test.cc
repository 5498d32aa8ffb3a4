// Steps along a tree: their law against the exact Gaussian one, areas, and what runs share.
#include "brownian/tree_steps.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "brownian/grid.h"

namespace sde {
namespace {

constexpr std::uint64_t kTicks = BrownianTree::kTicks;
constexpr BrownianNeeds kAll = {.space_time = true, .space_time_time = true};

std::uint64_t tick(double fraction) {
  return static_cast<std::uint64_t>(std::ldexp(fraction, 62));
}

std::vector<double> copied(ConstBlock block, std::size_t c = 0) {
  return {block.row(c), block.row(c) + block.lanes};
}

// W, H or K of [from, to] is the integral of this kernel against dW.
struct Functional {
  double from, to;
  int order;
  double kernel(double t) const {
    if (t < from || t > to) return 0;
    const double u = (t - from) / (to - from);
    return order == 0 ? 1 : order == 1 ? 0.5 - u : 0.5 * (u * u - u) + 1.0 / 12;
  }
};

// The integral of the product, by Simpson's rule between the kernels' ends, where it is of degree 4 at most:
// exact by Richardson's step from n to 2n panels.
double covariance(const Functional& f, const Functional& g) {
  const double a = std::max(f.from, g.from), b = std::min(f.to, g.to);
  if (!(b > a)) return 0;
  const auto simpson = [&](int n) {
    double sum = 0;
    const double h = (b - a) / n, eps = 1e-12 * (b - a);
    for (int i = 0; i <= 2 * n; ++i) {
      const double t = std::clamp(a + 0.5 * i * h, a + eps, b - eps);
      sum += (i == 0 || i == 2 * n ? 1 : i % 2 == 1 ? 4 : 2) * f.kernel(t) * g.kernel(t);
    }
    return sum * h / 6;
  };
  return (16 * simpson(2) - simpson(1)) / 15;
}

TEST(TreeSteps, HaveTheJointLawOfWAndHAndK) {
  constexpr std::size_t kLanes = 40000;
  const double span = 2.5;
  const BrownianTree tree(5, 1, span, true);
  TreeSteps steps(tree, 5, kAll, AreaLaw::foster, span, kLanes);
  steps.start(0);
  const std::vector<std::array<double, 2>> intervals = {
      {0, 1}, {0, 0.5}, {0.5, 1}, {0.25, 0.5}, {0.25, 0.75}, {0.3, 0.7}, {0.7, 0.71}, {0.125, 0.1875}};
  std::vector<Functional> functionals;
  std::vector<std::vector<double>> samples;
  for (const auto& [from, to] : intervals) {
    const PathPiece& piece = steps.serve(tick(from), tick(to));
    for (int order = 0; order < 3; ++order) {
      functionals.push_back({span * from, span * to, order});
      samples.push_back(copied(order == 0 ? piece.dW : order == 1 ? piece.H : piece.K));
    }
  }
  for (std::size_t i = 0; i < functionals.size(); ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      double product = 0;
      for (std::size_t k = 0; k < kLanes; ++k) product += samples[i][k] * samples[j][k] / kLanes;
      const double expected = covariance(functionals[i], functionals[j]);
      const double size =
          covariance(functionals[i], functionals[i]) * covariance(functionals[j], functionals[j]);
      EXPECT_NEAR(product, expected, 4.8 * std::sqrt((size + expected * expected) / kLanes)) << i << ' ' << j;
    }
  // The variances themselves, as they are published.
  EXPECT_NEAR(covariance({0, 2, 1}, {0, 2, 1}), 2.0 / 12, 1e-12);
  EXPECT_NEAR(covariance({0, 2, 2}, {0, 2, 2}), 2.0 / 720, 1e-12);
}

// H and K against the integrals of the very path, by the trapezoidal rule.
TEST(TreeSteps, AreasAreIntegralsOfThePath) {
  constexpr std::size_t kLanes = 64;
  constexpr int kPoints = 2048;
  const BrownianTree tree(6, 1, 1, true);
  TreeSteps steps(tree, 6, kAll, AreaLaw::foster, 1, kLanes);
  steps.start(0);
  const double from = 0.3, to = 0.9, length = to - from;
  const auto at = [&](int k) { return tick(from + length * k / kPoints); };
  const PathPiece& whole = steps.serve(at(0), at(kPoints));
  const std::vector<double> dW = copied(whole.dW), H = copied(whole.H), K = copied(whole.K);
  std::vector<double> W(kLanes), h(kLanes), k(kLanes);
  for (int i = 1; i < kPoints; ++i) {
    const PathPiece& piece = steps.serve(at(i - 1), at(i));
    const double u = static_cast<double>(i) / kPoints;
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      W[lane] += piece.dW.row(0)[lane];
      const double bridge = W[lane] - u * dW[lane];
      h[lane] += bridge / kPoints;
      k[lane] += bridge * (0.5 - u) / kPoints;
    }
  }
  const double miss = std::sqrt(length / 12) / kPoints;  // standard deviation of the sum of small areas
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    EXPECT_NEAR(h[lane], H[lane], 5 * miss);
    EXPECT_NEAR(k[lane], K[lane], 5 * miss / std::sqrt(12.0));
  }
}

// Asked again, after others, in another block: the same bits.
TEST(TreeSteps, AreAFunctionOfTheirEnds) {
  const BrownianTree tree(7, 2, 1, true);
  const BrownianNeeds needs = {.space_time = true, .levy_area = true, .space_time_time = true};
  const std::vector<std::array<double, 2>> asked = {{0, 0.1},   {0.1, 0.2}, {0.25, 0.5}, {0, 1},
                                                    {0.2, 0.9}, {0, 0.1},   {0.1, 0.2},  {0.25, 0.5}};
  std::map<std::array<double, 2>, std::vector<double>> seen;
  for (const std::size_t lanes : {64u, 16u}) {
    TreeSteps steps(tree, 7, needs, AreaLaw::foster, 1.0 / 16, lanes);
    for (std::uint64_t first = 0; first < 64; first += lanes) {
      steps.start(first);
      for (const auto& ends : asked) {
        const PathPiece& piece = steps.serve(tick(ends[0]), tick(ends[1]));
        for (std::size_t lane = 0; lane < lanes; ++lane) {
          std::vector<double> values;
          for (std::size_t c = 0; c < 2; ++c)
            for (const ConstBlock& block : {piece.dW, piece.H, piece.K}) values.push_back(block.row(c)[lane]);
          values.push_back(piece.area.row(0)[lane]);
          const std::array<double, 2> key = {ends[0] + 10 * static_cast<double>(first + lane), ends[1]};
          const auto [place, fresh] = seen.try_emplace(key, values);
          ASSERT_EQ(place->second, values);
        }
      }
    }
  }
}

// Where two grids of steps have the same ends and pieces, so have they areas: those of a step are the sum, by
// Chen's relation, of those of its parts.
TEST(TreeSteps, LevyAreasBelongToThePath) {
  constexpr std::size_t kLanes = 64;
  const BrownianTree tree(8, 3, 1);
  const BrownianNeeds needs = {.levy_area = true};
  for (const AreaLaw law : {AreaLaw::davie, AreaLaw::foster, AreaLaw::mrongowius}) {
    TreeSteps coarse(tree, 8, needs, law, 1.0 / 32, kLanes), fine(tree, 8, needs, law, 1.0 / 32, kLanes);
    coarse.start(0);
    fine.start(0);
    for (int i = 0; i < 4; ++i) {
      PathSum sum(3, needs, kLanes);
      sum.clear();
      for (int j = 0; j < 8; ++j)
        sum.add(fine.serve(kTicks / 32 * (8 * i + j), kTicks / 32 * (8 * i + j + 1)));
      const PathPiece total = sum.total(), step = coarse.serve(kTicks / 4 * i, kTicks / 4 * (i + 1));
      for (std::size_t pair = 0; pair < 3; ++pair)
        for (std::size_t lane = 0; lane < kLanes; ++lane)
          ASSERT_NEAR(step.area.row(pair)[lane], total.area.row(pair)[lane], 1e-14);
    }
  }
}

// E A = 0 and Var A = h^2/4 for steps of one part, of several, and with finer areas; A is not correlated with
// what the products of the increments are.
TEST(TreeSteps, LevyAreasHaveTheirMoments) {
  constexpr std::size_t kLanes = 40000;
  const BrownianTree tree(9, 2, 1);
  for (const double area_length : {1.0, 1.0 / 64}) {
    TreeSteps steps(tree, 9, {.levy_area = true}, AreaLaw::foster, area_length, kLanes);
    steps.start(0);
    for (const auto& [from, to] : std::vector<std::array<double, 2>>{{0.5, 0.75}, {0.3, 0.7}}) {
      const PathPiece& piece = steps.serve(tick(from), tick(to));
      const double h = to - from;
      double mean = 0, square = 0, cross = 0;
      for (std::size_t i = 0; i < kLanes; ++i) {
        const double a = piece.area.row(0)[i];
        mean += a / kLanes;
        square += a * a / kLanes;
        cross += a * piece.dW.row(0)[i] * piece.dW.row(1)[i] / kLanes;
      }
      const double root = std::sqrt(static_cast<double>(kLanes));
      EXPECT_NEAR(mean, 0, 4.5 * h / 2 / root);
      EXPECT_NEAR(square, h * h / 4, 4.5 * 0.6 * h * h / root);  // E A^4 = 5 h^4 / 16
      EXPECT_NEAR(cross, 0, 4.5 * h * h / root);
    }
  }
}

// The K of a grid has its variance and is independent of dW and H.
TEST(BrownianGrid, HasK) {
  constexpr std::size_t kLanes = 40000;
  const BrownianGrid grid({.seed = 4, .step = 0.3, .space_time = true, .space_time_time = true});
  GridReader reader(grid, 0, kLanes);
  const std::vector<double> dW = copied(reader.increments(5)), H = copied(reader.areas(5)),
                            K = copied(reader.thirds(5));
  double kk = 0, kh = 0, kw = 0;
  for (std::size_t i = 0; i < kLanes; ++i) {
    kk += K[i] * K[i] / kLanes;
    kh += K[i] * H[i] / kLanes;
    kw += K[i] * dW[i] / kLanes;
  }
  const double variance = 0.3 / 720, root = std::sqrt(static_cast<double>(kLanes));
  EXPECT_NEAR(kk, variance, 4.5 * variance * std::sqrt(2.0) / root);
  EXPECT_NEAR(kh, 0, 4.5 * std::sqrt(variance * 0.3 / 12) / root);
  EXPECT_NEAR(kw, 0, 4.5 * std::sqrt(variance * 0.3) / root);
}

}  // namespace
}  // namespace sde
