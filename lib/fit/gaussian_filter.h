// Filters that carry a mean and a covariance from row to row: Kalman, extended Kalman, cubature.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "fit/density_gaussian.h"
#include "fit/filter_model.h"
#include "fit/linear_step.h"

namespace sde {

enum class GaussianRule {
  exact,       // linear models: the exact transition (Kalman 1960)
  linearized,  // first order: dm = f(m) dt, dP = (J P + P J' + S) dt (Jazwinski 1970, sec. 9.3)
  cubature,    // expectations under N(m, P) from 2d points (Arasaratnam & Haykin 2009; Sarkka & Solin 2012)
};

template <class T>
class GaussianFilter {
 public:
  Matrix<T> mean, covariance;
  // Cov(x before the last predict(), x after it), where asked for.
  Matrix<T> cross;
  // Of the last update(), [column]: what was foretold, its variance, and the standardised innovation, which
  // is independent of the others; not-a-number where there is no value or no doubt.
  std::vector<double> foretold, foretold_variance, residual;

  GaussianFilter(const FilterModel& model, GaussianRule rule, bool with_cross)
      : point_(model), rule_(rule), with_cross_(with_cross) {}

  void start(const std::vector<T>& parameters) {
    point_.start(parameters);
    cached_step_ = -1;
  }

  // The law of the state at the first row of a series, whose values are `value`.
  void begin(const double* value) {
    point_.begin(mean, covariance);
    for (std::size_t i = 0; i < point_.model().states; ++i) {
      const int column = point_.model().initial_column[i];
      if (column < 0 || std::isnan(value[column])) continue;
      mean(i, 0) = T(value[column]);
      covariance(i, i) = T(0);
    }
  }

  void predict(double from, double to) {
    if (with_cross_) cross = covariance;
    if (rule_ == GaussianRule::exact) {
      point_.move(mean, from);
      const double step = to - from;
      if (!(std::fabs(step - cached_step_) <= 1e-12 * step)) {
        law_.compute(point_.jacobian, point_.noise, step);
        cached_step_ = step;
      }
      multiply(law_.first, point_.drift, work_);
      mean.add(work_);
      if (with_cross_) multiply_transposed(covariance, law_.transition, cross);
      multiply(law_.transition, covariance, work_);
      multiply_transposed(work_, law_.transition, covariance_rate_);
      covariance = covariance_rate_;
      covariance.add(law_.covariance);
      return;
    }
    const std::vector<double>& breaks = point_.model().breaks;
    auto next = std::upper_bound(breaks.begin(), breaks.end(), from);
    for (; next != breaks.end() && *next < to; from = *next++) integrate(from, *next);
    integrate(from, to);
  }

  // Takes in the row `value` [column] (NaN: missing): the log-density of its values given those before.
  T update(const double* value, double time) {
    using std::log;
    const std::size_t d = point_.model().states, q = point_.model().columns;
    observe(time);
    foretold.assign(q, kNaN);
    foretold_variance.assign(q, kNaN);
    residual.assign(q, kNaN);
    taken_.clear();
    for (std::size_t c = 0; c < q; ++c) {
      foretold[c] = value_of(expected_(c, 0));
      foretold_variance[c] = value_of(spread_(c, c));
      // A value that is known beforehand tells nothing (the first of a state that starts where it is seen).
      if (!std::isnan(value[c]) && !(value_of(spread_(c, c)) == 0 && value[c] == foretold[c]))
        taken_.push_back(c);
    }
    const std::size_t m = taken_.size();
    if (m == 0) return T(0);
    factor_.resize(m, m);
    for (std::size_t a = 0; a < m; ++a)
      for (std::size_t b = 0; b <= a; ++b) factor_(a, b) = spread_(taken_[a], taken_[b]);
    cholesky(factor_);
    // L^-1 of the innovation and of the gain's rows.
    T sum(-0.5 * kLog2Pi * static_cast<double>(m));
    white_.resize(m, 1);
    rows_.resize(m, d);
    for (std::size_t a = 0; a < m; ++a) {
      T z = T(value[taken_[a]]) - expected_(taken_[a], 0);
      for (std::size_t b = 0; b < a; ++b) z -= factor_(a, b) * white_(b, 0);
      white_(a, 0) = z / factor_(a, a);
      for (std::size_t i = 0; i < d; ++i) {
        T r = shared_(i, taken_[a]);
        for (std::size_t b = 0; b < a; ++b) r -= factor_(a, b) * rows_(b, i);
        rows_(a, i) = r / factor_(a, a);
      }
      sum -= log(factor_(a, a)) + 0.5 * (white_(a, 0) * white_(a, 0));
      residual[taken_[a]] = value_of(white_(a, 0));
    }
    for (std::size_t i = 0; i < d; ++i) {
      for (std::size_t a = 0; a < m; ++a) mean(i, 0) += rows_(a, i) * white_(a, 0);
      for (std::size_t j = 0; j < d; ++j)
        for (std::size_t a = 0; a < m; ++a) covariance(i, j) -= rows_(a, i) * rows_(a, j);
    }
    return sum;
  }

  // What is foretold of the observations at the current law, without taking anything in.
  void foretell(double time) {
    observe(time);
    const std::size_t q = point_.model().columns;
    foretold.resize(q);
    foretold_variance.resize(q);
    for (std::size_t c = 0; c < q; ++c) {
      foretold[c] = value_of(expected_(c, 0));
      foretold_variance[c] = value_of(spread_(c, c));
    }
  }

 private:
  static constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

  // Cubature points of N(m, P) as columns of points_; deviations from m in offsets_.
  void spread_points(const Matrix<T>& m, const Matrix<T>& p) {
    const std::size_t d = m.rows();
    factor_ = p;
    for (std::size_t j = 0; j < d; ++j) {
      T pivot = factor_(j, j);
      for (std::size_t k = 0; k < j; ++k) pivot -= factor_(j, k) * factor_(j, k);
      // A direction without spread: the square root has no derivative there, and its column is 0.
      if (!(value_of(pivot) > 0)) {
        for (std::size_t i = j; i < d; ++i) factor_(i, j) = T(0);
        continue;
      }
      using std::sqrt;
      factor_(j, j) = sqrt(pivot);
      for (std::size_t i = j + 1; i < d; ++i) {
        T sum = factor_(i, j);
        for (std::size_t k = 0; k < j; ++k) sum -= factor_(i, k) * factor_(j, k);
        factor_(i, j) = sum / factor_(j, j);
      }
    }
    const double scale = std::sqrt(static_cast<double>(d));
    offsets_.resize(d, 2 * d);
    offsets_.set_zero();
    for (std::size_t j = 0; j < d; ++j)
      for (std::size_t i = j; i < d; ++i) {
        offsets_(i, j) = scale * factor_(i, j);
        offsets_(i, d + j) = -offsets_(i, j);
      }
  }

  // Rates of the moments at (m, p), and J or its statistical counterpart times p in flow_.
  void rates(const Matrix<T>& m, const Matrix<T>& p, double time) {
    const std::size_t d = m.rows();
    if (rule_ == GaussianRule::linearized) {
      point_.move(m, time);
      mean_rate_ = point_.drift;
      multiply(point_.jacobian, p, flow_);
      covariance_rate_ = point_.noise;
      if (with_cross_) slope_ = point_.jacobian;
    } else {
      spread_points(m, p);
      mean_rate_.resize(d, 1);
      mean_rate_.set_zero();
      flow_.resize(d, d);
      flow_.set_zero();
      covariance_rate_.resize(d, d);
      covariance_rate_.set_zero();
      if (with_cross_) {
        slope_.resize(d, d);
        slope_.set_zero();
      }
      const double weight = 1 / (2 * static_cast<double>(d));
      for (std::size_t c = 0; c < 2 * d; ++c) {
        at_ = m;
        for (std::size_t i = 0; i < d; ++i) at_(i, 0) += offsets_(i, c);
        point_.move(at_, time);
        mean_rate_.add(point_.drift, weight);
        covariance_rate_.add(point_.noise, weight);
        if (with_cross_) slope_.add(point_.jacobian, weight);  // E[df/dx], Stein's lemma
        for (std::size_t i = 0; i < d; ++i)
          for (std::size_t j = 0; j < d; ++j) flow_(i, j) += weight * (point_.drift(i, 0) * offsets_(j, c));
      }
    }
    for (std::size_t i = 0; i < d; ++i)
      for (std::size_t j = 0; j < d; ++j) covariance_rate_(i, j) += flow_(i, j) + flow_(j, i);
  }

  // Over a stretch on which nothing but the states changes the rates abruptly.
  void integrate(double from, double to) {
    const std::size_t d = point_.model().states;
    // Runge-Kutta of order 4 on the moments, with steps short for the drift: an error of 1e-9 a step where
    // the Jacobian times the step is 1/20.
    point_.move(mean, from);
    double norm = 0;
    for (std::size_t i = 0; i < d; ++i) {
      double row = 0;
      for (std::size_t j = 0; j < d; ++j) row += std::fabs(value_of(point_.jacobian(i, j)));
      norm = std::max(norm, row);
    }
    const double wanted = std::ceil(20 * norm * (to - from));
    const int steps = !(wanted < 1e5) ? 100000 : std::max(4, static_cast<int>(wanted));
    const double h = (to - from) / steps;
    for (int k = 0; k < steps; ++k) runge_kutta(from + k * h, h);
  }

  void runge_kutta(double time, double h) {
    static constexpr double kPlace[] = {0, 0.5, 0.5, 1}, kWeight[] = {1.0 / 6, 1.0 / 3, 1.0 / 3, 1.0 / 6};
    start_mean_ = mean;
    start_covariance_ = covariance;
    if (with_cross_) start_cross_ = cross;
    stage_mean_ = mean;
    stage_covariance_ = covariance;
    if (with_cross_) stage_cross_ = cross;
    for (int s = 0; s < 4; ++s) {
      // At the end of a stretch an input has jumped already: its value there is that before the jump.
      const double place = s == 3 && !point_.model().breaks.empty() ? 1 - 1e-7 : kPlace[s];
      rates(stage_mean_, stage_covariance_, time + place * h);
      mean.add(mean_rate_, kWeight[s] * h);
      covariance.add(covariance_rate_, kWeight[s] * h);
      if (with_cross_) {
        multiply_transposed(stage_cross_, slope_, work_);
        cross.add(work_, kWeight[s] * h);
      }
      if (s == 3) break;
      const double next = kPlace[s + 1] * h;
      stage_mean_ = start_mean_;
      stage_mean_.add(mean_rate_, next);
      stage_covariance_ = start_covariance_;
      stage_covariance_.add(covariance_rate_, next);
      if (with_cross_) {
        stage_cross_ = start_cross_;
        stage_cross_.add(work_, next);
      }
    }
  }

  // Mean and covariance of the observations, and their covariance with the state in shared_ [d][q].
  void observe(double time) {
    const std::size_t d = point_.model().states, q = point_.model().columns;
    if (rule_ != GaussianRule::cubature) {
      point_.see(mean, time);
      expected_ = point_.map;
      multiply_transposed(covariance, point_.slope, shared_);
      multiply(point_.slope, shared_, spread_);
      for (std::size_t c = 0; c < q; ++c) spread_(c, c) += point_.variance(c, 0);
      return;
    }
    spread_points(mean, covariance);
    expected_.resize(q, 1);
    expected_.set_zero();
    spread_.resize(q, q);
    spread_.set_zero();
    shared_.resize(d, q);
    shared_.set_zero();
    seen_.resize(q, 2 * d);
    const double weight = 1 / (2 * static_cast<double>(d));
    for (std::size_t p = 0; p < 2 * d; ++p) {
      at_ = mean;
      for (std::size_t i = 0; i < d; ++i) at_(i, 0) += offsets_(i, p);
      point_.see(at_, time);
      expected_.add(point_.map, weight);
      for (std::size_t c = 0; c < q; ++c) {
        seen_(c, p) = point_.map(c, 0);
        spread_(c, c) += weight * point_.variance(c, 0);
      }
    }
    for (std::size_t p = 0; p < 2 * d; ++p)
      for (std::size_t c = 0; c < q; ++c) {
        const T off = weight * (seen_(c, p) - expected_(c, 0));
        for (std::size_t b = 0; b < q; ++b) spread_(c, b) += off * (seen_(b, p) - expected_(b, 0));
        for (std::size_t i = 0; i < d; ++i) shared_(i, c) += off * offsets_(i, p);
      }
  }

  FilterPoint<T> point_;
  GaussianRule rule_;
  bool with_cross_;
  LinearStep<T> law_;
  double cached_step_ = -1;
  std::vector<std::size_t> taken_;
  Matrix<T> work_, factor_, white_, rows_, expected_, spread_, shared_, seen_, at_, offsets_;
  Matrix<T> mean_rate_, covariance_rate_, flow_, slope_;
  Matrix<T> start_mean_, start_covariance_, start_cross_, stage_mean_, stage_covariance_, stage_cross_;
};

}  // namespace sde
