// Powers: largest error, the special cases of IEEE 754, and the same bits on every instruction set.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>

#include "base/aligned.h"
#include "base/block.h"
#include "simd/math.h"
#include "simd/target.h"

namespace sde::simd {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

struct Powers {
  AlignedVector<double> x, y, z;

  void add(double a, double b) {
    x.push_back(a);
    y.push_back(b);
  }
  void evaluate() {
    while (x.size() % kLaneQuantum) add(1, 1);
    z.resize(x.size());
    pow(x.data(), y.data(), z.data(), x.size());
  }
};

Powers random_powers(std::size_t count) {
  Powers p;
  std::mt19937_64 engine(11);
  std::uniform_real_distribution<double> unit(-1, 1);
  for (std::size_t i = 0; i < count; ++i) {
    p.add(std::exp(unit(engine)), 10 * unit(engine));
    p.add(std::exp2(1000 * unit(engine)), unit(engine));
    // Results over the whole range: y ln x in (-745, 710).
    const double x = std::exp(3 * unit(engine)), target = 727 * unit(engine) - 17;
    p.add(x, target / std::log(x));
    p.add(1 + 1e-6 * unit(engine), 1e8 * unit(engine));
    p.add(-std::exp(unit(engine)), std::round(40 * unit(engine)));
  }
  return p;
}

TEST(Pow, LargestErrorIsWithinItsBound) {
  Powers p = random_powers(200000);
  p.evaluate();
  double worst = 0;
  for (std::size_t i = 0; i < p.x.size(); ++i) {
    const long double exact = std::pow(static_cast<long double>(p.x[i]), static_cast<long double>(p.y[i]));
    const auto rounded = static_cast<double>(exact);
    if (!std::isfinite(rounded)) {
      ASSERT_EQ(p.z[i], rounded);
      continue;
    }
    int exponent = 0;
    (void)std::frexp(rounded, &exponent);
    const long double error = std::abs(p.z[i] - exact) / std::ldexp(1.0L, std::max(exponent - 53, -1074));
    worst = std::max(worst, static_cast<double>(error));
  }
  RecordProperty("ulp", std::to_string(worst));
  EXPECT_LE(worst, 1.5);
}

TEST(Pow, SpecialCasesAreThoseOfTheStandardLibrary) {
  const double values[] = {0.0,          0.25,         0.5,        0.999,  1.0,    1.5,    2.0,
                           3.0,          4.0,          5e-324,     1e-310, 1e-5,   1e5,    1e300,
                           kInf,         kNan,         17.0,       18.0,   0x1p52, 0x1p53, 0x1p53 + 2,
                           0x1p52 + 0.5, 0x1p51 + 0.5, 0x1p51 + 1, 1e308};
  Powers p;
  for (const double a : values) {
    for (const double b : values) {
      for (const double s : {1.0, -1.0}) {
        for (const double t : {1.0, -1.0}) p.add(s * a, t * b);
      }
    }
  }
  p.evaluate();
  for (std::size_t i = 0; i < p.x.size(); ++i) {
    const double expected = std::pow(p.x[i], p.y[i]);
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(p.z[i])) << p.x[i] << " ^ " << p.y[i] << " gave " << p.z[i];
    } else if (expected == 0 || std::isinf(expected)) {
      EXPECT_EQ(std::bit_cast<std::uint64_t>(p.z[i]), std::bit_cast<std::uint64_t>(expected))
          << p.x[i] << " ^ " << p.y[i] << " gave " << p.z[i];
    } else {
      EXPECT_LE(std::abs(p.z[i] - expected), std::max(2.3e-16 * std::abs(expected), 5e-324))
          << p.x[i] << " ^ " << p.y[i] << " gave " << p.z[i];
    }
  }
}

TEST(Pow, SameBitsOnEveryTarget) {
  Powers p = random_powers(20000);
  std::mt19937_64 engine(12);
  for (int i = 0; i < 20000; ++i) p.add(std::bit_cast<double>(engine()), std::bit_cast<double>(engine()));
  p.evaluate();
  const AlignedVector<double> first = p.z;
  for (const std::string& target : available_targets()) {
    set_target(target);
    p.evaluate();
    for (std::size_t i = 0; i < p.x.size(); ++i) {
      if (std::isnan(first[i]) && std::isnan(p.z[i])) continue;
      ASSERT_EQ(std::bit_cast<std::uint64_t>(first[i]), std::bit_cast<std::uint64_t>(p.z[i]))
          << target << " at " << p.x[i] << " ^ " << p.y[i];
    }
  }
  set_target(available_targets().front());
}

}  // namespace
}  // namespace sde::simd
