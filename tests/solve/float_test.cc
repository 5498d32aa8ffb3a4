// Steps in f32: against the same recursion in f64 with the same normals, and their bits.
#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include <array>
#include <cmath>

#include "base/error.h"
#include "random/stream.h"
#include "simd/target.h"
#include "testing.h"

namespace sde {
namespace {

using testing::run;
using testing::scalar;

std::vector<double> final_states(const SdeDocument& d, const char* method, const TimeGrid& grid,
                                 EnsembleOptions options) {
  options.precision = Precision::f32;
  std::vector<double> values(options.paths * d.states.size());
  run(d, method, grid, options, [&](const PathBlock& block) {
    for (std::size_t p = 0; p < block.paths; ++p)
      for (std::size_t i = 0; i < block.dimension; ++i)
        values[(block.first_id - options.first_path + p) * block.dimension + i] =
            block.at(p, block.saves - 1, i);
  });
  return values;
}

// f32 normals of component c, by path.
class Normals {
 public:
  Normals(std::uint64_t seed, Purpose purpose, std::uint32_t component, std::size_t lanes)
      : stream_(make_stream(seed, purpose, component)), rows_(4, lanes) {}
  const float* at(std::uint64_t step) {
    std::array<float*, 4> out;
    for (std::size_t k = 0; k < 4; ++k) out[k] = rows_.row(k);
    fill_normals(stream_, 0, rows_.lanes(), step / 4, out);
    return rows_.row(step % 4);
  }

 private:
  Stream stream_;
  StateBlock<float> rows_;
};

// Every rounding to f32 errs by at most 2^-24 of the number; here some ten a step, two hundred steps, and a
// factor below 3 by which the equations amplify what went before.
constexpr double kBound = 10 * 200 * 3 * 0x1p-24;

TEST(FloatSteps, FollowTheRecursionInDoubles) {
  constexpr std::size_t kPaths = 128;
  constexpr int kSteps = 200;
  const double h = 1.0 / kSteps;
  EnsembleOptions options;
  options.paths = kPaths;
  options.seed = 5;
  const auto got = final_states(scalar("sin(x) + t", "0.3*exp(-x^2)", "0.5"), "milstein",
                                make_grid(0, 1, {1}, h), options);
  Normals normals(5, Purpose::brownian, 0, kPaths);
  std::vector<double> x(kPaths, 0.5);
  for (int n = 0; n < kSteps; ++n) {
    const float* z = normals.at(static_cast<std::uint64_t>(n));
    for (std::size_t i = 0; i < kPaths; ++i) {
      const double g = 0.3 * std::exp(-x[i] * x[i]), dg = -2 * x[i] * g, dW = std::sqrt(h) * z[i];
      x[i] += (std::sin(x[i]) + n * h) * h + g * dW + 0.5 * g * dg * (dW * dW - h);
    }
  }
  double largest = 0;
  for (std::size_t i = 0; i < kPaths; ++i) {
    EXPECT_NEAR(got[i], x[i], kBound) << i;
    EXPECT_EQ(got[i], static_cast<float>(got[i])) << "the state is a float";
    largest = std::max(largest, std::fabs(got[i] - x[i]));
  }
  EXPECT_GT(largest, 1e-9) << "this was computed in f64";
}

TEST(FloatSteps, UseSpaceTimeAreasOfTheirOwnStream) {
  constexpr std::size_t kPaths = 128;
  constexpr int kSteps = 200;
  const double h = 1.0 / kSteps;
  EnsembleOptions options;
  options.paths = kPaths;
  options.seed = 6;
  // SEA: z = y + g (dW/2 + H), y' = y + h f(z) + g dW.
  const auto got = final_states(scalar("-2*x", "0.4", "1"), "sea", make_grid(0, 1, {1}, h), options);
  Normals normals(6, Purpose::brownian, 0, kPaths), areas(6, Purpose::space_time, 0, kPaths);
  std::vector<double> x(kPaths, 1);
  for (int n = 0; n < kSteps; ++n) {
    const float *z = normals.at(static_cast<std::uint64_t>(n)), *y = areas.at(static_cast<std::uint64_t>(n));
    for (std::size_t i = 0; i < kPaths; ++i) {
      const double dW = std::sqrt(h) * z[i], H = std::sqrt(h / 12) * y[i];
      x[i] += -2 * h * (x[i] + 0.4 * (dW / 2 + H)) + 0.4 * dW;
    }
  }
  for (std::size_t i = 0; i < kPaths; ++i) EXPECT_NEAR(got[i], x[i], kBound) << i;
}

TEST(FloatSteps, HaveTheSameBitsWhateverRunsThem) {
  SdeDocument d = scalar("x*(1 - tanh(x)) + pow(abs(x), 0.3)", "0.5*sqrt(1 + x^2)", "0.2");
  const TimeGrid grid = make_grid(0, 1, {0.33, 1}, 0.01);
  EnsembleOptions options;
  options.paths = 1000;
  options.seed = 9;
  options.lanes = 512;
  const auto reference = final_states(d, "milstein", grid, options);
  for (const std::string& target : available_targets()) {
    set_target(target);
    for (const int threads : {1, 2}) {
      const tbb::global_control limit(tbb::global_control::max_allowed_parallelism,
                                      static_cast<std::size_t>(threads));
      for (const std::size_t lanes : {64, 256}) {
        options.lanes = lanes;
        EXPECT_EQ(final_states(d, "milstein", grid, options), reference) << target << ' ' << lanes;
      }
    }
  }
  set_target(available_targets().front());
  options.first_path = 777;
  options.paths = 1;
  options.lanes = 64;
  EXPECT_EQ(final_states(d, "milstein", grid, options).front(), reference[777]);
}

TEST(FloatSteps, AreRefusedWhereTheyAreNotHad) {
  EnsembleOptions options;
  const TimeGrid grid = make_grid(0, 1, {1}, 0.1);
  const auto message = [&](const SdeDocument& d, const char* method) -> std::string {
    try {
      final_states(d, method, grid, options);
    } catch (const Error& e) {
      EXPECT_EQ(e.status(), Status::usage);
      return e.what();
    }
    return "";
  };
  EXPECT_NE(message(scalar("-x", "1", "0"), "exact").find("explicit methods"), std::string::npos);
  EXPECT_NE(message(scalar("-x", "1", "0"), "implicit-euler").find("explicit methods"), std::string::npos);
  SdeDocument d;
  d.noises = {"a", "b"};
  d.states = {testing::state("x", "0", {{"a", "cos(x)"}, {"b", "y"}}, "1"),
              testing::state("y", "0", {{"a", "x"}, {"b", "sin(y)"}}, "1")};
  EXPECT_NE(message(d, "milstein").find("Levy areas"), std::string::npos);
}

}  // namespace
}  // namespace sde
