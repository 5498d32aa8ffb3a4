// What every likelihood offers to the optimiser, the uncertainty and the diagnostics.
#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace sde {

// What evaluate() found. Sums run over terms in a fixed order, so that the bits do not depend on threads.
struct LikelihoodValue {
  double value = 0;
  Eigen::VectorXd gradient;       // [free]
  Eigen::MatrixXd hessian;        // [free][free]
  Eigen::MatrixXd score_product;  // sum of s s' over terms, where asked for
  bool finite() const;
};

// A log-likelihood that is a sum of terms: one a transition, or one a row of observations that a filter takes
// in. `parameters` are all of the density's; derivatives are by the free ones.
class LogLikelihood {
 public:
  virtual ~LogLikelihood() = default;

  virtual std::size_t terms() const = 0;
  virtual std::size_t components() const = 0;                     // residuals a term
  virtual std::vector<std::size_t> series() const = 0;            // first term of each series
  virtual std::string describe_term(std::size_t term) const = 0;  // where it is in the data, for messages

  // order 0: value; 1: and gradient; 2: and Hessian. Terms are spread over the threads of the current TBB
  // arena.
  virtual void evaluate(std::span<const double> parameters, int order, LikelihoodValue& result) const = 0;
  // Order 1, and the products of scores for the sandwich estimator.
  virtual void evaluate_scores(std::span<const double> parameters, LikelihoodValue& result) const = 0;
  // out[terms()]
  virtual void per_term(std::span<const double> parameters, double* out) const = 0;
  // Terms first ... last - 1 alone, with the bits that per_term() has for them: out[last - first]. Costs as
  // much as all of them where each builds on those before.
  virtual void some_terms(std::span<const double> parameters, std::size_t first, std::size_t last,
                          double* out) const;
  // For every term and component, out[term * components() + component]: the residual, which is standard
  // normal and independent where the model is right, and what was foretold: mean and standard deviation. Each
  // may be null; not-a-number where a component is missing.
  virtual void describe(std::span<const double> parameters, double* residual, double* mean,
                        double* deviation) const = 0;
  // Whether values change smoothly with the parameters; else the optimiser goes without a Hessian, and the
  // information is that of the scores.
  virtual bool smooth() const { return true; }
  // Operations a term of the pass of that order, for --dry-run and benchmarks.
  virtual std::size_t operations(int order) const = 0;
};

// A likelihood whose terms come with exact gradients; the Hessian is the central difference of gradients.
class GradientLikelihood : public LogLikelihood {
 public:
  explicit GradientLikelihood(std::vector<std::size_t> free) : free_(std::move(free)) {}

  const std::vector<std::size_t>& free() const { return free_; }
  void evaluate(std::span<const double> parameters, int order, LikelihoodValue& result) const override;
  void evaluate_scores(std::span<const double> parameters, LikelihoodValue& result) const override;
  void per_term(std::span<const double> parameters, double* out) const override;

 protected:
  // value[terms()], and gradient[term * free + p] where not null.
  virtual void compute(std::span<const double> parameters, double* value, double* gradient) const = 0;

 private:
  void sum(std::span<const double> parameters, bool gradient, bool products, LikelihoodValue& result) const;

  std::vector<std::size_t> free_;
};

}  // namespace sde
