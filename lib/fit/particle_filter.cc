#include "fit/particle_filter.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "fit/noncentral.h"
#include "random/stream.h"

namespace sde {

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// A weight's derivative without its value.
double without_value(double) {
  return 0;
}
template <std::size_t N>
Dual<N> without_value(const Dual<N>& a) {
  Dual<N> r = a;
  r.value = 0;
  return r;
}

}  // namespace

// The particles of one series.
template <class T>
class ParticleLikelihood::Cloud {
 public:
  Cloud(const ParticleLikelihood& filter, std::size_t series)
      : filter_(filter),
        point_(filter.model_),
        d_(filter.model_.states),
        n_(static_cast<std::size_t>(filter.options_.particles)),
        series_(series),
        x_(n_ * d_),
        log_weight_(n_),
        input_(d_ + 1),
        out_(filter.motion_.outputs()),
        state_(d_, 1) {}

  void start(const std::vector<T>& parameters) {
    point_.start(parameters);
    filter_.motion_.start(std::span<const T>(parameters), memory_);
  }

  void begin(const double* value) {
    using std::sqrt;
    Matrix<T> mean, covariance;
    point_.begin(mean, covariance);
    for (std::size_t i = 0; i < d_; ++i) {
      const int column = filter_.model_.initial_column[i];
      const bool seen = column >= 0 && !std::isnan(value[column]);
      const bool spread = !seen && value_of(covariance(i, i)) > 0;
      const T deviation = spread ? sqrt(covariance(i, i)) : T(0);
      const Stream stream =
          make_stream(filter_.options_.seed, Purpose::initial, static_cast<std::uint32_t>(i));
      for (std::size_t p = 0; p < n_; ++p)
        x_[p * d_ + i] =
            seen ? T(value[column]) : mean(i, 0) + normal_pair(stream, series_, p)[0] * deviation;
    }
    std::fill(log_weight_.begin(), log_weight_.end(), T(-std::log(static_cast<double>(n_))));
  }

  void predict(std::size_t row, double from, double to) {
    const auto pieces = static_cast<std::size_t>(filter_.options_.steps);
    const double h = (to - from) / static_cast<double>(pieces), root = std::sqrt(h);
    std::vector<Stream> streams;
    for (std::size_t m = 0; m < filter_.noises_; ++m)
      streams.push_back(make_stream(filter_.options_.seed, Purpose::brownian, static_cast<std::uint32_t>(m)));
    // Neighbouring pieces share an evaluation of the generator.
    std::vector<double> normals(streams.size() * (pieces + 1));
    for (std::size_t p = 0; p < n_; ++p) {
      for (std::size_t m = 0; m < streams.size(); ++m)
        for (std::size_t k = 0; k < pieces; k += 2) {
          const auto two = normal_pair(streams[m], p, row * ((pieces + 1) / 2) + k / 2);
          normals[m * (pieces + 1) + k] = two[0];
          normals[m * (pieces + 1) + k + 1] = two[1];
        }
      for (std::size_t k = 0; k < pieces; ++k) {
        for (std::size_t i = 0; i < d_; ++i) input_[i] = x_[p * d_ + i];
        input_[d_] = T(from + static_cast<double>(k) * h);
        filter_.motion_.run(std::span<const T>(input_), out_.data(), memory_);
        for (std::size_t i = 0; i < d_; ++i) {
          T move = h * out_[i];
          for (std::size_t m = 0; m < streams.size(); ++m)
            move += (root * normals[m * (pieces + 1) + k]) * out_[d_ + i * streams.size() + m];
          x_[p * d_ + i] += move;
        }
      }
    }
  }

  // Takes the particles to a row of the series; its values.
  const double* arrive(std::size_t row) {
    const SeriesTable& data = filter_.data();
    const double* const values = data.values().data() + row * filter_.components();
    if (row == data.first_row(series_)) {
      begin(values);
    } else {
      predict(row, data.time(row - 1), data.time(row));
    }
    return values;
  }

  // The log-density of the row given those before; residuals and foretold moments where `told` [3][columns]
  // is not null (residual, mean, deviation).
  T update(const double* value, double time, double* told) {
    using std::exp;
    using std::log;
    const std::size_t q = filter_.model_.columns;
    bool any = false;
    for (std::size_t c = 0; c < q; ++c) any = any || !std::isnan(value[c]);
    if (!any && !told) return T(0);
    std::vector<double> centre(told ? n_ * q : 0), spread(told ? n_ * q : 0);
    std::vector<double> before;
    if (told)
      for (const T& w : log_weight_) before.push_back(std::exp(value_of(w)));
    double top = -std::numeric_limits<double>::infinity();
    for (std::size_t p = 0; p < n_; ++p) {
      for (std::size_t i = 0; i < d_; ++i) state_(i, 0) = x_[p * d_ + i];
      point_.see(state_, time);
      for (std::size_t c = 0; c < q; ++c) {
        if (told) {
          centre[p * q + c] = value_of(point_.map(c, 0));
          spread[p * q + c] = std::sqrt(value_of(point_.variance(c, 0)));
        }
        if (std::isnan(value[c])) continue;
        const T rest = T(value[c]) - point_.map(c, 0);
        log_weight_[p] -= 0.5 * (log(point_.variance(c, 0)) + rest * rest / point_.variance(c, 0) + kLog2Pi);
      }
      // A particle that left the domain carries nothing.
      if (std::isnan(value_of(log_weight_[p]))) log_weight_[p] = T(-std::numeric_limits<double>::infinity());
      top = std::max(top, value_of(log_weight_[p]));
    }
    if (told) tell(value, before, centre, spread, told);
    if (!any) return T(0);
    T sum(0);
    for (const T& w : log_weight_)
      if (value_of(w) > top - 700) sum += exp(w - top);
    const T term = log(sum) + top;
    for (T& w : log_weight_) w -= term;
    return term;
  }

  // Even weights again.
  void resample(std::size_t row) {
    using std::exp;
    order_.resize(n_);
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::sort(order_.begin(), order_.end(), [&](std::size_t a, std::size_t b) {
      const double xa = value_of(x_[a * d_]), xb = value_of(x_[b * d_]);
      return xa < xb || (xa == xb && a < b);
    });
    std::vector<T> next(x_.size());
    if (d_ == 1) {
      // Half of the first weight lies at the first particle, then half of two neighbours' between them, then
      // half of the last at the last.
      const auto half = [&](std::size_t k) { return 0.5 * exp(log_weight_[order_[k]]); };
      std::size_t segment = 0;
      T reached(0), piece = half(0);
      for (std::size_t p = 0; p < n_; ++p) {
        const double level = (static_cast<double>(p) + 0.5) / static_cast<double>(n_);
        while (segment < n_ && value_of(reached) + value_of(piece) < level) {
          reached += piece;
          ++segment;
          piece = segment < n_ ? half(segment - 1) + half(segment) : half(n_ - 1);
        }
        if (segment == 0 || segment == n_) {
          next[p] = x_[order_[segment == 0 ? 0 : n_ - 1]];
        } else {
          const T& left = x_[order_[segment - 1]];
          next[p] = left + (x_[order_[segment]] - left) * ((T(level) - reached) / piece);
        }
      }
      std::fill(log_weight_.begin(), log_weight_.end(), T(-std::log(static_cast<double>(n_))));
    } else {
      const Stream stream = make_stream(filter_.options_.seed, Purpose::bootstrap);
      const double offset = uniform_pair(stream, series_, row)[0];
      std::vector<T> weights(n_);
      double reached = 0;
      std::size_t i = 0;
      for (std::size_t p = 0; p < n_; ++p) {
        const double level = (static_cast<double>(p) + offset) / static_cast<double>(n_);
        while (i + 1 < n_ && reached + std::exp(value_of(log_weight_[order_[i]])) < level)
          reached += std::exp(value_of(log_weight_[order_[i++]]));
        const std::size_t from = order_[i];
        for (std::size_t c = 0; c < d_; ++c) next[p * d_ + c] = x_[from * d_ + c];
        weights[p] = without_value(log_weight_[from]) - std::log(static_cast<double>(n_));
      }
      log_weight_ = std::move(weights);
    }
    x_ = std::move(next);
  }

  // Mean and deviation of state i, weighted.
  std::pair<double, double> moments(std::size_t i) const {
    double mean = 0, square = 0;
    for (std::size_t p = 0; p < n_; ++p)
      mean += std::exp(value_of(log_weight_[p])) * value_of(x_[p * d_ + i]);
    for (std::size_t p = 0; p < n_; ++p) {
      const double off = value_of(x_[p * d_ + i]) - mean;
      square += std::exp(value_of(log_weight_[p])) * off * off;
    }
    return {mean, std::sqrt(square)};
  }

 private:
  // Residuals of the mixture of Gaussians around the particles, column after column given those before.
  void tell(const double* value, std::vector<double> weight, const std::vector<double>& centre,
            const std::vector<double>& spread, double* told) const {
    const std::size_t q = filter_.model_.columns;
    const std::vector<double> first = weight;
    for (std::size_t c = 0; c < q; ++c) {
      double mean = 0, square = 0, mass = 0, below = 0, above = 0;
      for (std::size_t p = 0; p < n_; ++p) {
        const double m = centre[p * q + c], s = spread[p * q + c];
        if (!std::isfinite(m)) continue;
        mass += first[p];
        mean += first[p] * m;
        square += first[p] * (m * m + s * s);
        if (std::isnan(value[c])) continue;
        const double z = (value[c] - m) / s;
        below += weight[p] * 0.5 * std::erfc(-z / std::sqrt(2.0));
        above += weight[p] * 0.5 * std::erfc(z / std::sqrt(2.0));
        weight[p] *= std::exp(-0.5 * z * z) / s;
      }
      mean /= mass;
      told[c] = std::isnan(value[c]) ? kNaN : normal_score(below / (below + above), above / (below + above));
      told[q + c] = mean;
      told[2 * q + c] = std::sqrt(std::max(0.0, square / mass - mean * mean));
    }
  }

  const ParticleLikelihood& filter_;
  FilterPoint<T> point_;
  std::size_t d_, n_, series_;
  std::vector<T> x_, log_weight_;  // [particle][state], [particle]
  Tape::Memory<T> memory_;
  std::vector<T> input_, out_;
  Matrix<T> state_;
  std::vector<std::size_t> order_;
};

ParticleLikelihood::ParticleLikelihood(const StateSpace& model, const SeriesTable& data,
                                       const SimulationOptions& options, std::vector<std::size_t> free)
    : FilterLikelihood(data, std::move(free)),
      model_(model),
      noises_(model.sde.noises.size()),
      options_(options) {
  std::vector<std::string> varying = model.sde.states;
  varying.emplace_back("t");
  std::vector<expr::Expr> rows;
  for (const expr::Expr& f : model.sde.drift) rows.push_back(truncated(model.sde, f));
  for (const auto& row : model.sde.diffusion)
    for (const expr::Expr& g : row) rows.push_back(truncated(model.sde, g));
  motion_ = Tape(rows, model.sde.parameters, varying);
}

std::size_t ParticleLikelihood::operations(int order) const {
  const std::size_t one =
      static_cast<std::size_t>(options_.particles) *
      (static_cast<std::size_t>(options_.steps) * motion_.operations() + model_.seen.operations());
  const std::size_t pass = order == 0 ? one : (free().size() + 3) / 4 * 5 * one;
  return order < 2 ? pass : (2 * free().size() + 1) * pass;
}

void ParticleLikelihood::compute(std::span<const double> parameters, double* value, double* gradient) const {
  const std::size_t k = free().size(), blocks = gradient ? std::max<std::size_t>(1, (k + 3) / 4) : 1;
  const auto run = [&](auto& cloud, std::size_t series, auto&& each) {
    const std::size_t first = data().first_row(series), last = data().first_row(series + 1);
    for (std::size_t row = first; row < last; ++row) {
      const double* const y = cloud.arrive(row);
      each(row, cloud.update(y, data().time(row), nullptr));
      cloud.resample(row);
    }
  };
  tbb::parallel_for(std::size_t{0}, data().series() * blocks, [&](std::size_t task) {
    const std::size_t series = task / blocks, first = task % blocks * 4, last = std::min(k, first + 4);
    if (!gradient) {
      Cloud<double> cloud(*this, series);
      cloud.start({parameters.begin(), parameters.end()});
      run(cloud, series, [&](std::size_t row, double term) { value[row] = term; });
      return;
    }
    Cloud<Dual<4>> cloud(*this, series);
    std::vector<Dual<4>> fixed(parameters.begin(), parameters.end());
    for (std::size_t j = first; j < last; ++j) fixed[free()[j]].slope[j - first] = 1;
    cloud.start(fixed);
    run(cloud, series, [&](std::size_t row, const Dual<4>& term) {
      if (first == 0) value[row] = term.value;
      for (std::size_t j = first; j < last; ++j) gradient[row * k + j] = term.slope[j - first];
    });
  });
}

void ParticleLikelihood::describe(std::span<const double> parameters, double* residual, double* mean,
                                  double* deviation) const {
  const std::size_t q = components();
  tbb::parallel_for(std::size_t{0}, data().series(), [&](std::size_t series) {
    Cloud<double> cloud(*this, series);
    cloud.start({parameters.begin(), parameters.end()});
    std::vector<double> told(3 * q);
    for (std::size_t row = data().first_row(series); row < data().first_row(series + 1); ++row) {
      const double* const y = cloud.arrive(row);
      cloud.update(y, data().time(row), told.data());
      cloud.resample(row);
      for (std::size_t c = 0; c < q; ++c) {
        if (residual) residual[row * q + c] = told[c];
        if (mean) mean[row * q + c] = told[q + c];
        if (deviation) deviation[row * q + c] = told[2 * q + c];
      }
    }
  });
}

StateEstimates ParticleLikelihood::states(std::span<const double> parameters, std::size_t ahead) const {
  const std::size_t d = model_.states, q = components(), n = terms();
  StateEstimates result;
  result.ahead = ahead;
  for (auto* each :
       {&result.filtered, &result.filtered_deviation, &result.smoothed, &result.smoothed_deviation})
    each->assign(n * d, kNaN);
  if (ahead > 0) {
    result.predicted.assign(n * q, kNaN);
    result.predicted_deviation.assign(n * q, kNaN);
  }
  const std::vector<double> nothing(q, kNaN);
  tbb::parallel_for(std::size_t{0}, data().series(), [&](std::size_t series) {
    Cloud<double> cloud(*this, series);
    cloud.start({parameters.begin(), parameters.end()});
    std::vector<double> told(3 * q);
    const std::size_t first = data().first_row(series), last = data().first_row(series + 1);
    for (std::size_t row = first; row < last; ++row) {
      const double* const y = cloud.arrive(row);
      cloud.update(y, data().time(row), nullptr);
      for (std::size_t i = 0; i < d; ++i) {
        const auto [m, s] = cloud.moments(i);
        result.filtered[row * d + i] = m;
        result.filtered_deviation[row * d + i] = s;
      }
      cloud.resample(row);
      if (ahead == 0 || row + ahead >= last) continue;
      Cloud<double> onward = cloud;
      for (std::size_t k = 1; k <= ahead; ++k)
        onward.predict(row + k, data().time(row + k - 1), data().time(row + k));
      onward.update(nothing.data(), data().time(row + ahead), told.data());
      for (std::size_t c = 0; c < q; ++c) {
        result.predicted[(row + ahead) * q + c] = told[q + c];
        result.predicted_deviation[(row + ahead) * q + c] = told[2 * q + c];
      }
    }
  });
  return result;
}

}  // namespace sde
