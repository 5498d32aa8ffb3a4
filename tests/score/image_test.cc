// Training on images.
#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include <cmath>

#include "base/error.h"
#include "random/stream.h"
#include "score/train.h"
#include "simd/target.h"

namespace sde {
namespace {

constexpr std::size_t kRows = 256, kPixels = 32;  // two channels of 4 x 4

// Bright lines at random heights on one plane, and columns on the other; the first pixel of all is dark.
std::vector<double> lines() {
  const Stream stream = make_stream(4, Purpose::test);
  std::vector<double> data(kRows * kPixels);
  for (std::size_t k = 0; k < kRows; ++k) {
    const auto u = uniform_pair(stream, k, 0);
    for (std::size_t i = 1; i < 16; ++i) {
      data[k * kPixels + i] = i / 4 == static_cast<std::size_t>(4 * u[0]) ? 9 : 1;
      data[k * kPixels + 16 + i] = i % 4 == static_cast<std::size_t>(4 * u[1]) ? 0.5 : 0;
    }
  }
  return data;
}

TrainOptions small() {
  TrainOptions o;
  o.network.type = nn::NetworkType::unet;
  o.network.image = {2, 4, 4};
  o.network.hidden = {16, 32};
  o.network.time_embedding.size = 8;
  o.batch = 80;
  o.steps = 4;
  o.optimizer.warmup = 2;
  return o;
}

TEST(Images, SameBitsForAnyThreadsAndTarget) {
  const auto data = lines();
  AlignedVector<float> first;
  for (const std::size_t threads : {1, 2}) {
    for (const std::string& target : available_targets()) {
      set_target(target);
      const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, threads);
      Trainer trainer(small(), data, kRows, kPixels);
      EXPECT_EQ(trainer.run({}), Trainer::End::finished);
      const auto& weights = trainer.state().network.ema;
      if (first.empty()) first = weights;
      EXPECT_EQ(weights, first) << target << ", threads " << threads;
    }
  }
  set_target(available_targets().front());
}

TEST(Images, LearnWhatIsNotGaussian) {
  TrainOptions o = small();
  o.steps = 250;
  o.optimizer.lr = 3e-3;
  o.ema = 0.95;
  Trainer trainer(o, lines(), kRows, kPixels);
  ASSERT_EQ(trainer.run({}), Trainer::End::finished);
  EXPECT_LT(trainer.validation_loss(), 0.8 * trainer.loss_floor());
}

TEST(Images, APlaneHasOneScale) {
  const auto data = lines();
  const Trainer trainer(small(), data, kRows, kPixels);
  const Standardisation& s = trainer.standardisation();
  for (std::size_t i = 1; i < 16; ++i) {
    EXPECT_EQ(s.mean[i], s.mean[0]);
    EXPECT_EQ(s.deviation[16 + i], s.deviation[16]);
  }
  EXPECT_NE(s.deviation[0], s.deviation[16]);
  auto dark = data;
  for (std::size_t k = 0; k < kRows; ++k)
    std::fill_n(dark.begin() + static_cast<long>(k * kPixels + 16), 16, 3.0);
  EXPECT_THROW(Trainer(small(), dark, kRows, kPixels), Error);
  TrainOptions other = small();
  other.network.image = {1, 4, 4};
  EXPECT_THROW(Trainer(other, data, kRows, kPixels), Error);
}

// The exact divergence, and the product with a vector, against differences of the score.
TEST(Images, DerivativesOfTheScoreMatchDifferences) {
  TrainOptions o = small();
  o.optimizer.lr = 1e-2;
  Trainer trainer(o, lines(), kRows, kPixels);
  trainer.run({});
  const auto model = trainer.model();
  SdeWorkspace w;
  StateBlock<double> x(kPixels, 16), v(kPixels, 16), score(kPixels, 16), product(kPixels, 16);
  const Stream stream = make_stream(5, Purpose::test);
  for (std::size_t i = 0; i < kPixels; ++i) {
    for (std::size_t l = 0; l < 16; ++l) {
      const auto z = normal_pair(stream, l, i);
      x.row(i)[l] = z[0];
      v.row(i)[l] = z[1];
    }
  }
  const BlockTime t{0.4, nullptr};
  AlignedVector<double> divergence(16), sum(16, 0.0);
  const auto scores_at = [&](double h, const StateBlock<double>& along) {
    StateBlock<double> moved = x, out(kPixels, 16);
    for (std::size_t i = 0; i < kPixels; ++i) {
      for (std::size_t l = 0; l < 16; ++l) moved.row(i)[l] += h * along.row(i)[l];
    }
    model->score(t, moved, out, w);
    return out;
  };
  const double h = 1e-2;  // f32: rounding divided by h against h^2
  model->score_and_product(t, x, v, score, product, w);
  const auto up = scores_at(h, v), down = scores_at(-h, v);
  for (std::size_t i = 0; i < kPixels; ++i) {
    for (std::size_t l = 0; l < 16; ++l) {
      ASSERT_NEAR(product.row(i)[l], (up.row(i)[l] - down.row(i)[l]) / (2 * h), 2e-2);
    }
  }
  model->score_and_divergence(t, x, score, divergence.data(), w);
  for (std::size_t i = 0; i < kPixels; ++i) {
    StateBlock<double> unit(kPixels, 16);
    std::fill_n(unit.row(i), 16, 1.0);
    model->score_and_product(t, x, unit, score, product, w);
    for (std::size_t l = 0; l < 16; ++l) sum[l] += product.row(i)[l];
  }
  for (std::size_t l = 0; l < 16; ++l) EXPECT_NEAR(divergence[l], sum[l], 1e-4 * std::fabs(sum[l]));
}

}  // namespace
}  // namespace sde
