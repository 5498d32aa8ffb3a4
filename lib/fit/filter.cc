#include "fit/filter.h"

#include <tbb/parallel_for.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "fit/particle_filter.h"

namespace sde {

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

Eigen::MatrixXd to_eigen(const Matrix<double>& m) {
  Eigen::MatrixXd result(static_cast<Eigen::Index>(m.rows()), static_cast<Eigen::Index>(m.columns()));
  for (std::size_t i = 0; i < m.rows(); ++i)
    for (std::size_t j = 0; j < m.columns(); ++j)
      result(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j)) = m(i, j);
  return result;
}

double root(double variance) {
  return std::sqrt(std::max(variance, 0.0));
}

// One series: `each(row, term)` after the update with every row.
template <class T, class F>
void run(GaussianFilter<T>& filter, const SeriesTable& data, std::size_t series, F&& each) {
  const std::size_t q = data.columns().size();
  const std::size_t first = data.first_row(series), last = data.first_row(series + 1);
  for (std::size_t row = first; row < last; ++row) {
    const double* const value = data.values().data() + row * q;
    if (row == first) {
      filter.begin(value);
    } else {
      filter.predict(data.time(row - 1), data.time(row));
    }
    each(row, filter, value);
  }
}

}  // namespace

std::vector<std::size_t> FilterLikelihood::series() const {
  std::vector<std::size_t> first;
  for (std::size_t s = 0; s < data_.series(); ++s) first.push_back(data_.first_row(s));
  return first;
}

GaussianFilterLikelihood::GaussianFilterLikelihood(const StateSpace& model, const SeriesTable& data,
                                                   GaussianRule rule, std::vector<std::size_t> free)
    : FilterLikelihood(data, std::move(free)), model_(model), rule_(rule) {}

std::size_t GaussianFilterLikelihood::operations(int order) const {
  const std::size_t d = model_.states;
  const std::size_t points = rule_ == GaussianRule::cubature ? 2 * d : 1;
  const std::size_t moves = rule_ == GaussianRule::exact ? 1 : 16 * points;
  const std::size_t one =
      moves * (model_.dynamics.operations() + 4 * d * d * d) + points * model_.seen.operations();
  const std::size_t pass = order == 0 ? one : (free().size() + 3) / 4 * 5 * one;
  return order < 2 ? pass : (2 * free().size() + 1) * pass;
}

void GaussianFilterLikelihood::compute(std::span<const double> parameters, double* value,
                                       double* gradient) const {
  const std::size_t k = free().size(), blocks = gradient ? std::max<std::size_t>(1, (k + 3) / 4) : 1;
  tbb::parallel_for(std::size_t{0}, data().series() * blocks, [&](std::size_t task) {
    const std::size_t series = task / blocks, first = task % blocks * 4;
    if (!gradient) {
      GaussianFilter<double> filter(model_, rule_, false);
      filter.start({parameters.begin(), parameters.end()});
      run(filter, data(), series,
          [&](std::size_t row, auto& f, const double* y) { value[row] = f.update(y, data().time(row)); });
      return;
    }
    // Four directions at a time.
    GaussianFilter<Dual<4>> filter(model_, rule_, false);
    std::vector<Dual<4>> fixed(parameters.begin(), parameters.end());
    const std::size_t last = std::min(k, first + 4);
    for (std::size_t j = first; j < last; ++j) fixed[free()[j]].slope[j - first] = 1;
    filter.start(fixed);
    run(filter, data(), series, [&](std::size_t row, auto& f, const double* y) {
      const Dual<4> term = f.update(y, data().time(row));
      if (first == 0) value[row] = term.value;
      for (std::size_t j = first; j < last; ++j) gradient[row * k + j] = term.slope[j - first];
    });
  });
}

void GaussianFilterLikelihood::describe(std::span<const double> parameters, double* residual, double* mean,
                                        double* deviation) const {
  const std::size_t q = components();
  tbb::parallel_for(std::size_t{0}, data().series(), [&](std::size_t series) {
    GaussianFilter<double> filter(model_, rule_, false);
    filter.start({parameters.begin(), parameters.end()});
    run(filter, data(), series, [&](std::size_t row, auto& f, const double* y) {
      f.update(y, data().time(row));
      for (std::size_t c = 0; c < q; ++c) {
        if (residual) residual[row * q + c] = f.residual[c];
        if (mean) mean[row * q + c] = f.foretold[c];
        if (deviation) deviation[row * q + c] = root(f.foretold_variance[c]);
      }
    });
  });
}

StateEstimates GaussianFilterLikelihood::states(std::span<const double> parameters, std::size_t ahead) const {
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
  tbb::parallel_for(std::size_t{0}, data().series(), [&](std::size_t series) {
    GaussianFilter<double> filter(model_, rule_, true);
    filter.start({parameters.begin(), parameters.end()});
    const std::size_t first = data().first_row(series), last = data().first_row(series + 1);
    struct Law {
      Eigen::VectorXd before, after;                         // mean
      Eigen::MatrixXd covariance_before, covariance, cross;  // with the state of the row before
    };
    std::vector<Law> laws(last - first);
    run(filter, data(), series, [&](std::size_t row, auto& f, const double* y) {
      Law& law = laws[row - first];
      law.before = to_eigen(f.mean);
      law.covariance_before = to_eigen(f.covariance);
      if (row > first) law.cross = to_eigen(f.cross);
      f.update(y, data().time(row));
      law.after = to_eigen(f.mean);
      law.covariance = to_eigen(f.covariance);
      for (std::size_t i = 0; i < d; ++i) {
        result.filtered[row * d + i] = f.mean(i, 0);
        result.filtered_deviation[row * d + i] = root(f.covariance(i, i));
      }
      if (ahead == 0) return;
      GaussianFilter<double> onward = f;
      for (std::size_t k = 1; k <= ahead && row + k < last; ++k)
        onward.predict(data().time(row + k - 1), data().time(row + k));
      if (row + ahead >= last) return;
      onward.foretell(data().time(row + ahead));
      for (std::size_t c = 0; c < q; ++c) {
        result.predicted[(row + ahead) * q + c] = onward.foretold[c];
        result.predicted_deviation[(row + ahead) * q + c] = root(onward.foretold_variance[c]);
      }
    });
    Eigen::VectorXd mean = laws.back().after;
    Eigen::MatrixXd covariance = laws.back().covariance;
    for (std::size_t row = last; row-- > first;) {
      if (row + 1 < last) {
        const Law& here = laws[row - first];
        const Law& next = laws[row + 1 - first];
        // The pseudo-inverse: directions that are known exactly have no variance to divide by.
        const Eigen::MatrixXd gain = next.covariance_before.completeOrthogonalDecomposition()
                                         .solve(next.cross.transpose())
                                         .transpose();
        mean = (here.after + gain * (mean - next.before)).eval();
        covariance =
            (here.covariance + gain * (covariance - next.covariance_before) * gain.transpose()).eval();
      }
      for (std::size_t i = 0; i < d; ++i) {
        const auto at = static_cast<Eigen::Index>(i);
        result.smoothed[row * d + i] = mean[at];
        result.smoothed_deviation[row * d + i] = root(covariance(at, at));
      }
    }
  });
  return result;
}

std::unique_ptr<FilterLikelihood> make_filter(const StateSpace& model, const std::string& name,
                                              const SeriesTable& data, const SimulationOptions& simulation,
                                              std::vector<std::size_t> free) {
  const auto gaussian = [&](GaussianRule rule) {
    return std::make_unique<GaussianFilterLikelihood>(model, data, rule, std::move(free));
  };
  if (name == "kalman") return gaussian(GaussianRule::exact);
  if (name == "ekf") return gaussian(GaussianRule::linearized);
  if (name == "cubature") return gaussian(GaussianRule::cubature);
  if (name == "particle")
    return std::make_unique<ParticleLikelihood>(model, data, simulation, std::move(free));
  fail(Status::bug, "make_filter: no filter \"{}\"", name);
}

}  // namespace sde
