// Schemes of weak order 2, over any algebra of lib/solve/scheme.h.
//
// They ask for random variables that have the moments of the increments up to the fifth order and, for each
// pair of Brownian motions, an antisymmetric V_kl with mean 0 and variance h^2, uncorrelated with the others.
// Gaussian increments have those moments, so a path keeps the increments it has under any other method; V_kl
// = h S_k S_l for k > l, with S_k the sign of the space-time area H_k, which no increment depends on.
// (Two-point variables S_k alone, one a Brownian motion, correlate V_12 with V_13: from three Brownian
// motions on that is of weak order 1.)
//
//   a.noises()            how many Brownian motions
//   a.mixes()             whether a step along one column of G changes another column
//   a.signs()             S
//   a.rows(w, from, to)   w with the rows outside [from, to) set to 0
//   a.broadcast(w, k)     row k of w in every row
#pragma once

#include <vector>

#include "solve/scheme_tableau.h"
#include "solve/tableau_weak.h"

namespace sde::scheme {

// Where no column of G depends on what another one moves, all take their stages in one: column k then sees
// its own move alone.
template <class A>
class Columns {
 public:
  explicit Columns(A& a) : a_(a), count_(a.mixes() ? a.noises() : 1) {}

  std::size_t count() const { return count_; }
  bool mix() const { return count_ > 1; }
  Noise<A> part(const Noise<A>& w, std::size_t k) const { return mix() ? a_.rows(w, k, k + 1) : w; }

 private:
  A& a_;
  std::size_t count_;
};

// Row k: V_kl/h.
template <class A>
Noise<A> antisymmetric(A& a, const Noise<A>& signs, std::size_t l) {
  const Noise<A> product = a.product(signs, a.broadcast(signs, l));
  return a.noise_sum(
      {{-1, Unit::one, a.rows(product, 0, l)}, {1, Unit::one, a.rows(product, l + 1, a.noises())}});
}

template <class A>
Noise<A> without_row(A& a, const Noise<A>& w, std::size_t l) {
  return a.noise_sum({{1, Unit::one, a.rows(w, 0, l)}, {1, Unit::one, a.rows(w, l + 1, a.noises())}});
}

// J_kk / sqrt(h).
template <class A>
Noise<A> double_integral(A& a, const Noise<A>& dW) {
  return a.noise_sum({{0.5, Unit::per_root_h, a.product(dW, dW)}, {-0.5, Unit::root_h, a.ones()}});
}

template <class A>
Result<A> weak_ito(A& a, const WeakIto& t) {
  using enum Unit;
  const std::size_t stages = t.alpha.size();
  const Noise<A> dW = a.dW(), ones = a.ones(), twice = double_integral(a, dW);
  const Columns<A> columns(a);
  const Vec<A> x = a.state();
  std::vector<Vec<A>> f;
  std::vector<std::vector<Vec<A>>> z(columns.count());  // [column][stage]
  const auto add_column = [&](Sum<A>& sum, double c, Unit unit, std::size_t k, std::size_t j,
                              const Noise<A>& w) {
    if (c != 0) sum.add(c, unit, a.apply(z[k][j], t.c1[j], columns.part(w, k)));
  };
  Sum<A> next(a);
  for (std::size_t i = 0; i < stages; ++i) {
    Sum<A> y(a);
    for (std::size_t j = 0; j < i; ++j) {
      y.add(entry(t.a0[i], j), h, f[j]);
      for (std::size_t k = 0; k < columns.count(); ++k) add_column(y, entry(t.b0[i], j), one, k, j, dW);
    }
    for (std::size_t k = 0; k < columns.count(); ++k) {
      Sum<A> stage(a);
      for (std::size_t j = 0; j < i; ++j) {
        stage.add(entry(t.a1[i], j), h, f[j]);
        add_column(stage, entry(t.b1[i], j), root_h, k, j, ones);
      }
      z[k].push_back(i == 0 ? x : stage.value());
      next.add(1, one,
               a.apply(z[k][i], t.c1[i],
                       columns.part(a.noise_sum({{t.beta1[i], one, dW}, {t.beta2[i], one, twice}}), k)));
    }
    const bool used =
        column_used(t.a0, t.alpha, i) || column_used(t.a1, t.alpha, i) || column_used(t.a2, t.alpha, i);
    f.push_back(used ? a.drift(i == 0 ? x : y.value(), t.c0[i]) : x);
    next.add(t.alpha[i], h, f[i]);
  }
  if (!columns.mix()) return {next.value()};

  const Noise<A> signs = a.signs();
  for (std::size_t l = 0; l < columns.count(); ++l) {
    const Noise<A> pairs =
        a.noise_sum({{0.5, per_root_h, without_row(a, a.product(dW, a.broadcast(dW, l)), l)},
                     {0.5, root_h, antisymmetric(a, signs, l)}});
    const Noise<A> others = without_row(a, dW, l);
    for (std::size_t i = 0; i < stages; ++i) {
      Sum<A> stage(a);
      for (std::size_t j = 0; j < t.b2[i].size(); ++j) add_column(stage, t.b2[i][j], root_h, l, j, ones);
      for (std::size_t j = 0; j < t.a2[i].size(); ++j) stage.add(t.a2[i][j], h, f[j]);
      next.add(1, one,
               a.apply(i == 0 ? x : stage.value(), t.c2[i],
                       a.noise_sum({{t.beta3[i], one, others}, {t.beta4[i], one, pairs}})));
    }
  }
  return {next.value()};
}

template <class A>
Result<A> weak_stratonovich(A& a, const WeakStratonovich& t) {
  using enum Unit;
  const std::size_t stages = t.alpha.size();
  const Noise<A> dW = a.dW();
  const Columns<A> columns(a);
  const Vec<A> x = a.state();
  std::vector<Vec<A>> f;
  std::vector<std::vector<Vec<A>>> z(columns.count());
  const auto add_column = [&](Sum<A>& sum, double c, std::size_t k, std::size_t j, const Noise<A>& w) {
    if (c != 0) sum.add(c, one, a.apply(z[k][j], t.c1[j], columns.part(w, k)));
  };
  Sum<A> next(a);
  for (std::size_t i = 0; i < stages; ++i) {
    Sum<A> y(a);
    bool start = true;
    for (std::size_t j = 0; j < i; ++j) {
      start = start && entry(t.a0[i], j) == 0 && entry(t.b0[i], j) == 0;
      y.add(entry(t.a0[i], j), h, f[j]);
      for (std::size_t k = 0; k < columns.count(); ++k) add_column(y, entry(t.b0[i], j), k, j, dW);
    }
    for (std::size_t k = 0; k < columns.count(); ++k) {
      Sum<A> stage(a);
      for (std::size_t j = 0; j < i; ++j) {
        stage.add(entry(t.a1[i], j), h, f[j]);
        add_column(stage, entry(t.b1[i], j), k, j, dW);
        for (std::size_t l = 0; l < columns.count(); ++l)
          if (l != k) add_column(stage, entry(t.b3[i], j), l, j, dW);
      }
      z[k].push_back(i == 0 ? x : stage.value());
      next.add(t.beta1[i], one, a.apply(z[k][i], t.c1[i], columns.part(dW, k)));
    }
    const bool used =
        column_used(t.a0, t.alpha, i) || column_used(t.a1, t.alpha, i) || column_used(t.a2, t.alpha, i);
    if (!used) {
      f.push_back(x);
    } else {
      f.push_back(start && i > 0 ? f[0] : a.drift(i == 0 ? x : y.value(), t.c0[i]));
    }
    next.add(t.alpha[i], h, f[i]);
  }
  if (!columns.mix()) return {next.value()};

  const Noise<A> signs = a.signs(), ones = a.ones();
  for (std::size_t k = 0; k < columns.count(); ++k) {
    const Noise<A> pairs = antisymmetric(a, signs, k);  // V_lk/h = -V_kl/h
    for (std::size_t i = 0; i < stages; ++i) {
      if (t.beta2[i] == 0) continue;
      Sum<A> stage(a);
      for (std::size_t j = 0; j < t.b2[i].size(); ++j)
        for (std::size_t l = 0; t.b2[i][j] != 0 && l < columns.count(); ++l)
          if (l != k) stage.add(-t.b2[i][j], root_h, a.apply(z[l][j], t.c1[j], columns.part(pairs, l)));
      for (std::size_t j = 0; j < t.a2[i].size(); ++j) stage.add(t.a2[i][j], h, f[j]);
      next.add(t.beta2[i], root_h, a.apply(stage.value(), t.c2[i], columns.part(ones, k)));
    }
  }
  return {next.value()};
}

// Tang & Xiao (Numer. Algorithms 75, 2017), W2Ito1: two two-point variables whatever the number of Brownian
// motions, xi = sqrt(h) S_1 and eta = S_2, with J_(k,l) = (1 -+ eta) dW_l / 2 for k < l and k > l.
template <class A>
Result<A> w2ito1(A& a) {
  using enum Unit;
  const WeakDrift& t = w2ito1_drift();
  const Noise<A> dW = a.dW(), signs = a.signs(), xi = a.broadcast(signs, 0);
  const Columns<A> columns(a);
  const Vec<A> x = a.state(), noise = a.apply(x, 0, dW);
  std::vector<Vec<A>> f = {a.drift(x, 0)};
  Sum<A> next(a);
  next.add(t.alpha[0], h, f[0]);
  for (std::size_t i = 1; i < t.alpha.size(); ++i) {
    Sum<A> y(a);
    for (std::size_t j = 0; j < i; ++j) y.add(entry(t.a[i], j), h, f[j]);
    f.push_back(a.drift(y.add(t.b[i], one, noise).value(), t.c[i]));
    next.add(t.alpha[i], h, f[i]);
  }
  // (dW^2/xi - xi)/2; 1/S = S.
  const Noise<A> twice = a.product(double_integral(a, dW), xi);
  next.add(1, one, a.apply(x, 0, a.noise_sum({{-1, one, dW}, {2, one, twice}})));
  for (std::size_t k = 0; k < columns.count(); ++k) {
    const Vec<A> own = a.apply(x, 0, columns.part(xi, k));
    Sum<A> plus(a), minus(a);
    plus.add(0.25, h, f[0]).add(0.5, root_h, own);
    minus.add(0.25, h, f[0]).add(-0.5, root_h, own);
    if (columns.mix()) {
      const Noise<A> earlier = a.rows(dW, 0, k), later = a.rows(dW, k + 1, a.noises());
      const Noise<A> eta = a.broadcast(signs, 1);
      plus.add(1, one,
               a.apply(x, 0,
                       a.noise_sum({{0.5, one, earlier},
                                    {0.5, one, a.product(earlier, eta)},
                                    {0.5, one, later},
                                    {-0.5, one, a.product(later, eta)}})));
    }
    next.add(1, one, a.apply(plus.value(), 0.25, columns.part(dW, k)));
    next.add(1, one,
             a.apply(minus.value(), 0.25, columns.part(a.noise_sum({{1, one, dW}, {-2, one, twice}}), k)));
  }
  return {next.value()};
}

// Platen's explicit scheme of weak order 2 (Kloeden & Platen 1992, eq. 15.1.3).
template <class A>
Result<A> pl1wm(A& a) {
  using enum Unit;
  const Noise<A> dW = a.dW(), ones = a.ones(), twice = double_integral(a, dW);
  const Columns<A> columns(a);
  const Vec<A> x = a.state(), f0 = a.drift(x, 0), noise = a.apply(x, 0, dW);
  const Vec<A> f1 = a.drift(a.sum({{1, one, x}, {1, h, f0}, {1, one, noise}}), 1);
  Sum<A> next(a);
  next.add(0.5, h, f0).add(0.5, h, f1).add(0.5, one, noise);
  for (std::size_t k = 0; k < columns.count(); ++k) {
    const Vec<A> own = a.apply(x, 0, columns.part(ones, k));
    for (const double sign : {1.0, -1.0}) {
      const Vec<A> r = a.sum({{1, one, x}, {1, h, f0}, {sign, root_h, own}});
      next.add(1, one,
               a.apply(r, 1, columns.part(a.noise_sum({{0.25, one, dW}, {0.5 * sign, one, twice}}), k)));
    }
  }
  if (!columns.mix()) return {next.value()};
  const Noise<A> signs = a.signs();
  for (std::size_t l = 0; l < columns.count(); ++l) {
    const Noise<A> others = without_row(a, dW, l);
    const Noise<A> pairs =
        a.noise_sum({{0.25, per_root_h, without_row(a, a.product(dW, a.broadcast(dW, l)), l)},
                     {0.25, root_h, antisymmetric(a, signs, l)}});
    const Vec<A> own = a.apply(x, 0, columns.part(ones, l));
    for (const double sign : {1.0, -1.0})
      next.add(1, one,
               a.apply(a.sum({{1, one, x}, {sign, root_h, own}}), 0,
                       a.noise_sum({{0.25, one, others}, {sign, one, pairs}})));
    next.add(-0.5, one, a.apply(x, 0, others));
  }
  return {next.value()};
}

}  // namespace sde::scheme
