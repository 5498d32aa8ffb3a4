// Networks on any number of lanes, a cache-sized chunk at a time; and the tape.
#include <algorithm>

#include "nn/tape.h"

namespace sde::nn {

namespace {
// Values and tangents together: about two hundred lanes, so that the widest usual layers stay in the cache.
constexpr std::size_t kChunk = 96;
constexpr std::size_t kChunkWithTangents = 144;
constexpr std::size_t kMostTangents = 32;  // at a time; with more, values are computed anew for every group
// Large networks take fewer tangents at a time, so that those of the fewest lanes need no more numbers.
constexpr std::size_t kMostTangentNumbers = std::size_t{1} << 24;
}  // namespace

static std::size_t chunk_lanes(std::size_t tangents, std::size_t lanes) {
  const std::size_t chunk =
      tangents ? kChunkWithTangents / (1 + tangents) / kLaneQuantum * kLaneQuantum : kChunk;
  return std::min(std::max(chunk, kLaneQuantum), lanes);
}

std::size_t Network::tangents_at_once() const {
  const std::size_t fit = kMostTangentNumbers / (value_rows_ * kLaneQuantum);
  return std::min({kMostTangents, inputs_, std::max<std::size_t>(1, fit)});
}

std::size_t Network::memory_bytes(std::size_t lanes) const {
  const std::size_t tangents = tangents_at_once();
  return Frame<float>(*this, chunk_lanes(tangents, lanes), tangents, true, false).memory() * sizeof(float);
}

std::size_t Network::tape_bytes(std::size_t lanes, Precision precision) const {
  return Frame<float>(*this, lanes, 0, true, true, false, precision).memory() * sizeof(float);
}

template <class T, class Before, class After>
static void for_chunks(const Network& network, const T* theta, Time<T> t, BlockView<const T> x,
                       std::size_t tangents, Workspace<T>& workspace, Before before, After after) {
  const std::size_t chunk = chunk_lanes(tangents, x.lanes);
  Frame<T> frame(network, chunk, tangents, tangents > 0, false);
  if (workspace.memory.size() < frame.memory()) workspace.memory.resize(frame.memory());
  frame.place(workspace.memory.data());
  const bool uniform = !t.lanes && !t.labels;
  if (uniform) frame.prepare(theta, t.value, t.label);
  for (std::size_t start = 0; start < x.lanes; start += chunk) {
    const std::size_t n = std::min(chunk, x.lanes - start);
    frame.set_lanes(n);
    if (t.lanes) std::copy_n(t.lanes + start, n, frame.time());
    if (!t.lanes && !uniform) std::fill_n(frame.time(), n, t.value);
    if (!uniform) frame.set_labels(t.labels ? t.labels + start : nullptr, t.label);
    for (std::size_t i = 0; i < x.rows; ++i) std::copy_n(x.row(i) + start, n, frame.value(1) + i * n);
    frame.forward(theta);
    if (tangents) {
      before(frame, start, n);
      frame.push(theta);
    }
    after(frame, start, n);
  }
}

template <class T>
static void copy_out(const T* from, std::size_t n, std::size_t start, BlockView<T> to) {
  for (std::size_t i = 0; i < to.rows; ++i) std::copy_n(from + i * n, n, to.row(i) + start);
}

template <class T>
void Network::evaluate(const T* theta, Time<T> t, BlockView<const T> x, BlockView<T> y,
                       Workspace<T>& workspace) const {
  for_chunks(
      *this, theta, t, x, 0, workspace, [](auto&, auto, auto) {},
      [&](Frame<T>& frame, auto start, auto n) { copy_out(frame.value(output_), n, start, y); });
}

template <class T>
void Network::push_forward(const T* theta, Time<T> t, BlockView<const T> x, BlockView<const T> v,
                           BlockView<T> y, BlockView<T> jv, Workspace<T>& workspace) const {
  const auto before = [&](Frame<T>& frame, std::size_t start, std::size_t n) {
    for (std::size_t i = 0; i < inputs_; ++i) std::copy_n(v.row(i) + start, n, frame.tangent(1) + i * n);
  };
  const auto after = [&](Frame<T>& frame, std::size_t start, std::size_t n) {
    copy_out(frame.value(output_), n, start, y);
    copy_out(frame.tangent(output_), n, start, jv);
  };
  for_chunks(*this, theta, t, x, 1, workspace, before, after);
}

template <class T>
void Network::trace(const T* theta, Time<T> t, BlockView<const T> x, BlockView<T> y, T* trace,
                    Workspace<T>& workspace) const {
  std::fill_n(trace, x.lanes, T(0));
  const std::size_t most = tangents_at_once();
  for (std::size_t first = 0; first < inputs_; first += most) {
    const std::size_t count = std::min(most, inputs_ - first);
    const auto before = [&](Frame<T>& frame, std::size_t, std::size_t n) {
      T* v = frame.tangent(1);
      std::fill_n(v, inputs_ * count * n, T(0));
      for (std::size_t k = 0; k < count; ++k) std::fill_n(v + ((first + k) * count + k) * n, n, T(1));
    };
    const auto after = [&](Frame<T>& frame, std::size_t start, std::size_t n) {
      if (first == 0) copy_out(frame.value(output_), n, start, y);
      const T* jv = frame.tangent(output_);
      for (std::size_t k = 0; k < count; ++k) {
        for (std::size_t l = 0; l < n; ++l) trace[start + l] += jv[((first + k) * count + k) * n + l];
      }
    };
    for_chunks(*this, theta, t, x, count, workspace, before, after);
  }
}

template <class T>
Tape<T>::Tape(const Network& network, std::size_t most_lanes, Precision precision)
    : frame_(network, most_lanes, 0, true, true, false, precision),
      output_(network.output_),
      rows_{network.inputs(), network.outputs()} {
  memory_.resize(frame_.memory());
  frame_.place(memory_.data());
}

template <class T>
void Tape<T>::resize(std::size_t lanes) {
  frame_.set_lanes(lanes);
}
template <class T>
BlockView<T> Tape<T>::input() {
  return {frame_.value(1), rows_[0], frame_.lanes(), frame_.lanes()};
}
template <class T>
T* Tape<T>::time() {
  return frame_.time();
}
template <class T>
void Tape<T>::set_labels(const std::int32_t* labels) {
  frame_.set_labels(labels, kNoClass);
}
template <class T>
BlockView<const T> Tape<T>::forward(const T* theta) {
  frame_.forward(theta);
  return {frame_.value(output_), rows_[1], frame_.lanes(), frame_.lanes()};
}
template <class T>
BlockView<T> Tape<T>::output_gradient() {
  return {frame_.gradient(output_), rows_[1], frame_.lanes(), frame_.lanes()};
}
template <class T>
void Tape<T>::backward(const T* theta, T* gradient, bool with_input_gradient, bool add) {
  frame_.backward(theta, gradient, with_input_gradient, add);
}
template <class T>
BlockView<const T> Tape<T>::input_gradient() {
  return {frame_.gradient(1), rows_[0], frame_.lanes(), frame_.lanes()};
}

#define SDE_NN_INSTANTIATE(T)                                                                                \
  template void Network::evaluate(const T*, Time<T>, BlockView<const T>, BlockView<T>, Workspace<T>&) const; \
  template void Network::push_forward(const T*, Time<T>, BlockView<const T>, BlockView<const T>,             \
                                      BlockView<T>, BlockView<T>, Workspace<T>&) const;                      \
  template void Network::trace(const T*, Time<T>, BlockView<const T>, BlockView<T>, T*, Workspace<T>&)       \
      const;                                                                                                 \
  template class Tape<T>;
SDE_NN_INSTANTIATE(float)
SDE_NN_INSTANTIATE(double)
#undef SDE_NN_INSTANTIATE

}  // namespace sde::nn
