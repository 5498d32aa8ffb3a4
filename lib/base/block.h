// The layout everything computes on: [row][lane], the lanes of a row side by side in memory.
//
// A row is a component of the state (or of a noise, a feature of a network, an entry of a matrix); a lane is
// a path (or a sample, a transition). The number of lanes is a multiple of kLaneQuantum, so that kernels work
// on whole vectors and never see a tail; a caller with fewer paths fills the spare lanes with copies of a
// valid one and ignores them.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <type_traits>

#include "base/aligned.h"

namespace sde {

inline constexpr std::size_t kLaneQuantum = 16;  // one AVX-512 vector of f32, two of f64

constexpr std::size_t round_up_lanes(std::size_t n) {
  return (n + kLaneQuantum - 1) / kLaneQuantum * kLaneQuantum;
}

// A view of [rows][lanes]; row i starts at data + i * stride. Cheap to copy, owns nothing.
template <class T>
struct BlockView {
  T* data = nullptr;
  std::size_t rows = 0;
  std::size_t lanes = 0;   // a multiple of kLaneQuantum
  std::size_t stride = 0;  // elements between rows, >= lanes and a multiple of kLaneQuantum

  T* row(std::size_t i) const {
    assert(i < rows);
    return data + i * stride;
  }
  BlockView slice(std::size_t first, std::size_t count) const {
    assert(first + count <= rows);
    return {data + first * stride, count, lanes, stride};
  }
  operator BlockView<const T>() const requires(!std::is_const_v<T>) { return {data, rows, lanes, stride}; }
};

using Block = BlockView<double>;
using ConstBlock = BlockView<const double>;

// A block that owns its memory; zero at first.
template <class T>
class StateBlock {
 public:
  StateBlock() = default;
  StateBlock(std::size_t rows, std::size_t lanes) { resize(rows, lanes); }

  void resize(std::size_t rows, std::size_t lanes) {
    rows_ = rows;
    lanes_ = round_up_lanes(lanes);
    values_.assign(rows_ * lanes_, T{});
  }

  std::size_t rows() const { return rows_; }
  std::size_t lanes() const { return lanes_; }
  T* row(std::size_t i) { return values_.data() + i * lanes_; }
  const T* row(std::size_t i) const { return values_.data() + i * lanes_; }
  BlockView<T> view() { return {values_.data(), rows_, lanes_, lanes_}; }
  BlockView<const T> view() const { return {values_.data(), rows_, lanes_, lanes_}; }
  operator BlockView<T>() { return view(); }
  operator BlockView<const T>() const { return view(); }

 private:
  std::size_t rows_ = 0, lanes_ = 0;
  AlignedVector<T> values_;
};

template <class T>
void copy(BlockView<const T> from, BlockView<T> to) {
  assert(from.rows == to.rows && from.lanes == to.lanes);
  for (std::size_t i = 0; i < from.rows; ++i) std::copy_n(from.row(i), from.lanes, to.row(i));
}

}  // namespace sde
