#include "brownian/chen.h"

#include <algorithm>

namespace sde {
namespace {

ConstBlock view(const StateBlock<double>& block) {
  return block.rows() == 0 ? ConstBlock{} : block.view();
}

}  // namespace

PathSum::PathSum(std::size_t noises, BrownianNeeds needs, std::size_t lanes)
    : noises_(noises), needs_(needs), W_(noises, lanes) {
  if (needs.uses_space_time()) {
    hbar_.resize(noises, lanes);
    H_.resize(noises, lanes);
  }
  if (needs.space_time_time) {
    kbar_.resize(noises, lanes);
    K_.resize(noises, lanes);
  }
  if (needs.levy_area) area_.resize(noises * (noises - (noises > 0)) / 2, lanes);
}

void PathSum::clear() {
  length_ = 0;
  for (StateBlock<double>* block : {&W_, &hbar_, &kbar_, &area_})
    for (std::size_t r = 0; r < block->rows(); ++r) std::fill_n(block->row(r), block->lanes(), 0.0);
}

void PathSum::add(const PathPiece& piece) {
  const std::size_t lanes = W_.lanes();
  std::size_t pair = 0;
  for (std::size_t j = 0; needs_.levy_area && j < noises_; ++j)
    for (std::size_t k = j + 1; k < noises_; ++k, ++pair) {
      const double *wj = piece.dW.row(j), *wk = piece.dW.row(k), *area = piece.area.row(pair);
      const double *Wj = W_.row(j), *Wk = W_.row(k);
      double* sum = area_.row(pair);
      for (std::size_t i = 0; i < lanes; ++i) sum[i] += area[i] + 0.5 * (Wj[i] * wk[i] - Wk[i] * wj[i]);
    }
  // Over [0, a] and [a, a + b], with Hbar and Kbar of each: Hbar = Hbar_1 + Hbar_2 + (b W_1 - a W_2)/2 and
  // Kbar = Kbar_1 + Kbar_2 + (b Hbar_1 - a Hbar_2)/2 + (a - b)(a W_2 - b W_1)/12.
  const double a = length_, b = piece.length, scale_h = b * piece.scale_h, scale_k = b * b * piece.scale_k;
  for (std::size_t c = 0; needs_.space_time_time && c < noises_; ++c) {
    const double *w = piece.dW.row(c), *H = piece.H.row(c), *K = piece.K.row(c), *W = W_.row(c),
                 *hbar = hbar_.row(c);
    double* kbar = kbar_.row(c);
    const double skew = (a - b) / 12;
    for (std::size_t i = 0; i < lanes; ++i)
      kbar[i] += scale_k * K[i] + 0.5 * (b * hbar[i] - a * (scale_h * H[i])) + skew * (a * w[i] - b * W[i]);
  }
  for (std::size_t c = 0; needs_.uses_space_time() && c < noises_; ++c) {
    const double *w = piece.dW.row(c), *H = piece.H.row(c), *W = W_.row(c);
    double* hbar = hbar_.row(c);
    for (std::size_t i = 0; i < lanes; ++i) hbar[i] += scale_h * H[i] + 0.5 * (b * W[i] - a * w[i]);
  }
  for (std::size_t c = 0; c < noises_; ++c) {
    const double* w = piece.dW.row(c);
    double* W = W_.row(c);
    for (std::size_t i = 0; i < lanes; ++i) W[i] += w[i];
  }
  length_ += b;
}

PathPiece PathSum::total() {
  const double per_length = 1 / length_, per_square = per_length / length_;
  for (std::size_t c = 0; c < H_.rows(); ++c)
    for (std::size_t i = 0; i < H_.lanes(); ++i) H_.row(c)[i] = per_length * hbar_.row(c)[i];
  for (std::size_t c = 0; c < K_.rows(); ++c)
    for (std::size_t i = 0; i < K_.lanes(); ++i) K_.row(c)[i] = per_square * kbar_.row(c)[i];
  return {length_, view(W_), view(H_), view(K_), view(area_)};
}

}  // namespace sde
