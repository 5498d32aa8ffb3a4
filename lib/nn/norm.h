// Normalisation of the rows of blocks, lane by lane: group norm over the pixels and some of the channels of
// an image (Wu & He 2018), and layer norm (Ba, Kiros & Hinton 2016), which is one pixel and one group.
//
// Images are [pixel][channel][lane]: the channels of a pixel side by side. The same bits on every instruction
// set.
#pragma once

#include <cstddef>

namespace sde::nn {

struct NormShape {
  std::size_t pixels = 1, channels = 0, groups = 1;  // groups divides channels
  std::size_t rows() const { return pixels * channels; }
};

// normalised = (x - mean) inverse, y = normalised (1 + gain[channel]) + shift[channel], with
// inverse[group][lane] = 1 / sqrt(variance + 1e-5). Row c of gain and shift is at c * film_stride: `lanes`
// numbers where film_lanes is set, else one for all lanes. `normalised` may be null.
template <class T>
struct NormForward {
  NormShape shape;
  std::size_t lanes = 0;
  const T* x = nullptr;
  const T *gain = nullptr, *shift = nullptr;
  std::size_t film_stride = 0;
  bool film_lanes = true;
  T *y = nullptr, *normalised = nullptr, *inverse = nullptr;
};
void normalise(const NormForward<float>& p);
void normalise(const NormForward<double>& p);

// out = (or +=) inverse (e - mean(e) - normalised mean(normalised e)), means over a group, e = d (1 + gain):
// the derivative of the normalised value is symmetric, so that one function serves both modes; in forward
// mode the gain is applied to the result instead (gain_after). Rows of d and out are `stride` apart.
template <class T>
struct NormDerivative {
  NormShape shape;
  std::size_t lanes = 0, stride = 0;
  const T *normalised = nullptr, *inverse = nullptr, *d = nullptr, *gain = nullptr;
  std::size_t film_stride = 0;
  bool film_lanes = true, gain_after = false, accumulate = false;
  T* out = nullptr;
};
void normalise_derivative(const NormDerivative<float>& p);
void normalise_derivative(const NormDerivative<double>& p);

// Gradients of gain and shift, [channel][lane]: sums over the pixels of d normalised and of d; added where
// `accumulate`.
template <class T>
struct FilmGradient {
  NormShape shape;
  std::size_t lanes = 0;
  const T *normalised = nullptr, *d = nullptr;
  T *gain = nullptr, *shift = nullptr;
  bool accumulate = false;
};
void film_gradient(const FilmGradient<float>& p);
void film_gradient(const FilmGradient<double>& p);

}  // namespace sde::nn
