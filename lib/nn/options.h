// What a network is made of, and how it is optimised. The JSON keys are those of schemas/train.schema.json.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace sde::nn {

enum class Activation { identity, silu, tanh, softplus, lipswish };
constexpr auto enum_names(Activation) {
  using enum Activation;
  return std::array{std::pair{"identity", identity}, std::pair{"silu", silu}, std::pair{"tanh", tanh},
                    std::pair{"softplus", softplus}, std::pair{"lipswish", lipswish}};
}

enum class TimeEmbedding { none, fourier, sinusoidal };
constexpr auto enum_names(TimeEmbedding) {
  using enum TimeEmbedding;
  return std::array{std::pair{"none", none}, std::pair{"fourier", fourier},
                    std::pair{"sinusoidal", sinusoidal}};
}

// Features of time t in [0, 1]: the sines and cosines of 2 pi f_j t, size / 2 frequencies of each.
struct TimeEmbeddingOptions {
  // fourier: f_j drawn once from N(0, scale^2) and kept in the model (Tancik et al. 2020); sinusoidal: f_j
  // spaced geometrically from 1 / (2 pi) to max_frequency / (2 pi). Large scales and frequencies resolve more
  // of the time and make the network rougher in it. Where they are absent, what trains the network decides,
  // else they are these.
  static constexpr double kScale = 1, kMaxFrequency = 403.4287934927351;  // e^6, radians
  TimeEmbedding type = TimeEmbedding::fourier;
  std::size_t size = 32;  // even
  std::optional<double> scale, max_frequency;

  template <class V>
  void visit(V& v) {
    v("type", type);
    v("size", size);
    v("scale", scale);
    v("max_frequency", max_frequency);
  }
};

enum class NetworkType { mlp, resmlp, unet };
constexpr auto enum_names(NetworkType) {
  using enum NetworkType;
  return std::array{std::pair{"mlp", mlp}, std::pair{"resmlp", resmlp}, std::pair{"unet", unet}};
}

struct NetworkOptions {
  // mlp: one layer for each width of `hidden`. resmlp: one residual block for each, x + W2 act(W1 n(x) + b1)
  // + b2 with n a layer norm whose gain and shift are affine in the time features; the widths must be equal.
  // unet: convolutions over `image` (Ronneberger et al. 2015; Ho et al. 2020); the widths are the channels at
  // full, half, quarter, ... resolution, multiples of 16.
  NetworkType type = NetworkType::mlp;
  std::vector<std::size_t> hidden = {128, 128, 128};
  Activation activation = Activation::silu;
  TimeEmbeddingOptions time_embedding;
  std::size_t class_embedding = 32;  // numbers learnt for each class, where there are classes
  // unet: [channels, height, width] of the images that rows of data are, one plane of pixels after another.
  std::vector<std::size_t> image;
  std::size_t blocks = 1;  // unet: residual blocks at each resolution, down and up
  // unet: the pixels of the lowest resolution attend to one another, then come as many blocks again.
  bool attention = false;

  template <class V>
  void visit(V& v) {
    v("type", type);
    v("hidden", hidden);
    v("activation", activation);
    v("time_embedding", time_embedding);
    v("class_embedding", class_embedding);
    v("image", image);
    v("blocks", blocks);
    v("attention", attention);
  }
};

// Of the factors of the matrix products of training; they are summed in f32. bf16x3 takes numbers of 16 bits
// for those of 24, as the sum of two of bfloat16, and three products for each; bf16 takes 8 bits.
enum class Precision { f32, bf16x3, bf16 };
constexpr auto enum_names(Precision) {
  using enum Precision;
  return std::array{std::pair{"f32", f32}, std::pair{"bf16x3", bf16x3}, std::pair{"bf16", bf16}};
}

enum class OptimizerType { adam, adamw, adadelta };
constexpr auto enum_names(OptimizerType) {
  using enum OptimizerType;
  return std::array{std::pair{"adam", adam}, std::pair{"adamw", adamw}, std::pair{"adadelta", adadelta}};
}

enum class Schedule { constant, cosine, linear, exponential };
constexpr auto enum_names(Schedule) {
  using enum Schedule;
  return std::array{std::pair{"constant", constant}, std::pair{"cosine", cosine}, std::pair{"linear", linear},
                    std::pair{"exponential", exponential}};
}

struct OptimizerOptions {
  // adam: weight_decay is added to the gradient (L2); adamw: decoupled (Loshchilov & Hutter 2019). adadelta
  // (Zeiler 2012): its rho is beta1, its steps are in units of the parameters; L2 as adam.
  OptimizerType type = OptimizerType::adam;
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;
  double clip = 1.0;  // largest norm of the whole gradient; 0: not clipped
  // Of the rate after warm-up: cosine and linear fall to zero at the last step, exponential by the factor
  // `decay` each step.
  Schedule schedule = Schedule::cosine;
  std::uint64_t warmup = 100;  // steps over which the rate rises linearly
  double decay = 0.9999;

  template <class V>
  void visit(V& v) {
    v("type", type);
    v("lr", lr);
    v("beta1", beta1);
    v("beta2", beta2);
    v("epsilon", epsilon);
    v("weight_decay", weight_decay);
    v("clip", clip);
    v("schedule", schedule);
    v("warmup", warmup);
    v("decay", decay);
  }
};

}  // namespace sde::nn
