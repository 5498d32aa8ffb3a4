// Operations on images in blocks, [pixel][channel][lane], rows of pixels top to bottom: the channels of
// neighbouring pixels of a line are side by side in memory, so that a line of a convolution's window is one
// matrix product on the block as it lies, and nothing is gathered.
#pragma once

#include <cstddef>

namespace sde::nn {

struct ImageShape {
  std::size_t height = 0, width = 0, channels = 0;
  std::size_t pixels() const { return height * width; }
  std::size_t rows() const { return pixels() * channels; }
};

// A convolution with a window of `size` x `size` (1 or 3), zeros beyond the border, one weight matrix
// [out channel][window line][window column][in channel] with rows `stride` apart.
template <class T>
struct Convolution {
  ImageShape in;
  std::size_t out_channels = 0, size = 3;
  const T* weight = nullptr;
  std::size_t stride = 0;
  std::size_t pixel = 0;      // rows from a pixel to the next of the input: in.channels, or more
  std::size_t out_pixel = 0;  // likewise of the output
};

// out = bias (null: 0) + convolution of x, or out += convolution of x. n numbers a row, a multiple of
// kLaneQuantum.
template <class T>
void convolve(const Convolution<T>& c, const T* bias, const T* x, std::size_t n, T* out,
              bool accumulate = false);

// out = (or +=) the transposed convolution of d, [pixel][out channel]: the gradient of the input. `scratch`
// takes flipped_size() numbers.
template <class T>
void convolve_transposed(const Convolution<T>& c, const T* d, std::size_t n, T* out, bool accumulate,
                         T* scratch);
std::size_t flipped_size(std::size_t in_channels, std::size_t out_channels, std::size_t size);

// Adds the gradients of weights (laid out like them) and bias (where not null); `scratch` takes (rows of the
// input + 16) n numbers. Where the window has more than one line, in.channels is a multiple of kLaneQuantum.
template <class T>
void convolve_gradient(const Convolution<T>& c, const T* x, const T* d, std::size_t n, T* weight, T* bias,
                       T* scratch);

// [channel][pixel] planes to windows: for every pixel the 9 channels of its 3 x 3 window, zeros beyond the
// border, `pixel` rows apart (the rest zero); and the transposed operation, which adds.
template <class T>
void planes_to_windows(const ImageShape& shape, const T* planes, std::size_t n, std::size_t pixel, T* out);
template <class T>
void add_windows_to_planes(const ImageShape& shape, const T* windows, std::size_t n, std::size_t pixel,
                           T* planes);

// [pixel][channel] to [channel][pixel], or back; adds where `accumulate`.
template <class T>
void pixels_to_planes(const ImageShape& shape, const T* x, std::size_t n, T* out);
template <class T>
void planes_to_pixels(const ImageShape& shape, const T* x, std::size_t n, T* out, bool accumulate);

// Means of 2 x 2 pixels; height and width are even. Its transpose, which is also enlargement by copies times
// 1/4.
template <class T>
void halve(const ImageShape& in, const T* x, std::size_t n, T* out);
template <class T>
void halve_backward(const ImageShape& in, const T* d, std::size_t n, T* out, bool accumulate);

// Every pixel becomes 2 x 2. Its transpose.
template <class T>
void enlarge(const ImageShape& in, const T* x, std::size_t n, T* out);
template <class T>
void enlarge_backward(const ImageShape& in, const T* d, std::size_t n, T* out, bool accumulate);

}  // namespace sde::nn
