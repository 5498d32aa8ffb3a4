#include "nn/elementwise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>

#include "nn/optimizer.h"
#include "simd/target.h"

namespace sde::nn {
namespace {

constexpr Activation kActivations[] = {Activation::identity, Activation::silu, Activation::tanh,
                                       Activation::softplus, Activation::lipswish};

// |f32 - f64| within `bound` units of f32 rounding of max(|value|, floor).
double scaled_error(float x, double exact, double floor) {
  return std::fabs(x - exact) / (std::fmax(std::fabs(exact), floor) * std::numeric_limits<float>::epsilon());
}

TEST(Elementwise, ActivationsAndSlopesMatchTheStandardLibrary) {
  const std::size_t n = 65536;
  for (const Activation act : kActivations) {
    StateBlock<float> x(1, n);
    StateBlock<double> exact(1, n);
    AlignedVector<float> slope(n);
    AlignedVector<double> exact_slope(n);
    for (std::size_t i = 0; i < n; ++i) {
      const float at = static_cast<float>((static_cast<double>(i) - 32768) / 32768 * 30);
      x.row(0)[i] = at;
      exact.row(0)[i] = static_cast<double>(at);
    }
    activate(act, x.view(), slope.data());
    activate(act, exact.view(), exact_slope.data());
    double worst = 0, worst_slope = 0;
    for (std::size_t i = 0; i < n; ++i) {
      worst = std::fmax(worst, scaled_error(x.row(0)[i], exact.row(0)[i], 1e-10));
      worst_slope = std::fmax(worst_slope, scaled_error(slope[i], exact_slope[i], 1.0));
    }
    // Relative to the value, however small; slopes absolute.
    EXPECT_LT(worst, 6) << static_cast<int>(act);
    EXPECT_LT(worst_slope, 4) << static_cast<int>(act);
  }
}

TEST(Elementwise, ActivationsKeepNanAndSaturate) {
  for (const Activation act : kActivations) {
    StateBlock<float> x(1, 16);
    x.row(0)[0] = std::numeric_limits<float>::quiet_NaN();
    x.row(0)[1] = 1e4f;
    x.row(0)[2] = -1e4f;
    activate(act, x.view(), nullptr);
    EXPECT_TRUE(std::isnan(x.row(0)[0])) << static_cast<int>(act);
    const double top = act == Activation::tanh ? 1 : act == Activation::lipswish ? 9090 : 1e4;
    const double bottom = act == Activation::tanh ? -1 : act == Activation::identity ? -1e4 : 0;
    EXPECT_NEAR(x.row(0)[1], top, 1e-3);
    EXPECT_NEAR(x.row(0)[2], bottom, 1e-6);
  }
}

TEST(Elementwise, TimeFeaturesAreSinesAndCosinesOfTurns) {
  const std::size_t lanes = 1024;
  const AlignedVector<float> frequency = {0.0f, 0.25f, -1.0f, 3.7f, 64.2f};
  AlignedVector<float> t(lanes), out(2 * frequency.size() * lanes);
  for (std::size_t i = 0; i < lanes; ++i) t[i] = static_cast<float>(i) / 1023.0f;
  time_features(t.data(), lanes, frequency.data(), frequency.size(), out.data());
  for (std::size_t j = 0; j < frequency.size(); ++j) {
    for (std::size_t i = 0; i < lanes; ++i) {
      // The turns are rounded to f32 once.
      const double turns = static_cast<double>(frequency[j] * t[i]), angle = 2 * std::numbers::pi * turns;
      ASSERT_NEAR(out[j * lanes + i], std::sin(angle), 5e-7) << frequency[j] << " " << t[i];
      ASSERT_NEAR(out[(frequency.size() + j) * lanes + i], std::cos(angle), 5e-7);
    }
  }
}

TEST(Elementwise, EveryTargetHasTheSameBits) {
  const std::size_t n = 4096;
  std::vector<AlignedVector<float>> results;
  for (const std::string& target : available_targets()) {
    set_target(target);
    AlignedVector<float> all;
    const auto keep = [&](const float* p, std::size_t count) { all.insert(all.end(), p, p + count); };
    StateBlock<float> x(4, n);
    AlignedVector<float> slope(4 * n), sums(4);
    for (const Activation act : kActivations) {
      for (std::size_t i = 0; i < 4 * n; ++i)
        x.row(0)[i] = static_cast<float>(std::sin(static_cast<double>(i)) * 40);
      activate(act, x.view(), slope.data());
      keep(x.row(0), 4 * n);
      keep(slope.data(), 4 * n);
    }
    add_row_sums<float>(x.view(), sums.data());
    scale_and_add_row_sums<float>(x.view(), slope.data(), sums.data());
    keep(sums.data(), 4);
    const double squares = sum_of_squares(slope.data(), 4 * n);
    all.push_back(static_cast<float>(squares));
    const AlignedVector<float> frequency = {0.3f, 17.0f};
    AlignedVector<float> features(4 * n), m(n, 0.1f), v(n, 0.2f), ema(n, 0.3f);
    time_features(x.row(0), n, frequency.data(), 2, features.data());
    keep(features.data(), 4 * n);
    AdamStep s;
    s.rate = 1e-3f, s.beta1 = 0.9f, s.one_minus_beta1 = 0.1f, s.beta2 = 0.999f, s.one_minus_beta2 = 0.001f;
    s.epsilon = 1e-8f, s.l2 = 0.01f, s.decay = 0.02f, s.gradient_scale = 0.7f, s.ema_rate = 0.01f;
    adam(s, n, slope.data(), x.row(1), m.data(), v.data(), ema.data());
    keep(x.row(1), n);
    keep(ema.data(), n);
    results.push_back(all);
  }
  set_target(available_targets().front());
  for (const auto& r : results) {
    ASSERT_EQ(r.size(), results[0].size());
    EXPECT_EQ(std::memcmp(r.data(), results[0].data(), r.size() * sizeof(float)), 0);
  }
}

TEST(Elementwise, RowSumsAndSumOfSquares) {
  StateBlock<double> x(3, 80);
  double expected[3] = {10, 20, 30};
  double out[3] = {10, 20, 30};
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t l = 0; l < 80; ++l) {
      x.row(i)[l] = std::cos(static_cast<double>(l * (i + 1)));
      expected[i] += x.row(i)[l];
    }
  }
  add_row_sums<double>(x.view(), out);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(out[i], expected[i], 1e-12);
  AlignedVector<float> values(32, 0.0f);
  for (int i = 0; i < 19; ++i) values[static_cast<std::size_t>(i)] = static_cast<float>(i + 1);
  EXPECT_EQ(sum_of_squares(values.data(), 32), 2470);
  StateBlock<double> scaled = x;
  double sums[3] = {};
  scale_and_add_row_sums<double>(scaled.view(), x.row(0), sums);
  for (std::size_t i = 0; i < 3; ++i) {
    double square = 0;
    for (std::size_t l = 0; l < 80; ++l) square += x.row(i)[l] * x.row(i)[l];
    EXPECT_NEAR(sums[i], square, 1e-12);
    EXPECT_EQ(scaled.row(i)[7], x.row(i)[7] * x.row(i)[7]);
  }
}

TEST(Optimizer, UpdatesFollowTheirRecursions) {
  // Minimises (w - 1)^2 / 2 on one weight, beside the same recursion in f64.
  NetworkOptions options;
  options.hidden = {1};
  options.time_embedding.type = TimeEmbedding::none;
  const Network network(options, 1, 1);
  for (const OptimizerType type : {OptimizerType::adam, OptimizerType::adamw, OptimizerType::adadelta}) {
    OptimizerOptions optimizer;
    optimizer.type = type;
    optimizer.lr = 0.1;
    optimizer.weight_decay = 0.05;
    optimizer.clip = 0.5;
    optimizer.warmup = 5;
    TrainingState state;
    state.weights.assign(network.size(), 0.0f);
    state.ema = state.first = state.second = state.weights;
    double w = 0, m = 0, v = 0, average = 0;
    AlignedVector<float> gradient(network.size(), 0.0f);
    for (int i = 0; i < 60; ++i) {
      gradient[0] = state.weights[0] - 1;
      double g = w - 1;
      if (std::fabs(g) > 0.5) g *= 0.5 / std::fabs(g);
      const double rate = learning_rate(optimizer, static_cast<std::uint64_t>(i), 60), n = i + 1;
      if (type != OptimizerType::adamw) g += 0.05 * w;
      if (type == OptimizerType::adadelta) {
        v = 0.9 * v + 0.1 * g * g;
        const double step = std::sqrt((m + 1e-8) / (v + 1e-8)) * g;
        m = 0.9 * m + 0.1 * step * step;
        w -= rate * step;
      } else {
        m = 0.9 * m + 0.1 * g;
        v = 0.999 * v + 0.001 * g * g;
        if (type == OptimizerType::adamw) w *= 1 - rate * 0.05;
        w -= rate * m / (1 - std::pow(0.9, n)) / (std::sqrt(v / (1 - std::pow(0.999, n))) + 1e-8);
      }
      const double keep = std::fmin(0.9, n / (9 + n));
      average = keep * average + (1 - keep) * w;
      const double norm = std::sqrt(sum_of_squares(gradient.data(), gradient.size()));
      const Update update = next_update(optimizer, 60, 0.9, static_cast<std::uint64_t>(i), norm);
      for (std::size_t k = 0; k < slices(gradient.size()); ++k) move(update, k, gradient.data(), state);
      ASSERT_NEAR(state.weights[0], w, 2e-5) << i;
      ASSERT_NEAR(state.ema[0], average, 2e-5) << i;
    }
  }
}

// The output layer of this network begins and ends within slices of the parameters.
TEST(Optimizer, OutputLayersHaveTheirOwnRate) {
  NetworkOptions options;
  options.hidden = {70, 50};
  const Network network(options, 3, 200, 4);
  const ParameterRange output = network.output_layer();
  ASSERT_GT(output.begin % kSlice, 0u);
  ASSERT_GT(output.end - output.begin, 2 * kSlice);
  for (const Parameter& p : network.parameters()) {
    const bool last = p.name == "layer2/W" || p.name == "layer2/b";
    EXPECT_EQ(p.offset >= output.begin && p.offset < output.end, last) << p.name;
  }
  for (const OptimizerType type : {OptimizerType::adam, OptimizerType::adamw, OptimizerType::adadelta}) {
    OptimizerOptions optimizer;
    optimizer.type = type;
    const AlignedVector<float> gradient(network.trained_size(), 0.5f);
    Update update = next_update(optimizer, 10, 0.9, 0, 1);
    const auto steps = [&] {
      TrainingState state(network, 1);
      const AlignedVector<float> start = state.weights;
      for (std::size_t k = 0; k < slices(gradient.size()); ++k) move(update, k, gradient.data(), state);
      for (std::size_t k = 0; k < start.size(); ++k) state.weights[k] -= start[k];
      return state.weights;
    };
    const AlignedVector<float> one = steps();
    update.output = output;
    update.output_scale = 80;
    const AlignedVector<float> scaled = steps();
    const float ratio = type == OptimizerType::adadelta ? 1 : 80;
    for (std::size_t k = 0; k < gradient.size(); ++k) {
      const float times = k >= output.begin && k < output.end ? ratio : 1;
      ASSERT_NEAR(scaled[k], times * one[k], 1e-5f * std::fabs(times * one[k]) + 1e-12f) << k;
    }
  }
}

TEST(Optimizer, SchedulesRiseAndFall) {
  OptimizerOptions o;
  o.lr = 2;
  o.warmup = 10;
  EXPECT_DOUBLE_EQ(learning_rate(o, 0, 110), 0.2);
  EXPECT_DOUBLE_EQ(learning_rate(o, 9, 110), 2);
  EXPECT_DOUBLE_EQ(learning_rate(o, 60, 110), 1);
  o.schedule = Schedule::linear;
  EXPECT_DOUBLE_EQ(learning_rate(o, 35, 110), 1.5);
  o.schedule = Schedule::constant;
  EXPECT_DOUBLE_EQ(learning_rate(o, 109, 110), 2);
  o.schedule = Schedule::exponential;
  o.decay = 0.5;
  EXPECT_DOUBLE_EQ(learning_rate(o, 10, 110), 2);
  EXPECT_DOUBLE_EQ(learning_rate(o, 13, 110), 0.25);
}

}  // namespace
}  // namespace sde::nn
