// The likelihood of series under a state-space model, by filters, and what they say of the states.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "fit/filter_model.h"
#include "fit/gaussian_filter.h"
#include "fit/log_likelihood.h"
#include "fit/series.h"
#include "fit/state_space.h"

namespace sde {

// Means and standard deviations, [row * states + state].
struct StateEstimates {
  std::vector<double> filtered, filtered_deviation;  // given the rows up to this one
  std::vector<double> smoothed, smoothed_deviation;  // given all rows of the series
  // Of the observations, [row * columns + column], given the rows up to `ahead` before this one; not-a-number
  // for the first rows of a series.
  std::size_t ahead = 0;
  std::vector<double> predicted, predicted_deviation;
};

// A likelihood that estimates states as well.
class FilterLikelihood : public GradientLikelihood {
 public:
  FilterLikelihood(const SeriesTable& data, std::vector<std::size_t> free)
      : GradientLikelihood(std::move(free)), data_(data) {}

  std::size_t terms() const override { return data_.rows(); }
  std::size_t components() const override { return data_.columns().size(); }
  std::vector<std::size_t> series() const override;
  std::string describe_term(std::size_t term) const override { return data_.describe(term); }

  const SeriesTable& data() const { return data_; }
  // `ahead` 0: no predictions.
  virtual StateEstimates states(std::span<const double> parameters, std::size_t ahead) const = 0;

 private:
  const SeriesTable& data_;
};

// By a Gaussian filter; smoothing by Rauch, Tung & Striebel (AIAA J. 3, 1965) with the covariance between
// successive states in place of Phi P (Sarkka 2008 for nonlinear models).
class GaussianFilterLikelihood : public FilterLikelihood {
 public:
  GaussianFilterLikelihood(const StateSpace& model, const SeriesTable& data, GaussianRule rule,
                           std::vector<std::size_t> free);

  void describe(std::span<const double> parameters, double* residual, double* mean,
                double* deviation) const override;
  std::size_t operations(int order) const override;
  StateEstimates states(std::span<const double> parameters, std::size_t ahead) const override;

 protected:
  void compute(std::span<const double> parameters, double* value, double* gradient) const override;

 private:
  FilterModel model_;
  GaussianRule rule_;
};

// The likelihood by the filter `name`. `model` may go; `data` must outlive the object.
std::unique_ptr<FilterLikelihood> make_filter(const StateSpace& model, const std::string& name,
                                              const SeriesTable& data, const SimulationOptions& simulation,
                                              std::vector<std::size_t> free);

}  // namespace sde
