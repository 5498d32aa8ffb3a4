// Every explicit method, written once over an algebra of vectors.
//
// An algebra A offers the state x at the start of the step, drift and diffusion at stages, increments, and
// linear combinations. Two algebras exist: over expressions, where a whole step becomes one symbolic vector
// and is compiled to one block program; and over blocks, where each operation runs as it is called, for an
// Sde that is not given by expressions (a network, a score).
//
//   typename A::Vector                    a value with a row for each state
//   typename A::Noise                     a value with a row for each Brownian motion
//   a.state()                             x
//   a.memory()                            what the last step left behind (Result::memory); at first x
//   a.drift(y, c)                         f(t + c h, y)
//   a.apply(y, c, w)                      G(t + c h, y) w
//   a.dW(), a.H()                         increments (variance h), space-time Levy areas (variance h/12)
//   a.ones()                              1 for every Brownian motion
//   a.brackets(y, c)                      sum_{j<k} (L^j G^k - L^k G^j) A_jk at (t + c h, y), Levy areas A
//   a.milstein(y, c)                      sum_jk L^j G^k I_(j,k) at (t + c h, y), I or J by the calculus
//   a.tamed(v)                            v / (1 + h |v|)
//   a.truncated(y)                        y drawn back to a ball whose radius grows as h shrinks
//   a.sum({term, ...}), a.noise_sum(...)  linear combination; a term is {coefficient, unit, vector}
//   a.product(w, z)                       row by row, of noises
//   a.absolute(v)                         |v|, component by component
//   a.combined(v, w)                      v^2 / sqrt(v^2 + w^2 / 100), component by component; 0 for 0
//   a.wants_dense()                       whether Result::dense is asked for
//
// f and G at one (y, c) are evaluated together.
#pragma once

#include <initializer_list>
#include <optional>
#include <vector>

namespace sde::scheme {

enum class Unit { one, h, root_h, per_h, per_root_h };

template <class Vector>
struct Term {
  double coefficient;
  Unit unit;
  Vector vector;
};

template <class A>
using Vec = typename A::Vector;
template <class A>
using Noise = typename A::Noise;

// What a step gives: the next state; for embedded pairs the difference to the lower-order one; for methods of
// two registers what the next step finds in memory().
template <class A>
struct Result {
  Vec<A> next;
  std::optional<Vec<A>> error = {};
  std::optional<Vec<A>> memory = {};
  // x(t + theta h) = x + sum_j dense_j theta^(j+1); where the algebra wants it.
  std::vector<Vec<A>> dense = {};
};

// --- SDEs, strong order 1/2 and 1 ---

template <class A>
Result<A> euler_maruyama(A& a) {
  using enum Unit;
  const Vec<A> x = a.state();
  return {a.sum({{1, one, x}, {1, h, a.drift(x, 0)}, {1, one, a.apply(x, 0, a.dW())}})};
}

// Hutzenthaler, Jentzen & Kloeden (2012), eq. 4: drifts that grow faster than linearly cannot throw a path
// out.
template <class A>
Result<A> tamed_euler(A& a) {
  using enum Unit;
  const Vec<A> x = a.state();
  return {a.sum({{1, one, x}, {1, h, a.tamed(a.drift(x, 0))}, {1, one, a.apply(x, 0, a.dW())}})};
}

// Mao (J. Comput. Appl. Math. 290, 2015), eq. 2.6.
template <class A>
Result<A> truncated_euler(A& a) {
  using enum Unit;
  const Vec<A> x = a.state(), y = a.truncated(x);
  return {a.sum({{1, one, x}, {1, h, a.drift(y, 0)}, {1, one, a.apply(y, 0, a.dW())}})};
}

template <class A>
Result<A> milstein(A& a) {
  using enum Unit;
  const Vec<A> x = a.state();
  return {a.sum(
      {{1, one, x}, {1, h, a.drift(x, 0)}, {1, one, a.apply(x, 0, a.dW())}, {1, one, a.milstein(x, 0)}})};
}

// Euler in the drift, Heun in the diffusion.
template <class A>
Result<A> euler_heun(A& a) {
  using enum Unit;
  const Vec<A> x = a.state(), n0 = a.apply(x, 0, a.dW());
  const Vec<A> y = a.sum({{1, one, x}, {1, one, n0}});
  return {a.sum({{1, one, x}, {1, h, a.drift(x, 0)}, {0.5, one, n0}, {0.5, one, a.apply(y, 1, a.dW())}})};
}

// Two stages, the second at c: x + w1 (f0 h + G0 dW) + w2 (f1 h + G1 dW), w2 = 1/(2c).
template <class A>
Result<A> two_stages(A& a, double c) {
  using enum Unit;
  const double w2 = 0.5 / c, w1 = 1 - w2;
  const Vec<A> x = a.state(), f0 = a.drift(x, 0), n0 = a.apply(x, 0, a.dW());
  const Vec<A> y = a.sum({{1, one, x}, {c, h, f0}, {c, one, n0}});
  return {a.sum(
      {{1, one, x}, {w1, h, f0}, {w2, h, a.drift(y, c)}, {w1, one, n0}, {w2, one, a.apply(y, c, a.dW())}})};
}

template <class A>
Result<A> heun(A& a) {
  return two_stages(a, 1);
}
template <class A>
Result<A> midpoint(A& a) {
  return two_stages(a, 0.5);
}
template <class A>
Result<A> ralston(A& a) {
  return two_stages(a, 2.0 / 3);
}

// Kidger, Foster, Li & Lyons (2021, arXiv 2105.13493), algorithm 1: y and z, each step algebraically
// reversible.
template <class A>
Result<A> reversible_heun(A& a) {
  using enum Unit;
  const Vec<A> y = a.state(), z = a.memory();
  const Vec<A> f0 = a.drift(z, 0), n0 = a.apply(z, 0, a.dW());
  const Vec<A> z1 = a.sum({{2, one, y}, {-1, one, z}, {1, h, f0}, {1, one, n0}});
  const Vec<A> next = a.sum({{1, one, y},
                             {0.5, h, f0},
                             {0.5, h, a.drift(z1, 1)},
                             {0.5, one, n0},
                             {0.5, one, a.apply(z1, 1, a.dW())}});
  return {next, {}, z1};
}

}  // namespace sde::scheme
