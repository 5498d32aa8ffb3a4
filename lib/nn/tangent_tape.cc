#include "nn/tangent_tape.h"

#include <algorithm>

#include "base/error.h"

namespace sde::nn {

template <class T>
TangentTape<T>::TangentTape(const Network& network, std::size_t most_lanes, std::size_t tangents)
    : frame_(network, most_lanes, tangents, true, true, true),
      inputs_(network.inputs()),
      outputs_(network.outputs()),
      output_(network.output_),
      features_(network.values_[0].rows),
      most_lanes_(most_lanes),
      count_(tangents) {
  if (network.options().attention) {
    fail(Status::usage,
         "/network/attention: has no second derivatives, which this prediction or objective needs; leave it "
         "out");
  }
  memory_.resize(frame_.memory());
  frame_.place(memory_.data());
}

template <class T>
void TangentTape<T>::resize(std::size_t lanes) {
  if (lanes > most_lanes_) fail(Status::bug, "{} lanes on a tape of {}", lanes, most_lanes_);
  frame_.set_lanes(lanes);
}

template <class T>
void TangentTape<T>::forward(const T* theta, bool with_tangents) {
  frame_.forward(theta);
  if (!with_tangents || !count_) return;
  // Time has no tangent; beside that of x it is read by gradients of weights.
  std::fill_n(frame_.tangent(0), features_ * lanes() * count_, T(0));
  frame_.push(theta);
}

template <class T>
void TangentTape<T>::backward(const T* theta, T* gradient, T* into, bool with_tangents) {
  frame_.backward_twice(theta, gradient, into != nullptr, with_tangents);
  if (into) std::copy_n(frame_.gradient(1), inputs_ * lanes(), into);
}

template class TangentTape<float>;
template class TangentTape<double>;

}  // namespace sde::nn
