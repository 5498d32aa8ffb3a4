// Networks against PyTorch, f64: tests/oracles/networks.py computes the same values and gradients.
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "nn/tape.h"

namespace sde::nn {
namespace {

struct Reference {
  std::vector<double> output, input_gradient;  // [sample][column]
  struct Array {
    std::string name;
    double first, sum, placed;  // of its gradient: the first number, the sum, the sum times cos(0.37 k)
  };
  std::vector<Array> arrays;  // in the order of their waves
};
#include "pytorch_reference.inc"

// sin(start + 1.7 k) factor, what both sides fill arrays with.
double wave(std::size_t k, double factor, double start) {
  return factor * std::sin(start + 1.7 * static_cast<double>(k));
}

void compare(const Reference& reference, const Network& network) {
  const std::size_t D = network.inputs(), n = 3;
  AlignedVector<double> theta(network.size());
  const auto find = [&](const std::string& name) {
    for (const Parameter& p : network.parameters()) {
      if (p.name == name) return p;
    }
    ADD_FAILURE() << name;
    return Parameter{};
  };
  const auto fill = [&](const std::string& name, double factor, double start) {
    const Parameter p = find(name);
    for (std::size_t k = 0; k < p.rows * p.columns; ++k)
      theta[p.offset + k / p.columns * p.stride + k % p.columns] = wave(k, factor, start);
  };
  ASSERT_EQ(reference.arrays.size() + 1, network.parameters().size());
  for (std::size_t k = 0; k + 1 < reference.arrays.size(); ++k) {
    const Parameter p = find(reference.arrays[k].name);
    fill(p.name, p.vector ? 0.25 : 1 / std::sqrt(static_cast<double>(p.columns)), static_cast<double>(k + 1));
  }
  fill("class_embedding/W", 1, 0.25);
  fill("time_embedding/frequency", 1, 0.5);

  Tape<double> tape(network, 16);
  const std::vector<std::int32_t> labels = {0, 1, kNoClass, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  tape.set_labels(labels.data());
  for (std::size_t l = 0; l < 16; ++l) {
    tape.time()[l] = 0.1 + 0.4 * static_cast<double>(l % n);
    for (std::size_t i = 0; i < D; ++i) tape.input().row(i)[l] = wave(l % n * D + i, 1, 0.1);
  }
  const BlockView<const double> y = tape.forward(theta.data());
  for (std::size_t k = 0; k < n * D; ++k) {
    ASSERT_NEAR(y.row(k % D)[k / D], reference.output[k], 1e-12) << k;
  }
  // The first three lanes are the samples; the others count for nothing.
  for (std::size_t i = 0; i < D; ++i) {
    for (std::size_t l = 0; l < 16; ++l)
      tape.output_gradient().row(i)[l] = l < n ? wave(l * D + i, 1, 0.7) : 0;
  }
  AlignedVector<double> gradient(network.size());
  tape.backward(theta.data(), gradient.data(), true);
  for (std::size_t k = 0; k < n * D; ++k) {
    ASSERT_NEAR(tape.input_gradient().row(k % D)[k / D], reference.input_gradient[k], 1e-11) << k;
  }
  for (const Reference::Array& array : reference.arrays) {
    const Parameter p = find(array.name);
    double sum = 0, placed = 0;
    for (std::size_t k = 0; k < p.rows * p.columns; ++k) {
      const double g = gradient[p.offset + k / p.columns * p.stride + k % p.columns];
      sum += g;
      placed += g * std::cos(0.37 * static_cast<double>(k));
    }
    EXPECT_NEAR(gradient[p.offset], array.first, 1e-10) << array.name;
    EXPECT_NEAR(sum, array.sum, 1e-9) << array.name;
    EXPECT_NEAR(placed, array.placed, 1e-9) << array.name;
  }
}

NetworkOptions options(NetworkType type, std::vector<std::size_t> hidden) {
  NetworkOptions o;
  o.type = type;
  o.hidden = std::move(hidden);
  o.time_embedding.size = 6;
  o.class_embedding = 4;
  return o;
}

TEST(AgainstPyTorch, ResidualMlp) {
  compare(kResidual, Network(options(NetworkType::resmlp, {12, 12}), 3, 3, 2));
}

TEST(AgainstPyTorch, Unet) {
  NetworkOptions o = options(NetworkType::unet, {16, 32});
  o.image = {2, 4, 4};
  compare(kUnet, Network(o, 32, 32, 2));
}

TEST(AgainstPyTorch, UnetWithAttention) {
  NetworkOptions o = options(NetworkType::unet, {16, 32});
  o.image = {2, 4, 4};
  o.attention = true;
  compare(kAttention, Network(o, 32, 32, 2));
}

}  // namespace
}  // namespace sde::nn
