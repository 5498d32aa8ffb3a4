// The f32 functions against double: largest error over arguments of every size, and the same bits everywhere.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "base/aligned.h"
#include "simd/math.h"
#include "simd/target.h"

namespace sde::simd {
namespace {

struct Case {
  const char* name;
  FloatFunction function;
  double (*exact)(double);
  double bound;  // ulp
};

const Case kCases[] = {
    {"exp", FloatFunction::exp, [](double x) { return std::exp(x); }, 1.0},
    {"log", FloatFunction::log, [](double x) { return std::log(x); }, 1.0},
    {"sin", FloatFunction::sin, [](double x) { return std::sin(x); }, 2.0},
    {"cos", FloatFunction::cos, [](double x) { return std::cos(x); }, 2.0},
    {"tanh", FloatFunction::tanh, [](double x) { return std::tanh(x); }, 2.0},
    {"sigmoid", FloatFunction::sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }, 2.5},
};

class Float : public testing::TestWithParam<Case> {};

// Every 1021st float: all exponents, both signs, infinities and NaN; and dense samples of common sizes.
AlignedVector<float> arguments() {
  AlignedVector<float> x;
  for (std::uint64_t bits = 0; bits < (1ull << 32); bits += 1021 * 16) {
    x.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
  }
  std::mt19937_64 engine(1);
  for (const float size : {0.7f, 1.5f, 10.0f, 100.0f, 3e4f}) {
    std::uniform_real_distribution<float> uniform(-size, size);
    for (int i = 0; i < 100000; ++i) x.push_back(uniform(engine));
  }
  for (int n = 1; n < 20000; ++n) x.push_back(static_cast<float>(n * 1.5707963267948966));
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float v : {0.0f, -0.0f, infinity, -infinity, std::numeric_limits<float>::quiet_NaN(), 88.7f,
                        89.0f, -103.9f, -104.1f, 1e-45f, -1e-45f}) {
    x.push_back(v);
  }
  while (x.size() % 16) x.push_back(1);
  return x;
}

TEST_P(Float, LargestErrorIsWithinItsBound) {
  const Case& c = GetParam();
  const AlignedVector<float> x = arguments();
  AlignedVector<float> y(x.size());
  map(c.function, x.data(), y.data(), x.size());
  double worst = 0, at = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double exact = c.exact(x[i]);
    const auto rounded = static_cast<float>(exact);
    double error = 0;
    if (std::isnan(exact)) {
      error = std::isnan(y[i]) ? 0 : 1e9;
    } else if (!std::isfinite(rounded) || !std::isfinite(y[i])) {
      error = y[i] == rounded ? 0 : 1e9;
    } else {
      int exponent = 0;
      (void)std::frexp(rounded, &exponent);
      error = std::abs(y[i] - exact) / std::ldexp(1.0, std::max(exponent - 24, -149));
    }
    if (exact == 0) {
      EXPECT_EQ(std::signbit(y[i]), std::signbit(exact)) << x[i];
    }
    if (!(error <= worst)) worst = error, at = x[i];
  }
  RecordProperty("ulp", std::to_string(worst));
  EXPECT_LE(worst, c.bound) << "at " << std::hexfloat << at;
}

TEST_P(Float, SameBitsOnEveryTarget) {
  const Case& c = GetParam();
  const AlignedVector<float> x = arguments();
  AlignedVector<float> first(x.size()), other(x.size());
  map(c.function, x.data(), first.data(), x.size());
  for (const std::string& target : available_targets()) {
    set_target(target);
    map(c.function, x.data(), other.data(), x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (std::isnan(first[i]) && std::isnan(other[i])) continue;
      ASSERT_EQ(std::bit_cast<std::uint32_t>(first[i]), std::bit_cast<std::uint32_t>(other[i]))
          << target << " at " << x[i];
    }
  }
  set_target(available_targets().front());
}

INSTANTIATE_TEST_SUITE_P(Functions, Float, testing::ValuesIn(kCases),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace sde::simd
