// Networks on blocks: y = N(t, x; theta) for [inputs][lane] -> [outputs][lane], with forward-mode products
// and reverse mode on whole blocks.
//
// A network is a list of layers over named values; its parameters theta live in one flat, aligned array that
// callers own (weights, their average and gradients have the same layout). Everything is a template on the
// scalar, f32 or f64: f32 computes, f64 checks gradients against finite differences. Results have the same
// bits for any number of lanes, split into blocks, and instruction set (f32).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/block.h"
#include "nn/image.h"
#include "nn/norm.h"
#include "nn/options.h"

namespace sde::nn {

// One array of theta: `rows` rows of `columns` numbers, row i from offset + i * stride on. The padding of a
// row is zero and stays zero.
struct Parameter {
  std::string name;  // "layer0/W"
  std::size_t rows = 0, columns = 0, stride = 0, offset = 0;
  bool trained = true;   // false: fixed when the network is made (frequencies)
  bool vector = false;   // a bias: stored as one dimension
  double deviation = 0;  // of its normal initial values; 0: zeros
  std::vector<std::size_t> shape =
      {};  // of the array in files; empty: [rows, columns], or [columns] for vectors
};

// Elements of theta from `begin` to before `end`.
struct ParameterRange {
  std::size_t begin = 0, end = 0;
};

inline constexpr std::int32_t kNoClass = -1;

// What a network is told besides x: the time, one for all lanes or one each; and where it has classes, the
// class, likewise, in [0, classes()) or kNoClass.
template <class T>
struct Time {
  T value = 0;
  const T* lanes = nullptr;
  std::int32_t label = kNoClass;
  const std::int32_t* labels = nullptr;
};

// Memory of one thread.
template <class T>
struct Workspace {
  AlignedVector<T> memory;
};

template <class T>
class Frame;
template <class T>
class Tape;
template <class T>
class TangentTape;
class PackedWeights;

class Network {
 public:
  Network() = default;
  // Throws Error(Status::usage) for options that make no network: an empty layer, an odd number of time
  // features, residual blocks of different widths. With `classes` the network also learns a row of
  // class_embedding numbers for each class, and one for none.
  Network(const NetworkOptions& options, std::size_t inputs, std::size_t outputs, std::size_t classes = 0);

  const NetworkOptions& options() const { return options_; }
  std::size_t inputs() const { return inputs_; }
  std::size_t outputs() const { return outputs_; }
  std::size_t classes() const { return classes_; }
  const std::vector<Parameter>& parameters() const { return parameters_; }
  std::size_t size() const { return size_; }             // of theta, padding included
  std::size_t trained_size() const { return trained_; }  // the first part of theta; the rest is fixed
  std::size_t weights() const;                           // numbers that training moves, without padding
  ParameterRange output_layer() const;                   // of the last affine map, its weights and its bias
  double flops() const { return flops_; }                // of one evaluation of one lane

  // Of the f32 workspace for blocks of `lanes`, with tangents.
  std::size_t memory_bytes(std::size_t lanes) const;
  // Of an f32 tape of `lanes`.
  std::size_t tape_bytes(std::size_t lanes, Precision precision = Precision::f32) const;

  // theta from N(0, deviation^2), a pure function of (seed, parameter, element). The last layer starts at
  // zero, so that an untrained network is zero.
  void initialise(std::uint64_t seed, float* theta) const;

  template <class T>
  void evaluate(const T* theta, Time<T> t, BlockView<const T> x, BlockView<T> y,
                Workspace<T>& workspace) const;

  // y and jv = (dN/dx) v, lane by lane.
  template <class T>
  void push_forward(const T* theta, Time<T> t, BlockView<const T> x, BlockView<const T> v, BlockView<T> y,
                    BlockView<T> jv, Workspace<T>& workspace) const;

  // y and the trace of dN/dx, by inputs() forward-mode products; inputs() must equal outputs().
  template <class T>
  void trace(const T* theta, Time<T> t, BlockView<const T> x, BlockView<T> y, T* trace,
             Workspace<T>& workspace) const;

 private:
  template <class T>
  friend class Frame;
  template <class T>
  friend class Tape;
  template <class T>
  friend class TangentTape;
  friend class PackedWeights;

  struct Value {
    std::size_t rows = 0, offset = 0;              // offset: rows of the values before it
    bool time_only = false;                        // does not depend on x
    std::size_t slope_rows = 0, slope_offset = 0;  // of what is kept for derivatives
    bool in_chain = false;  // an activation of a linear layer that one more, and nothing else, is applied to
  };
  enum class Kind { linear, norm, add, windows, convolution, halve, enlarge, join, planes, attention };
  struct Layer {
    Kind kind;
    std::size_t out;
    // linear: out = act(bias + weight in[0]), or in[0] and the rows of in[1] after it where `joined` (values
    // 0 and 1, side by side in memory); norm: out = act(normalised(in[0]) (1 + gain) + shift), gain and shift
    // the halves of in[1]; add: out = in[0] + in[1]; the others are those of nn/image.h, planes being
    // pixels_to_planes, attention that of nn/attention.h, and join the channels of in[0] and of in[1] pixel
    // by pixel.
    std::size_t in[2] = {0, 0};
    bool joined = false;
    std::size_t columns = 0;  // linear: rows of its input; 0: bias alone
    std::size_t weight = 0, bias = 0;
    Activation activation = Activation::identity;
    std::size_t fold = 0;  // linear: where its bias with the terms of time is kept
    NormShape shape = {};
    ImageShape image = {};              // of in[0]
    std::size_t window = 3, pixel = 0;  // convolution: size of its window, rows of a pixel of in[0]
  };

  std::size_t tangents_at_once() const;  // that a trace takes
  std::size_t add_value(std::size_t rows, bool time_only, std::size_t slope_rows = 0);
  std::size_t add_parameter(Parameter p);
  std::size_t add_linear(const std::string& name, std::size_t in, std::size_t rows, Activation activation,
                         bool zero = false, bool joined = false);
  // out = act(normalised(in) (1 + gain) + shift), gain and shift affine in value `film`.
  std::size_t add_norm(const std::string& name, std::size_t in, const NormShape& shape, std::size_t film = 0,
                       Activation activation = Activation::identity);
  std::size_t add_sum(std::size_t a, std::size_t b);
  void find_chains();
  // Layers on images, in unet.cc.
  struct Image {
    std::size_t value;
    ImageShape shape;
  };
  std::size_t add_residual_mlp(std::size_t time);
  std::size_t add_unet(std::size_t time);
  Image add_image_layer(Kind kind, const Image& in, const ImageShape& out);
  Image add_convolution(const std::string& name, const Image& in, std::size_t channels, std::size_t window,
                        bool zero);
  Image add_attention(const std::string& name, const Image& in, std::size_t film);
  Image add_block(const std::string& name, const Image& in, std::size_t channels, std::size_t film);

  NetworkOptions options_;
  std::size_t inputs_ = 0, outputs_ = 0, classes_ = 0, size_ = 0, trained_ = 0;
  std::vector<Parameter> parameters_;
  std::vector<Value> values_;  // 0: time features (perhaps no rows) and the class's row, 1: x
  std::vector<Layer> layers_;
  std::size_t value_rows_ = 0, slope_rows_ = 0, widest_ = 0, fold_rows_ = 0, flipped_ = 0, groups_ = 0,
              output_ = 0;
  std::size_t attending_ = 0;  // pixels of attention, if there is one
  std::size_t windows_ = 0;    // value: the windows of an image, if there is one
  double flops_ = 0;
  std::size_t features_ = 0, frequency_ = 0, embedding_ = 0;  // rows of time; parameters
};

}  // namespace sde::nn
