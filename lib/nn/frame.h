// One network on one chunk of lanes: where its values are in memory, and the loops over its layers.
#pragma once

#include <algorithm>
#include <utility>

#include "nn/attention.h"
#include "nn/network.h"
#include "nn/packed_weights.h"

namespace sde::nn {

// Rows of scratch memory that backward_twice() needs besides one for each row of the widest value.
inline constexpr std::size_t kTwiceRows = 8;

template <class T>
class Frame {
 public:
  // What is kept besides values: slopes of activations, `tangents` tangents a lane, gradients; for backward()
  // through the tangents (`twice`, with slopes and gradients) also what activations were applied to.
  // `precision`: other than f32 where use() will name packed weights.
  Frame(const Network& network, std::size_t lanes, std::size_t tangents, bool slopes, bool gradients,
        bool twice = false, Precision precision = Precision::f32);

  std::size_t memory() const { return memory_; }  // scalars needed by place()
  void place(T* memory);
  void set_lanes(std::size_t lanes) { lanes_ = lanes; }  // at most what it was made with

  // [row][lane], or [row][kLaneQuantum] for what depends on time alone where that is uniform.
  T* value(std::size_t v) {
    return is_uniform(v) ? at(uniform_values_, v, kLaneQuantum) : at(values_, v, lanes_);
  }
  T* slope(std::size_t v) { return slopes_ + net_->values_[v].slope_offset * lanes_; }
  T* tangent(std::size_t v) { return at(tangents_, v, lanes_ * tangent_count_); }
  T* gradient(std::size_t v) { return at(gradients_, v, lanes_); }
  T* tangent_gradient(std::size_t v) { return at(tangent_gradients_, v, lanes_ * tangent_count_); }
  T* time() { return time_; }
  std::size_t lanes() const { return lanes_; }
  // Linear layers take the weights of forward() and backward() from here, and their products in its
  // precision; null: from theta, in that of T.
  void use(const PackedWeights* packed) { packed_ = packed; }

  // All lanes at one time and of one class: what depends on these alone is computed here once, also the part
  // of it in biases.
  void prepare(const T* theta, T t, std::int32_t label);
  // The classes of the lanes, one each or one for all.
  void set_labels(const std::int32_t* labels, std::int32_t label) { labels_ = labels, label_ = label; }
  // Values of all layers from value 1 (and time() where the time is not uniform).
  void forward(const T* theta);
  // Tangents of all layers from tangent 1.
  void push(const T* theta);
  // Gradients of all values from gradient `output`; adds those of theta to `into`, or writes them there.
  void backward(const T* theta, T* into, bool with_input, bool add);
  // The same for what depends on tangents too (gradient and tangent_gradient of `output`), after push().
  // `into` may be null; then classes get no gradient either. In frame_twice.cc.
  void backward_twice(const T* theta, T* into, bool with_input, bool with_tangents);

 private:
  using Layer = Network::Layer;
  // What reverse mode passes back through a layer that is linear in x: values, or tangents, whose layers have
  // no bias and know no time.
  struct Side {
    T *values, *gradients;
    std::size_t lanes;
    bool tangents;
    bool add;     // gradients of theta to what is there
    bool slopes;  // whether gradients of values in chains take the slope of their activation at once
    std::vector<char> seen;  // by value: whether a gradient has been written yet
  };
  T* of(T* base, const Side& side, std::size_t v) { return at(base, v, side.lanes); }
  Side side_of_values(bool add, bool slopes) {
    return {values_, gradients_, lanes_, false, add, slopes, std::vector<char>(net_->values_.size())};
  }
  Side side_of_tangents() {
    return {tangents_,
            tangent_gradients_,
            lanes_ * tangent_count_,
            true,
            true,
            false,
            std::vector<char>(net_->values_.size())};
  }
  T* before(std::size_t v) { return at(before_, v, lanes_); }
  T* raw(std::size_t v) { return at(raw_, v, lanes_ * tangent_count_); }
  T* at(T* base, std::size_t v, std::size_t lanes) { return base + net_->values_[v].offset * lanes; }
  bool is_uniform(std::size_t v) const { return uniform_ && net_->values_[v].time_only; }
  void features(const T* theta, const T* t, std::size_t lanes, T* out);
  // The row of the table of classes of lane l: the last for no class.
  std::size_t class_of(std::size_t l) const {
    const std::int32_t label = labels_ ? labels_[l] : label_;
    return label < 0 ? net_->classes_ : static_cast<std::size_t>(label);
  }
  // Adds the gradient of the rows of value 0 that hold the class to the table's.
  void class_backward(T* into, bool add);
  // Where the gradient of a parameter is to be added; zeros, where it is to be written.
  static T* sum_of(const Parameter& p, T* into, bool add) {
    if (!add) std::fill_n(into + p.offset, p.rows * p.stride, T(0));
    return into + p.offset;
  }
  void linear(const Layer& layer, const T* theta);
  void norm(const Layer& layer);
  void norm_push(const Layer& layer);
  void norm_backward(const Layer& layer, std::vector<char>& seen);
  void activation_twice(const Layer& layer, bool with_tangents);
  void norm_twice(const Layer& layer, Side& values, Side& tangents);
  NormForward<T> norm_of(const Layer& layer);
  NormDerivative<T> derivative_of(const NormForward<T>& p);
  void combine(const Layer& layer, const T* theta, const T* a, const T* b, std::size_t n, bool bias, T* out);
  void combine_backward(const Layer& layer, const T* theta, T* into, Side& side, bool with_input);
  Convolution<T> convolution(const Layer& layer, const T* theta) const;
  // Numbers of a pixel of the two inputs of a join.
  std::pair<std::size_t, std::size_t> joined_rows(const Layer& layer, std::size_t n) const;
  AttentionShape attention_of(const Layer& layer) const {
    return {layer.image.pixels(), layer.image.channels, lanes_};
  }
  // Rows of memory that attention needs: of one pixel's scores, and of all weights where they are not kept.
  std::size_t attention_rows() const { return net_->attending_ * (keep_slopes_ ? 1 : net_->attending_); }
  std::size_t transposed_rows() const { return round_up_lanes(net_->widest_ + net_->inputs_) + kLaneQuantum; }
  void linear_backward(const Layer& layer, const T* theta, T* into, Side& side, bool with_input);
  // Numbers of one of the two pieces of memory for packed factors.
  std::size_t packed_size() const;
  // In frame_packed.cc: out = left x + row_end for n lanes, added to what is there where `accumulate`; and
  // the gradient of weights, added, from that of the output of their layer.
  void packed_product(const PackedLeft& left, const T* x, std::size_t n, const T* row_end, bool accumulate,
                      T* out);
  void packed_weight_gradient(const Parameter& weight, const T* d, const T* x, std::size_t n, bool add,
                              T* into);

  const Network* net_;
  std::size_t lanes_, tangent_count_, memory_ = 0;
  bool keep_slopes_, keep_gradients_, twice_, uniform_ = false;
  std::size_t parts_ = 0;  // of packed factors
  const PackedWeights* packed_ = nullptr;
  const std::int32_t* labels_ = nullptr;
  std::int32_t label_ = kNoClass;
  T *values_ = nullptr, *slopes_ = nullptr, *tangents_ = nullptr, *gradients_ = nullptr,
    *uniform_values_ = nullptr;
  T *fold_ = nullptr, *time_ = nullptr, *transposed_ = nullptr, *flipped_ = nullptr, *attention_ = nullptr,
    *inverse_ = nullptr;
  T *tangent_gradients_ = nullptr, *before_ = nullptr, *raw_ = nullptr, *scratch_ = nullptr;
  T *left_ = nullptr, *right_ = nullptr;  // packed factors
};

}  // namespace sde::nn
