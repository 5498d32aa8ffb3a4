// Every explicit method, written once over an algebra of state vectors.
//
// An algebra A offers the state x at the start of the step, drift and diffusion at stages, and linear
// combinations. Two algebras exist: over expressions, where a whole step becomes one symbolic vector and is
// compiled to one block program; and over blocks, where each operation runs as it is called, for an Sde that
// is not given by expressions (a network, a score).
//
//   typename A::Vector                    a state-shaped value
//   a.state()                             x
//   a.drift(y, c)                         f(t + c h, y)
//   a.noise(y, c)                         G(t + c h, y) dW
//   a.milstein()                          1/2 sum_i G_ii dG_ii/dx_i (dW_i^2 - h), without h in Stratonovich
//   calculus a.sum({term, ...})                    linear combination; a term is {coefficient, unit, vector}
//
// f and G at one (y, c) are evaluated together.
#pragma once

#include <initializer_list>
#include <optional>

namespace sde::scheme {

enum class Unit { one, h };

template <class Vector>
struct Term {
  double coefficient;
  Unit unit;
  Vector vector;
};

template <class A>
using Vec = typename A::Vector;

// What a step gives: the next state, and for embedded pairs the difference to the lower-order one.
template <class A>
struct Result {
  Vec<A> next;
  std::optional<Vec<A>> error;
};

template <class A>
Result<A> euler_maruyama(A& a) {
  const Vec<A> x = a.state();
  return {a.sum({{1, Unit::one, x}, {1, Unit::h, a.drift(x, 0)}, {1, Unit::one, a.noise(x, 0)}}), {}};
}

template <class A>
Result<A> milstein(A& a) {
  const Vec<A> x = a.state();
  return {a.sum({{1, Unit::one, x},
                 {1, Unit::h, a.drift(x, 0)},
                 {1, Unit::one, a.noise(x, 0)},
                 {1, Unit::one, a.milstein()}}),
          {}};
}

template <class A>
Result<A> heun(A& a) {
  const Vec<A> x = a.state(), f0 = a.drift(x, 0), n0 = a.noise(x, 0);
  const Vec<A> y = a.sum({{1, Unit::one, x}, {1, Unit::h, f0}, {1, Unit::one, n0}});
  return {a.sum({{1, Unit::one, x},
                 {0.5, Unit::h, f0},
                 {0.5, Unit::h, a.drift(y, 1)},
                 {0.5, Unit::one, n0},
                 {0.5, Unit::one, a.noise(y, 1)}}),
          {}};
}

template <class A>
Result<A> euler(A& a) {
  const Vec<A> x = a.state();
  return {a.sum({{1, Unit::one, x}, {1, Unit::h, a.drift(x, 0)}}), {}};
}

template <class A>
Result<A> rk4(A& a) {
  const Vec<A> x = a.state(), k1 = a.drift(x, 0);
  const Vec<A> k2 = a.drift(a.sum({{1, Unit::one, x}, {0.5, Unit::h, k1}}), 0.5);
  const Vec<A> k3 = a.drift(a.sum({{1, Unit::one, x}, {0.5, Unit::h, k2}}), 0.5);
  const Vec<A> k4 = a.drift(a.sum({{1, Unit::one, x}, {1, Unit::h, k3}}), 1);
  return {a.sum({{1, Unit::one, x},
                 {1.0 / 6, Unit::h, k1},
                 {1.0 / 3, Unit::h, k2},
                 {1.0 / 3, Unit::h, k3},
                 {1.0 / 6, Unit::h, k4}}),
          {}};
}

// Dormand & Prince (1980), 5(4), seven stages; the last is the first of the next step.
template <class A>
Result<A> dopri5(A& a) {
  using enum Unit;
  const Vec<A> x = a.state(), k1 = a.drift(x, 0);
  const Vec<A> k2 = a.drift(a.sum({{1, one, x}, {1.0 / 5, h, k1}}), 1.0 / 5);
  const Vec<A> k3 = a.drift(a.sum({{1, one, x}, {3.0 / 40, h, k1}, {9.0 / 40, h, k2}}), 3.0 / 10);
  const Vec<A> k4 =
      a.drift(a.sum({{1, one, x}, {44.0 / 45, h, k1}, {-56.0 / 15, h, k2}, {32.0 / 9, h, k3}}), 4.0 / 5);
  const Vec<A> k5 = a.drift(a.sum({{1, one, x},
                                   {19372.0 / 6561, h, k1},
                                   {-25360.0 / 2187, h, k2},
                                   {64448.0 / 6561, h, k3},
                                   {-212.0 / 729, h, k4}}),
                            8.0 / 9);
  const Vec<A> k6 = a.drift(a.sum({{1, one, x},
                                   {9017.0 / 3168, h, k1},
                                   {-355.0 / 33, h, k2},
                                   {46732.0 / 5247, h, k3},
                                   {49.0 / 176, h, k4},
                                   {-5103.0 / 18656, h, k5}}),
                            1);
  const Vec<A> y = a.sum({{1, one, x},
                          {35.0 / 384, h, k1},
                          {500.0 / 1113, h, k3},
                          {125.0 / 192, h, k4},
                          {-2187.0 / 6784, h, k5},
                          {11.0 / 84, h, k6}});
  const Vec<A> k7 = a.drift(y, 1);
  return {y, a.sum({{71.0 / 57600, h, k1},
                    {-71.0 / 16695, h, k3},
                    {71.0 / 1920, h, k4},
                    {-17253.0 / 339200, h, k5},
                    {22.0 / 525, h, k6},
                    {-1.0 / 40, h, k7}})};
}

}  // namespace sde::scheme
