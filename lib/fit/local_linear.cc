#include "fit/local_linear.h"

#include <tbb/enumerable_thread_specific.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <limits>

#include "fit/density_gaussian.h"

namespace sde {

namespace {

constexpr std::size_t kChunk = 256;  // transitions a task

}  // namespace

// Rows of the tape: displacement, drift, curvature [d each], Jacobian and noise [d][d], log of dx/dy after,
// dx/dy before [d].
template <class T>
struct LocalLinearLikelihood::Scratch {
  Tape::Memory<T> memory;
  std::vector<T> fixed, varying, out, rest, shift, white;
  Matrix<T> jacobian, noise, factor;
  LinearStep<T> law;
  double step = -1;  // that `law` is for, where nothing else changes it
};

LocalLinearLikelihood::LocalLinearLikelihood(const TransitionDensity& density, const Observations& data,
                                             std::vector<std::size_t> free)
    : GradientLikelihood(std::move(free)), density_(density), data_(data) {
  const LinearizedSde& l = *density.linear;
  std::vector<expr::Expr> outputs;
  for (const auto* part : {&l.displacement, &l.drift, &l.curvature})
    outputs.insert(outputs.end(), part->begin(), part->end());
  const std::size_t matrices = outputs.size();
  for (const auto* part : {&l.jacobian, &l.noise})
    for (const auto& row : *part) outputs.insert(outputs.end(), row.begin(), row.end());
  outputs.push_back(l.log_pace);
  outputs.insert(outputs.end(), l.pace.begin(), l.pace.end());
  std::vector<std::string> varying;
  for (const std::string& state : density.states) varying.push_back(state);
  for (const std::string& state : density.states) varying.push_back(state_after(state));
  varying.emplace_back(kTimeSymbol);
  tape_ = Tape(outputs, density.parameters, varying);
  invariant_ = true;
  const std::size_t d = density.states.size();
  for (std::size_t i = matrices; i < matrices + 2 * d * d; ++i)
    invariant_ = invariant_ && tape_.output_is_fixed(i);
}

std::vector<std::size_t> LocalLinearLikelihood::series() const {
  std::vector<std::size_t> first;
  for (std::size_t s = 0; s < data_.series(); ++s) first.push_back(data_.first_transition(s));
  return first;
}

std::string LocalLinearLikelihood::describe_term(std::size_t term) const {
  return data_.describe(data_.observation_before(term));
}

std::size_t LocalLinearLikelihood::operations(int order) const {
  const std::size_t d = data_.dimension();
  const std::size_t passes = order == 0 ? 1 : 1 + (free().size() + 3) / 4 * 5;
  return passes * (tape_.operations() + 40 * d * d * d) * (order < 2 ? 1 : 2 * free().size() + 1);
}

template <class T>
void LocalLinearLikelihood::start(std::span<const T> parameters, Scratch<T>& s) const {
  const std::size_t d = data_.dimension();
  tape_.start(parameters, s.memory);
  s.varying.resize(2 * d + 1);
  s.out.resize(tape_.outputs());
  s.rest.resize(d);
  s.shift.resize(d);
  s.white.resize(d);
  s.jacobian.resize(d, d);
  s.noise.resize(d, d);
  s.step = -1;
}

template <class T>
T LocalLinearLikelihood::transition(std::size_t number, Scratch<T>& s) const {
  using std::log;
  const std::size_t d = data_.dimension(), before = data_.observation_before(number);
  for (std::size_t i = 0; i < d; ++i) {
    s.varying[i] = T(data_.column(i)[before]);
    s.varying[d + i] = T(data_.column(i)[before + 1]);
  }
  s.varying[2 * d] = T(data_.time()[before]);
  const double step = data_.time()[before + 1] - data_.time()[before];
  tape_.run(std::span<const T>(s.varying), s.out.data(), s.memory);
  // Steps that differ by the rounding of their times share a law.
  if (!invariant_ || std::fabs(step - s.step) > 1e-12 * step) {
    for (std::size_t k = 0; k < d * d; ++k) {
      s.jacobian.data()[k] = s.out[3 * d + k];
      s.noise.data()[k] = s.out[3 * d + d * d + k];
    }
    s.law.compute(s.jacobian, s.noise, step);
    s.factor = s.law.covariance;
    cholesky(s.factor);
    s.step = step;
  }
  T sum = T(-0.5 * kLog2Pi * static_cast<double>(d)) - s.out[3 * d + 2 * d * d];
  for (std::size_t i = 0; i < d; ++i) {
    T shift(0);
    for (std::size_t j = 0; j < d; ++j)
      shift += s.law.first(i, j) * s.out[d + j] + s.law.second(i, j) * s.out[2 * d + j];
    s.shift[i] = shift;
    s.rest[i] = s.out[i] - shift;
    T white = s.rest[i];
    for (std::size_t j = 0; j < i; ++j) white -= s.factor(i, j) * s.white[j];
    s.white[i] = white / s.factor(i, i);
    sum -= log(s.factor(i, i)) + 0.5 * (s.white[i] * s.white[i]);
  }
  return sum;
}

void LocalLinearLikelihood::compute(std::span<const double> parameters, double* value,
                                    double* gradient) const {
  const std::size_t n = terms(), chunks = (n + kChunk - 1) / kChunk, k = free().size();
  if (!gradient) return some_terms(parameters, 0, n, value);
  tbb::parallel_for(std::size_t{0}, chunks, [&](std::size_t chunk) {
    Scratch<Dual<4>> s;
    // Four directions at a time.
    for (std::size_t p = 0; p < std::max<std::size_t>(k, 1); p += 4) {
      std::vector<Dual<4>> fixed(parameters.begin(), parameters.end());
      for (std::size_t j = p; j < std::min(k, p + 4); ++j) fixed[free()[j]].slope[j - p] = 1;
      start<Dual<4>>(fixed, s);
      for (std::size_t i = chunk * kChunk; i < std::min(n, (chunk + 1) * kChunk); ++i) {
        const Dual<4> at = transition(i, s);
        value[i] = at.value;
        for (std::size_t j = p; j < std::min(k, p + 4); ++j) gradient[i * k + j] = at.slope[j - p];
      }
    }
  });
}

void LocalLinearLikelihood::some_terms(std::span<const double> parameters, std::size_t first,
                                       std::size_t last, double* out) const {
  tbb::parallel_for(first / kChunk, (last + kChunk - 1) / kChunk, [&](std::size_t chunk) {
    Scratch<double> s;
    start<double>(parameters, s);
    // From the chunk's first on, whose step the others' may take over.
    for (std::size_t i = chunk * kChunk; i < std::min(last, (chunk + 1) * kChunk); ++i) {
      const double value = transition(i, s);
      if (i >= first) out[i - first] = value;
    }
  });
}

void LocalLinearLikelihood::describe(std::span<const double> parameters, double* residual, double* mean,
                                     double* deviation) const {
  Scratch<double> s;
  start<double>(parameters, s);
  const std::size_t d = data_.dimension();
  for (std::size_t i = 0; i < terms(); ++i) {
    transition(i, s);
    const std::size_t before = data_.observation_before(i);
    for (std::size_t c = 0; c < d; ++c) {
      if (residual) residual[i * d + c] = s.white[c];
      // Coordinates y with dy = dx / pace, to first order.
      const double pace = s.out[3 * d + 2 * d * d + 1 + c];
      if (mean) mean[i * d + c] = data_.column(c)[before] + pace * s.shift[c];
      if (deviation) deviation[i * d + c] = pace * std::sqrt(s.law.covariance(c, c));
    }
  }
}

}  // namespace sde
