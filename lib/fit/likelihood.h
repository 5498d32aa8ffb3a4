// The log-likelihood of observations under a transition density, with exact gradient and Hessian.
#pragma once

#include <Eigen/Core>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "expr/program.h"
#include "fit/bessel.h"
#include "fit/density.h"
#include "fit/observations.h"

namespace sde {

// What evaluate() found. Sums run over transitions pairwise in the order of their numbers, so that the bits
// do not depend on threads.
struct LikelihoodValue {
  double value = 0;
  Eigen::VectorXd gradient;       // [free]
  Eigen::MatrixXd hessian;        // [free][free]
  Eigen::MatrixXd score_product;  // sum of s s' over transitions, where asked for
  bool finite() const;
};

class Likelihood {
 public:
  // `free` are the parameters (by position in density.parameters) to differentiate by. Both references must
  // outlive the object.
  Likelihood(const TransitionDensity& density, const Observations& data, std::vector<std::size_t> free);
  ~Likelihood();

  const TransitionDensity& density() const { return density_; }
  const Observations& data() const { return data_; }
  const std::vector<std::size_t>& free() const { return free_; }

  // order 0: value; 1: and gradient; 2: and Hessian. `parameters` are all of the density's. Transitions are
  // spread over the threads of the current TBB arena; memory is a few chunks of lanes a thread.
  void evaluate(std::span<const double> parameters, int order, LikelihoodValue& result) const;
  // Order 1, and the products of scores for the sandwich estimator.
  void evaluate_scores(std::span<const double> parameters, LikelihoodValue& result) const;

  // The log-density of every transition, out[transitions()].
  void per_transition(std::span<const double> parameters, double* out) const;
  // For every transition and component, out[transition * dimension + component]: the residual, which is
  // standard normal and independent where the model is right, and the mean and standard deviation of the
  // state after. Each may be null.
  void describe_transitions(std::span<const double> parameters, double* residual, double* mean,
                            double* deviation) const;

  // Vector operations a lane of the pass of that order, for --dry-run and benchmarks.
  std::size_t operations(int order) const;

 private:
  struct Programs;
  struct Scratch;

  // Rows of one chunk: log-density, then gradient, then the upper triangle of the Hessian row by row.
  void run_chunk(std::span<const double> parameters, int order, std::size_t chunk, Scratch& scratch) const;
  void run_lanes(std::span<const double> parameters, int order, Scratch& scratch) const;  // those gathered
  // The normal quantile of F(x') for one transition and component, F by quadrature of the density.
  struct OneTransition {
    const TransitionLanes& from;
    std::size_t lane, component;
    double centre, spread;  // mean and deviation of the state after
  };
  double integrated_score(std::span<const double> parameters, const OneTransition& at,
                          Scratch& scratch) const;
  void reduce(std::span<const double> parameters, int order, bool scores, LikelihoodValue& result) const;
  const Programs& programs(int order) const;

  const TransitionDensity& density_;
  const Observations& data_;
  std::vector<std::size_t> free_;
  double common_step_ = 0;
  mutable std::unique_ptr<Programs> programs_[4];
};

}  // namespace sde
