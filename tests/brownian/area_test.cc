#include "brownian/area.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "base/error.h"
#include "brownian/grid.h"

namespace sde {
namespace {

constexpr double kPi = std::numbers::pi;
constexpr AreaLaw kLaws[] = {AreaLaw::davie, AreaLaw::foster, AreaLaw::wiktorsson, AreaLaw::mrongowius};
constexpr AreaLaw kSeries[] = {AreaLaw::wiktorsson, AreaLaw::mrongowius};

// W, H and A of steps of length h, [row][sample].
struct Sample {
  StateBlock<double> dW, H, area;
  std::size_t n;
};

Sample draw(AreaLaw law, std::size_t noises, double h, std::size_t n, std::uint64_t seed = 5) {
  Sample s{StateBlock<double>(noises, n), StateBlock<double>(noises, n),
           StateBlock<double>(AreaSource::pairs(noises), n), n};
  const BrownianGrid grid({.seed = seed, .noises = noises, .step = h, .space_time = true});
  GridReader reader(grid, 0, n);
  copy<double>(reader.increments(3), s.dW.view());
  copy<double>(reader.areas(3), s.H.view());
  AreaSource(seed, noises, law, h).fill(0, 3, h, s.dW, s.H, s.area);
  return s;
}

// E f(sample), in standard errors from `want`.
template <class F>
double z_score(const Sample& s, double want, const F& f) {
  double sum = 0, squares = 0;
  for (std::size_t i = 0; i < s.n; ++i) {
    const double value = f(i);
    sum += value;
    squares += value * value;
  }
  const double n = static_cast<double>(s.n), mean = sum / n;
  return (mean - want) / std::sqrt((squares / n - mean * mean) / n);
}

constexpr std::size_t kSamples = 1 << 17;

// Of the iterated integrals J_jk = (W_j W_k - [j = k] h)/2 + A_jk: E J_jk^2 = h^2/2, and the moments of A.
TEST(Area, MomentsOfOrderTwo) {
  const double h = 0.3;
  for (AreaLaw law : kLaws) {
    const Sample s = draw(law, 3, h, kSamples);
    for (std::size_t pair = 0; pair < 3; ++pair) {
      const std::size_t j = pair == 2 ? 1 : 0, k = pair == 0 ? 1 : 2;
      const double *a = s.area.row(pair), *wj = s.dW.row(j), *wk = s.dW.row(k), *hj = s.H.row(j);
      EXPECT_LT(std::abs(z_score(s, 0, [&](std::size_t i) { return a[i]; })), 4);
      EXPECT_LT(std::abs(z_score(s, h * h / 4, [&](std::size_t i) { return a[i] * a[i]; })), 4);
      for (const double sign : {1.0, -1.0})
        EXPECT_LT(
            std::abs(z_score(s, h * h / 2,
                             [&](std::size_t i) { return std::pow(wj[i] * wk[i] / 2 + sign * a[i], 2); })),
            4);
      EXPECT_LT(std::abs(z_score(s, 0, [&](std::size_t i) { return a[i] * wj[i] * wk[i]; })), 4);
      // E[A^2 | W] = h^2/12 + h |W|^2 / 12
      EXPECT_LT(std::abs(z_score(s, h * h * h / 12 + 4 * h * h * h / 12,
                                 [&](std::size_t i) { return a[i] * a[i] * wj[i] * wj[i]; })),
                4);
      // Given H, the mean is H_j W_k - W_j H_k; Wiktorsson knows no H.
      if (law != AreaLaw::wiktorsson) {
        EXPECT_LT(std::abs(z_score(s, h * h / 12, [&](std::size_t i) { return a[i] * hj[i] * wk[i]; })), 4);
      }
    }
    // Different pairs: uncorrelated, with correlated squares.
    EXPECT_LT(std::abs(z_score(s, 0, [&](std::size_t i) { return s.area.row(0)[i] * s.area.row(2)[i]; })), 4);
  }
}

// E exp(i z A) = 1/cosh(z h/2) (Levy 1951): the density is sech(pi a/h)/h. The short laws miss it, the series
// do not.
double kolmogorov(const Sample& s, double h) {
  std::vector<double> values(s.area.row(0), s.area.row(0) + s.n);
  std::sort(values.begin(), values.end());
  double d = 0;
  const double n = static_cast<double>(s.n);
  for (std::size_t i = 0; i < s.n; ++i) {
    const double f = 2 / kPi * std::atan(std::exp(kPi * values[i] / h));
    d = std::max({d, f - static_cast<double>(i) / n, (static_cast<double>(i) + 1) / n - f});
  }
  return std::sqrt(n) * d;
}

TEST(Area, LawIsLevys) {
  for (AreaLaw law : kSeries)
    for (const double h : {0.5, 0.01}) EXPECT_LT(kolmogorov(draw(law, 2, h, kSamples), h), 1.95);
  EXPECT_GT(kolmogorov(draw(AreaLaw::davie, 2, 0.5, kSamples), 0.5), 1.95);
}

TEST(Area, MomentsOfOrderFour) {
  const double h = 0.05;
  for (AreaLaw law : kSeries) {
    const Sample s = draw(law, 2, h, kSamples);
    EXPECT_LT(std::abs(z_score(s, 5 * std::pow(h, 4) / 16,
                               [&](std::size_t i) { return std::pow(s.area.row(0)[i], 4); })),
              4);
  }
}

// Against Riemann sums of a fine path: A given W and H has the same law, seen by moments of the three.
TEST(Area, JointLawIsThatOfAFinePath) {
  const double h = 1;
  const std::size_t n = 1 << 14, steps = 512;
  const BrownianGrid grid({.seed = 9, .noises = 2, .step = h / steps});
  GridReader reader(grid, 0, n);
  std::vector<double> w1(n), w2(n), h1(n), h2(n), area(n);
  for (std::size_t step = 0; step < steps; ++step) {
    const ConstBlock dw = reader.increments(step);
    for (std::size_t i = 0; i < n; ++i) {
      const double d1 = dw.row(0)[i], d2 = dw.row(1)[i];
      area[i] += 0.5 * (w1[i] * d2 - w2[i] * d1);
      h1[i] += (w1[i] + d1 / 2) / steps;
      h2[i] += (w2[i] + d2 / 2) / steps;
      w1[i] += d1;
      w2[i] += d2;
    }
  }
  const auto features = [](double w1_, double w2_, double h1_, double h2_, double a) {
    const double known = h1_ * w2_ - w1_ * h2_, rest = a - known;
    return std::array<double, 6>{rest * rest,       rest * rest * h1_ * h1_, rest * rest * w1_ * w1_,
                                 std::pow(rest, 4), a * a * h2_ * h2_,       std::abs(a)};
  };
  const Sample s = draw(AreaLaw::mrongowius, 2, h, 1 << 16);
  std::array<double, 6> sum{}, square{}, fine_sum{}, fine_square{};
  for (std::size_t i = 0; i < s.n; ++i) {
    const auto f = features(s.dW.row(0)[i], s.dW.row(1)[i], s.H.row(0)[i], s.H.row(1)[i], s.area.row(0)[i]);
    for (std::size_t q = 0; q < 6; ++q) sum[q] += f[q], square[q] += f[q] * f[q];
  }
  for (std::size_t i = 0; i < n; ++i) {
    const auto f = features(w1[i], w2[i], h1[i] - w1[i] / 2, h2[i] - w2[i] / 2, area[i]);
    for (std::size_t q = 0; q < 6; ++q) fine_sum[q] += f[q], fine_square[q] += f[q] * f[q];
  }
  for (std::size_t q = 0; q < 6; ++q) {
    const double a = sum[q] / static_cast<double>(s.n), b = fine_sum[q] / static_cast<double>(n);
    const double error =
        std::sqrt((square[q] / static_cast<double>(s.n) - a * a) / static_cast<double>(s.n) +
                  (fine_square[q] / static_cast<double>(n) - b * b) / static_cast<double>(n));
    EXPECT_LT(std::abs(a - b), 4 * error + 0.004 * b) << q;
  }
}

// The error allowed is that of strong order 1: terms grow as h^{-1/2}.
TEST(Area, TermsFollowTheStep) {
  for (std::size_t m : {2u, 5u})
    for (const double h : {1e-2, 1e-4, 1e-6}) {
      const double size = std::sqrt(static_cast<double>(m)) * h / (kPi * 0.5 * std::pow(h, 1.5));
      EXPECT_EQ(AreaSource(0, m, AreaLaw::mrongowius, h).terms(), std::ceil(size * std::sqrt(1.0 / 12)));
      EXPECT_EQ(AreaSource(0, m, AreaLaw::wiktorsson, h).terms(), std::ceil(size * std::sqrt(5.0 / 12)));
      EXPECT_EQ(AreaSource(0, m, AreaLaw::foster, h).terms(), 0u);
    }
  EXPECT_THROW(AreaSource(0, 2, AreaLaw::wiktorsson, 1e-9), Error);
}

TEST(Area, IsAFunctionOfItsAddress) {
  for (AreaLaw law : kLaws) {
    const Sample all = draw(law, 3, 0.01, 256);
    StateBlock<double> part(3, 64), w(3, 64), h(3, 64);
    for (std::size_t r = 0; r < 3; ++r) {
      std::copy_n(all.dW.row(r) + 128, 64, w.row(r));
      std::copy_n(all.H.row(r) + 128, 64, h.row(r));
    }
    AreaSource(5, 3, law, 0.01).fill(128, 3, 0.01, w, h, part);
    for (std::size_t r = 0; r < 3; ++r)
      for (std::size_t i = 0; i < 64; ++i) EXPECT_EQ(part.row(r)[i], all.area.row(r)[128 + i]);
  }
}

}  // namespace
}  // namespace sde
