#include "nn/network.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"
#include "nn/gemm.h"
#include "random/stream.h"

namespace sde::nn {

std::size_t Network::add_value(std::size_t rows, bool time_only, std::size_t slope_rows) {
  values_.push_back({rows, value_rows_, time_only, slope_rows, slope_rows_});
  value_rows_ += rows;
  slope_rows_ += slope_rows;
  widest_ = std::max(widest_, rows);
  return values_.size() - 1;
}

std::size_t Network::add_parameter(Parameter p) {
  p.stride = spread_stride(p.columns);
  p.offset = size_;
  size_ += p.rows * p.stride;
  if (p.trained) trained_ = size_;
  parameters_.push_back(std::move(p));
  return parameters_.size() - 1;
}

std::size_t Network::add_linear(const std::string& name, std::size_t in, std::size_t rows,
                                Activation activation, bool zero, bool joined) {
  Layer layer;
  layer.kind = Kind::linear;
  layer.activation = activation;
  layer.in[0] = in;
  layer.in[1] = 1;
  layer.joined = joined;
  layer.columns = values_[in].rows + (joined ? values_[1].rows : 0);
  if (layer.columns) {
    Parameter weight{.name = name + "/W", .rows = rows, .columns = layer.columns};
    weight.deviation = zero ? 0 : 1 / std::sqrt(static_cast<double>(layer.columns));
    layer.weight = add_parameter(std::move(weight));
    flops_ += 2.0 * static_cast<double>(rows) * static_cast<double>(layer.columns);
  }
  layer.bias = add_parameter({.name = name + "/b", .rows = 1, .columns = rows, .vector = true});
  layer.out =
      add_value(rows, values_[in].time_only && !joined, activation == Activation::identity ? 0 : rows);
  layer.fold = fold_rows_;
  fold_rows_ += rows;
  layers_.push_back(layer);
  return layer.out;
}

// What is kept: the normalised value, the slope of the activation, the inverse deviation of each group.
std::size_t Network::add_norm(const std::string& name, std::size_t in, const NormShape& shape,
                              std::size_t film, Activation activation) {
  Layer layer;
  layer.kind = Kind::norm;
  layer.in[0] = in;
  layer.in[1] = add_linear(name, film, 2 * shape.channels, Activation::identity, true);
  layer.shape = shape;
  layer.activation = activation;
  groups_ = std::max(groups_, shape.groups);
  const std::size_t slopes = activation == Activation::identity ? 0 : shape.rows();
  layer.out = add_value(shape.rows(), false, shape.rows() + slopes + shape.groups);
  layers_.push_back(layer);
  return layer.out;
}

std::size_t Network::add_sum(std::size_t a, std::size_t b) {
  Layer layer;
  layer.kind = Kind::add;
  layer.in[0] = a;
  layer.in[1] = b;
  layer.out = add_value(values_[a].rows, false);
  layers_.push_back(layer);
  return layer.out;
}

std::size_t Network::add_residual_mlp(std::size_t time) {
  const std::size_t width = options_.hidden.front();
  std::size_t h = add_linear("input", time, width, Activation::identity, false, true);
  for (std::size_t i = 0; i < options_.hidden.size(); ++i) {
    if (options_.hidden[i] != width) {
      fail(Status::usage, "/network/hidden: residual blocks must all have one width (got {} and {})", width,
           options_.hidden[i]);
    }
    const std::string name = "block" + std::to_string(i);
    const std::size_t n = add_norm(name + "/norm", h, {1, width, 1});
    const std::size_t u = add_linear(name + "/up", n, width, options_.activation);
    h = add_sum(h, add_linear(name + "/down", u, width, Activation::identity, true));
  }
  h = add_norm("output/norm", h, {1, width, 1});
  return add_linear("output", h, outputs_, Activation::identity, true);
}

Network::Network(const NetworkOptions& options, std::size_t inputs, std::size_t outputs, std::size_t classes)
    : options_(options), inputs_(inputs), outputs_(outputs), classes_(classes) {
  const TimeEmbeddingOptions& embedding = options.time_embedding;
  if (!inputs || !outputs) fail(Status::usage, "a network needs at least one input and one output");
  if (options.type != NetworkType::unet &&
      (!options.image.empty() || options.blocks != 1 || options.attention)) {
    fail(Status::usage, "/network/{}: is for networks of type unet",
         options.attention       ? "attention"
         : options.image.empty() ? "blocks"
                                 : "image");
  }
  if (options.hidden.empty()) fail(Status::usage, "/network/hidden: must name at least one width");
  for (const std::size_t width : options.hidden) {
    if (width < 1 || width > 65536)
      fail(Status::usage, "/network/hidden: widths must be 1 to 65536 (got {})", width);
  }
  if (embedding.type != TimeEmbedding::none) {
    features_ = embedding.size;
    if (features_ < 2 || features_ % 2 || features_ > 4096) {
      fail(Status::usage, "/network/time_embedding/size: must be an even number from 2 to 4096 (got {})",
           features_);
    }
  }
  const std::size_t label = classes ? options.class_embedding : 0;
  if (classes && (label < 1 || label > 4096))
    fail(Status::usage, "/network/class_embedding: must be 1 to 4096 (got {})", label);
  if (classes > 1'000'000) fail(Status::usage, "/classes: at most 1000000 (got {})", classes);
  const std::size_t time = add_value(features_ + label, true);
  add_value(inputs, false);
  switch (options.type) {
    case NetworkType::mlp: {
      std::size_t h = time;
      for (std::size_t i = 0; i < options.hidden.size(); ++i) {
        h = add_linear("layer" + std::to_string(i), h, options.hidden[i], options.activation, false, i == 0);
      }
      output_ =
          add_linear("layer" + std::to_string(options.hidden.size()), h, outputs, Activation::identity, true);
      break;
    }
    case NetworkType::resmlp:
      output_ = add_residual_mlp(time);
      break;
    case NetworkType::unet:
      output_ = add_unet(time);
  }
  find_chains();
  if (classes) {
    embedding_ =
        add_parameter({.name = "class_embedding/W", .rows = classes + 1, .columns = label, .deviation = 1});
  }
  if (features_) {
    frequency_ = add_parameter({.name = "time_embedding/frequency",
                                .rows = 1,
                                .columns = features_ / 2,
                                .trained = false,
                                .vector = true});
  }
}

void Network::find_chains() {
  std::vector<int> uses(values_.size());
  for (const Layer& layer : layers_) {
    for (const std::size_t in : layer.in) uses[in] += layer.kind == Kind::linear ? 1 : 2;
  }
  for (const Layer& layer : layers_) {
    values_[layer.out].in_chain =
        layer.kind == Kind::linear && layer.activation != Activation::identity && uses[layer.out] == 1;
  }
}

std::size_t Network::weights() const {
  std::size_t n = 0;
  for (const Parameter& p : parameters_) {
    if (p.trained) n += p.rows * p.columns;
  }
  return n;
}

ParameterRange Network::output_layer() const {
  std::size_t k = layers_.size() - 1;
  while (layers_[k].kind != Kind::linear && layers_[k].kind != Kind::convolution) --k;
  const Parameter &weight = parameters_[layers_[k].weight], &bias = parameters_[layers_[k].bias];
  return {weight.offset, bias.offset + bias.stride};
}

void Network::initialise(std::uint64_t seed, float* theta) const {
  std::fill_n(theta, size_, 0.0f);
  const TimeEmbeddingOptions& embedding = options_.time_embedding;
  for (std::size_t k = 0; k < parameters_.size(); ++k) {
    const Parameter& p = parameters_[k];
    const Stream stream = make_stream(seed, Purpose::weights, static_cast<std::uint32_t>(k));
    for (std::size_t i = 0; i < p.rows; ++i) {
      for (std::size_t j = 0; j < p.columns; ++j) {
        double value = 0;
        if (p.deviation > 0) value = p.deviation * normal_pair(stream, i * p.columns + j, 0)[0];
        if (!p.trained) {  // frequencies, in turns
          if (embedding.type == TimeEmbedding::fourier) {
            value = embedding.scale.value_or(embedding.kScale) * normal_pair(stream, j, 0)[0];
          } else {
            const double step =
                p.columns > 1 ? static_cast<double>(j) / static_cast<double>(p.columns - 1) : 0;
            value = std::pow(embedding.max_frequency.value_or(embedding.kMaxFrequency), step) /
                    (2 * std::numbers::pi);
          }
        }
        theta[p.offset + i * p.stride + j] = static_cast<float>(value);
      }
    }
  }
}

}  // namespace sde::nn
