// Every function against long double: largest error, special values, and the same bits on every instruction
// set.
#include "simd/math.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "base/aligned.h"
#include "base/block.h"
#include "simd/target.h"

namespace sde::simd {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kTiny = std::numeric_limits<double>::denorm_min();
constexpr double kMin = std::numeric_limits<double>::min();
constexpr double kMax = std::numeric_limits<double>::max();

struct Range {
  double low, high;  // arguments are uniform between them
};

struct Case {
  const char* name;
  Function function;
  long double (*exact)(long double);
  double bound;               // ulp, the largest error allowed
  std::vector<Range> ranges;  // where it is measured, besides small arguments of either sign
  bool negative;              // defined for negative arguments
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"exp",
       Function::exp,
       [](long double x) -> long double { return std::exp(x); },
       1.0,
       {{-1, 1}, {-745, 710}, {-746, -700}},
       true},
      {"expm1",
       Function::expm1,
       [](long double x) -> long double { return std::expm1(x); },
       1.5,
       {{-1, 1}, {-2, 3}, {-45, 710}},
       true},
      {"log",
       Function::log,
       [](long double x) -> long double { return std::log(x); },
       1.0,
       {{0.4, 2.5}, {0.999, 1.001}, {0, 1e6}, {1e300, 1e308}},
       false},
      {"log1p",
       Function::log1p,
       [](long double x) -> long double { return std::log1p(x); },
       1.5,
       {{-1, 1}, {-0.6, 3}, {0, 1e6}},
       true},
      {"sin",
       Function::sin,
       [](long double x) -> long double { return std::sin(x); },
       1.0,
       {{-4, 4}, {-1e3, 1e3}, {-1e9, 1e9}, {-1e18, 1e18}},
       true},
      {"cos",
       Function::cos,
       [](long double x) -> long double { return std::cos(x); },
       1.0,
       {{-4, 4}, {-1e3, 1e3}, {-1e9, 1e9}, {-1e18, 1e18}},
       true},
      {"tan",
       Function::tan,
       [](long double x) -> long double { return std::tan(x); },
       1.5,
       {{-4, 4}, {-1e3, 1e3}, {-1e9, 1e9}, {-1e18, 1e18}},
       true},
      {"asin",
       Function::asin,
       [](long double x) -> long double { return std::asin(x); },
       2.0,
       {{-1, 1}, {0.999, 1}, {0.4, 0.6}},
       true},
      {"acos",
       Function::acos,
       [](long double x) -> long double { return std::acos(x); },
       2.0,
       {{-1, 1}, {0.999, 1}, {-1, -0.4}},
       true},
      {"atan",
       Function::atan,
       [](long double x) -> long double { return std::atan(x); },
       2.0,
       {{-3, 3}, {0.3, 0.7}, {-1e3, 1e3}, {-1e20, 1e20}},
       true},
      {"sinh",
       Function::sinh,
       [](long double x) -> long double { return std::sinh(x); },
       2.0,
       {{-1, 1}, {-5, 5}, {-710.4, 710.4}},
       true},
      {"cosh",
       Function::cosh,
       [](long double x) -> long double { return std::cosh(x); },
       2.0,
       {{-1, 1}, {-5, 5}, {-710.4, 710.4}},
       true},
      {"tanh",
       Function::tanh,
       [](long double x) -> long double { return std::tanh(x); },
       2.0,
       {{-1, 1}, {-3, 3}, {-25, 25}},
       true},
      {"erf",
       Function::erf,
       [](long double x) -> long double { return std::erf(x); },
       1.5,
       {{-1, 1}, {-1.2, 1.2}, {-7, 7}},
       true},
      {"sigmoid",
       Function::sigmoid,
       [](long double x) -> long double { return 1 / (1 + std::exp(-x)); },
       2.5,
       {{-1, 1}, {-10, 10}, {-745, 745}},
       true},
      {"softplus",
       Function::softplus,
       [](long double x) -> long double {
         return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
       },
       2.0,
       {{-1, 1}, {-10, 10}, {-745, 745}},
       true},
  };
  return all;
}

AlignedVector<double> padded(const std::vector<double>& values) {
  AlignedVector<double> x(values.begin(), values.end());
  x.resize(round_up_lanes(x.size()), 1.0);
  return x;
}

AlignedVector<double> evaluate(Function function, const AlignedVector<double>& x) {
  AlignedVector<double> y(x.size());
  map(function, x.data(), y.data(), x.size());
  return y;
}

// |value - exact| in units of the last place of exact.
double ulps(double value, long double exact) {
  const auto rounded = static_cast<double>(exact);
  if (std::isnan(exact)) return std::isnan(value) ? 0 : kInf;
  if (!std::isfinite(rounded) || !std::isfinite(value)) return value == rounded ? 0 : kInf;
  int exponent = 0;
  (void)std::frexp(rounded, &exponent);
  const long double ulp = std::ldexp(1.0L, std::max(exponent - 53, -1074));
  return static_cast<double>(std::abs(static_cast<long double>(value) - exact) / ulp);
}

std::vector<double> specials() {
  std::vector<double> x = {0.0,  kTiny,  3 * kTiny, kMin,  kMin - kTiny, 1e-300, 0x1p-60, 0x1p-27, 1e-8,
                           0.25, 0.5,    1.0,       1.5,   2.0,          3.0,    20.0,    22.0,    36.0,
                           37.5, 700.0,  709.7,     709.9, 710.4,        711.0,  745.0,   745.2,   746.0,
                           1e4,  0x1p30, 0x1p31,    1e22,  1e300,        kMax,   kInf,    kNan};
  for (double base : {0.5, 1.0, 2.0, 709.782712893384, 710.4758600739439, 745.1332191019412, 0x1p30}) {
    x.push_back(std::nextafter(base, 0.0));
    x.push_back(base);
    x.push_back(std::nextafter(base, kInf));
  }
  // Doubles next to multiples of pi/2, the closest of all among them (Kahan; Muller, Elementary
  // Functions, 11.2).
  for (int n = 1; n < 2000; ++n) x.push_back(static_cast<double>(n * 1.57079632679489661923132169163975144L));
  for (double n = 1; n < 1e300; n *= 7) x.push_back(n * 1.5707963267948966);
  x.push_back(0x1.6ac5b262ca1ffp+849);
  x.push_back(0x1.951962dc78d91p+12);
  const std::size_t count = x.size();
  for (std::size_t i = 0; i < count; ++i) x.push_back(-x[i]);
  return x;
}

std::vector<double> sample(const Case& c, std::size_t count, std::uint64_t seed) {
  std::mt19937_64 engine(seed);
  std::vector<double> x;
  for (const Range& range : c.ranges) {
    std::uniform_real_distribution<double> uniform(range.low, range.high);
    for (std::size_t i = 0; i < count; ++i) x.push_back(uniform(engine));
  }
  std::uniform_real_distribution<double> exponent(-60, 1);
  for (std::size_t i = 0; i < count; ++i) {
    const double v = std::exp2(exponent(engine));
    x.push_back(c.negative && (i & 1) ? -v : v);
  }
  return x;
}

class Math : public testing::TestWithParam<Case> {
 protected:
  void TearDown() override { set_target(available_targets().front()); }
};

TEST_P(Math, LargestErrorIsWithinItsBound) {
  const Case& c = GetParam();
  const AlignedVector<double> x = padded(sample(c, 200000, 1));
  const AlignedVector<double> y = evaluate(c.function, x);
  double worst = 0, at = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double error = ulps(y[i], c.exact(x[i]));
    if (!(error <= worst)) worst = error, at = x[i];
  }
  RecordProperty("ulp", std::to_string(worst));
  EXPECT_LE(worst, c.bound) << "at " << std::hexfloat << at;
}

TEST_P(Math, SpecialValues) {
  const Case& c = GetParam();
  const AlignedVector<double> x = padded(specials());
  const AlignedVector<double> y = evaluate(c.function, x);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const long double exact = c.exact(x[i]);
    EXPECT_LE(ulps(y[i], exact), c.bound)
        << x[i] << " gave " << y[i] << ", not " << static_cast<double>(exact);
    if (exact == 0) {
      EXPECT_EQ(std::signbit(y[i]), std::signbit(exact)) << "at " << x[i];
    }
  }
}

TEST_P(Math, SameBitsOnEveryTarget) {
  const Case& c = GetParam();
  std::vector<double> values = sample(c, 20000, 2);
  for (double v : specials()) values.push_back(v);
  std::mt19937_64 engine(3);  // any bit pattern
  for (int i = 0; i < 20000; ++i) values.push_back(std::bit_cast<double>(engine()));
  const AlignedVector<double> x = padded(values);

  const std::vector<std::string> targets = available_targets();
  const AlignedVector<double> first = evaluate(c.function, x);
  for (const std::string& target : targets) {
    set_target(target);
    ASSERT_EQ(current_target(), target);
    const AlignedVector<double> other = evaluate(c.function, x);
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (std::isnan(first[i]) && std::isnan(other[i])) continue;  // a NaN has no sign or payload here
      ASSERT_EQ(std::bit_cast<std::uint64_t>(first[i]), std::bit_cast<std::uint64_t>(other[i]))
          << target << " at " << x[i];
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Functions, Math, testing::ValuesIn(cases()),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace sde::simd
