#include "score/sampler.h"

#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include <algorithm>
#include <atomic>
#include <cmath>

#include "base/error.h"
#include "linear.h"
#include "score/mixture.h"
#include "score/reverse.h"

namespace sde {
namespace {

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

// DPM-Solver++ without lowering the order of the last step.
TEST(Sampler, DpmSolverPlusPlusHasItsExactDeviations) {
  using enum GridType;
  EXPECT_NEAR(deviation(options("dpmpp_2m", 10), quarter()), 0.687542, 5e-7);
  EXPECT_NEAR(deviation(options("dpmpp_2m", 10, logsnr), quarter()), 0.516458, 5e-7);
  EXPECT_NEAR(deviation(options("dpmpp_2m", 50), quarter()), 0.526596, 5e-7);
  EXPECT_NEAR(deviation(options("dpmpp_2m", 50, logsnr), quarter()), 0.501221, 5e-7);
}

// The recursions of tests/oracles/samplers.py.
TEST(Sampler, HigherOrdersHaveTheirExactDeviations) {
  struct Row {
    const char* name;
    std::uint64_t order;
    double ten, fifty;
  };
  for (const Row& row :
       {Row{"dpm2", 0, 0.533393528149, 0.501275154470}, Row{"dpm3", 0, 0.501044361169, 0.500095374581},
        Row{"dpmpp_3m", 0, 0.532006414995, 0.500519162326}, Row{"unipc", 1, 0.431506793888, 0.496674680884},
        Row{"unipc", 2, 0.522167210712, 0.500378504315}, Row{"unipc", 3, 0.505567920735, 0.500073333303},
        Row{"plms", 0, 0.520262708179, 0.500882031688}, Row{"lms", 0, 0.438403695733, 0.499354035378}}) {
    SampleOptions o = options(row.name, 10, GridType::logsnr);
    if (row.order) o.order = row.order;
    EXPECT_NEAR(deviation(o, quarter()), row.ten, 1e-10) << row.name << row.order;
    o.steps = 50;
    EXPECT_NEAR(deviation(o, quarter()), row.fifty, 1e-10) << row.name << row.order;
  }
}

// A process of N steps, a^2 = prod (1 - beta_i) with beta_i from 0.1 / N to 20 / N, at times i / N.
class Discrete final : public NoiseProcess {
 public:
  explicit Discrete(int n) : squares_{1} {
    for (int i = 0; i < n; ++i) {
      const double beta = (0.1 + (20 - 0.1) * i / (n - 1)) / n;
      squares_.push_back(squares_.back() * (1 - beta));
    }
  }
  double square(double t) const {
    return squares_[static_cast<std::size_t>(std::lround(t * static_cast<double>(squares_.size() - 1)))];
  }
  double signal(double t) const override { return std::sqrt(square(t)); }
  double noise(double t) const override { return std::sqrt(1 - square(t)); }
  double drift_factor(double) const override { return 0; }
  double diffusion_squared(double) const override { return 0; }
  double half_log_snr(double t) const override { return std::log(signal(t) / noise(t)); }
  double time_at(double) const override { return 0; }
  double prior_deviation() const override { return 1; }
  double sampling_cutoff() const override { return 0; }

 private:
  std::vector<double> squares_;
};

// The published value is of the discrete process of a thousand steps, to the data themselves.
TEST(Sampler, AncestralSamplingHasItsExactDeviation) {
  const auto model = std::make_shared<MixtureModel>(std::make_shared<Discrete>(1000),
                                                    std::vector<MixtureModel::Component>{{1, {0}, {{0.25}}}});
  SampleOptions o = options("ancestral", 1000);
  o.eps = 0;
  EXPECT_NEAR(deviation(o, model), 0.500752, 5e-7);
}

// The process of that name takes its levels as steps, to the data.
TEST(Sampler, LaddersAreWalkedRungByRung) {
  ScoreDocument d;
  d.process.type = ProcessType::ddpm;
  d.score.mean.emplace(1, 0.0);
  d.score.covariance.emplace(1, std::vector{0.25});
  const auto model = make_mixture(d);
  SampleOptions o;
  o.sampler = "ancestral";
  EXPECT_NEAR(deviation(o, model), 0.500752, 5e-7);
  EXPECT_EQ(Sampler(model, o).grid().size(), 1001u);
  o.sampler = "ddim";
  o.steps = 50;
  const std::vector<double> grid = Sampler(model, o).grid();
  for (const double t : grid) EXPECT_NEAR(t * 1000, std::round(t * 1000), 1e-9);
  EXPECT_EQ(grid.back(), 0);
  o.grid = GridType::logsnr;
  EXPECT_THROW(Sampler(model, o), Error);  // its lowest rungs are further apart
  o.steps = 15;
  EXPECT_EQ(Sampler(model, o).grid().back(), 0);
  o.grid = GridType::uniform;
  o.steps = 1200;
  EXPECT_THROW(Sampler(model, o), Error);
}

// Flows, and processes whose time is another.
TEST(Sampler, OtherProcessesSampleAGaussian) {
  for (const ProcessType type : {ProcessType::vp_cosine, ProcessType::edm, ProcessType::flow}) {
    for (const SamplerTraits& traits : samplers()) {
      if (traits.kind == SamplerKind::exact) continue;
      EXPECT_NEAR(deviation(options(traits.name, 400, GridType::logsnr), quarter(type)), 0.5, 0.03)
          << traits.name << " " << static_cast<int>(type);
    }
  }
}

TEST(Sampler, EdmHasItsExactRatio) {
  class Plain final : public NoiseProcess {
   public:
    double signal(double) const override { return 1; }
    double noise(double t) const override { return 80 * t; }
    double drift_factor(double) const override { return 0; }
    double diffusion_squared(double t) const override { return 2 * 80 * 80 * t; }
    double half_log_snr(double t) const override { return -std::log(80 * t); }
    double time_at(double lambda) const override { return std::exp(-lambda) / 80; }
    double prior_deviation() const override { return 80; }
    double sampling_cutoff() const override { return 0.002 / 80; }
  };
  const auto model = std::make_shared<MixtureModel>(std::make_shared<Plain>(),
                                                    std::vector<MixtureModel::Component>{{1, {0}, {{0.25}}}});
  const SampleOptions o = options("edm", 18, GridType::karras);
  const double exact = 80 * std::sqrt(0.25 / (0.25 + 80 * 80));
  EXPECT_NEAR(deviation(o, model) / exact, 1.05527, 5e-6);
  EXPECT_EQ(Sampler(model, o).evaluations(), 35u);
}

// Orders on the flow of N(0, 1/4), from the marginal at t = 1, over steps equal in lambda: twice the steps
// divide the error by 2^order.
TEST(Sampler, OrdersOnTheFlow) {
  const auto model = quarter();
  const double a = model->process().signal(1), s = model->process().noise(1);
  const double exact = 0.500082451168595 / std::sqrt(a * a / 4 + s * s);
  const auto measured = [&](const SampleOptions& coarse) {
    SampleOptions fine = coarse;
    fine.steps = 2 * *coarse.steps;
    return std::log2(std::fabs(deviation(coarse, model) - exact) / std::fabs(deviation(fine, model) - exact));
  };
  const auto on = [&](const char* name, std::uint64_t steps) {
    return measured(options(name, steps, GridType::logsnr));
  };
  EXPECT_NEAR(on("dpm1", 200), 1, 0.05);
  EXPECT_NEAR(on("ddim", 200), 1, 0.05);
  EXPECT_NEAR(on("dpm2", 100), 2, 0.1);
  EXPECT_NEAR(on("dpm3", 60), 3, 0.15);
  EXPECT_NEAR(on("dpmpp_2m", 400), 2, 0.1);
  // Its first step has no history and is of order 1, so that one error of order h^2 stays; a small one.
  EXPECT_NEAR(on("dpmpp_3m", 400), 2, 0.1);
  SampleOptions uni = options("unipc", 100, GridType::logsnr);
  for (const std::uint64_t order : {1, 2, 3}) {
    uni.order = order;
    // The corrector adds one.
    EXPECT_GT(measured(uni), static_cast<double>(order) + 0.7) << order;
  }
  EXPECT_NEAR(measured(options("lms", 200, GridType::karras)), 4, 0.5);
  EXPECT_NEAR(measured(options("rk4", 200)), 4, 0.3);
}

// EDM's last step goes to the data and is of order one, but from so little noise that it does not matter.
TEST(Sampler, EdmHasOrderTwo) {
  const auto model = quarter();
  const double a = model->process().signal(1), s = model->process().noise(1);
  const double exact = 0.5 / std::sqrt(a * a / 4 + s * s);
  SampleOptions o = options("edm", 64, GridType::karras);
  o.eps = 1e-7;
  const double coarse = std::fabs(deviation(o, model) - exact);
  o.steps = 128;
  EXPECT_NEAR(std::log2(coarse / std::fabs(deviation(o, model) - exact)), 2, 0.15);
}

// Noise added and removed again leaves the marginal: with churn the deviation tends to the same.
TEST(Sampler, ChurnKeepsTheMarginal) {
  SampleOptions o = options("edm", 400, GridType::karras);
  o.S_churn = 40;
  EXPECT_NEAR(deviation(o, quarter()), 0.5, 2e-3);
  o.S_noise = 1.1;
  EXPECT_GT(deviation(o, quarter()), 0.505);
}

// Both discretise the same reverse SDE.
TEST(Sampler, AncestralSamplingTendsToEulerMaruyama) {
  const auto gap = [](std::uint64_t steps) {
    return std::fabs(deviation(options("ancestral", steps), quarter()) -
                     deviation(options("euler_maruyama", steps), quarter()));
  };
  EXPECT_NEAR(gap(500) / gap(1000), 2, 0.1);
  EXPECT_LT(gap(1000), 1e-3);
}

// At equal predictor steps the corrector brings the deviation closer to that of the data.
TEST(Sampler, CorrectorBeatsThePredictorAlone) {
  const auto error = [](const SampleOptions& o) {
    return std::fabs(deviation(o, quarter()) - 0.500082451168595);
  };
  for (const std::uint64_t steps : {20, 60, 200}) {
    for (const Predictor predictor : {Predictor::reverse_diffusion, Predictor::ancestral}) {
      SampleOptions o = options("pc", steps);
      o.predictor = predictor;
      const double with = error(o);
      o.corrector = Corrector::none;
      EXPECT_LT(with, 0.83 * error(o)) << steps;
    }
  }
}

TEST(Sampler, WithoutCorrectorThePredictorIsLeft) {
  for (const auto& [name, predictor] : enum_names(Predictor{})) {
    SampleOptions o = options("pc", 60);
    o.predictor = predictor;
    o.corrector = Corrector::none;
    EXPECT_NEAR(deviation(o, quarter()), deviation(options(name, 60), quarter()), 1e-12) << name;
  }
}

TEST(Sampler, ConsistencyOfAGaussianIsExactInOneStep) {
  const auto model = quarter();
  const double a = model->process().signal(1), s = model->process().noise(1);
  const double exact = 0.500082451168595 / std::sqrt(a * a / 4 + s * s);
  EXPECT_NEAR(deviation(options("consistency", 1, GridType::karras), model), exact, 1e-12);
  // From the prior, which is not quite the marginal; a second step starts from less of the difference.
  EXPECT_NEAR(deviation(options("consistency", 3, GridType::karras), model), 0.500082451168595, 1e-6);
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

bool has_path(const SamplerTraits& traits) {
  return traits.kind != SamplerKind::exact;
}

TEST(Sampler, EveryProcessSamplesAGaussian) {
  for (const ProcessType type : {ProcessType::vp, ProcessType::subvp, ProcessType::ve}) {
    for (const SamplerTraits& traits : samplers()) {
      if (!has_path(traits)) continue;
      EXPECT_NEAR(deviation(options(traits.name, 400), quarter(type)), 0.5, 0.03)
          << traits.name << " " << static_cast<int>(type);
    }
  }
}

// The number that is reported is the number of calls of the score.
TEST(Sampler, CountsEvaluationsExactly) {
  class Counting final : public ScoreModel {
   public:
    explicit Counting(std::shared_ptr<const ScoreModel> model)
        : ScoreModel(make_process({})), model_(std::move(model)) {}
    std::size_t dimension() const override { return 1; }
    void score(BlockTime t, ConstBlock x, Block out, SdeWorkspace& w) const override {
      ++calls;
      model_->score(t, x, out, w);
    }
    void score_and_divergence(BlockTime, ConstBlock, Block, double*, SdeWorkspace&) const override {}
    void score_and_product(BlockTime, ConstBlock, ConstBlock, Block, Block, SdeWorkspace&) const override {}
    double workspace_bytes(std::size_t) const override { return 0; }
    bool consistent() const override { return true; }
    void consistency(double t, double to, ConstBlock x, Block out, SdeWorkspace& w) const override {
      ++calls;
      model_->consistency(t, to, x, out, w);
    }
    mutable std::atomic<int> calls = 0;

   private:
    std::shared_ptr<const ScoreModel> model_;
  };
  for (const SamplerTraits& traits : samplers()) {
    SampleOptions o = options(traits.name, 7);
    o.samples = 40;  // one block
    if (!has_path(traits)) {
      EXPECT_EQ(sample(quarter(), o, 0, {}).evaluations, 0u);
      continue;
    }
    const auto model = std::make_shared<Counting>(quarter());
    const SampleResult result = sample(model, o, 0, {});
    const std::optional<std::uint64_t> planned = Sampler(model, o).evaluations();
    if (planned) {
      EXPECT_EQ(model->calls, static_cast<int>(*planned)) << traits.name;
      EXPECT_EQ(result.evaluations, 40 * *planned) << traits.name;
      EXPECT_EQ(result.nfe(), static_cast<double>(*planned));
    } else {
      // A block takes as many as its slowest lane, and one to guess the first step.
      EXPECT_GE(40 * model->calls, static_cast<int>(result.evaluations)) << traits.name;
      EXPECT_GT(result.nfe(), 20);
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
    if (o.sampler == "edm") o.S_churn = 10;
    if (o.sampler == "consistency") continue;  // the model is none
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
  o = options("heun", 10);
  o.start_time = 0.5;
  EXPECT_THROW(sample(quarter(), o, 0, {}), Error);  // there are no data to start from
  o = options("exact", 10);
  o.steps = 10;
  EXPECT_THROW(Sampler(quarter(), o), Error);
}

TEST(Sampler, ThoseThatDoNotFitTheModelAreRefusedWithThoseThatDo) {
  ScoreDocument d;
  d.score.type = "gaussian_mixture";
  d.score.means = {{-2}, {2}};
  d.score.covariances = {{{0.25}}, {{0.25}}};
  try {
    Sampler(make_mixture(d), options("consistency", 2));
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("dpmpp_2m"), std::string::npos) << e.what();
    EXPECT_EQ(std::string(e.what()).find(", consistency"), std::string::npos) << e.what();
  }
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
