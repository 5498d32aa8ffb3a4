// The times at which samplers step.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "linear.h"
#include "score/sampler.h"
#include "score/sampler_rule.h"

namespace sde {
namespace {

// n = 18 on sigma in [0.002, 80] with s = sigma, a = 1: relative to the exact flow.
// Between its levels a ladder is smooth, so that the control of steps sees what it sees of the continuous
// process, far in the tails too. The flow of a Gaussian scales all of them alike.
TEST(Sampler, AdaptiveStepsFindALadderSmooth) {
  const auto solve = [](ProcessType type, double start, double* evaluations) {
    const auto model = quarter(type);
    SampleOptions o = options("rk45", 0);
    o.eps = 1e-3;
    o.rtol = 1e-7;
    o.atol = 1e-9;
    const Sampler sampler(model, o);
    StateBlock<double> x(1, 1);
    x.row(0)[0] = start;
    AlignedVector<double> count(x.lanes(), 0.0);
    SamplerWorkspace w;
    EXPECT_TRUE(sampler.run(x, {}, count.data(), w, {}));
    *evaluations = count[0];
    const NoiseLevel from = level_at(model->process(), 1), to = level_at(model->process(), 1e-3);
    const double ratio =
        std::sqrt((to.a * to.a * 0.25 + to.s * to.s) / (from.a * from.a * 0.25 + from.s * from.s));
    return std::fabs(x.row(0)[0] / (start * ratio) - 1);
  };
  for (const double start : {0.01, 1.0, 8.0, 300.0}) {
    double ladder, smooth;
    EXPECT_LT(solve(ProcessType::ddpm, start, &ladder), 1e-7) << start;
    EXPECT_LT(solve(ProcessType::vp, start, &smooth), 1e-7) << start;
    EXPECT_LT(ladder, 1.1 * smooth) << start;
  }
}

TEST(Sampler, Grids) {
  const auto vp = make_process({});
  for (const auto& [name, type] : enum_names(GridType{})) {
    if (type == GridType::optimised) continue;  // belongs to a sampler
    const auto grid = sampling_grid(*vp, type, 17, 1e-3);
    ASSERT_EQ(grid.size(), 18u);
    EXPECT_EQ(grid.front(), 1);
    EXPECT_EQ(grid.back(), 1e-3);
    EXPECT_TRUE(std::is_sorted(grid.rbegin(), grid.rend())) << name;
  }
  const auto grid = sampling_grid(*vp, GridType::logsnr, 4, 1e-3);
  EXPECT_NEAR(vp->half_log_snr(grid[2]), 0.5 * (vp->half_log_snr(1) + vp->half_log_snr(1e-3)), 1e-9);
  EXPECT_THROW(sampling_grid(*vp, GridType::uniform, 0, 1e-3), Error);
  EXPECT_THROW(sampling_grid(*vp, GridType::logsnr, 5, 0), Error);
  EXPECT_THROW(sampling_grid(*vp, GridType::uniform, 5, -0.1), Error);
  EXPECT_EQ(sampling_grid(*vp, GridType::uniform, 5, 0).back(), 0);
  EXPECT_THROW(sampling_grid(*vp, GridType::uniform, 5, 1), Error);
  EXPECT_THROW(sampling_grid(*vp, GridType::karras, 50000, 1 - 1e-12), Error);
}

// By the criterion that is stated: the mean square of ln(deviation reached / true) over six widths of data.
TEST(Sampler, GivenTimesAreTheGrid) {
  SampleOptions o = options("ddim", 10, GridType::quadratic);
  const Sampler named(quarter(), o);
  SampleOptions given;
  given.sampler = "ddim";
  given.times = named.grid();
  EXPECT_EQ(deviation(given, quarter()), deviation(o, quarter()));
  EXPECT_EQ(Sampler(quarter(), Sampler(quarter(), given).options()).grid(), named.grid());
  const auto refused = [&](std::vector<double> times, const char* sampler, const char* why) {
    SampleOptions bad;
    bad.sampler = sampler;
    bad.times = std::move(times);
    try {
      Sampler(quarter(), bad);
      ADD_FAILURE() << why;
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find(why), std::string::npos) << e.what();
    }
  };
  refused({1, 0.5, 0.5, 0.1}, "ddim", "/times/2: repeats a time");
  refused({1, 0.5, 0.6, 0.1}, "ddim", "/times/2: must fall");
  refused({1, NAN, 0.1}, "ddim", "/times/1: must fall");
  refused({0.9, 0.1}, "ddim", "/times/0: must be 1");
  refused({1}, "ddim", "two at least");
  refused({1, 0.5, 0}, "heun", "/times/2: must be > 0");
  refused({1, 0.5, -0.1}, "ddim", "/times/2: must be >= 0");
  refused({1, 0.1}, "rk45", "chooses the steps");
  refused({1, 0.1}, "exact", "have no path");
  given.steps = 4;
  EXPECT_THROW(Sampler(quarter(), given), Error);
}

TEST(Sampler, OptimisedGridsBeatTheOthers) {
  for (const char* name : {"ddim", "heun", "dpmpp_2m", "ancestral", "edm"}) {
    const auto criterion = [&](GridType type) {
      const SampleOptions o = options(name, 8, type);
      double sum = 0;
      for (const double c : {2.0, 1.0, 0.5, 0.25, 0.125, 0.0625}) {
        ScoreDocument d;
        d.score.mean.emplace(1, 0.0);
        d.score.covariance.emplace(1, std::vector{c * c});
        const auto model = make_mixture(d);
        const double t = Sampler(model, o).grid().back(), a = t > 0 ? model->process().signal(t) : 1,
                     s = t > 0 ? model->process().noise(t) : 0;
        sum += std::pow(std::log(deviation(o, model) / std::hypot(a * c, s)), 2) / 6;
      }
      return sum;
    };
    double best = INFINITY;
    for (const GridType type : {GridType::uniform, GridType::quadratic, GridType::logsnr, GridType::karras}) {
      best = std::fmin(best, criterion(type));
    }
    EXPECT_LT(criterion(GridType::optimised), 0.9 * best) << name;
  }
  SampleOptions o = options("heun", 12, GridType::optimised);
  const std::vector<double> grid = Sampler(quarter(), o).grid();
  EXPECT_EQ(grid.size(), 13u);
  EXPECT_TRUE(std::is_sorted(grid.rbegin(), grid.rend()));
  o.rho = 3;
  EXPECT_THROW(Sampler(quarter(), o), Error);
}

}  // namespace
}  // namespace sde
