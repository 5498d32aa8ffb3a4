// Integrals from 0 to any t of (0, 1], to rounding.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

namespace sde {

// The interval is cut, at first by powers of two towards 0, then where needed, until a Chebyshev series of
// sixteen terms holds the integrand to rounding; the series are integrated term by term.
class RunningIntegral {
 public:
  static constexpr std::size_t kTerms = 16;
  // n = kTerms times, aligned, to as many values.
  using Function = std::function<void(const double* t, double* values)>;

  RunningIntegral() = default;
  // Throws Error(Status::usage), `what` at its head, where the integrand is not finite or cannot be resolved.
  RunningIntegral(const Function& f, const char* what);

  double operator()(double t) const;

 private:
  struct Piece {
    double left, right, before;  // before: the integral up to left
    double series[kTerms + 1];   // of the integral from left
  };
  void add(const Function& f, const char* what, double left, double right, int depth);

  std::vector<Piece> pieces_;
};

}  // namespace sde
