#include "score/sampler.h"

#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "score/mixture.h"
#include "score/reverse.h"

namespace sde {
namespace {

// N(0, 1/4) under vp: score is linear, so a sampler is a linear map of its prior draw and of its normals.
// Lane 0 has the prior draw 1 and no noise, lane k only the normal of step k - 1; the squares of what comes
// out add up to the variance.
std::shared_ptr<const MixtureModel> quarter() {
  ScoreDocument d;
  d.score.mean.emplace(1, 0.0);
  d.score.covariance.emplace(1, std::vector{0.25});
  return make_mixture(d);
}

double deviation(const SampleOptions& options, const std::shared_ptr<const ScoreModel>& model) {
  const Sampler sampler(model, options);
  const std::size_t steps = sampler.traits().stochastic ? sampler.grid().size() - 1 : 0;
  StateBlock<double> x(1, steps + 1);
  x.row(0)[0] = model->process().prior_deviation();
  const std::size_t lanes = x.lanes();
  AlignedVector<double> evaluations(lanes, 0.0);
  SamplerWorkspace w;
  const auto unit = [&](std::uint64_t step, double* z) {
    std::fill_n(z, lanes, 0.0);
    z[step + 1] = 1;
  };
  EXPECT_TRUE(sampler.run(x, unit, evaluations.data(), w, {}));
  double squares = 0;
  for (std::size_t l = 0; l <= steps; ++l) squares += x.row(0)[l] * x.row(0)[l];
  return std::sqrt(squares);
}

SampleOptions options(const char* sampler, std::uint64_t steps, GridType grid = GridType::uniform) {
  SampleOptions o;
  o.sampler = sampler;
  if (find_sampler(sampler).default_steps) o.steps = steps;
  o.grid = grid;
  return o;
}

TEST(Sampler, DdimHasItsExactDeviations) {
  using enum GridType;
  EXPECT_NEAR(deviation(options("ddim", 10), quarter()), 0.374371, 5e-7);
  EXPECT_NEAR(deviation(options("ddim", 10, quadratic), quarter()), 0.425979, 5e-7);
  EXPECT_NEAR(deviation(options("ddim", 10, logsnr), quarter()), 0.393647, 5e-7);
  EXPECT_NEAR(deviation(options("ddim", 50), quarter()), 0.472628, 5e-7);
  EXPECT_NEAR(deviation(options("ddim", 50, quadratic), quarter()), 0.484323, 5e-7);
  EXPECT_NEAR(deviation(options("ddim", 50, logsnr), quarter()), 0.476705, 5e-7);
}

// The published .500353 and .500233 belong to the times linspace(1, eps, 1000) with steps of 1/1000, which
// together overshoot eps; a grid whose steps end at eps gives .500442 and .500303.
TEST(Sampler, EulerMaruyamaHasItsExactDeviations) {
  const auto model = quarter();
  const auto stepper = make_stepper(std::make_shared<ReverseSde>(model), find_method("euler-maruyama"));
  StepWorkspace w;
  StateBlock<double> x(1, 1008), next(1, 1008), dW(1, 1008);
  x.row(0)[0] = 1;
  double without_last = 0, with_last = 0;
  for (int i = 0; i < 1000; ++i) {
    const double t = 1 + i / 999.0 * (1e-3 - 1);
    std::fill_n(dW.row(0), 1008, 0.0);
    dW.row(0)[i + 1] = std::sqrt(1e-3);
    stepper->step({.t = {1 - t, nullptr}, .h = {1e-3, nullptr}, .x = x, .dW = dW.row(0)}, next, nullptr, w);
    copy<double>(next, x);
  }
  for (int l = 0; l < 1001; ++l) with_last += x.row(0)[l] * x.row(0)[l];
  without_last = with_last - x.row(0)[1000] * x.row(0)[1000];
  EXPECT_NEAR(std::sqrt(with_last), 0.500353, 5e-7);
  EXPECT_NEAR(std::sqrt(without_last), 0.500233, 5e-7);

  SampleOptions o = options("euler_maruyama", 1000);
  EXPECT_NEAR(deviation(o, model), 0.5003027287686442, 1e-12);
  o.denoise = false;
  EXPECT_NEAR(deviation(o, model), 0.5004422651348022, 1e-12);
}

// The marginal at the end of the flow is sqrt(a^2 / 4 + s^2); Heun converges to it with order 2.
TEST(Sampler, FlowReachesTheMarginalWithItsOrder) {
  const auto model = quarter();
  const double a = model->process().signal(1), s = model->process().noise(1);
  // From the prior N(0, 1) in place of N(0, a^2 / 4 + s^2).
  const double exact = 0.500082451168595 / std::sqrt(a * a / 4 + s * s);
  const auto error = [&](SampleOptions o) { return std::fabs(deviation(o, model) - exact); };
  const double coarse = error(options("heun", 200)), fine = error(options("heun", 400));
  EXPECT_NEAR(std::log2(coarse / fine), 2, 0.2);
  EXPECT_NEAR(std::log2(error(options("euler", 400)) / error(options("euler", 800))), 1, 0.1);
  SampleOptions adaptive = options("rk45", 1);
  adaptive.rtol = adaptive.atol = 1e-8;
  EXPECT_LT(error(adaptive), 1e-6);
}

// ddim with eta = 1 draws from the exact posterior of each step given x_0, so that more steps lead to the
// data.
TEST(Sampler, DdimWithNoiseTendsToTheData) {
  const auto error = [](std::uint64_t steps) {
    SampleOptions o = options("ddim", steps);
    o.eta = 1;
    o.denoise = false;
    return std::fabs(deviation(o, quarter()) - 0.500082451168595);
  };
  EXPECT_NEAR(error(250) / error(500), 2, 0.2);
  EXPECT_LT(error(500), 0.01);
}

TEST(Sampler, EveryProcessSamplesAGaussian) {
  for (const ProcessType type : {ProcessType::vp, ProcessType::subvp, ProcessType::ve}) {
    ScoreDocument d;
    d.process.type = type;
    d.score.mean.emplace(1, 0.0);
    d.score.covariance.emplace(1, std::vector{0.25});
    const auto model = make_mixture(d);
    for (const SamplerTraits& traits : samplers()) {
      EXPECT_NEAR(deviation(options(traits.name, 500), model), 0.5, 0.025)
          << traits.name << " " << static_cast<int>(type);
    }
  }
}

TEST(Sampler, CountsEvaluationsExactly) {
  for (const SamplerTraits& traits : samplers()) {
    SampleOptions o = options(traits.name, 7);
    o.samples = 40;
    const SampleResult result = sample(quarter(), o, 0, {});
    if (traits.default_steps) {
      EXPECT_EQ(result.nfe, 7.0 * traits.evaluations) << traits.name;
    } else {
      EXPECT_GT(result.nfe, 20);
      EXPECT_EQ(std::fmod(result.nfe * 40, 7), 0);
    }
  }
}

std::vector<double> draw(const SampleOptions& o, std::uint64_t first, std::size_t threads) {
  const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, threads);
  ScoreDocument d;
  d.score.type = "gaussian_mixture";
  d.score.means = {{-2, 0}, {2, 0}};
  d.score.covariances = {{{0.25, 0}, {0, 0.25}}, {{0.25, 0.1}, {0.1, 0.25}}};
  std::vector<double> out;
  sample(make_mixture(d), o, first, [&](const SampleBlock& b) {
    EXPECT_EQ(b.first_id, first + out.size() / 2);
    out.insert(out.end(), b.values, b.values + b.samples * b.dimension);
  });
  return out;
}

TEST(Sampler, ASampleDependsOnSeedAndIdAlone) {
  for (const SamplerTraits& traits : samplers()) {
    SampleOptions o = options(traits.name, 20);
    o.samples = 600;
    o.seed = 3;
    if (o.sampler == "ddim") o.eta = 0.5;
    const std::vector<double> all = draw(o, 0, 1);
    EXPECT_EQ(draw(o, 0, 2), all) << traits.name;
    o.samples = 10;
    EXPECT_TRUE(std::ranges::equal(draw(o, 256, 2), std::span(all).subspan(2 * 256, 20))) << traits.name;
    o.seed = 4;
    EXPECT_FALSE(std::ranges::equal(draw(o, 256, 2), std::span(all).subspan(2 * 256, 20))) << traits.name;
  }
}

// By Monte Carlo through the whole service: four standard errors of a deviation from 40000 samples.
TEST(Sampler, MonteCarloAgreesWithTheRecursion) {
  SampleOptions o = options("euler_maruyama", 100);
  o.samples = 40000;
  o.seed = 1;
  const SampleResult result = sample(quarter(), o, 0, {});
  const double exact = deviation(o, quarter());
  EXPECT_EQ(result.samples, 40000u);
  EXPECT_NEAR(std::sqrt(result.moments[0].variance()), exact, 4 * exact / std::sqrt(2 * 40000.0));
  EXPECT_NEAR(result.moments[0].mean, 0, 4 * exact / std::sqrt(40000.0));
}

TEST(Sampler, StopsWhenAsked) {
  StopToken stop;
  stop.request();
  Hooks hooks;
  hooks.stop = &stop;
  EXPECT_TRUE(sample(quarter(), options("heun", 10), 0, {}, hooks).interrupted);
}

TEST(Sampler, Grids) {
  const auto vp = make_process({});
  for (const auto& [name, type] : enum_names(GridType{})) {
    const auto grid = sampling_grid(*vp, type, 17, 1e-3);
    ASSERT_EQ(grid.size(), 18u);
    EXPECT_EQ(grid.front(), 1);
    EXPECT_EQ(grid.back(), 1e-3);
    EXPECT_TRUE(std::is_sorted(grid.rbegin(), grid.rend())) << name;
  }
  const auto grid = sampling_grid(*vp, GridType::logsnr, 4, 1e-3);
  EXPECT_NEAR(vp->half_log_snr(grid[2]), 0.5 * (vp->half_log_snr(1) + vp->half_log_snr(1e-3)), 1e-9);
  EXPECT_THROW(sampling_grid(*vp, GridType::uniform, 0, 1e-3), Error);
  EXPECT_THROW(sampling_grid(*vp, GridType::uniform, 5, 0), Error);
  EXPECT_THROW(sampling_grid(*vp, GridType::uniform, 5, 1), Error);
  EXPECT_THROW(sampling_grid(*vp, GridType::karras, 50000, 1 - 1e-12), Error);
}

TEST(Sampler, RefusesWhatItHasNoUseFor) {
  SampleOptions o = options("rk45", 1);
  o.steps = 10;
  EXPECT_THROW(Sampler(quarter(), o), Error);
  o = options("rk45", 1);
  o.grid = GridType::karras;
  EXPECT_THROW(Sampler(quarter(), o), Error);
  o = options("heun", 10);
  o.eta = 0.5;
  EXPECT_THROW(Sampler(quarter(), o), Error);
  o = options("ddim", 10);
  o.eta = 2;
  EXPECT_THROW(Sampler(quarter(), o), Error);
  o.eta = 0;
  o.eps = 2;
  EXPECT_THROW(Sampler(quarter(), o), Error);
}

TEST(Sampler, UnknownNamesGetASuggestion) {
  try {
    find_sampler("eulermaruyama");
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("euler_maruyama"), std::string::npos) << e.what();
    EXPECT_EQ(e.status(), Status::usage);
  }
}

}  // namespace
}  // namespace sde
