// Schemes driven by the coefficients of lib/solve/tableau.h, over any algebra of lib/solve/scheme.h.
#pragma once

#include <optional>
#include <vector>

#include "solve/scheme.h"
#include "solve/tableau.h"

namespace sde::scheme {

// A linear combination put together term by term; terms with coefficient 0 are left out.
template <class A>
class Sum {
 public:
  explicit Sum(A& a) : a_(a), terms_{{1, Unit::one, a.state()}} {}

  Sum& add(double c, Unit unit, const Vec<A>& v) {
    if (c != 0) terms_.push_back({c, unit, v});
    return *this;
  }
  Vec<A> value() const { return a_.sum(terms_); }

 private:
  A& a_;
  std::vector<Term<Vec<A>>> terms_;
};

inline double entry(const Row& row, std::size_t j) {
  return j < row.size() ? row[j] : 0;
}

// Whether anything uses f at stage j: a stage that nothing reads is not evaluated.
inline bool column_used(const std::vector<Row>& a, const Row& b, std::size_t j) {
  if (entry(b, j) != 0) return true;
  for (const Row& row : a)
    if (entry(row, j) != 0) return true;
  return false;
}

template <class A>
Result<A> runge_kutta(A& a, const RungeKutta& t) {
  std::vector<Vec<A>> k;
  for (std::size_t i = 0; i < t.c.size(); ++i) {
    Sum<A> y(a);
    for (std::size_t j = 0; j < i; ++j) y.add(entry(t.a[i], j), Unit::h, k[j]);
    k.push_back(a.drift(i == 0 ? a.state() : y.value(), t.c[i]));
  }
  const auto weighted = [&](const auto& weight) {
    std::vector<Term<Vec<A>>> terms;
    for (std::size_t i = 0; i < k.size(); ++i)
      if (const double c = weight(i); c != 0) terms.push_back({c, Unit::h, k[i]});
    return a.sum(terms);
  };
  Sum<A> next(a);
  for (std::size_t i = 0; i < k.size(); ++i) next.add(t.b[i], Unit::h, k[i]);
  Result<A> result{next.value()};
  if (!t.e.empty()) result.error = weighted([&](std::size_t i) { return entry(t.e, i); });
  if (!t.e3.empty())
    result.error = a.combined(*result.error, weighted([&](std::size_t i) { return entry(t.e3, i); }));
  if (t.dense.empty() || !a.wants_dense()) return result;
  for (std::size_t i = 0; i < t.late_c.size(); ++i) {
    Sum<A> y(a);
    for (std::size_t j = 0; j < k.size(); ++j) y.add(entry(t.late_a[i], j), Unit::h, k[j]);
    k.push_back(a.drift(y.value(), t.late_c[i]));
  }
  for (std::size_t j = 0; j < t.dense.front().size(); ++j)
    result.dense.push_back(weighted([&](std::size_t i) { return entry(t.dense[i], j); }));
  return result;
}

// I10/h = dW/2 + H (Kloeden & Platen 1992, 10.4.3 in other letters).
template <class A>
Noise<A> mean_increment(A& a) {
  return a.noise_sum({{0.5, Unit::one, a.dW()}, {1, Unit::one, a.H()}});
}

// Rackauckas & Nie (2017): beside a method of strong order 3/2 stands one of order 1, with the same stages,
// the drift taken at the start alone and the terms with I10 and I111 left out. What the two differ by in the
// drift and in the noise, the sizes added.
template <class V>
std::vector<Term<V>> drift_error(const Row& alpha, const std::vector<V>& f) {
  std::vector<Term<V>> terms;
  for (std::size_t i = 0; i < f.size(); ++i)
    if (const double c = alpha[i] - (i == 0 ? 1 : 0); c != 0) terms.push_back({c, Unit::h, f[i]});
  return terms;
}
template <class A>
Vec<A> natural_error(A& a, const std::vector<Term<Vec<A>>>& drift, const std::vector<Term<Vec<A>>>& noise) {
  return a.sum({{1, Unit::one, a.absolute(a.sum(drift))}, {1, Unit::one, a.absolute(a.sum(noise))}});
}

template <class A>
Result<A> strong_additive(A& a, const StrongAdditive& t) {
  using enum Unit;
  const Vec<A> x = a.state();
  const Noise<A> mean = mean_increment(a);
  std::vector<Vec<A>> f;
  Sum<A> next(a);
  std::vector<Term<Vec<A>>> late;
  for (std::size_t i = 0; i < t.alpha.size(); ++i) {
    Sum<A> y(a);
    for (std::size_t j = 0; j < i; ++j) {
      y.add(entry(t.a[i], j), h, f[j]);
      if (entry(t.b[i], j) != 0) y.add(t.b[i][j], one, a.apply(x, t.c1[j], mean));
    }
    f.push_back(a.drift(i == 0 ? x : y.value(), t.c0[i]));
    next.add(t.alpha[i], h, f[i]);
    if (t.beta1[i] != 0 || t.beta2[i] != 0)
      next.add(1, one,
               a.apply(x, t.c1[i], a.noise_sum({{t.beta1[i], one, a.dW()}, {t.beta2[i], one, mean}})));
    if (t.beta2[i] != 0) late.push_back({t.beta2[i], one, a.apply(x, t.c1[i], mean)});
  }
  return {next.value(), natural_error(a, drift_error(t.alpha, f), late)};
}

template <class A>
Result<A> strong_ito(A& a, const StrongIto& t) {
  using enum Unit;
  const Noise<A> dW = a.dW(), mean = mean_increment(a), ones = a.ones();
  const Noise<A> square = a.product(dW, dW);
  // I11 = (dW^2 - h)/2, I111 = (dW^3 - 3 h dW)/6.
  const Noise<A> i11 = a.noise_sum({{0.5, per_root_h, square}, {-0.5, root_h, ones}});
  const Noise<A> i111 = a.noise_sum({{1.0 / 6, per_h, a.product(square, dW)}, {-0.5, one, dW}});
  std::vector<Vec<A>> f, y, z;
  Sum<A> next(a);
  std::vector<Term<Vec<A>>> late;
  for (std::size_t i = 0; i < t.alpha.size(); ++i) {
    Sum<A> drifting(a), diffusing(a);
    for (std::size_t j = 0; j < i; ++j) {
      drifting.add(entry(t.a0[i], j), h, f[j]);
      if (entry(t.b0[i], j) != 0) drifting.add(t.b0[i][j], one, a.apply(z[j], t.c1[j], mean));
      diffusing.add(entry(t.a1[i], j), h, f[j]);
      if (entry(t.b1[i], j) != 0) diffusing.add(t.b1[i][j], root_h, a.apply(z[j], t.c1[j], ones));
    }
    y.push_back(i == 0 ? a.state() : drifting.value());
    z.push_back(i == 0 ? a.state() : diffusing.value());
    const bool used = column_used(t.a0, t.alpha, i) || column_used(t.a1, t.alpha, i);
    f.push_back(used ? a.drift(y[i], t.c0[i]) : y[i]);
    next.add(t.alpha[i], h, f[i]);
    next.add(1, one,
             a.apply(z[i], t.c1[i],
                     a.noise_sum({{t.beta1[i], one, dW},
                                  {t.beta2[i], one, i11},
                                  {t.beta3[i], one, mean},
                                  {t.beta4[i], one, i111}})));
    if (t.beta3[i] != 0 || t.beta4[i] != 0)
      late.push_back(
          {1, one, a.apply(z[i], t.c1[i], a.noise_sum({{t.beta3[i], one, mean}, {t.beta4[i], one, i111}}))});
  }
  return {next.value(), natural_error(a, drift_error(t.alpha, f), late)};
}

template <class A>
Result<A> strong_stratonovich(A& a, const StrongStratonovich& t) {
  using enum Unit;
  const auto noise = [&](double w, double v) { return a.noise_sum({{w, one, a.dW()}, {v, one, a.H()}}); };
  std::vector<Vec<A>> y, f;
  Sum<A> next(a);
  for (std::size_t i = 0; i < t.c.size(); ++i) {
    Sum<A> stage(a);
    for (std::size_t j = 0; j < i; ++j) {
      stage.add(entry(t.a[i], j), h, f[j]);
      const double w = entry(t.w[i], j), v = entry(t.v[i], j);
      if (w != 0 || v != 0) stage.add(1, one, a.apply(y[j], t.c[j], noise(w, v)));
    }
    y.push_back(i == 0 ? a.state() : stage.value());
    f.push_back(column_used(t.a, t.b, i) ? a.drift(y[i], t.c[i]) : y[i]);
    next.add(t.b[i], h, f[i]);
    if (t.bw[i] != 0 || t.bv[i] != 0) next.add(1, one, a.apply(y[i], t.c[i], noise(t.bw[i], t.bv[i])));
  }
  return {next.value()};
}

// Foster, dos Reis & Strange (arXiv 2210.17543): additive noise, two evaluations of the drift.
template <class A>
Result<A> shark(A& a) {
  using enum Unit;
  const Vec<A> x = a.state();
  const Noise<A> dW = a.dW(), H = a.H();
  const Vec<A> f1 = a.drift(a.sum({{1, one, x}, {1, one, a.apply(x, 0, H)}}), 0);
  const Vec<A> z2 = a.sum({{1, one, x},
                           {5.0 / 6, h, f1},
                           {1, one, a.apply(x, 0, a.noise_sum({{5.0 / 6, one, dW}, {1, one, H}}))}});
  // Where G depends on time: int G dW = G0 dW + (G1 - G0)(dW/2 - H) + ...
  const Noise<A> late = a.noise_sum({{0.5, one, dW}, {-1, one, H}});
  const Noise<A> early = a.noise_sum({{0.5, one, dW}, {1, one, H}});
  return {a.sum({{1, one, x},
                 {0.4, h, f1},
                 {0.6, h, a.drift(z2, 5.0 / 6)},
                 {1, one, a.apply(x, 0, early)},
                 {1, one, a.apply(x, 1, late)}})};
}

// The same paper, additive noise, one evaluation of the drift.
template <class A>
Result<A> sea(A& a) {
  using enum Unit;
  const Vec<A> x = a.state();
  const Vec<A> z = a.sum({{1, one, x}, {1, one, a.apply(x, 0, mean_increment(a))}});
  return {a.sum({{1, one, x}, {1, h, a.drift(z, 0)}, {1, one, a.apply(x, 0, a.dW())}})};
}

// Castell & Gaines (1996): the flow of f h + G dW + sum_{j<k} [G_j, G_k] A_jk over unit time, here by the
// midpoint rule.
template <class A>
Result<A> log_ode(A& a) {
  using enum Unit;
  const Vec<A> x = a.state();
  const auto field = [&](const Vec<A>& y, double c) {
    return a.sum({{1, h, a.drift(y, c)}, {1, one, a.apply(y, c, a.dW())}, {1, one, a.brackets(y, c)}});
  };
  const Vec<A> y = a.sum({{1, one, x}, {0.5, one, field(x, 0)}});
  return {a.sum({{1, one, x}, {1, one, field(y, 0.5)}})};
}

}  // namespace sde::scheme
