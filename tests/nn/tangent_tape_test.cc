#include "nn/tangent_tape.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/error.h"
#include "nn/tape.h"
#include "random/stream.h"

namespace sde::nn {
namespace {

struct Case {
  NetworkType type = NetworkType::mlp;
  Activation activation = Activation::silu;
  std::size_t classes = 0;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << "type " << static_cast<int>(c.type) << ", activation " << static_cast<int>(c.activation) << ", "
       << c.classes << " classes";
}

struct Setting {
  Network network;
  AlignedVector<double> theta;
  StateBlock<double> x, v;
  AlignedVector<double> t;
  std::vector<std::int32_t> labels;

  Setting(const Case& c, std::size_t outputs, std::size_t tangents) {
    const bool image = c.type == NetworkType::unet;
    const std::size_t inputs = image ? 16 : 3;
    x.resize(inputs, 16);
    v.resize(inputs, 16 * tangents);
    t.resize(16);
    NetworkOptions options;
    options.type = c.type;
    options.hidden = image                           ? std::vector<std::size_t>{16, 16}
                     : c.type == NetworkType::resmlp ? std::vector<std::size_t>{6, 6}
                                                     : std::vector<std::size_t>{5, 7};
    if (image) options.image = {1, 4, 4};
    options.activation = c.activation;
    options.time_embedding.size = 4;
    options.class_embedding = 3;
    network = Network(options, inputs, image ? inputs : outputs, c.classes);
    AlignedVector<float> start(network.size());
    network.initialise(1, start.data());
    theta.assign(start.begin(), start.end());
    const Stream stream = make_stream(2, Purpose::test);
    // The last layer starts at zero, which would hide everything below it.
    const double deviation = image ? 0.1 : 0.4;
    for (const Parameter& p : network.parameters()) {
      if (!p.trained) continue;
      for (std::size_t i = 0; i < p.rows; ++i) {
        for (std::size_t j = 0; j < p.columns; ++j) {
          theta[p.offset + i * p.stride + j] +=
              deviation * normal_pair(stream, p.offset + i * p.stride + j, 0)[0];
        }
      }
    }
    for (std::size_t l = 0; l < 16; ++l) {
      t[l] = (static_cast<double>(l) + 0.5) / 16;
      for (std::size_t i = 0; i < inputs; ++i) x.row(i)[l] = normal_pair(stream, 1000 + l, i)[0];
      labels.push_back(static_cast<std::int32_t>(l % (c.classes + 1)) - 1);
    }
    for (std::size_t i = 0; i < inputs; ++i) {
      for (std::size_t k = 0; k < v.lanes(); ++k) v.row(i)[k] = normal_pair(stream, 2000 + k, i)[0];
    }
  }
  void place(TangentTape<double>& tape) const {
    for (std::size_t i = 0; i < x.rows(); ++i) {
      std::copy_n(x.row(i), 16, tape.input().row(i));
      std::copy_n(v.row(i), v.lanes(), tape.tangent().row(i));
    }
    std::copy_n(t.data(), 16, tape.time());
    tape.set_labels(labels.data());
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

class Twice : public testing::TestWithParam<Case> {};

TEST_P(Twice, TangentsAreTheNetworksOwn) {
  const Setting s(GetParam(), 2, 1);
  TangentTape<double> tape(s.network, 16, 1);
  s.place(tape);
  tape.forward(s.theta.data());
  const std::size_t outputs = s.network.outputs();
  StateBlock<double> y(outputs, 16), jv(outputs, 16);
  Workspace<double> workspace;
  Time<double> time;
  time.lanes = s.t.data();
  time.labels = s.labels.data();
  s.network.push_forward<double>(s.theta.data(), time, s.x, s.v, y, jv, workspace);
  for (std::size_t i = 0; i < outputs; ++i) {
    for (std::size_t l = 0; l < 16; ++l) {
      EXPECT_NEAR(tape.output().row(i)[l], y.row(i)[l], 1e-13);
      EXPECT_NEAR(tape.output_tangent().row(i)[l], jv.row(i)[l], 1e-13);
    }
  }
}

TEST_P(Twice, GradientsOfTangentsAgreeWithDifferences) {
  Setting s(GetParam(), 2, 2);
  TangentTape<double> tape(s.network, 16, 2);
  AlignedVector<double> gradient(s.network.size(), 0.0), into(s.x.rows() * 16);
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
    const std::size_t every = s.network.size() > 2000 ? 97 : 3;
    for (std::size_t k = 0; k < p.rows * p.columns; k += every) {
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
  for (std::size_t i = 0; i < s.x.rows(); i += 2) {
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

// Without tangents what depends on y alone has the gradients of the plain tape.
TEST_P(Twice, OfOutputsAloneItIsTheTape) {
  const Setting s(GetParam(), 2, 1);
  TangentTape<double> twice(s.network, 16, 1);
  Tape<double> once(s.network, 16);
  s.place(twice);
  std::copy_n(s.t.data(), 16, once.time());
  once.set_labels(s.labels.data());
  for (std::size_t i = 0; i < s.x.rows(); ++i) std::copy_n(s.x.row(i), 16, once.input().row(i));
  twice.forward(s.theta.data(), false);
  once.forward(s.theta.data());
  for (std::size_t i = 0; i < s.network.outputs(); ++i) {
    for (std::size_t l = 0; l < 16; ++l)
      twice.output_adjoint().row(i)[l] = once.output_gradient().row(i)[l] =
          0.1 + 0.01 * static_cast<double>(l + i);
  }
  AlignedVector<double> a(s.network.size(), 0.0), b(s.network.size(), 0.0), into(s.x.rows() * 16);
  twice.backward(s.theta.data(), a.data(), into.data(), false);
  once.backward(s.theta.data(), b.data(), true);
  for (std::size_t k = 0; k < a.size(); ++k) EXPECT_NEAR(a[k], b[k], 1e-12 * (1 + std::fabs(b[k])));
  for (std::size_t i = 0; i < s.x.rows(); ++i) {
    for (std::size_t l = 0; l < 16; ++l)
      EXPECT_NEAR(into[i * 16 + l], once.input_gradient().row(i)[l], 1e-12);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, Twice,
    testing::Values(Case{NetworkType::mlp, Activation::identity}, Case{NetworkType::mlp, Activation::silu},
                    Case{NetworkType::mlp, Activation::tanh}, Case{NetworkType::mlp, Activation::softplus},
                    Case{NetworkType::mlp, Activation::lipswish}, Case{NetworkType::mlp, Activation::silu, 2},
                    Case{NetworkType::resmlp, Activation::silu},
                    Case{NetworkType::resmlp, Activation::tanh, 2}, Case{NetworkType::unet, Activation::silu},
                    Case{NetworkType::unet, Activation::tanh, 2}));

TEST(TangentTape, RefusesAttention) {
  NetworkOptions options;
  options.type = NetworkType::unet;
  options.hidden = {16, 16};
  options.image = {1, 4, 4};
  options.attention = true;
  const Network network(options, 16, 16);
  EXPECT_THROW(TangentTape<float>(network, 16, 1), Error);
}

}  // namespace
}  // namespace sde::nn
