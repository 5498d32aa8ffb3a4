// A state-space model compiled for filters: what they evaluate at a state and a time.
#pragma once

#include <vector>

#include "fit/matrix.h"
#include "fit/state_space.h"
#include "fit/tape.h"

namespace sde {

struct FilterModel {
  explicit FilterModel(const StateSpace& model);

  std::size_t states = 0, columns = 0;
  // Inputs: parameters; states and time. Rows: drift [d], Jacobian [d][d], G G' [d][d].
  Tape dynamics;
  bool constant_dynamics = false;  // Jacobian and G G' depend on parameters alone
  // Rows: map [q], its Jacobian [q][d], variance of the noise [q].
  Tape seen;
  Tape initial;  // mean [d], variance [d]
  std::vector<int> initial_column;
  // Times at which inputs bend or jump, increasing: no step of an integrator reaches over one.
  std::vector<double> breaks;
};

// The values of a FilterModel for one vector of parameters, T = double or Dual<4>.
template <class T>
class FilterPoint {
 public:
  explicit FilterPoint(const FilterModel& model) : model_(model), input_(model.states + 1) {}

  void start(const std::vector<T>& parameters) {
    const std::span<const T> fixed(parameters);
    model_.dynamics.start(fixed, dynamics_);
    model_.seen.start(fixed, seen_);
    model_.initial.start(fixed, initial_);
  }
  const FilterModel& model() const { return model_; }

  // Drift, jacobian and noise at x.
  void move(const Matrix<T>& x, double time) {
    const std::size_t d = model_.states;
    out_.resize(model_.dynamics.outputs());
    model_.dynamics.run(at(x, time), out_.data(), dynamics_);
    split(0, d, 1, drift);
    split(d, d, d, jacobian);
    split(d + d * d, d, d, noise);
  }
  // Map, its jacobian and the variance of the observations' noise at x.
  void see(const Matrix<T>& x, double time) {
    const std::size_t d = model_.states, q = model_.columns;
    out_.resize(model_.seen.outputs());
    model_.seen.run(at(x, time), out_.data(), seen_);
    split(0, q, 1, map);
    split(q, q, d, slope);
    split(q + q * d, q, 1, variance);
  }
  void begin(Matrix<T>& mean, Matrix<T>& covariance) {
    const std::size_t d = model_.states;
    out_.resize(2 * d);
    model_.initial.run(std::span<const T>{}, out_.data(), initial_);
    mean.resize(d, 1);
    covariance.resize(d, d);
    covariance.set_zero();
    for (std::size_t i = 0; i < d; ++i) {
      mean(i, 0) = out_[i];
      covariance(i, i) = out_[d + i];
    }
  }

  Matrix<T> drift, jacobian, noise, map, slope, variance;

 private:
  std::span<const T> at(const Matrix<T>& x, double time) {
    for (std::size_t i = 0; i < model_.states; ++i) input_[i] = x(i, 0);
    input_[model_.states] = T(time);
    return input_;
  }
  void split(std::size_t first, std::size_t rows, std::size_t columns, Matrix<T>& into) {
    into.resize(rows, columns);
    for (std::size_t k = 0; k < rows * columns; ++k) into.data()[k] = out_[first + k];
  }

  const FilterModel& model_;
  Tape::Memory<T> dynamics_, seen_, initial_;
  std::vector<T> input_, out_;
};

}  // namespace sde
