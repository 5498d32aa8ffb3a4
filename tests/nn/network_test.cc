#include "nn/network.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <optional>
#include <random>

#include "base/error.h"
#include "nn/tape.h"
#include "simd/target.h"

namespace sde::nn {
namespace {

struct Case {
  NetworkType type;
  Activation activation;
  TimeEmbedding embedding;
  std::size_t classes = 0;
};

class Networks : public testing::TestWithParam<Case> {
 protected:
  static NetworkOptions options() {
    NetworkOptions o;
    o.type = GetParam().type;
    o.activation = GetParam().activation;
    o.time_embedding.type = GetParam().embedding;
    o.time_embedding.size = 6;
    o.class_embedding = 5;
    o.hidden = {11, 11};
    if (o.type == NetworkType::mlp) o.hidden = {9, 17};
    if (o.type == NetworkType::unet) {
      o.hidden = {16, 32};
      o.image = {channels(), 2, 4};
      o.attention = GetParam().classes > 0;
    }
    return o;
  }
  static std::size_t channels() { return GetParam().classes ? 2 : 1; }
  static std::size_t size() { return GetParam().type == NetworkType::unet ? 8 * channels() : 3; }
  const std::size_t kIn = size(), kOut = size();
};

// All parameters random, the last layer too; frequencies moderate, so that nothing is rough.
template <class T>
AlignedVector<T> random_theta(const Network& network, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<double> normal;
  AlignedVector<T> theta(network.size());
  for (const Parameter& p : network.parameters()) {
    const double deviation = p.shape.empty() ? 0.5 : 1 / std::sqrt(static_cast<double>(p.columns));
    for (std::size_t i = 0; i < p.rows; ++i) {
      for (std::size_t j = 0; j < p.columns; ++j)
        theta[p.offset + i * p.stride + j] = static_cast<T>(deviation * normal(generator));
    }
  }
  return theta;
}

template <class T>
StateBlock<T> random_block(std::size_t rows, std::size_t lanes, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<double> normal;
  StateBlock<T> out(rows, lanes);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t l = 0; l < lanes; ++l) out.row(i)[l] = static_cast<T>(normal(generator));
  }
  return out;
}

constexpr std::size_t kLanes = 32;

// Every class and none, in turn.
std::vector<std::int32_t> all_labels(std::size_t classes, std::size_t lanes) {
  std::vector<std::int32_t> labels(lanes, kNoClass);
  for (std::size_t l = 0; l < lanes; ++l) labels[l] = static_cast<std::int32_t>(l % (classes + 1)) - 1;
  return labels;
}

TEST_P(Networks, GradientsMatchCentralDifferences) {
  const Network network(options(), kIn, kOut, GetParam().classes);
  AlignedVector<double> theta = random_theta<double>(network, 1);
  const auto x = random_block<double>(kIn, kLanes, 2), weight = random_block<double>(kOut, kLanes, 3);
  Tape<double> tape(network, kLanes);
  const auto labels = all_labels(GetParam().classes, kLanes);
  tape.set_labels(labels.data());
  const auto loss = [&](const StateBlock<double>& at) {
    copy<double>(at, tape.input());
    for (std::size_t l = 0; l < kLanes; ++l) tape.time()[l] = static_cast<double>(l) / kLanes;
    const BlockView<const double> y = tape.forward(theta.data());
    double sum = 0;
    for (std::size_t i = 0; i < kOut; ++i) {
      for (std::size_t l = 0; l < kLanes; ++l) sum += weight.row(i)[l] * y.row(i)[l];
    }
    return sum;
  };
  loss(x);
  copy<double>(weight, tape.output_gradient());
  AlignedVector<double> gradient(network.size());
  tape.backward(theta.data(), gradient.data(), true);
  StateBlock<double> input_gradient(kIn, kLanes);
  copy<double>(tape.input_gradient(), input_gradient);

  const double h = 1e-5;
  std::vector<char> inside(network.size(), 0);
  for (const Parameter& p : network.parameters()) {
    double largest = 0;
    const std::size_t every = p.rows * p.columns > 1000 ? 997 : 11;
    for (std::size_t i = 0; i < p.rows; ++i) {
      for (std::size_t j = 0; j < p.columns; ++j) {
        const std::size_t at = p.offset + i * p.stride + j;
        inside[at] = 1;
        largest = std::fmax(largest, std::fabs(gradient[at]));
        // A large network is checked at some of its weights, and at all together below.
        if (!p.trained || (GetParam().type == NetworkType::unet && (i * p.columns + j) % every)) continue;
        const double before = theta[at];
        theta[at] = before + h;
        const double up = loss(x);
        theta[at] = before - h;
        const double down = loss(x);
        theta[at] = before;
        ASSERT_NEAR(gradient[at], (up - down) / (2 * h), 1e-6 * (1 + std::fabs(gradient[at])))
            << p.name << " " << i << "," << j;
      }
    }
    if (p.trained) {
      EXPECT_GT(largest, 1e-3) << p.name;
    }
  }
  for (std::size_t k = 0; k < network.size(); ++k) {
    if (!inside[k]) {
      ASSERT_EQ(gradient[k], 0) << "padding";
    }
  }
  const AlignedVector<double> start = theta, along = random_theta<double>(network, 14);
  const auto at = [&](double distance) {
    for (std::size_t k = 0; k < network.trained_size(); ++k) theta[k] = start[k] + distance * along[k];
    return loss(x);
  };
  double slope = 0;
  for (std::size_t k = 0; k < network.trained_size(); ++k) slope += gradient[k] * along[k];
  const double difference = (at(h) - at(-h)) / (2 * h);
  EXPECT_NEAR(slope, difference, 1e-6 * (1 + std::fabs(slope)));
  theta = start;
  StateBlock<double> moved = x;
  for (std::size_t i = 0; i < kIn; ++i) {
    for (const std::size_t l : {0, 5, 31}) {
      moved.row(i)[l] = x.row(i)[l] + h;
      const double up = loss(moved);
      moved.row(i)[l] = x.row(i)[l] - h;
      const double down = loss(moved);
      moved.row(i)[l] = x.row(i)[l];
      ASSERT_NEAR(input_gradient.row(i)[l], (up - down) / (2 * h), 1e-6);
    }
  }
}

TEST_P(Networks, ForwardProductsAndTraceMatchCentralDifferences) {
  const Network network(options(), kIn, kOut, GetParam().classes);
  const AlignedVector<double> theta = random_theta<double>(network, 4);
  const auto x = random_block<double>(kIn, kLanes, 5), v = random_block<double>(kIn, kLanes, 6);
  Workspace<double> workspace;
  const auto evaluate = [&](const StateBlock<double>& at) {
    StateBlock<double> y(kOut, kLanes);
    network.evaluate<double>(theta.data(), {0.3, nullptr}, at, y, workspace);
    return y;
  };
  StateBlock<double> y(kOut, kLanes), jv(kOut, kLanes);
  network.push_forward<double>(theta.data(), {0.3, nullptr}, x, v, y, jv, workspace);
  const double h = 1e-5;
  StateBlock<double> up = x, down = x;
  for (std::size_t i = 0; i < kIn; ++i) {
    for (std::size_t l = 0; l < kLanes; ++l) {
      up.row(i)[l] += h * v.row(i)[l];
      down.row(i)[l] -= h * v.row(i)[l];
    }
  }
  const auto y_up = evaluate(up), y_down = evaluate(down), plain = evaluate(x);
  for (std::size_t i = 0; i < kOut; ++i) {
    for (std::size_t l = 0; l < kLanes; ++l) {
      ASSERT_EQ(y.row(i)[l], plain.row(i)[l]);
      ASSERT_NEAR(jv.row(i)[l], (y_up.row(i)[l] - y_down.row(i)[l]) / (2 * h), 1e-7);
    }
  }
  AlignedVector<double> trace(kLanes), expected(kLanes, 0.0);
  network.trace<double>(theta.data(), {0.3, nullptr}, x, y, trace.data(), workspace);
  for (std::size_t k = 0; k < kIn; ++k) {
    StateBlock<double> unit(kIn, kLanes);
    std::fill_n(unit.row(k), kLanes, 1.0);
    network.push_forward<double>(theta.data(), {0.3, nullptr}, x, unit, y, jv, workspace);
    for (std::size_t l = 0; l < kLanes; ++l) expected[l] += jv.row(k)[l];
  }
  for (std::size_t l = 0; l < kLanes; ++l) ASSERT_NEAR(trace[l], expected[l], 1e-13);
}

// f32: one time for the block or the same time in every lane, any split into blocks, any target.
TEST_P(Networks, SameBitsForEverySplitAndTarget) {
  const Network network(options(), kIn, kOut, GetParam().classes);
  const AlignedVector<float> theta = random_theta<float>(network, 7);
  const std::size_t lanes = 208;
  const auto x = random_block<float>(kIn, lanes, 8);
  const AlignedVector<float> times(lanes, 0.3f);
  StateBlock<float> first(kOut, lanes);
  AlignedVector<float> first_trace(lanes), trace(lanes);
  Workspace<float> workspace;
  network.trace<float>(theta.data(), {0.3f, nullptr}, x, first, first_trace.data(), workspace);
  const auto same = [&](const StateBlock<float>& y) {
    return std::memcmp(y.row(0), first.row(0), kOut * lanes * sizeof(float)) == 0;
  };
  for (const std::string& target : available_targets()) {
    set_target(target);
    StateBlock<float> y(kOut, lanes);
    network.evaluate<float>(theta.data(), {0.3f, nullptr}, x, y, workspace);
    EXPECT_TRUE(same(y)) << target;
    network.evaluate<float>(theta.data(), {0, times.data()}, x, y, workspace);
    EXPECT_TRUE(same(y)) << target << ", time by lane";
    network.trace<float>(theta.data(), {0, times.data()}, x, y, trace.data(), workspace);
    EXPECT_TRUE(same(y)) << target << ", with tangents";
    EXPECT_EQ(trace, first_trace) << target;
    for (std::size_t start = 0; start < lanes; start += 16) {
      StateBlock<float> part(kIn, 16), out(kOut, 16);
      for (std::size_t i = 0; i < kIn; ++i) std::copy_n(x.row(i) + start, 16, part.row(i));
      network.evaluate<float>(theta.data(), {0.3f, nullptr}, part, out, workspace);
      for (std::size_t i = 0; i < kOut; ++i) std::copy_n(out.row(i), 16, y.row(i) + start);
    }
    EXPECT_TRUE(same(y)) << target << ", sixteen lanes at a time";
    if (!GetParam().classes) continue;
    const auto labels = all_labels(GetParam().classes, lanes);
    StateBlock<float> mixed(kOut, lanes), one(kOut, lanes);
    network.evaluate<float>(theta.data(), {0.3f, nullptr, kNoClass, labels.data()}, x, mixed, workspace);
    for (std::int32_t c = kNoClass; c < static_cast<std::int32_t>(GetParam().classes); ++c) {
      network.evaluate<float>(theta.data(), {0.3f, nullptr, c, nullptr}, x, one, workspace);
      for (std::size_t l = 0; l < lanes; ++l) {
        for (std::size_t i = 0; i < kOut; ++i) {
          if (labels[l] == c) {
            ASSERT_EQ(mixed.row(i)[l], one.row(i)[l]) << target << ", class " << c;
          }
        }
      }
      if (c != kNoClass) {
        EXPECT_FALSE(same(one)) << "class " << c;
      }
    }
  }
  set_target(available_targets().front());
}

// The gradient of a group is one chain over its lanes, wherever the tape splits it.
TEST_P(Networks, GradientHasTheSameBitsOnEveryTarget) {
  const Network network(options(), kIn, kOut, GetParam().classes);
  const AlignedVector<float> theta = random_theta<float>(network, 9);
  const auto x = random_block<float>(kIn, kLanes, 10), weight = random_block<float>(kOut, kLanes, 11);
  AlignedVector<float> first;
  for (const std::string& target : available_targets()) {
    set_target(target);
    Tape<float> tape(network, kLanes);
    AlignedVector<float> gradient(network.size());
    copy<float>(x, tape.input());
    std::fill_n(tape.time(), kLanes, 0.4f);
    tape.forward(theta.data());
    copy<float>(weight, tape.output_gradient());
    tape.backward(theta.data(), gradient.data());
    if (first.empty()) first = gradient;
    EXPECT_EQ(gradient, first) << target;
  }
  set_target(available_targets().front());
}

// The weights that a tape of this precision uses; none for f32.
std::optional<PackedWeights> packed_for(const Network& network, Precision precision,
                                        const AlignedVector<float>& theta) {
  std::optional<PackedWeights> packed;
  if (precision == Precision::f32) return packed;
  packed.emplace(network, precision);
  for (std::size_t i = 0; i < packed->pieces(); ++i) packed->pack(i, theta.data());
  return packed;
}

// Written over other gradients they are what they are in empty memory; added, so much more.
TEST_P(Networks, GradientsAreAddedOrWritten) {
  const Network network(options(), kIn, kOut, GetParam().classes);
  const AlignedVector<float> theta = random_theta<float>(network, 12);
  const auto x = random_block<float>(kIn, kLanes, 13);
  const auto labels = all_labels(GetParam().classes, kLanes);
  for (const Precision precision : {Precision::f32, Precision::bf16}) {
    if (precision != Precision::f32 && options().type == NetworkType::unet) continue;
    Tape<float> tape(network, kLanes, precision);
    const std::optional<PackedWeights> packed = packed_for(network, precision, theta);
    if (packed) tape.use(&*packed);
    tape.set_labels(labels.data());
    const auto take = [&](std::uint64_t seed, bool add, AlignedVector<float>& gradient) {
      copy<float>(x, tape.input());
      std::fill_n(tape.time(), kLanes, 0.7f);
      tape.forward(theta.data());
      copy<float>(random_block<float>(kOut, kLanes, seed), tape.output_gradient());
      tape.backward(theta.data(), gradient.data(), false, add);
    };
    AlignedVector<float> alone(network.size()), over(network.size()), both(network.size());
    take(14, true, alone);
    take(15, true, over);
    const AlignedVector<float> before = over;
    EXPECT_NE(over, alone);
    both = over;
    take(14, true, both);
    take(14, false, over);
    EXPECT_EQ(over, alone);
    for (std::size_t i = 0; i < both.size(); ++i) {
      EXPECT_NEAR(both[i], before[i] + alone[i], 1e-4 * (1 + std::abs(both[i])));
    }
  }
}

// Products of bfloat16: the gradient of the network in f32, to the bits that are kept, and the same
// everywhere.
TEST_P(Networks, GradientsOfPackedWeightsAreNearAndTheSameOnEveryTarget) {
  if (options().type == NetworkType::unet) return;
  const Network network(options(), kIn, kOut, GetParam().classes);
  const AlignedVector<float> theta = random_theta<float>(network, 9);
  const auto x = random_block<float>(kIn, kLanes, 10), weight = random_block<float>(kOut, kLanes, 11);
  const auto labels = all_labels(GetParam().classes, kLanes);
  const auto gradient_of = [&](Precision precision) {
    Tape<float> tape(network, kLanes, precision);
    const std::optional<PackedWeights> packed = packed_for(network, precision, theta);
    if (packed) tape.use(&*packed);
    AlignedVector<float> gradient(network.size());
    copy<float>(x, tape.input());
    std::fill_n(tape.time(), kLanes, 0.4f);
    tape.set_labels(labels.data());
    tape.forward(theta.data());
    copy<float>(weight, tape.output_gradient());
    tape.backward(theta.data(), gradient.data());
    return gradient;
  };
  const AlignedVector<float> exact = gradient_of(Precision::f32);
  double size = 0;
  for (const float g : exact) size += static_cast<double>(g) * static_cast<double>(g);
  for (const Precision precision : {Precision::bf16x3, Precision::bf16}) {
    AlignedVector<float> first;
    for (const std::string& target : available_targets()) {
      set_target(target);
      const AlignedVector<float> gradient = gradient_of(precision);
      if (first.empty()) first = gradient;
      EXPECT_EQ(gradient, first) << target;
    }
    double error = 0;
    for (std::size_t i = 0; i < exact.size(); ++i)
      error += std::pow(static_cast<double>(first[i] - exact[i]), 2);
    const double relative = std::sqrt(error / size);
    EXPECT_LT(relative, precision == Precision::bf16 ? 0x1p-6 : 0x1p-14);
    EXPECT_GT(relative, precision == Precision::bf16 ? 0x1p-12 : 0x1p-20);
  }
  set_target(available_targets().front());
}

TEST_P(Networks, SingleAgreesWithDouble) {
  const Network network(options(), kIn, kOut, GetParam().classes);
  const AlignedVector<double> theta = random_theta<double>(network, 12);
  const AlignedVector<float> narrow(theta.begin(), theta.end());
  const auto x = random_block<double>(kIn, kLanes, 13);
  StateBlock<float> xf(kIn, kLanes), yf(kOut, kLanes);
  for (std::size_t i = 0; i < kIn; ++i) {
    for (std::size_t l = 0; l < kLanes; ++l) xf.row(i)[l] = static_cast<float>(x.row(i)[l]);
  }
  StateBlock<double> y(kOut, kLanes);
  Workspace<double> workspace;
  Workspace<float> narrow_workspace;
  network.evaluate<double>(theta.data(), {0.7, nullptr}, x, y, workspace);
  network.evaluate<float>(narrow.data(), {0.7f, nullptr}, xf, yf, narrow_workspace);
  for (std::size_t i = 0; i < kOut; ++i) {
    for (std::size_t l = 0; l < kLanes; ++l) ASSERT_NEAR(yf.row(i)[l], y.row(i)[l], 2e-5);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, Networks,
    testing::Values(Case{NetworkType::unet, Activation::silu, TimeEmbedding::fourier},
                    Case{NetworkType::unet, Activation::tanh, TimeEmbedding::sinusoidal, 2},
                    Case{NetworkType::mlp, Activation::silu, TimeEmbedding::fourier},
                    Case{NetworkType::mlp, Activation::tanh, TimeEmbedding::sinusoidal},
                    Case{NetworkType::mlp, Activation::softplus, TimeEmbedding::none},
                    Case{NetworkType::mlp, Activation::lipswish, TimeEmbedding::fourier},
                    Case{NetworkType::mlp, Activation::identity, TimeEmbedding::fourier},
                    Case{NetworkType::mlp, Activation::silu, TimeEmbedding::fourier, 3},
                    Case{NetworkType::mlp, Activation::tanh, TimeEmbedding::none, 2},
                    Case{NetworkType::resmlp, Activation::silu, TimeEmbedding::fourier, 3},
                    Case{NetworkType::resmlp, Activation::silu, TimeEmbedding::fourier},
                    Case{NetworkType::resmlp, Activation::tanh, TimeEmbedding::none}));

TEST(Network, InitialValuesHaveTheirDeviationAndTheNetworkIsZero) {
  NetworkOptions options;
  options.hidden = {64, 64};
  const Network network(options, 2, 2);
  AlignedVector<float> theta(network.size()), again(network.size());
  network.initialise(5, theta.data());
  network.initialise(5, again.data());
  EXPECT_EQ(theta, again);
  network.initialise(6, again.data());
  EXPECT_NE(theta, again);
  for (const Parameter& p : network.parameters()) {
    if (p.name != "layer1/W") continue;
    double squares = 0;
    for (std::size_t i = 0; i < p.rows * p.stride; ++i) squares += theta[p.offset + i] * theta[p.offset + i];
    // 4096 squares of N(0, 1/64): the standard error of their sum 64 is 64 sqrt(2 / 4096).
    EXPECT_NEAR(squares, 64, 5 * 64 * std::sqrt(2.0 / 4096));
  }
  StateBlock<float> x = random_block<float>(2, 16, 1), y(2, 16);
  Workspace<float> workspace;
  network.evaluate<float>(theta.data(), {0.5f, nullptr}, x, y, workspace);
  for (std::size_t l = 0; l < 16; ++l) EXPECT_EQ(y.row(1)[l], 0);
  EXPECT_EQ(network.weights(), 2u * 64 + 32 * 64 + 64 + 64 * 64 + 64 + 64 * 2 + 2);
}

TEST(Network, RefusesWhatIsNoNetwork) {
  const auto make = [](auto change) {
    NetworkOptions o;
    change(o);
    return Network(o, 2, 2);
  };
  EXPECT_THROW(make([](auto& o) { o.hidden.clear(); }), Error);
  EXPECT_THROW(make([](auto& o) { o.hidden = {8, 0}; }), Error);
  EXPECT_THROW(make([](auto& o) { o.time_embedding.size = 7; }), Error);
  EXPECT_THROW(make([](auto& o) {
                 o.type = NetworkType::resmlp;
                 o.hidden = {8, 16};
               }),
               Error);
  EXPECT_THROW(make([](auto& o) { o.image = {1, 1, 2}; }), Error);
  EXPECT_THROW(make([](auto& o) { o.blocks = 2; }), Error);
  EXPECT_THROW(make([](auto& o) { o.attention = true; }), Error);
  EXPECT_THROW(Network(
                   [] {
                     NetworkOptions o;
                     o.type = NetworkType::unet;
                     o.image = {1, 32, 32};
                     o.hidden = {16};
                     o.attention = true;
                     return o;
                   }(),
                   1024, 1024),
               Error);
  const auto unet = [](std::vector<std::size_t> image, std::vector<std::size_t> hidden) {
    NetworkOptions o;
    o.type = NetworkType::unet;
    o.image = std::move(image);
    o.hidden = std::move(hidden);
    return Network(o, 48, 48);
  };
  EXPECT_NO_THROW(unet({3, 4, 4}, {16, 16, 32}));
  EXPECT_THROW(unet({}, {16, 16}), Error);
  EXPECT_THROW(unet({1, 4, 4}, {16, 16}), Error);      // 16 columns
  EXPECT_THROW(unet({3, 4, 4}, {16, 24}), Error);      // not a multiple of 16
  EXPECT_THROW(unet({3, 2, 8}, {16, 16, 16}), Error);  // 2 is not halved twice
  EXPECT_THROW(unet({48, 1, 1}, {16, 16}), Error);
}

}  // namespace
}  // namespace sde::nn
