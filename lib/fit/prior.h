// Laws of parameters before the data, and the likelihood times them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "fit/inference_options.h"
#include "fit/log_likelihood.h"
#include "fit/parameters.h"

namespace sde {

// The log-density of one law with its constant, and its first two derivatives; -infinity outside its support.
struct PriorDensity {
  double value = 0, slope = 0, curvature = 0;
};
PriorDensity prior_density(const Prior& prior, double x);
// Where the density is positive.
std::array<double, 2> prior_support(const Prior& prior);

// Throws Error(usage), beginning with "/priors", where a prior has not exactly one law, a law is none, or the
// parameter is not estimated or starts outside its support.
void check_priors(const std::map<std::string, Prior>& priors, const ParameterSpace& space);

// A log-likelihood with the log prior added, per parameter in its own units: no Jacobian is involved, so the
// maximum is the mode of the posterior density of the parameters as they are named. Terms, residuals and
// scores are those of the likelihood alone.
class LogPosterior : public LogLikelihood {
 public:
  // The likelihood's derivatives are by the parameters of `space`.
  LogPosterior(const LogLikelihood& likelihood, const ParameterSpace& space,
               const std::map<std::string, Prior>& priors);

  double log_prior(std::span<const double> parameters) const;

  std::size_t terms() const override { return likelihood_.terms(); }
  std::size_t components() const override { return likelihood_.components(); }
  std::vector<std::size_t> series() const override { return likelihood_.series(); }
  std::string describe_term(std::size_t term) const override { return likelihood_.describe_term(term); }
  void evaluate(std::span<const double> parameters, int order, LikelihoodValue& result) const override;
  // The score products are those of the likelihood; where it is not smooth, result.hessian is the prior's.
  void evaluate_scores(std::span<const double> parameters, LikelihoodValue& result) const override;
  void per_term(std::span<const double> parameters, double* out) const override {
    likelihood_.per_term(parameters, out);
  }
  void describe(std::span<const double> parameters, double* residual, double* mean,
                double* deviation) const override {
    likelihood_.describe(parameters, residual, mean, deviation);
  }
  bool smooth() const override { return likelihood_.smooth(); }
  std::size_t operations(int order) const override { return likelihood_.operations(order); }

 private:
  void add(std::span<const double> parameters, int order, LikelihoodValue& result) const;

  const LogLikelihood& likelihood_;
  struct Term {
    std::size_t free, index;  // among the free parameters, among all
    Prior prior;
  };
  std::vector<Term> terms_;
};

}  // namespace sde
