// Transition densities of coupled components whose drift is (made) linear over each step: Gaussian with the
// exact moments of the linear equation, which no closed expression has; derivatives go through the recursion.
#pragma once

#include <memory>

#include "fit/density.h"
#include "fit/linear_step.h"
#include "fit/log_likelihood.h"
#include "fit/observations.h"
#include "fit/tape.h"

namespace sde {

class LocalLinearLikelihood : public GradientLikelihood {
 public:
  // `density.linear` must be set. The references must outlive the object.
  LocalLinearLikelihood(const TransitionDensity& density, const Observations& data,
                        std::vector<std::size_t> free);

  std::size_t terms() const override { return data_.transitions(); }
  std::size_t components() const override { return data_.dimension(); }
  std::vector<std::size_t> series() const override;
  std::string describe_term(std::size_t term) const override;
  void describe(std::span<const double> parameters, double* residual, double* mean,
                double* deviation) const override;
  std::size_t operations(int order) const override;
  void some_terms(std::span<const double> parameters, std::size_t first, std::size_t last,
                  double* out) const override;

 protected:
  void compute(std::span<const double> parameters, double* value, double* gradient) const override;

 private:
  template <class T>
  struct Scratch;
  // One transition, its law left in the scratch: the log-density.
  template <class T>
  T transition(std::size_t number, Scratch<T>& scratch) const;
  template <class T>
  void start(std::span<const T> parameters, Scratch<T>& scratch) const;

  const TransitionDensity& density_;
  const Observations& data_;
  Tape tape_;
  bool invariant_ = false;  // Jacobian and noise depend on parameters alone
};

}  // namespace sde
