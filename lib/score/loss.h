// Denoising score matching: weights, times, and what is the least that can be reached.
#pragma once

#include <array>
#include <cstddef>
#include <utility>
#include <vector>

#include "score/prediction.h"
#include "score/process.h"

namespace sde {

// Weight of the squared error of epsilon (mean over components) at time t, t uniform on [cut-off, 1]; sigma =
// s / a.
enum class Weighting {
  sigma2,      // 1: the score's error weighted by s^2 ("simple", Ho et al. 2020); of the prediction sample
               // no more than kMostSampleWeight on the error of x_0
  likelihood,  // g^2 / s^2, scaled to mean 1: an upper bound of the negative log-likelihood (Song et al.
               // 2021)
  edm,      // (sigma^2 + sd^2) / sd^2: one on what a network of the edm prediction says (Karras et al. 2022)
  min_snr,  // min(1, 5 sigma^2): min(1 / sigma^2, 5) on the error of x_0 (Hang et al. 2023)
  uniform,  // 1 on the error of what the network predicts
};
constexpr auto enum_names(Weighting) {
  using enum Weighting;
  return std::array{std::pair{"sigma2", sigma2}, std::pair{"likelihood", likelihood}, std::pair{"edm", edm},
                    std::pair{"min_snr", min_snr}, std::pair{"uniform", uniform}};
}

// 1 / sigma^2, the weight of the error of x_0, has no bound near the data. Beyond some hundreds the network
// spends itself on being the identity there, and errs where the noise is of the size of the data: on mixtures
// the score's error over all times is least around 500.
inline constexpr double kMostSampleWeight = 500;

enum class TimeSampling {
  uniform,
  importance,  // density proportional to g^2 / s^2; the weight is divided by it, so that the loss stays what
               // it is
  lognormal,   // ln sigma normal, cut off at the ends of the process; the weight is not divided by it (Karras
               // et al. 2022)
  least_variance,  // density proportional to the weight times the deviation of the target given x (of
                   // Gaussian data), which gives the least noise in the gradient; the weight is divided by it
};
constexpr auto enum_names(TimeSampling) {
  using enum TimeSampling;
  return std::array{std::pair{"uniform", uniform}, std::pair{"importance", importance},
                    std::pair{"lognormal", lognormal}, std::pair{"least_variance", least_variance}};
}

// What is taken where nothing is said. The weights of x_0 span so many orders of magnitude that with uniform
// times a few draws near the data are all of the gradient; and of uniform times of the process edm nearly all
// are at noise far above the data.
constexpr TimeSampling default_time_sampling(ProcessType process, Prediction prediction) {
  return process == ProcessType::edm || prediction == Prediction::sample ? TimeSampling::least_variance
                                                                         : TimeSampling::uniform;
}

// Of ln sigma.
struct LognormalOptions {
  double mean = -1.2, deviation = 1.2;

  template <class V>
  void visit(V& v) {
    v("mean", mean);
    v("deviation", deviation);
  }
};

// Of ladders, times are the levels that end at or after those of the continuous law; the law's density at a
// level is its mean over the step.
class DenoisingLoss {
 public:
  DenoisingLoss(const NoiseProcess& process, Prediction prediction, Weighting weighting,
                TimeSampling sampling, const LognormalOptions& lognormal = {}, double sigma_data = 1);

  // Times for uniform numbers u in (0, 1).
  void times(const double* u, std::size_t n, double* t) const;

  // At time t, where a = a(t), s = s(t): what the network is trained towards and the factor of (network's
  // output - target)^2, importance included.
  struct At {
    Conversion conversion;
    double weight;
  };
  At at(double t, double a, double s) const;
  // The same at n times.
  void at(const double* t, const double* a, const double* s, std::size_t n, Conversion* conversion,
          double* weight) const;

  Prediction prediction() const { return prediction_; }
  const NoiseProcess& process() const { return process_; }
  double sigma_data() const { return sigma_data_; }

  // The expected loss of the exact score where the data are Gaussian with a covariance of these eigenvalues:
  // E_t[w mean_i a^2 L_i / (a^2 L_i + s^2)].
  double gaussian_floor(const std::vector<double>& eigenvalues) const;

  // The root mean square of the target, for data of deviation sigma_data, where the loss weighs it: one of
  // noise, the highest sigma of the velocities of process edm.
  double target_scale() const;

 private:
  // Adds the mean of f(a, s, at(t, a, s)) over the times of training, a number or several.
  template <class Sum, class F>
  Sum expectation(Sum sum, const F& f) const;
  double rate(double t, double s) const;  // g^2 / s^2, scaled to mean 1
  double epsilon_weight(double t, double s, double sigma) const;
  Conversion conversion_at(double t, double a, double s) const;
  double weight(double t, double a, double s, const Conversion& c) const;  // of uniform times
  void tabulate();
  double density(double t) const;  // of times, over that of uniform ones

  const NoiseProcess& process_;
  Prediction prediction_;
  Weighting weighting_;
  TimeSampling sampling_;
  LognormalOptions lognormal_;
  double sigma_data_;
  double first_, lambda_first_, lambda_last_;
  double mean_rate_;             // mean of g^2 / s^2 over [first_, 1]
  double least_ = 0, most_ = 1;  // lognormal: probabilities at the ends
  // least_variance: the density is constant between edges_; the probability up to each of them.
  std::vector<double> edges_, probabilities_;
};

}  // namespace sde
