// Numbers that carry derivatives in a few directions (forward mode): what is written once for T = double
// gives exact gradients for T = Dual<N>.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>

namespace sde {

template <std::size_t N>
struct Dual {
  double value = 0;
  std::array<double, N> slope{};

  Dual() = default;
  Dual(double v) : value(v) {}  // implicit, so that formulas read as formulas

  // f(this), given f and f' there.
  Dual chain(double f, double derivative) const {
    Dual r(f);
    for (std::size_t i = 0; i < N; ++i) r.slope[i] = derivative * slope[i];
    return r;
  }
  Dual& operator+=(const Dual& b) {
    value += b.value;
    for (std::size_t i = 0; i < N; ++i) slope[i] += b.slope[i];
    return *this;
  }
  Dual& operator-=(const Dual& b) {
    value -= b.value;
    for (std::size_t i = 0; i < N; ++i) slope[i] -= b.slope[i];
    return *this;
  }
};

template <std::size_t N>
Dual<N> operator+(Dual<N> a, const Dual<N>& b) {
  return a += b;
}
template <std::size_t N>
Dual<N> operator-(Dual<N> a, const Dual<N>& b) {
  return a -= b;
}
template <std::size_t N>
Dual<N> operator-(const Dual<N>& a) {
  return a.chain(-a.value, -1);
}
template <std::size_t N>
Dual<N> operator*(const Dual<N>& a, const Dual<N>& b) {
  Dual<N> r(a.value * b.value);
  for (std::size_t i = 0; i < N; ++i) r.slope[i] = a.slope[i] * b.value + a.value * b.slope[i];
  return r;
}
template <std::size_t N>
Dual<N> operator/(const Dual<N>& a, const Dual<N>& b) {
  const double inverse = 1 / b.value;
  Dual<N> r(a.value * inverse);
  for (std::size_t i = 0; i < N; ++i) r.slope[i] = (a.slope[i] - r.value * b.slope[i]) * inverse;
  return r;
}
template <std::size_t N>
Dual<N> operator*(double a, const Dual<N>& b) {
  return b.chain(a * b.value, a);
}
template <std::size_t N>
Dual<N> operator*(const Dual<N>& a, double b) {
  return b * a;
}
template <std::size_t N>
Dual<N> operator/(const Dual<N>& a, double b) {
  return a * (1 / b);
}
template <std::size_t N>
Dual<N> operator+(const Dual<N>& a, double b) {
  return a + Dual<N>(b);
}
template <std::size_t N>
Dual<N> operator-(const Dual<N>& a, double b) {
  return a - Dual<N>(b);
}

template <std::size_t N>
Dual<N> sqrt(const Dual<N>& a) {
  const double root = std::sqrt(a.value);
  return a.chain(root, 0.5 / root);
}
template <std::size_t N>
Dual<N> exp(const Dual<N>& a) {
  const double e = std::exp(a.value);
  return a.chain(e, e);
}
template <std::size_t N>
Dual<N> log(const Dual<N>& a) {
  return a.chain(std::log(a.value), 1 / a.value);
}

inline double value_of(double a) {
  return a;
}
template <std::size_t N>
double value_of(const Dual<N>& a) {
  return a.value;
}

}  // namespace sde
