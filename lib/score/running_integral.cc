#include "score/running_integral.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/aligned.h"
#include "base/block.h"
#include "base/error.h"

namespace sde {

static_assert(RunningIntegral::kTerms == kLaneQuantum);

namespace {
constexpr int kDepth = 40;
constexpr double kFirst = 0x1p-40;
constexpr std::size_t kMostPieces = 2000;
}  // namespace

RunningIntegral::RunningIntegral(const Function& f, const char* what) {
  add(f, what, 0, kFirst, kDepth);  // too short for its own error to matter
  for (double left = kFirst; left < 1; left *= 2) add(f, what, left, 2 * left, 0);
}

void RunningIntegral::add(const Function& f, const char* what, double left, double right, int depth) {
  constexpr std::size_t n = kTerms;
  const double middle = 0.5 * (left + right), half = 0.5 * (right - left);
  AlignedVector<double> t(n), value(n);
  for (std::size_t j = 0; j < n; ++j) {
    t[j] = middle + half * std::cos(std::numbers::pi * (static_cast<double>(j) + 0.5) / n);
  }
  f(t.data(), value.data());
  double c[n + 2] = {}, largest = 0;
  for (std::size_t j = 0; j < n; ++j) {
    if (!std::isfinite(value[j])) {
      fail(Status::usage, "{}: has no finite value at t = {} (got {})", what, t[j], value[j]);
    }
    largest = std::fmax(largest, std::fabs(value[j]));
  }
  for (std::size_t k = 0; k < n; ++k) {
    for (std::size_t j = 0; j < n; ++j) {
      const auto angle = static_cast<double>(k * (2 * j + 1) % (4 * n));
      c[k] += value[j] * std::cos(std::numbers::pi * angle / (2 * n)) * 2 / n;
    }
  }
  c[0] *= 0.5;
  const double tail = std::fmax(std::fabs(c[n - 1]), std::fabs(c[n - 2]));
  // What is left out is smaller still, and divided by twice the square of the number of terms when
  // integrated.
  if (tail > 1e-13 * largest && depth < kDepth) {
    // Where there is a jump, the last piece is too short to matter.
    if (pieces_.size() > kMostPieces) {
      fail(Status::usage, "{}: varies too fast near t = {} to be integrated", what, middle);
    }
    add(f, what, left, middle, depth + 1);
    add(f, what, middle, right, depth + 1);
    return;
  }
  Piece piece{left, right, pieces_.empty() ? 0 : (*this)(left), {}};
  double at_left = 0;
  for (std::size_t k = 1; k <= n; ++k) {
    const double lower = k == 1 ? 2 * c[0] : c[k - 1], upper = k + 1 < n ? c[k + 1] : 0;
    piece.series[k] = half * (lower - upper) / (2 * static_cast<double>(k));
    at_left += k % 2 ? -piece.series[k] : piece.series[k];
  }
  piece.series[0] = -at_left;
  pieces_.push_back(piece);
}

double RunningIntegral::operator()(double t) const {
  auto found = std::lower_bound(pieces_.begin(), pieces_.end(), t,
                                [](const Piece& piece, double x) { return piece.right < x; });
  if (found == pieces_.end()) --found;
  const Piece& piece = *found;
  const double x = (2 * t - piece.left - piece.right) / (piece.right - piece.left);
  double b1 = 0, b2 = 0;
  for (std::size_t k = kTerms; k >= 1; --k) {
    const double b = 2 * x * b1 - b2 + piece.series[k];
    b2 = b1;
    b1 = b;
  }
  return piece.before + (x * b1 - b2 + piece.series[0]);
}

}  // namespace sde
