#include "nn/tangent_tape.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/error.h"
#include "random/stream.h"

namespace sde::nn {
namespace {

struct Setting {
  Network network;
  AlignedVector<double> theta;
  StateBlock<double> x, v;
  AlignedVector<double> t;

  Setting(Activation activation, std::size_t outputs, std::size_t tangents)
      : x(3, 16), v(3, 16 * tangents), t(16) {
    NetworkOptions options;
    options.hidden = {5, 7};
    options.activation = activation;
    options.time_embedding.size = 4;
    network = Network(options, 3, outputs);
    AlignedVector<float> start(network.size());
    network.initialise(1, start.data());
    theta.assign(start.begin(), start.end());
    const Stream stream = make_stream(2, Purpose::test);
    // The last layer starts at zero, which would hide everything below it.
    for (const Parameter& p : network.parameters()) {
      if (!p.trained) continue;
      for (std::size_t i = 0; i < p.rows; ++i) {
        for (std::size_t j = 0; j < p.columns; ++j) {
          theta[p.offset + i * p.stride + j] += 0.4 * normal_pair(stream, p.offset + i * p.stride + j, 0)[0];
        }
      }
    }
    for (std::size_t l = 0; l < 16; ++l) {
      t[l] = (static_cast<double>(l) + 0.5) / 16;
      for (std::size_t i = 0; i < 3; ++i) x.row(i)[l] = normal_pair(stream, 1000 + l, i)[0];
    }
    for (std::size_t i = 0; i < 3; ++i) {
      for (std::size_t k = 0; k < v.lanes(); ++k) v.row(i)[k] = normal_pair(stream, 2000 + k, i)[0];
    }
  }
  void place(TangentTape<double>& tape) const {
    for (std::size_t i = 0; i < 3; ++i) {
      std::copy_n(x.row(i), 16, tape.input().row(i));
      std::copy_n(v.row(i), v.lanes(), tape.tangent().row(i));
    }
    std::copy_n(t.data(), 16, tape.time());
  }
};

// A function of outputs and tangents, with its adjoints.
double value_of(TangentTape<double>& tape, bool adjoints) {
  double sum = 0;
  const auto y = tape.output(), r = tape.output_tangent();
  for (std::size_t i = 0; i < y.rows; ++i) {
    for (std::size_t l = 0; l < y.lanes; ++l) {
      const double c = 0.1 + 0.01 * static_cast<double>(l + 3 * i);
      sum += c * y.row(i)[l] * y.row(i)[l];
      if (adjoints) tape.output_adjoint().row(i)[l] = 2 * c * y.row(i)[l];
    }
    for (std::size_t k = 0; k < r.lanes; ++k) {
      const double c = 0.3 - 0.02 * static_cast<double>(k % 7);
      sum += c * r.row(i)[k] + r.row(i)[k] * r.row(i)[k];
      if (adjoints) tape.tangent_adjoint().row(i)[k] = c + 2 * r.row(i)[k];
    }
  }
  return sum;
}

class Activations : public testing::TestWithParam<Activation> {};

TEST_P(Activations, TangentsAreTheNetworksOwn) {
  const Setting s(GetParam(), 2, 1);
  TangentTape<double> tape(s.network, 16, 1);
  s.place(tape);
  tape.forward(s.theta.data());
  StateBlock<double> y(2, 16), jv(2, 16);
  Workspace<double> workspace;
  Time<double> time;
  time.lanes = s.t.data();
  s.network.push_forward<double>(s.theta.data(), time, s.x, s.v, y, jv, workspace);
  for (std::size_t i = 0; i < 2; ++i) {
    for (std::size_t l = 0; l < 16; ++l) {
      EXPECT_NEAR(tape.output().row(i)[l], y.row(i)[l], 1e-13);
      EXPECT_NEAR(tape.output_tangent().row(i)[l], jv.row(i)[l], 1e-13);
    }
  }
}

TEST_P(Activations, GradientsOfTangentsAgreeWithDifferences) {
  Setting s(GetParam(), 2, 2);
  TangentTape<double> tape(s.network, 16, 2);
  AlignedVector<double> gradient(s.network.size(), 0.0), into(3 * 16);
  s.place(tape);
  tape.forward(s.theta.data());
  value_of(tape, true);
  tape.backward(s.theta.data(), gradient.data(), into.data());
  const double h = 1e-5;
  const auto value = [&] {
    s.place(tape);
    tape.forward(s.theta.data());
    return value_of(tape, false);
  };
  for (const Parameter& p : s.network.parameters()) {
    if (!p.trained) continue;
    for (std::size_t k = 0; k < p.rows * p.columns; k += 3) {
      const std::size_t at = p.offset + k / p.columns * p.stride + k % p.columns;
      const double was = s.theta[at];
      s.theta[at] = was + h;
      const double up = value();
      s.theta[at] = was - h;
      const double down = value();
      s.theta[at] = was;
      const double want = (up - down) / (2 * h);
      EXPECT_NEAR(gradient[at], want, 1e-6 * (1 + std::fabs(want))) << p.name << " " << k;
    }
  }
  for (std::size_t i = 0; i < 3; ++i) {
    for (const std::size_t l : {0, 7, 15}) {
      const double was = s.x.row(i)[l];
      s.x.row(i)[l] = was + h;
      const double up = value();
      s.x.row(i)[l] = was - h;
      const double down = value();
      s.x.row(i)[l] = was;
      EXPECT_NEAR(into[i * 16 + l], (up - down) / (2 * h), 1e-6 * (1 + std::fabs(into[i * 16 + l])));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, Activations,
                         testing::Values(Activation::identity, Activation::silu, Activation::tanh,
                                         Activation::softplus, Activation::lipswish));

TEST(TangentTape, RefusesOtherNetworks) {
  NetworkOptions options;
  options.type = NetworkType::resmlp;
  const Network network(options, 2, 1);
  EXPECT_THROW(TangentTape<float>(network, 16, 1), Error);
}

}  // namespace
}  // namespace sde::nn
