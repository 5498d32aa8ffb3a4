// Simulated likelihood: the transition density as the mean, over simulated paths, of the Euler density of
// their last piece.
#pragma once

#include <vector>

#include "fit/density.h"
#include "fit/log_likelihood.h"
#include "fit/matrix.h"
#include "fit/observations.h"
#include "fit/tape.h"

namespace sde {

// Each transition is cut into `steps` Euler pieces, of which all but the last are simulated: forward
// (Pedersen, Scand. J. Statist. 22, 1995), or towards the observation by the modified bridge, importance
// weights making up for it (Durham & Gallant, J. Business Econ. Statist. 20, 2002, eq. 18-19). The normals
// are those of (seed, transition, path, piece) whatever the parameters, in pairs of opposite sign, so that
// the likelihood is a smooth function and its gradient exact.
class SimulatedLikelihood : public GradientLikelihood {
 public:
  // `density.simulated` must be set. The references must outlive the object.
  SimulatedLikelihood(const TransitionDensity& density, const Observations& data,
                      std::vector<std::size_t> free);

  std::size_t terms() const override { return data_.transitions(); }
  std::size_t components() const override { return data_.dimension(); }
  std::vector<std::size_t> series() const override;
  std::string describe_term(std::size_t term) const override;
  // Residuals from the mixture of the last pieces' Gaussians over paths simulated forward.
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
  template <class T>
  void start(std::span<const T> parameters, Scratch<T>& scratch) const;
  // Drift and the Cholesky factor of G G' at the scratch's state.
  template <class T>
  void coefficients(double time, Scratch<T>& scratch) const;
  template <class T>
  T transition(std::size_t number, Scratch<T>& scratch) const;
  // The normal of one piece of one path.
  double normal(std::size_t component, std::size_t transition, std::size_t path, std::size_t piece) const;

  const TransitionDensity& density_;
  const Observations& data_;
  Tape tape_;
};

}  // namespace sde
