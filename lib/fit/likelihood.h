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
#include "fit/log_likelihood.h"
#include "fit/observations.h"

namespace sde {

// Where the density is an expression: compiled with its derivatives and run over lanes.
class Likelihood : public LogLikelihood {
 public:
  // `free` are the parameters (by position in density.parameters) to differentiate by. Both references must
  // outlive the object.
  Likelihood(const TransitionDensity& density, const Observations& data, std::vector<std::size_t> free);
  ~Likelihood() override;

  const TransitionDensity& density() const { return density_; }
  const Observations& data() const { return data_; }
  const std::vector<std::size_t>& free() const { return free_; }

  std::size_t terms() const override { return data_.transitions(); }
  std::size_t components() const override { return data_.dimension(); }
  std::vector<std::size_t> series() const override;
  std::string describe_term(std::size_t term) const override;

  // Sums run over transitions pairwise in the order of their numbers; memory is a few chunks of lanes a
  // thread.
  void evaluate(std::span<const double> parameters, int order, LikelihoodValue& result) const override;
  void evaluate_scores(std::span<const double> parameters, LikelihoodValue& result) const override;
  void per_term(std::span<const double> parameters, double* out) const override;
  void some_terms(std::span<const double> parameters, std::size_t first, std::size_t last,
                  double* out) const override;
  void describe(std::span<const double> parameters, double* residual, double* mean,
                double* deviation) const override;
  std::size_t operations(int order) const override;

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

// The likelihood of `data` under `density`, of whichever kind it is.
std::unique_ptr<LogLikelihood> make_likelihood(const TransitionDensity& density, const Observations& data,
                                               std::vector<std::size_t> free);

}  // namespace sde
