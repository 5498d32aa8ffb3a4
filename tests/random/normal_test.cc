// The law of the normals: against Box-Muller in long double, in the tails, in moments, and across streams.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <numbers>
#include <random>
#include <vector>

#include "base/aligned.h"
#include "random/box_muller.h"
#include "random/stream.h"

namespace sde {
namespace {

using Words = std::array<std::uint32_t, 4>;

Words words_of(std::uint64_t radius, std::uint64_t angle) {
  return {static_cast<std::uint32_t>(radius >> 32), static_cast<std::uint32_t>(radius),
          static_cast<std::uint32_t>(angle >> 32), static_cast<std::uint32_t>(angle)};
}

// What box_muller.h promises, in long double.
std::array<long double, 2> exact_box_muller(std::uint64_t radius, std::uint64_t angle) {
  const long double u = static_cast<long double>(radius | 1) * 0x1p-64L;
  const long double r = std::sqrt(-2 * std::log(u));
  const long double f = static_cast<long double>(angle & 0x3fffffffffffffff) * 0x1p-62L - 0.5L;
  const long double half_pi = std::numbers::pi_v<long double> / 2;
  const long double a = r * std::sin(f * half_pi);
  const long double b = r * std::cos(f * half_pi) * (angle >> 63 ? -1 : 1);
  return angle >> 62 & 1 ? std::array{a, b} : std::array{b, a};
}

TEST(Normal, AgreesWithBoxMullerInLongDouble) {
  std::mt19937_64 engine(7);
  long double worst = 0;
  for (int i = 0; i < 300000; ++i) {
    // Radii of every size: half of them from the tail.
    const std::uint64_t radius = i & 1 ? engine() : engine() >> (engine() % 64);
    const std::uint64_t angle = engine();
    const auto z = box_muller(words_of(radius, angle));
    const auto exact = exact_box_muller(radius, angle);
    const long double r = std::hypot(exact[0], exact[1]);
    const long double scale =
        r + 1 / r;  // relative in the radius, absolute in its square: -2 ln u is near 0 at u = 1
    worst = std::max({worst, std::abs(z[0] - exact[0]) / scale, std::abs(z[1] - exact[1]) / scale});
  }
  EXPECT_LT(worst, 4e-16L);
}

TEST(Normal, ExtremeWordsAreFiniteAndReachNineSigma) {
  for (const std::uint64_t angle : {0ull, 1ull << 61, 1ull << 62, 1ull << 63, ~0ull, (1ull << 61) - 1}) {
    const auto far = box_muller(words_of(0, angle));
    EXPECT_NEAR(std::hypot(far[0], far[1]), std::sqrt(2 * 64 * std::numbers::ln2), 1e-13);
    // u rounds to 1, or nearly: the radius is zero or tiny, never the root of a negative number.
    for (std::uint64_t k = 0; k < 3000000; k += 977) {
      const auto near = box_muller(words_of(~0ull - k, angle));
      const double exact = std::sqrt(-2 * std::log1p(-static_cast<double>(k) * 0x1p-64));
      ASSERT_NEAR(std::hypot(near[0], near[1]), exact, 3e-8) << k;
    }
  }
  for (std::uint64_t k = 0; k < 4096; ++k) {  // every double next to 1
    const auto near = box_muller(words_of(~0ull - (k << 10), 12345));
    ASSERT_TRUE(std::isfinite(near[0]) && std::isfinite(near[1]));
    const auto near_f32 = box_muller_f32(static_cast<std::uint32_t>(~0u - 128 * k), 12345);
    ASSERT_TRUE(std::isfinite(near_f32[0]) && std::isfinite(near_f32[1]));
  }
}

// The largest radius word whose radius still exceeds r.
std::uint64_t words_beyond(double r) {
  std::uint64_t low = 0, high = ~0ull;  // radius(low) > r >= radius(high)
  while (high - low > 1) {
    const std::uint64_t middle = low + (high - low) / 2;
    const auto z = box_muller(words_of(middle, 1ull << 61));  // angle 0: the cosine is 1
    (z[0] > r ? low : high) = middle;
  }
  return low;
}

// P(Z > t) of the generator as it is, by counting its words: the integral over the angle of P(R > t / cos).
TEST(Normal, TailsAreExactToEightSigma) {
  for (const double t : {1.0, 2.0, 4.0, 6.0, 7.0, 8.0}) {
    constexpr int kSteps = 4000;
    long double sum = 0;
    for (int i = 0; i < kSteps; ++i) {
      const double theta = (i + 0.5) / kSteps * std::numbers::pi / 2;
      const double r = t / std::cos(theta);
      if (r > 9.41) break;  // beyond the largest radius, 9.419: 2^-64 of the mass
      sum += (static_cast<long double>(words_beyond(r)) + 1) * 0x1p-64L;
    }
    const long double tail = sum / (2 * kSteps);
    const double exact = 0.5 * std::erfc(t / std::numbers::sqrt2);
    EXPECT_NEAR(static_cast<double>(tail) / exact, 1, t < 7.5 ? 2e-4 : 3e-3) << t;
  }
}

TEST(Normal, SinglePrecisionAgreesWithItsWords) {
  std::mt19937_64 engine(8);
  double worst = 0;
  for (int i = 0; i < 300000; ++i) {
    const auto x0 = static_cast<std::uint32_t>(i & 1 ? engine() : (engine() & 0xffffffff) >> (engine() % 32));
    const auto x1 = static_cast<std::uint32_t>(engine());
    const auto z = box_muller_f32(x0, x1);
    const double r = std::sqrt(-2 * std::log((x0 | 1u) * 0x1p-32));
    const double f = static_cast<double>(static_cast<std::int32_t>(x1 << 2)) * 0x1p-32 * std::numbers::pi / 2;
    const double a = r * std::sin(f), b = r * std::cos(f) * (x1 >> 31 ? -1 : 1);
    const bool swap = x1 >> 30 & 1;
    const double error = std::max(std::abs(z[0] - (swap ? a : b)), std::abs(z[1] - (swap ? b : a)));
    worst = std::max(worst, error / (r + 1 / (r + 1e-4)));
  }
  EXPECT_LT(worst, 4e-7);
  const auto far = box_muller_f32(0, 0);
  EXPECT_NEAR(std::hypot(far[0], far[1]), 6.66, 0.01);
}

// Mean, variance, skewness and kurtosis of many draws, each within 4.5 standard errors of the normal law's.
template <class T>
void expect_normal_moments(const std::vector<T>& z) {
  const double n = static_cast<double>(z.size());
  std::array<double, 5> m{};
  for (const T v : z) {
    double power = 1;
    for (int k = 1; k <= 4; ++k) m[k] += (power *= v);
  }
  const std::array<double, 5> exact = {1, 0, 1, 0, 3}, variance = {0, 1, 2, 15, 96};  // E z^2k - (E z^k)^2
  for (int k = 1; k <= 4; ++k)
    EXPECT_NEAR(m[k] / n, exact[k], 4.5 * std::sqrt(variance[k] / n)) << "moment " << k;
}

TEST(Normal, Moments) {
  constexpr std::size_t kLanes = 4096, kPairs = 250;
  const Stream stream = make_stream(2024, Purpose::test);
  std::vector<double> z;
  AlignedVector<double> all(2 * kPairs * kLanes);
  fill_normal_steps(&stream, 1, 0, kLanes, 0, kPairs, all.data());
  z.assign(all.begin(), all.end());
  expect_normal_moments(z);

  // 64 equal quantile bins: chi-squared with 63 degrees of freedom, mean 63, sd sqrt(126).
  std::array<double, 64> count{};
  for (const double v : z) ++count[static_cast<std::size_t>(0.5 * std::erfc(-v / std::numbers::sqrt2) * 64)];
  double chi = 0;
  const double expected = static_cast<double>(z.size()) / 64;
  for (const double c : count) chi += (c - expected) * (c - expected) / expected;
  EXPECT_NEAR(chi, 63, 4.5 * std::sqrt(126.0));

  std::vector<float> f;
  AlignedVector<float> out[4];
  for (auto& o : out) o.resize(kLanes);
  for (std::uint64_t quad = 0; quad < 100; ++quad) {
    fill_normals(stream, 0, kLanes, quad, {out[0].data(), out[1].data(), out[2].data(), out[3].data()});
    for (const auto& o : out) f.insert(f.end(), o.begin(), o.end());
  }
  expect_normal_moments(f);
}

TEST(Uniform, Moments) {
  constexpr std::size_t kLanes = 1 << 18;
  AlignedVector<double> even(kLanes), odd(kLanes);
  fill_uniforms(make_stream(5, Purpose::test), 0, kLanes, 0, even.data(), odd.data());
  for (const auto& u : {even, odd}) {
    double mean = 0, square = 0;
    for (const double v : u) {
      ASSERT_TRUE(v > 0 && v < 1);
      mean += v, square += v * v;
    }
    EXPECT_NEAR(mean / kLanes, 0.5, 4.5 * std::sqrt(1.0 / 12 / kLanes));
    EXPECT_NEAR(square / kLanes, 1.0 / 3, 4.5 * std::sqrt(4.0 / 45 / kLanes));
  }
}

// Correlations of z and of z^2 between streams and shifts that a wrong address would make equal or related.
TEST(Normal, StreamsIdsStepsAndComponentsAreIndependent) {
  constexpr std::size_t kLanes = 1 << 16;
  struct Draw {
    const char* what;
    Stream stream;
    std::uint64_t first_id, pair;
  };
  const std::vector<Draw> draws = {
      {"base", make_stream(1, Purpose::brownian, 0), 0, 0},
      {"component", make_stream(1, Purpose::brownian, 1), 0, 0},
      {"purpose", make_stream(1, Purpose::space_time, 0), 0, 0},
      {"seed", make_stream(2, Purpose::brownian, 0), 0, 0},
      {"high seed", make_stream(1 + (1ull << 32), Purpose::brownian, 0), 0, 0},
      {"next id", make_stream(1, Purpose::brownian, 0), 1, 0},
      {"high id", make_stream(1, Purpose::brownian, 0), 1ull << 32, 0},
      {"next step", make_stream(1, Purpose::brownian, 0), 0, 1},
      {"high step", make_stream(1, Purpose::brownian, 0), 0, 1ull << 32},
  };
  std::vector<AlignedVector<double>> z;
  for (const Draw& draw : draws) {
    AlignedVector<double> even(kLanes), odd(kLanes);
    fill_normals(draw.stream, draw.first_id, kLanes, draw.pair, even.data(), odd.data());
    z.push_back(even);
    z.push_back(odd);
  }
  for (std::size_t a = 0; a < z.size(); ++a) {
    for (std::size_t b = 0; b < a; ++b) {
      double linear = 0, square = 0;
      for (std::size_t i = 0; i < kLanes; ++i) {
        linear += z[a][i] * z[b][i];
        square += (z[a][i] * z[a][i] - 1) * (z[b][i] * z[b][i] - 1) / 2;
      }
      const double bound = 4.5 / std::sqrt(static_cast<double>(kLanes));
      EXPECT_LT(std::abs(linear) / kLanes, bound) << draws[a / 2].what << " and " << draws[b / 2].what;
      EXPECT_LT(std::abs(square) / kLanes, bound) << draws[a / 2].what << " and " << draws[b / 2].what;
    }
  }
}

}  // namespace
}  // namespace sde
