// Particle filter: the likelihood of any state-space model whose observations have noise, by simulation.
#pragma once

#include "fit/filter.h"

namespace sde {

// The bootstrap filter (Gordon, Salmond & Smith, IEE Proc. F 140, 1993): Euler pieces between rows, weights
// by the observations' density, resampling after each row that has a value. Random numbers are those of
// (seed, series, row, particle) whatever the parameters. One state: particles are drawn again from the
// piecewise linear distribution function of the sorted ones at evenly spaced levels (Malik & Pitt, J.
// Econometrics 165, 2011), so that the likelihood is continuous and its gradient exact. Several states:
// systematic resampling of the particles sorted by the first state; the value then has small jumps, and the
// gradient, in which resampled weights keep their derivative (Scibior & Wood 2021), estimates that of the
// true likelihood.
class ParticleLikelihood : public FilterLikelihood {
 public:
  ParticleLikelihood(const StateSpace& model, const SeriesTable& data, const SimulationOptions& options,
                     std::vector<std::size_t> free);

  // Continuous in one state, but with a kink wherever two particles change places: no curvature can be
  // differenced.
  bool smooth() const override { return false; }
  void describe(std::span<const double> parameters, double* residual, double* mean,
                double* deviation) const override;
  std::size_t operations(int order) const override;
  // Filtered states alone: there is no smoother here, and `smoothed` is not-a-number.
  StateEstimates states(std::span<const double> parameters, std::size_t ahead) const override;

 protected:
  void compute(std::span<const double> parameters, double* value, double* gradient) const override;

 private:
  template <class T>
  class Cloud;

  FilterModel model_;
  Tape motion_;  // drift [d], diffusion [d][m]
  std::size_t noises_ = 0;
  SimulationOptions options_;
};

}  // namespace sde
