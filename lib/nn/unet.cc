// The layers of networks on images.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "nn/network.h"

namespace sde::nn {

namespace {
constexpr std::size_t kGroupChannels = 8;  // of a group norm
constexpr std::size_t kLargest = 64;       // height and width
constexpr std::size_t kMostAttending = 256;
}  // namespace

Network::Image Network::add_image_layer(Kind kind, const Image& in, const ImageShape& out) {
  Layer layer;
  layer.kind = kind;
  layer.in[0] = in.value;
  layer.image = in.shape;
  layer.out = add_value(out.rows(), false);
  layers_.push_back(layer);
  return {layer.out, out};
}

// The rows of a pixel of windows are padded, those of all other values are the channels.
Network::Image Network::add_convolution(const std::string& name, const Image& in, std::size_t channels,
                                        std::size_t window, bool zero) {
  Layer layer;
  layer.kind = Kind::convolution;
  layer.in[0] = in.value;
  layer.image = in.shape;
  layer.window = window;
  layer.pixel = values_[in.value].rows / in.shape.pixels();
  layer.columns = window * window * in.shape.channels;
  Parameter weight{.name = name + "/W", .rows = channels, .columns = layer.columns};
  weight.deviation = zero ? 0 : 1 / std::sqrt(static_cast<double>(layer.columns));
  weight.shape = {channels, window, window, in.shape.channels};
  if (layer.pixel != in.shape.channels) weight.shape = {channels, 3, 3, in.shape.channels / 9};
  layer.weight = add_parameter(std::move(weight));
  layer.bias = add_parameter({.name = name + "/b", .rows = 1, .columns = channels, .vector = true});
  const ImageShape out{in.shape.height, in.shape.width, channels};
  layer.out = add_value(out.rows(), false);
  layers_.push_back(layer);
  flipped_ = std::max(flipped_, flipped_size(in.shape.channels, channels, window));
  flops_ += 2.0 * static_cast<double>(out.rows()) * static_cast<double>(layer.columns);
  return {layer.out, out};
}

// x + conv(norm(conv(norm(x)))), each norm followed by the activation and told the time.
Network::Image Network::add_block(const std::string& name, const Image& in, std::size_t channels,
                                  std::size_t film) {
  const auto norm = [&](const std::string& part, const Image& x) {
    const NormShape shape{x.shape.pixels(), x.shape.channels, x.shape.channels / kGroupChannels};
    return Image{add_norm(name + part, x.value, shape, film, options_.activation), x.shape};
  };
  const Image a = add_convolution(name + "/conv0", norm("/norm0", in), channels, 3, false);
  const Image b = add_convolution(name + "/conv1", norm("/norm1", a), channels, 3, true);
  const Image skip =
      in.shape.channels == channels ? in : add_convolution(name + "/skip", in, channels, 1, false);
  return {add_sum(skip.value, b.value), b.shape};
}

// x + projection of what the pixels of norm(x) attend to. It keeps its weights.
Network::Image Network::add_attention(const std::string& name, const Image& in, std::size_t film) {
  const std::size_t pixels = in.shape.pixels(), channels = in.shape.channels;
  const NormShape shape{pixels, channels, channels / kGroupChannels};
  const Image x{add_norm(name + "/norm", in.value, shape, film), in.shape};
  const Image parts = add_convolution(name + "/query_key_value", x, 3 * channels, 1, false);
  Layer layer;
  layer.kind = Kind::attention;
  layer.in[0] = parts.value;
  layer.image = in.shape;
  layer.out = add_value(in.shape.rows(), false, pixels * pixels);
  layers_.push_back(layer);
  attending_ = pixels;
  // Scores and weighted sums, two operations each.
  flops_ += 4.0 * static_cast<double>(pixels * pixels * channels);
  const Image out = add_convolution(name + "/output", {layer.out, in.shape}, channels, 1, true);
  return {add_sum(in.value, out.value), in.shape};
}

std::size_t Network::add_unet(std::size_t time) {
  const std::vector<std::size_t>&image = options_.image, &widths = options_.hidden;
  if (image.size() != 3) {
    fail(Status::usage, "/network/image: a unet needs [channels, height, width] (got {} numbers)",
         image.size());
  }
  const ImageShape data{image[1], image[2], image[0]};
  if (!data.channels || data.channels > 64 || !data.height || data.height > kLargest || !data.width ||
      data.width > kLargest) {
    fail(Status::usage, "/network/image: up to 64 channels of up to {} x {} pixels (got [{}, {}, {}])",
         kLargest, kLargest, image[0], image[1], image[2]);
  }
  if (data.rows() != inputs_ || data.rows() != outputs_) {
    fail(Status::bad_data, "the rows have {} columns, where images of {} x {} x {} (/network/image) have {}",
         inputs_, image[0], image[1], image[2], data.rows());
  }
  const std::size_t halvings = widths.size() - 1;
  if (halvings > 6 || data.height % (std::size_t{1} << halvings) ||
      data.width % (std::size_t{1} << halvings)) {
    fail(Status::usage,
         "/network/hidden: {} resolutions need a height and width that {} divides (got {} x {}); name fewer",
         widths.size(), std::size_t{1} << std::min<std::size_t>(halvings, 16), data.height, data.width);
  }
  for (const std::size_t width : widths) {
    if (width % kLaneQuantum)
      fail(Status::usage, "/network/hidden: the channels of a unet must be multiples of {} (got {})",
           kLaneQuantum, width);
  }
  if (options_.blocks < 1 || options_.blocks > 16)
    fail(Status::usage, "/network/blocks: must be 1 to 16 (got {})", options_.blocks);

  const std::size_t e = 4 * widths.front();
  const std::size_t film = add_linear("time/layer1", add_linear("time/layer0", time, e, options_.activation),
                                      e, options_.activation);
  Layer windows;
  windows.kind = Kind::windows;
  windows.in[0] = 1;
  windows.image = data;
  windows.out = add_value(data.pixels() * round_up_lanes(9 * data.channels), false);
  layers_.push_back(windows);
  windows_ = windows.out;
  Image h = add_convolution("input", {windows.out, {data.height, data.width, 9 * data.channels}}, widths[0],
                            1, false);
  const auto blocks = [&](const std::string& name, std::size_t channels) {
    for (std::size_t k = 0; k < options_.blocks; ++k)
      h = add_block(name + "/block" + std::to_string(k), h, channels, film);
  };
  std::vector<Image> skips;
  for (std::size_t i = 0; i < widths.size(); ++i) {
    blocks("down" + std::to_string(i), widths[i]);
    if (i == halvings) break;
    skips.push_back(h);
    h = add_image_layer(Kind::halve, h, {h.shape.height / 2, h.shape.width / 2, h.shape.channels});
  }
  if (options_.attention) {
    if (h.shape.pixels() > kMostAttending) {
      fail(Status::usage,
           "/network/attention: over at most {} pixels of the lowest resolution (got {} x {}); name more "
           "widths",
           kMostAttending, h.shape.height, h.shape.width);
    }
    h = add_attention("attention", h, film);
    blocks("middle", widths.back());
  }
  for (std::size_t i = halvings; i-- > 0;) {
    h = add_image_layer(Kind::enlarge, h, {h.shape.height * 2, h.shape.width * 2, h.shape.channels});
    const Image large = h;
    h = add_image_layer(Kind::join, h,
                        {h.shape.height, h.shape.width, h.shape.channels + skips[i].shape.channels});
    layers_.back().in[0] = large.value;
    layers_.back().in[1] = skips[i].value;
    blocks("up" + std::to_string(i), widths[i]);
  }
  const NormShape shape{h.shape.pixels(), h.shape.channels, h.shape.channels / kGroupChannels};
  h.value = add_norm("output/norm", h.value, shape, film, options_.activation);
  h = add_convolution("output", h, data.channels, 3, true);
  if (data.channels > 1) h = add_image_layer(Kind::planes, h, h.shape);
  return h.value;
}

}  // namespace sde::nn
