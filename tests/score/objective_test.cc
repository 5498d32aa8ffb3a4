// What training reaches, against closed forms.
#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <string>

#include "base/error.h"
#include "random/stream.h"
#include "score/mixture.h"
#include "score/sampler.h"
#include "score/straightness.h"
#include "score/train.h"
#include "simd/target.h"

namespace sde {
namespace {

constexpr std::size_t kRows = 8192, kModeRows = 40000;

std::shared_ptr<const MixtureModel> gaussian(const ProcessOptions& process, double mean, double deviation) {
  return std::make_shared<MixtureModel>(
      make_process(process), std::vector<MixtureModel::Component>{{1, {mean}, {{deviation * deviation}}}});
}

std::vector<double> normals(std::size_t n, double mean, double deviation) {
  const Stream stream = make_stream(7, Purpose::test);
  std::vector<double> x(n);
  for (std::size_t k = 0; k < n; ++k) x[k] = mean + deviation * normal_pair(stream, k, 0)[0];
  return x;
}

// Two modes in the plane, of mean 0 and variance 1 in both columns: what training sees needs no
// standardising.
std::vector<MixtureModel::Component> modes() {
  return {{1, {-0.8, 0.4}, {{0.36, 0.1}, {0.1, 0.84}}}, {1, {0.8, -0.4}, {{0.36, -0.05}, {-0.05, 0.84}}}};
}

std::vector<double> draw_modes(std::size_t n) {
  const Stream stream = make_stream(8, Purpose::test);
  std::vector<double> x;
  const auto all = modes();
  for (std::size_t k = 0; k < n; ++k) {
    const auto z = normal_pair(stream, k, 0);
    const MixtureModel::Component& c = all[uniform_pair(stream, k, 1)[0] < 0.5 ? 0 : 1];
    const double l = std::sqrt(c.covariance[0][0]), m = c.covariance[0][1] / l;
    x.push_back(c.mean[0] + l * z[0]);
    x.push_back(c.mean[1] + m * z[0] + std::sqrt(c.covariance[1][1] - m * m) * z[1]);
  }
  return x;
}

// Relative L2 error of s(t) score over times equispaced in ln(a / s), where the data are neither whole nor
// gone.
double score_error(const ScoreModel& model, const ScoreModel& truth, const std::vector<double>& rows) {
  const NoiseProcess& process = model.process();
  const std::size_t D = model.dimension(), n = 512;
  StateBlock<double> x(D, n), got(D, n), want(D, n);
  SdeWorkspace w;
  double error = 0, size = 0;
  for (double lambda = -2; lambda <= 2.01; lambda += 0.5) {
    const double t = process.time_at(lambda), a = process.signal(t), s = process.noise(t);
    for (std::size_t i = 0; i < D; ++i) {
      const Stream stream = make_stream(9, Purpose::test, static_cast<std::uint32_t>(i));
      for (std::size_t l = 0; l < n; ++l) {
        x.row(i)[l] = a * rows[l * D + i] + s * normal_pair(stream, l, 0)[0];
      }
    }
    model.score({t, nullptr}, x, got, w);
    truth.score({t, nullptr}, x, want, w);
    for (std::size_t i = 0; i < D; ++i) {
      for (std::size_t l = 0; l < n; ++l) {
        error += s * s * std::pow(got.row(i)[l] - want.row(i)[l], 2);
        size += s * s * std::pow(want.row(i)[l], 2);
      }
    }
  }
  return std::sqrt(error / size);
}

TrainOptions small() {
  TrainOptions o;
  o.network.hidden = {48, 48};
  o.network.time_embedding.size = 8;
  o.normalization = Normalization::none;
  o.batch = 512;
  o.steps = 2000;
  o.optimizer.lr = 5e-3;
  o.ema = 0.99;
  return o;
}

TrainOptions of(ProcessType process, Prediction prediction) {
  TrainOptions o = small();
  o.process.type = process;
  o.prediction = prediction;
  if (process == ProcessType::ve) o.process.sigma_max = 20;
  return o;
}

struct Pair {
  ProcessType process;
  Prediction prediction;
};

// Every process and every prediction once; all pairs where SDETOOLS_LONG_TESTS is set.
std::vector<Pair> pairs() {
  using enum ProcessType;
  if (!std::getenv("SDETOOLS_LONG_TESTS")) {
    return {{vp, Prediction::energy},   {vp_cosine, Prediction::v_prediction},
            {subvp, Prediction::score}, {ve, Prediction::epsilon},
            {edm, Prediction::edm},     {flow, Prediction::flow},
            {flow, Prediction::sample}};
  }
  std::vector<Pair> all;
  for (const ProcessType type : {vp, vp_cosine, subvp, ve, edm, flow}) {
    for (const auto& [name, prediction] : enum_names(Prediction{})) {
      const auto process = make_process({.type = type});
      try {
        check_prediction(prediction, *process, "");
      } catch (const Error&) {
        continue;
      }
      all.push_back({type, prediction});
    }
  }
  return all;
}

std::string name_of(const Pair& pair) {
  std::string name;
  for (const auto& [text, type] : enum_names(ProcessType{})) {
    if (type == pair.process) name = text;
  }
  for (const auto& [text, prediction] : enum_names(Prediction{})) {
    if (prediction == pair.prediction) name += std::string("_") + text;
  }
  return name;
}

class Pairs : public testing::TestWithParam<Pair> {};

TEST_P(Pairs, LearnTheScoreOfAMixture) {
  static const std::vector<double> data = draw_modes(kModeRows);
  TrainOptions o = of(GetParam().process, GetParam().prediction);
  o.network.hidden = {64, 64};
  o.steps = 3000;
  // A velocity that grows with the noise, by a factor of thousands.
  if (GetParam().process == ProcessType::ve && GetParam().prediction == Prediction::flow) o.steps = 9000;
  Trainer trainer(o, data, kModeRows, 2);
  ASSERT_EQ(trainer.run({}), Trainer::End::finished);
  const MixtureModel truth(make_process(o.process), modes());
  const double error = score_error(*trainer.model(), truth, data);
  RecordProperty("relative_error", std::to_string(error));
  EXPECT_LT(error, 0.05);
}

INSTANTIATE_TEST_SUITE_P(All, Pairs, testing::ValuesIn(pairs()),
                         [](const auto& c) { return name_of(c.param); });

TEST(Energy, HasNoCurl) {
  const std::vector<double> data = draw_modes(2048);
  const auto asymmetry = [&](Prediction prediction, nn::NetworkType network = nn::NetworkType::mlp) {
    TrainOptions o = of(ProcessType::vp, prediction);
    o.steps = 200;
    o.network.type = network;
    if (network != nn::NetworkType::mlp) o.network.hidden = {32, 32};
    if (network == nn::NetworkType::unet) {
      o.network.image = {2, 1, 1};
      o.network.hidden = {16};
      o.steps = 50;
    }
    Trainer trainer(o, data, 2048, 2);
    trainer.run({});
    const auto model = trainer.model();
    StateBlock<double> x(2, 16), v(2, 16), w(2, 16), score(2, 16), jv(2, 16), jw(2, 16);
    for (std::size_t l = 0; l < 16; ++l) {
      for (std::size_t i = 0; i < 2; ++i) x.row(i)[l] = data[2 * l + i];
      v.row(0)[l] = 1;
      w.row(1)[l] = 1;
    }
    SdeWorkspace workspace;
    AlignedVector<double> trace(16);
    double worst = 0, size = 0;
    for (const double t : {0.05, 0.3, 0.8}) {
      model->score_and_product({t, nullptr}, x, v, score, jv, workspace);
      model->score_and_product({t, nullptr}, x, w, score, jw, workspace);
      model->score_and_divergence({t, nullptr}, x, score, trace.data(), workspace);
      for (std::size_t l = 0; l < 16; ++l) {
        worst = std::fmax(worst, std::fabs(jv.row(1)[l] - jw.row(0)[l]));
        size = std::fmax(size, std::fabs(jv.row(0)[l]));
        EXPECT_NEAR(trace[l], jv.row(0)[l] + jw.row(1)[l], 1e-4 * (1 + std::fabs(trace[l])));
      }
    }
    return worst / size;
  };
  EXPECT_LT(asymmetry(Prediction::energy), 1e-5);
  EXPECT_LT(asymmetry(Prediction::energy, nn::NetworkType::resmlp), 1e-5);
  EXPECT_LT(asymmetry(Prediction::energy, nn::NetworkType::unet), 1e-5);
  EXPECT_GT(asymmetry(Prediction::epsilon), 1e-3);
}

// The same minimum without sight of the noise.
TEST(Matching, SlicedAndImplicitAgreeWithDenoising) {
  const std::vector<double> data = draw_modes(kModeRows);
  std::vector<TrainOptions> all(3, of(ProcessType::vp, Prediction::epsilon));
  all[0].objective = Objective::sliced;
  all[1].objective = all[2].objective = Objective::implicit;
  all[2].network.type = nn::NetworkType::resmlp;
  all[2].network.hidden = {32, 32};
  for (const TrainOptions& o : all) {
    Trainer trainer(o, data, kModeRows, 2);
    ASSERT_EQ(trainer.run({}), Trainer::End::finished);
    const MixtureModel truth(make_process(o.process), modes());
    EXPECT_LT(score_error(*trainer.model(), truth, data), 0.08);
  }
}

TEST(Flow, ReachesItsFloorAndStraightensByReflow) {
  const ProcessOptions flow{.type = ProcessType::flow};
  const double pi = std::acos(-1), bent = 2 - pi / 2;
  const auto exact = gaussian(flow, 3, 1);
  // The bends are those of z^2, whose mean the draws have exactly.
  for (const std::size_t samples : {100, 1024}) {
    const double got = straightness(*exact, 1, samples);
    EXPECT_NEAR(got, bent, 1e-3);
    const tbb::global_control one(tbb::global_control::max_allowed_parallelism, 1);
    EXPECT_EQ(straightness(*exact, 1, samples), got);
  }

  const auto one_step = [](const std::shared_ptr<const ScoreModel>& model, double& mean) {
    SampleOptions o;
    o.sampler = "euler";
    o.steps = 1;
    o.samples = 4096;
    const SampleResult result = sample(model, o, 0, {}, {});
    mean = result.moments[0].mean;
    return result.moments[0].variance();
  };
  TrainOptions o = of(ProcessType::flow, Prediction::flow);
  o.weighting = Weighting::uniform;
  o.batch = 1024;
  Trainer first(o, normals(kRows, 3, 1), kRows, 1);
  ASSERT_EQ(first.run({}), Trainer::End::finished);
  // Over the last part of training; of 2^18 draws, each with a variance of about 2 (pi / 2)^2.
  const std::vector<double>& curve = first.state().curve.loss;
  EXPECT_NEAR(std::accumulate(curve.end() - 25, curve.end(), 0.0) / 25, pi / 2, 0.03);
  EXPECT_NEAR(first.loss_floor(), pi / 2, 0.03);
  EXPECT_NEAR(straightness(*first.model(), 1), bent, 0.02);
  double mean = 0;
  EXPECT_LT(one_step(first.model(), mean), 0.01);
  EXPECT_NEAR(mean, 3, 0.1);

  o.coupling = Coupling::reflow;
  Trainer again(o, normals(kRows, 3, 1), kRows, 1, {}, {}, exact);
  ASSERT_EQ(again.run({}), Trainer::End::finished);
  EXPECT_LT(straightness(*again.model(), 1), 0.02);
  EXPECT_LT(again.validation_loss(), 0.02);
  EXPECT_TRUE(std::isnan(again.loss_floor()));
  EXPECT_NEAR(one_step(again.model(), mean), 1, 0.08);
  EXPECT_NEAR(mean, 3, 0.1);
  // No score follows from a coupled flow.
  SampleOptions noisy;
  noisy.sampler = "euler_maruyama";
  EXPECT_THROW(Sampler(again.model(), noisy), Error);
}

// Optimal transport straightens without a teacher: in one dimension the plan of N(0, 1) to N(m, 1) is a
// shift.
TEST(Flow, TransportStraightens) {
  for (const Coupling coupling : {Coupling::ot, Coupling::sinkhorn}) {
    TrainOptions o = of(ProcessType::flow, Prediction::flow);
    o.coupling = coupling;
    o.steps = coupling == Coupling::ot ? 400 : 150;
    o.batch = 96;
    Trainer trainer(o, normals(2048, 3, 1), 2048, 1);
    ASSERT_EQ(trainer.run({}), Trainer::End::finished);
    EXPECT_LT(straightness(*trainer.model(), 1), 0.05);
    EXPECT_LT(trainer.validation_loss(), 0.3);
    EXPECT_GT(trainer.validation_loss(), 0);
  }
}

TEST(Consistency, FunctionOfAGaussian) {
  const double c = 0.5;
  using enum Objective;
  for (const auto& [objective, seed] : {std::pair{consistency, 0u}, {consistency, 1u}, {distillation, 0u}}) {
    TrainOptions o = of(ProcessType::edm, Prediction::edm);
    o.objective = objective;
    o.seed = seed;
    const bool distils = objective == Objective::distillation;
    o.steps = distils ? 5000 : 12000;
    o.optimizer.lr = 2e-3;
    o.ema = distils ? 0.995 : 0.999;
    const auto teacher = distils ? gaussian(o.process, 0, c) : nullptr;
    Trainer trainer(o, normals(kRows, 0, c), kRows, 1, {}, {}, teacher);
    ASSERT_EQ(trainer.run({}), Trainer::End::finished);
    const auto model = trainer.model();
    ASSERT_TRUE(model->consistent());
    const NoiseProcess& process = model->process();
    const double end = process.sampling_cutoff();
    StateBlock<double> x(1, 256), out(1, 256);
    SdeWorkspace w;
    const Stream stream = make_stream(11, Purpose::test);
    for (const double sigma : {80.0, 3.0, 0.5}) {
      double error = 0, size = 0;
      for (std::size_t l = 0; l < 256; ++l) {
        x.row(0)[l] = std::sqrt(c * c + sigma * sigma) * normal_pair(stream, l, 0)[0];
      }
      model->consistency(sigma / 80, end, x, out, w);
      for (std::size_t l = 0; l < 256; ++l) {
        const double want = x.row(0)[l] * std::sqrt((c * c + 0.002 * 0.002) / (c * c + sigma * sigma));
        error += std::pow(out.row(0)[l] - want, 2);
        size += want * want;
      }
      EXPECT_LT(std::sqrt(error / size), 0.02) << "sigma " << sigma << (teacher ? " distilled" : "");
    }
    // At the cut-off it is the identity, whatever the network says.
    model->consistency(end, end, x, out, w);
    for (std::size_t l = 0; l < 16; ++l)
      EXPECT_NEAR(out.row(0)[l], x.row(0)[l], 1e-6 * std::fabs(x.row(0)[l]));
    SampleOptions other;
    other.sampler = "heun";
    EXPECT_THROW(Sampler(model, other), Error);
  }
}

TEST(Consistency, FeaturesOfTimeAreSmoothUnlessAskedFor) {
  TrainOptions o = of(ProcessType::edm, Prediction::edm);
  EXPECT_EQ(completed(o).network.time_embedding.scale, 1);
  EXPECT_NEAR(*completed(o).network.time_embedding.max_frequency, std::exp(6), 1e-9);
  for (const Objective objective : {Objective::consistency, Objective::distillation}) {
    o.objective = objective;
    EXPECT_EQ(completed(o).network.time_embedding.scale, 0.1);
    EXPECT_EQ(completed(o).network.time_embedding.max_frequency, 2);
  }
  o.network.time_embedding.scale = 3;
  o.network.time_embedding.max_frequency = 40;
  EXPECT_EQ(completed(o).network.time_embedding.scale, 3);
  EXPECT_EQ(completed(o).network.time_embedding.max_frequency, 40);
}

// A bridge with noise between coupled ends (Tong et al. 2024): the velocity of what is drawn anew is learned
// too.
TEST(Flow, BridgesBetweenCoupledEnds) {
  TrainOptions o = of(ProcessType::bridge, Prediction::flow);
  o.process.sigma = 0.5;
  o.coupling = Coupling::ot;
  o.batch = 128;
  o.steps = 500;
  Trainer trainer(o, normals(4096, 1, 0.5), 4096, 1);
  ASSERT_EQ(trainer.run({}), Trainer::End::finished);
  SampleOptions sampling;
  sampling.sampler = "heun";
  sampling.steps = 50;
  sampling.samples = 4096;
  const SampleResult result = sample(trainer.model(), sampling, 0, {}, {});
  EXPECT_NEAR(result.moments[0].mean, 1, 0.06);
  EXPECT_NEAR(std::sqrt(result.moments[0].variance()), 0.5, 0.06);
}

TEST(Objectives, SameBitsForAnyThreadsTargetAndInterruption) {
  const std::vector<double> data = draw_modes(400);
  const auto bits = [&](const TrainOptions& o, std::size_t threads, bool interrupted) {
    const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, threads);
    const bool taught = o.coupling == Coupling::reflow || o.objective == Objective::distillation;
    const auto teacher = taught ? std::make_shared<MixtureModel>(make_process(o.process), modes()) : nullptr;
    Trainer trainer(o, data, 400, 2, {}, {}, teacher);
    StopToken stop;
    Hooks hooks;
    hooks.stop = &stop;
    hooks.progress = [&](std::uint64_t done, std::uint64_t) {
      if (interrupted && done == 5) stop.request();
    };
    trainer.run(hooks);
    if (!interrupted) return trainer.state().network.ema;
    EXPECT_EQ(trainer.state().network.step, 5u);
    Trainer second(o, data, 400, 2, {}, {}, teacher);
    second.resume(trainer.state());
    second.run({});
    return second.state().network.ema;
  };
  std::vector<TrainOptions> all;
  for (const Coupling coupling : {Coupling::ot, Coupling::sinkhorn, Coupling::reflow}) {
    all.push_back(of(ProcessType::flow, Prediction::flow));
    all.back().coupling = coupling;
  }
  all.push_back(of(ProcessType::vp, Prediction::energy));
  all.push_back(of(ProcessType::vp, Prediction::energy));
  all.back().network.type = nn::NetworkType::resmlp;
  for (const Objective objective : {Objective::sliced, Objective::implicit}) {
    all.push_back(of(ProcessType::vp, Prediction::epsilon));
    all.back().objective = objective;
  }
  for (const Objective objective : {Objective::consistency, Objective::distillation}) {
    all.push_back(of(ProcessType::edm, Prediction::edm));
    all.back().objective = objective;
  }
  for (TrainOptions& o : all) {
    o.network.hidden = {16, 16};
    o.batch = 300;  // two groups, the second with spare lanes
    o.steps = 12;
    o.optimizer.warmup = 2;
    const AlignedVector<float> first = bits(o, 1, false);
    for (const float w : first) ASSERT_TRUE(std::isfinite(w));
    for (const std::string& target : available_targets()) {
      set_target(target);
      EXPECT_EQ(bits(o, 2, false), first)
          << target << " " << static_cast<int>(o.coupling) << " " << static_cast<int>(o.objective);
    }
    set_target(available_targets().front());
    EXPECT_EQ(bits(o, 2, true), first);
  }
}

TEST(Trainer, ReportsTheFloorOfTheReference) {
  TrainOptions o = of(ProcessType::vp, Prediction::epsilon);
  Trainer trainer(o, normals(200'000, 0, 0.5), 200'000, 1);
  EXPECT_NEAR(trainer.loss_floor(), 0.173307, 0.001);
  EXPECT_NEAR(trainer.sigma_data(), 0.5, 0.005);
}

// Whole numbers with noise of their step, new in every batch, are continuous data of a larger variance.
TEST(Trainer, DequantisesInEveryBatch) {
  std::vector<double> steps = normals(4096, 10, 3), filled = steps;
  const Stream stream = make_stream(8, Purpose::test);
  for (std::size_t k = 0; k < steps.size(); ++k) {
    steps[k] = std::floor(steps[k]);
    filled[k] = steps[k] + uniform_pair(stream, k, 0)[0];
  }
  TrainOptions o = of(ProcessType::vp, Prediction::epsilon);
  o.normalization = Normalization::standard;
  o.validation_fraction = 0.2;
  o.steps = 300;
  o.dequantise = 1;
  Trainer trainer(o, steps, 4096, 1);
  o.dequantise = 0;
  const Trainer once(o, filled, 4096, 1);
  EXPECT_NEAR(trainer.loss_floor(), once.loss_floor(), 1e-4);
  EXPECT_NEAR(trainer.standardisation().mean[0], once.standardisation().mean[0], 0.02);
  EXPECT_NEAR(trainer.standardisation().deviation[0], once.standardisation().deviation[0], 0.02);
  EXPECT_NEAR(trainer.sigma_data(), 1, 1e-6);
  trainer.run({});
  // Of a Gaussian, which the data are but for a little: the floor is reached, from above.
  EXPECT_NEAR(trainer.validation_loss(), trainer.loss_floor(), 0.03);
  o.dequantise = 2;
  EXPECT_THROW(Trainer(o, steps, 4096, 1), Error);  // every other step is no whole one
  o.dequantise = 1;
  EXPECT_THROW(Trainer(o, filled, 4096, 1), Error);
}

TEST(Trainer, RefusesWhatDoesNotGoTogether) {
  const std::vector<double> data = draw_modes(64);
  const auto refused = [&](const std::string& part, auto change,
                           std::shared_ptr<const ScoreModel> teacher = nullptr) {
    TrainOptions o = small();
    o.batch.reset();
    change(o);
    try {
      Trainer trainer(o, data, 64, 2, {}, {}, teacher);
      ADD_FAILURE() << part;
    } catch (const Error& e) {
      EXPECT_EQ(e.status(), Status::usage);
      EXPECT_EQ(std::string(e.what()).substr(0, part.size()), part);
    }
  };
  refused("/prediction", [](auto& o) { o.process.type = ProcessType::flow; });
  refused("/prediction", [](auto& o) { o.objective = Objective::consistency; });
  refused("/objective", [](auto& o) {
    o.objective = Objective::sliced;
    o.prediction = Prediction::energy;
  });
  refused("/network/attention", [](auto& o) {
    o.objective = Objective::sliced;
    o.network.type = nn::NetworkType::unet;
    o.network.image = {2, 1, 1};
    o.network.hidden = {16};
    o.network.attention = true;
  });
  refused("/coupling", [](auto& o) { o.coupling = Coupling::ot; });
  refused("/teacher", [](auto& o) {
    o.process.type = ProcessType::flow;
    o.prediction = Prediction::flow;
    o.coupling = Coupling::reflow;
  });
  refused(
      "/teacher", [](auto&) {}, gaussian({}, 0, 1));
  refused(
      "/teacher",
      [](auto& o) {
        o.objective = Objective::distillation;
        o.prediction = Prediction::edm;
      },
      gaussian({}, 0, 1));
  refused("/consistency/first_steps", [](auto& o) {
    o.objective = Objective::consistency;
    o.prediction = Prediction::edm;
    o.consistency.first_steps = 5000;
  });
}

}  // namespace
}  // namespace sde
