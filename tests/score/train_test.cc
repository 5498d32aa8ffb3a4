#include "score/train.h"

#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "base/error.h"
#include "random/stream.h"
#include "score/likelihood.h"
#include "score/mixture.h"
#include "score/sampler.h"
#include "simd/target.h"

namespace sde {
namespace {

// Two modes; drawn exactly, by the flow of its own score.
ScoreDocument two_modes() {
  ScoreDocument d;
  d.score.type = "gaussian_mixture";
  d.score.means = {{-1.5, 0.5}, {1.5, -0.5}};
  d.score.covariances = {{{0.3, 0.1}, {0.1, 0.4}}, {{0.4, 0}, {0, 0.2}}};
  return d;
}

std::vector<double> draw(std::uint64_t n, std::uint64_t seed) {
  SampleOptions o;
  o.sampler = "ddim";
  o.steps = 200;
  o.grid = GridType::logsnr;
  o.eps = 1e-5;
  o.samples = n;
  o.seed = seed;
  std::vector<double> x;
  sample(make_mixture(two_modes()), o, 0,
         [&](const SampleBlock& b) { x.insert(x.end(), b.values, b.values + b.samples * b.dimension); });
  return x;
}

TrainOptions small() {
  TrainOptions o;
  o.network.hidden = {32, 32};
  o.network.time_embedding.size = 8;
  o.batch = 300;  // two groups, the second with spare lanes
  o.steps = 40;
  o.optimizer.warmup = 10;
  return o;
}

TEST(Trainer, SameBitsForAnyThreadsAndTarget) {
  const auto data = draw(512, 1);
  TrainOptions options = small();
  for (const nn::Precision precision : {nn::Precision::f32, nn::Precision::bf16x3, nn::Precision::bf16}) {
    options.precision = precision;
    AlignedVector<float> first;
    for (const std::size_t threads : {1, 2}) {
      for (const std::string& target : available_targets()) {
        set_target(target);
        const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, threads);
        Trainer trainer(options, data, 512, 2);
        EXPECT_EQ(trainer.run({}), Trainer::End::finished);
        const auto& weights = trainer.state().network.ema;
        if (first.empty()) first = weights;
        EXPECT_EQ(weights, first) << target << ", threads " << threads;
      }
    }
  }
  set_target(available_targets().front());
}

TEST(Trainer, StoppedAndResumedEqualsUninterrupted) {
  const auto data = draw(512, 1);
  Trainer whole(small(), data, 512, 2);
  whole.run({});
  Trainer first(small(), data, 512, 2);
  StopToken stop;
  Hooks hooks;
  hooks.stop = &stop;
  hooks.progress = [&](std::uint64_t done, std::uint64_t) {
    if (done == 17) stop.request();
  };
  EXPECT_EQ(first.run(hooks), Trainer::End::stopped);
  EXPECT_EQ(first.state().network.step, 17u);
  Trainer second(small(), data, 512, 2);
  second.resume(first.state());
  EXPECT_EQ(second.run({}), Trainer::End::finished);
  EXPECT_EQ(second.state().network.weights, whole.state().network.weights);
  EXPECT_EQ(second.state().network.ema, whole.state().network.ema);
  EXPECT_EQ(second.state().network.second, whole.state().network.second);
  EXPECT_EQ(second.state().curve.loss, whole.state().curve.loss);
  EXPECT_EQ(second.state().curve.validation, whole.state().curve.validation);
}

TEST(Trainer, CallsForCheckpointsBetweenSteps) {
  const auto data = draw(512, 1);
  Trainer trainer(small(), data, 512, 2);
  int calls = 0;
  trainer.run(
      {}, [&] { ++calls; }, 1e-9);
  EXPECT_EQ(calls, 40);
}

TEST(Trainer, DivergingLossKeepsTheLastGoodState) {
  const auto data = draw(512, 1);
  TrainOptions o = small();
  o.steps = 400;
  o.optimizer.lr = 1e6;
  o.optimizer.clip = 0;
  o.optimizer.warmup = 350;
  o.optimizer.schedule = nn::Schedule::constant;
  Trainer trainer(o, data, 512, 2);
  EXPECT_EQ(trainer.run({}), Trainer::End::diverged);
  for (const float w : trainer.state().network.ema) ASSERT_TRUE(std::isfinite(w));
  EXPECT_LT(trainer.state().network.step, 400u);
  // With patience they are the best ones before that.
  o.optimizer.lr = 5;
  o.patience = 400;
  Trainer patient(o, data, 512, 2), shorter(o, data, 512, 2);
  EXPECT_EQ(patient.run({}), Trainer::End::diverged);
  EXPECT_LT(patient.state().best_step, patient.state().network.step);
  StopToken stop;
  Hooks hooks;
  hooks.stop = &stop;
  hooks.progress = [&](std::uint64_t done, std::uint64_t) {
    if (done == patient.state().best_step) stop.request();
  };
  shorter.run(hooks);
  EXPECT_EQ(shorter.state().network.ema, patient.state().network.ema);
}

// Too large a network for too few rows: the validation loss rises while the training loss falls.
TEST(Trainer, EndsWhenTheValidationLossDoesNotImprove) {
  const auto data = draw(40, 1);
  TrainOptions o = small();
  o.validation_fraction = 0.5;
  o.network.hidden = {64, 64};
  o.steps = 6000;
  o.batch.reset();
  o.optimizer.lr = 3e-3;
  o.ema = 0.9;
  o.patience = 600;
  Trainer trainer(o, data, 40, 2);
  EXPECT_EQ(trainer.run({}), Trainer::End::early);
  const LossCurve& curve = trainer.state().curve;
  const auto least = std::min_element(curve.validation.begin(), curve.validation.end());
  EXPECT_EQ(trainer.state().best_step,
            curve.step[static_cast<std::size_t>(least - curve.validation.begin())]);
  EXPECT_GE(trainer.state().network.step, trainer.state().best_step + 600);
  EXPECT_LT(trainer.state().network.step, 6000u);
  // The weights are the best ones: those that a run of so many steps, of the same schedule, had.
  Trainer shorter(o, data, 40, 2);
  StopToken stop;
  Hooks hooks;
  hooks.stop = &stop;
  hooks.progress = [&](std::uint64_t done, std::uint64_t) {
    if (done == trainer.state().best_step) stop.request();
  };
  shorter.run(hooks);
  EXPECT_EQ(shorter.state().network.ema, trainer.state().network.ema);
  // And where the run is interrupted after them, they are not forgotten.
  Trainer resumed(o, data, 40, 2);
  StopToken later;
  hooks.stop = &later;
  hooks.progress = [&](std::uint64_t done, std::uint64_t) {
    if (done == trainer.state().best_step + 100) later.request();
  };
  Trainer first(o, data, 40, 2);
  first.run(hooks);
  resumed.resume(first.state());
  EXPECT_EQ(resumed.run({}), Trainer::End::early);
  EXPECT_EQ(resumed.state().network.ema, trainer.state().network.ema);
}

TEST(Trainer, MemoryDoesNotGrowWithSteps) {
  const auto data = draw(512, 1);
  TrainOptions o = small();
  const double few = Trainer(o, data, 512, 2).memory_bytes();
  o.steps = 1'000'000;
  EXPECT_EQ(Trainer(o, data, 512, 2).memory_bytes(), few);
}

TEST(Trainer, RefusesBadDataAndOptions) {
  const auto refused = [](const TrainOptions& o, const std::vector<double>& x, std::size_t n, Status status,
                          const std::string& part) {
    try {
      Trainer(o, x, n, x.size() / n);
      ADD_FAILURE() << part;
    } catch (const Error& e) {
      EXPECT_EQ(e.status(), status) << e.what();
      EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
    }
  };
  const TrainOptions o = small();
  refused(o, {1, 2}, 1, Status::bad_data, "two rows");
  refused(o, {1, 2, 1, 3, 1, 4, 1, 5}, 4, Status::bad_data, "column 1: is constant");
  refused(o, {1, 1, 2, 2, 3, 3, 5, 5, 7, 7, 9, 9}, 6, Status::bad_data, "columns 1 and 2: are the same");
  refused(o, {1, 2, std::nan(""), 3}, 2, Status::bad_data, "row 2, column 1");
  refused(o, {1, 32, 2, 34, 5, 40, 4, 38, 3, 36}, 5, Status::bad_data,
          "column 2: repeats column 1 on another scale");
  std::vector<double> wide(200);
  for (std::size_t i = 0; i < 200; ++i) wide[i] = static_cast<double>(i * 37 % 101) * 1e300;
  TrainOptions plain = o;
  plain.normalization = Normalization::none;
  refused(plain, wide, 100, Status::bad_data, "single precision");
  const std::vector<double> data = draw(128, 1);
  const auto with = [&](auto change, const std::string& part) {
    TrainOptions changed = small();
    change(changed);
    refused(changed, data, 128, Status::usage, part);
  };
  with([](auto& c) { c.steps = 0; }, "/steps");
  with([](auto& c) { c.batch = 0; }, "/batch");
  with([](auto& c) { c.patience = 9, c.validation_fraction = 0; }, "/patience");
  with([](auto& c) { c.optimizer.decay = 0; }, "/optimizer/decay");
  with([](auto& c) { c.label_dropout = -0.1; }, "/label_dropout");
  with([](auto& c) { c.ema = 1; }, "/ema");
  with([](auto& c) { c.validation_fraction = 1; }, "/validation_fraction");
  with([](auto& c) { c.optimizer.lr = -1; }, "/optimizer/lr");
  with([](auto& c) { c.network.time_embedding.type = nn::TimeEmbedding::none; }, "/network/time_embedding");
  with([](auto& c) { c.precision = nn::Precision::bf16, c.objective = Objective::sliced; },
       "/precision: objective sliced");
  with([](auto& c) { c.precision = nn::Precision::bf16x3, c.prediction = Prediction::energy; },
       "/precision: prediction energy");
  with(
      [](auto& c) {
        c.precision = nn::Precision::bf16;
        c.network.type = nn::NetworkType::unet;
        c.network.image = {2, 1, 1};
        c.network.hidden = {16};
      },
      "/precision: convolutions");
}

// Products of fewer bits lead to another network, and to the same loss.
TEST(Trainer, LearnsAsMuchInEveryPrecision) {
  const auto data = draw(2048, 1);
  TrainOptions o = small();
  o.network.hidden = {64, 64};
  o.batch = 256;
  o.steps = 1000;
  o.optimizer.lr = 4e-3;
  o.ema = 0.99;
  Trainer single(o, data, 2048, 2);
  single.run({});
  for (const nn::Precision precision : {nn::Precision::bf16x3, nn::Precision::bf16}) {
    o.precision = precision;
    Trainer trainer(o, data, 2048, 2);
    ASSERT_EQ(trainer.run({}), Trainer::End::finished);
    EXPECT_NE(trainer.state().network.ema, single.state().network.ema);
    EXPECT_NEAR(trainer.validation_loss(), single.validation_loss(), 0.02 * single.validation_loss());
  }
}

// Data from one Gaussian: the best loss is known, every prediction and process comes close to it.
TEST(Trainer, EveryPredictionApproachesTheFloor) {
  ScoreDocument d;
  d.score.mean = std::vector{1.0, -2.0};
  d.score.covariance = std::vector{std::vector{4.0, 1.0}, std::vector{1.0, 1.0}};
  SampleOptions s;
  s.sampler = "ddim";
  s.steps = 100;
  s.grid = GridType::logsnr;
  s.samples = 2048;
  std::vector<double> data;
  sample(make_mixture(d), s, 0, [&](const SampleBlock& b) {
    data.insert(data.end(), b.values, b.values + b.samples * b.dimension);
  });
  for (const ProcessType process : {ProcessType::vp, ProcessType::subvp, ProcessType::ve}) {
    for (const auto& [name, prediction] : enum_names(Prediction{})) {
      if (prediction > Prediction::v_prediction) continue;  // see objective_test.cc
      TrainOptions o;
      o.process.type = process;
      o.prediction = prediction;
      // Errors of x_0 in units of epsilon are unbounded as the noise vanishes.
      if (prediction == Prediction::sample) o.weighting = Weighting::uniform;
      o.network.hidden = {48, 48};
      o.network.time_embedding.size = 8;
      o.batch = 256;
      o.steps = 1500;
      o.optimizer.lr = 4e-3;
      o.ema = 0.99;
      Trainer trainer(o, data, 2048, 2);
      ASSERT_EQ(trainer.run({}), Trainer::End::finished);
      const double floor = trainer.loss_floor(), loss = trainer.validation_loss();
      EXPECT_LT(loss, floor * 1.1 + 0.01) << name << " process " << static_cast<int>(process);
      EXPECT_GT(loss, floor * 0.85 - 0.01) << name << " process " << static_cast<int>(process);
    }
  }
}

// Two classes, N(-2, 1/4) and N(2, 1/4): with its label the score is that of its Gaussian, without that of
// the mixture.
TEST(Trainer, LearnsTheScoreWithAndWithoutTheLabel) {
  std::vector<double> data;
  std::vector<std::int64_t> labels;
  const Stream stream = make_stream(3, Purpose::test);
  for (std::size_t k = 0; k < 4096; ++k) {
    labels.push_back(static_cast<std::int64_t>(k % 2));
    data.push_back((k % 2 ? 2 : -2) + 0.5 * normal_pair(stream, k, 0)[0]);
  }
  TrainOptions o;
  o.classes = 2;
  o.label_dropout = 0.4;
  o.network.hidden = {48, 48};
  o.network.time_embedding.size = 8;
  o.network.class_embedding = 4;
  o.batch = 256;
  o.steps = 6000;
  o.optimizer.lr = 4e-3;
  o.ema = 0.99;
  o.normalization = Normalization::none;
  Trainer trainer(o, data, data.size(), 1, {}, labels);
  ASSERT_EQ(trainer.run({}), Trainer::End::finished);
  const auto model = trainer.model();
  ASSERT_EQ(model->classes(), 2u);
  const std::vector<std::vector<std::vector<double>>> covariance(1, {{0.25}});
  const auto exact = [&](std::vector<std::vector<double>> means) {
    ScoreDocument d;
    d.score.type = "gaussian_mixture";
    d.score.covariances.emplace(means.size(), covariance[0]);
    d.score.means = std::move(means);
    return make_mixture(d);
  };
  const std::pair<std::int32_t, std::shared_ptr<const ScoreModel>> cases[] = {
      {0, exact({{-2}})}, {1, exact({{2}})}, {nn::kNoClass, exact({{-2}, {2}})}};
  SdeWorkspace w;
  for (const auto& [label, truth] : cases) {
    const auto conditioned = model->given(label);
    double error = 0, size = 0;
    for (const double t : {0.1, 0.3, 0.6}) {
      const double a = truth->process().signal(t), s = truth->process().noise(t);
      StateBlock<double> x(1, 512), got(1, 512), want(1, 512);
      for (std::size_t l = 0; l < 512; ++l) {
        const double centre = label == 0 || (label == nn::kNoClass && l % 2) ? -2 : 2;
        const auto z = normal_pair(stream, l, 9);
        x.row(0)[l] = a * (centre + 0.5 * z[0]) + s * z[1];
      }
      conditioned->score({t, nullptr}, x, got, w);
      truth->score({t, nullptr}, x, want, w);
      for (std::size_t l = 0; l < 512; ++l) {
        error += s * s * std::pow(got.row(0)[l] - want.row(0)[l], 2);
        size += s * s * std::pow(want.row(0)[l], 2);
      }
    }
    EXPECT_LT(std::sqrt(error / size), 0.1) << "class " << label;
  }
  EXPECT_THROW(model->given(2), Error);
  EXPECT_THROW(model->given(-2), Error);
  // And without a word it is given none.
  StateBlock<double> x(1, 16), plain(1, 16), none(1, 16);
  model->score({0.5, nullptr}, x, plain, w);
  model->given(nn::kNoClass)->score({0.5, nullptr}, x, none, w);
  EXPECT_EQ(plain.row(0)[0], none.row(0)[0]);

  const auto refused = [&](std::vector<std::int64_t> wrong, const std::string& part) {
    try {
      Trainer(o, data, data.size(), 1, {}, wrong);
      ADD_FAILURE() << part;
    } catch (const Error& e) {
      EXPECT_EQ(e.status(), Status::bad_data);
      EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
    }
  };
  refused({}, "no labels");
  labels[6] = 2;
  refused(labels, "row 7: the label must be 0 to 1, as /classes is 2 (got 2)");
  labels[6] = -1;
  refused(labels, "(got -1)");
}

// The whole loop on a known mixture: relative L2 error of the score below 5 %, and samples whose mean
// log-density is within 0.05 of minus the entropy.
TEST(Trainer, LearnsTheScoreOfAMixture) {
  const std::size_t n = 20000;
  const auto data = draw(n, 1);
  TrainOptions o;
  o.network.hidden = {64, 64, 64};
  o.batch = 512;
  o.steps = 6000;
  o.optimizer.lr = 3e-3;
  o.ema = 0.998;
  Trainer trainer(o, data, n, 2);
  ASSERT_EQ(trainer.run({}), Trainer::End::finished);
  const auto model = trainer.model();
  const auto truth = make_mixture(two_modes());

  // |model - exact|^2 against |exact|^2, both weighted with s^2, over the noised distribution and t in [1e-3,
  // 1]. The model's score is in standardised coordinates z: by the chain rule it is deviation times the score
  // at x, and x_t is a mean + deviation z_t, with noise of deviation s times the columns' deviations.
  const auto& standard = model->standardisation();
  ScoreDocument moved = two_modes();
  for (std::size_t k = 0; k < 2; ++k) {
    for (std::size_t i = 0; i < 2; ++i) {
      (*moved.score.means)[k][i] = ((*moved.score.means)[k][i] - standard.mean[i]) / standard.deviation[i];
      for (std::size_t j = 0; j < 2; ++j) {
        (*moved.score.covariances)[k][i][j] /= standard.deviation[i] * standard.deviation[j];
      }
    }
  }
  const auto exact = make_mixture(moved);
  const auto fresh = draw(4096, 2);
  double error = 0, size = 0;
  SdeWorkspace w;
  for (int k = 0; k < 64; ++k) {
    const double t = 1e-3 + (k + 0.5) / 64 * 0.999, a = exact->process().signal(t),
                 s = exact->process().noise(t);
    StateBlock<double> x(2, 64), got(2, 64), want(2, 64);
    for (std::size_t l = 0; l < 64; ++l) {
      const std::size_t row = static_cast<std::size_t>(k) * 64 + l;
      for (std::size_t i = 0; i < 2; ++i) {
        const double z = (fresh[2 * row + i] - standard.mean[i]) / standard.deviation[i];
        x.row(i)[l] = a * z + s * normal_pair(make_stream(9, Purpose::test), row, i)[0];
      }
    }
    model->score({t, nullptr}, x, got, w);
    exact->score({t, nullptr}, x, want, w);
    for (std::size_t i = 0; i < 2; ++i) {
      for (std::size_t l = 0; l < 64; ++l) {
        error += s * s * std::pow(got.row(i)[l] - want.row(i)[l], 2);
        size += s * s * std::pow(want.row(i)[l], 2);
      }
    }
  }
  RecordProperty("relative_error", std::to_string(std::sqrt(error / size)));
  EXPECT_LT(std::sqrt(error / size), 0.05);

  SampleOptions sampling;
  sampling.sampler = "heun";
  sampling.grid = GridType::logsnr;
  sampling.samples = 4096;
  sampling.seed = 5;
  const auto log_density = [&](const std::vector<double>& x) {
    StateBlock<double> block(2, x.size() / 2);
    for (std::size_t k = 0; k < x.size(); ++k) block.row(k % 2)[k / 2] = x[k];
    AlignedVector<double> out(block.lanes());
    truth->log_density(0, block, out.data(), w);
    double sum = 0;
    for (std::size_t l = 0; l < x.size() / 2; ++l) sum += out[l] / static_cast<double>(x.size() / 2);
    return sum;
  };
  std::vector<double> made;
  sample(model, sampling, 0, [&](const SampleBlock& b) {
    made.insert(made.end(), b.values, b.values + b.samples * b.dimension);
  });
  const double minus_entropy = log_density(draw(65536, 3));
  EXPECT_NEAR(log_density(made), minus_entropy, 0.05);

  // And the model's own likelihood of fresh data is near the same.
  LikelihoodOptions lo;
  lo.check = 0;
  const std::vector<double> some(fresh.begin(), fresh.begin() + 2 * 512);
  const LikelihoodResult own = likelihood(model, some, 512, lo);
  EXPECT_NEAR(own.mean, log_density(some), 0.05);
}

}  // namespace
}  // namespace sde
