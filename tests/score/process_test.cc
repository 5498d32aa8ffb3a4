#include "score/process.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/aligned.h"
#include "base/error.h"
#include "score/loss.h"
#include "score/prediction.h"

namespace sde {
namespace {

class Processes : public testing::TestWithParam<ProcessType> {
 protected:
  std::shared_ptr<const NoiseProcess> process_ = make_process({.type = GetParam()});
};

// a' = f a and (s^2)' = 2 f s^2 + g^2: the moments of dx = f x dt + g dW.
TEST_P(Processes, MomentsSolveTheirEquations) {
  for (const double t : {0.01, 0.2, 0.5, 0.9}) {
    const double h = 1e-6;
    const auto derivative = [&](auto f) { return (f(t + h) - f(t - h)) / (2 * h); };
    const double f = process_->drift_factor(t), s2 = std::pow(process_->noise(t), 2);
    const double da = derivative([&](double u) { return process_->signal(u); });
    const double ds2 = derivative([&](double u) { return std::pow(process_->noise(u), 2); });
    EXPECT_NEAR(da, f * process_->signal(t), 1e-7 * (1 + std::fabs(da))) << t;
    EXPECT_NEAR(ds2, 2 * f * s2 + process_->diffusion_squared(t), 1e-7 * (1 + std::fabs(ds2))) << t;
  }
}

TEST_P(Processes, HalfLogSnrAndItsInverse) {
  for (const double t : {1e-5, 1e-3, 0.1, 0.5, 1.0}) {
    const double lambda = process_->half_log_snr(t);
    EXPECT_NEAR(lambda, std::log(process_->signal(t) / process_->noise(t)),
                1e-10 * std::fabs(lambda) + 1e-12);
    EXPECT_NEAR(process_->time_at(lambda), t, 1e-10 * t + 1e-14);
  }
}

TEST_P(Processes, ImportanceIsTheIntegralOfItsDensity) {
  const double t0 = 1e-3, t1 = 0.8;
  const int n = 200000;  // midpoints in ln t
  double sum = 0;
  for (int i = 0; i < n; ++i) {
    const double t = t0 * std::pow(t1 / t0, (i + 0.5) / n);
    sum += process_->diffusion_squared(t) / std::pow(process_->noise(t), 2) * t * std::log(t1 / t0) / n;
  }
  const double whole = process_->importance(t0, t1);
  EXPECT_NEAR(sum, whole, 1e-7 * whole);
  for (const double part : {0.0, 0.1, 0.5, 0.9, 1.0}) {
    const double t = process_->importance_time(part, t0, t1);
    EXPECT_NEAR(process_->importance(t0, t), part * whole, 1e-9 * whole);
  }
}

TEST_P(Processes, ManyTimesAtOnce) {
  AlignedVector<double> t(32), a(32), s(32);
  for (std::size_t i = 0; i < 32; ++i) t[i] = std::pow(10.0, -5 + 5 * static_cast<double>(i) / 31);
  process_->scales(t.data(), 32, a.data(), s.data());
  for (std::size_t i = 0; i < 32; ++i) {
    EXPECT_NEAR(a[i], process_->signal(t[i]), 1e-13);
    EXPECT_NEAR(s[i], process_->noise(t[i]), 1e-9 * s[i]);
  }
}

INSTANTIATE_TEST_SUITE_P(All, Processes,
                         testing::Values(ProcessType::vp, ProcessType::subvp, ProcessType::ve));

TEST(Process, PublishedValues) {
  const auto vp = make_process({});
  EXPECT_NEAR(vp->signal(1), 0.0065716, 5e-8);
  EXPECT_NEAR(vp->half_log_snr(1), -5.0250, 5e-5);
  EXPECT_NEAR(vp->half_log_snr(1e-3), 4.5577, 5e-5);
  const auto subvp = make_process({.type = ProcessType::subvp});
  for (const double t : {0.01, 0.3, 1.0}) EXPECT_LT(subvp->noise(t), vp->noise(t));
  const auto ve = make_process({.type = ProcessType::ve});
  EXPECT_DOUBLE_EQ(ve->noise(0), 0.01);
  EXPECT_NEAR(ve->noise(1), 50, 1e-12);
}

TEST(Process, TableHasEveryType) {
  ASSERT_EQ(processes().size(), enum_names(ProcessType{}).size());
  for (std::size_t i = 0; i < processes().size(); ++i) {
    EXPECT_STREQ(processes()[i].name, enum_names(ProcessType{})[i].first);
    EXPECT_EQ(processes()[i].type, enum_names(ProcessType{})[i].second);
  }
}

TEST(Process, RefusesParametersOutOfRange) {
  EXPECT_THROW(make_process({.beta_min = 0}), Error);
  EXPECT_THROW(make_process({.beta_min = 2, .beta_max = 1}), Error);
  EXPECT_THROW(make_process({.type = ProcessType::ve, .sigma_min = -1}), Error);
  EXPECT_THROW(make_process({.type = ProcessType::ve, .sigma_min = 2, .sigma_max = 2}), Error);
}

TEST(Prediction, AllGiveTheSameScore) {
  const double x0 = 0.7, eps = -1.3;
  for (const double a : {0.0066, 0.5, 0.999, 1.0}) {
    for (const double s : {0.01, 0.4, 0.99, 50.0}) {
      const double x = a * x0 + s * eps, score = -eps / s;
      for (const auto& [name, prediction] : enum_names(Prediction{})) {
        const Conversion c = conversion(prediction, a, s);
        const double output = c.target_data * x0 + c.target_noise * eps;
        // Rounding of the two terms that add up to the score.
        const double scale = std::fabs(c.from_state * x) + std::fabs(c.from_output * output);
        EXPECT_NEAR(c.from_state * x + c.from_output * output, score,
                    1e-15 * scale + 1e-14 * std::fabs(score))
            << name << " a " << a << " s " << s;
      }
    }
  }
}

TEST(Loss, FloorOfAGaussian) {
  const auto vp = make_process({});
  const DenoisingLoss loss(*vp, Prediction::epsilon, Weighting::sigma2, TimeSampling::uniform);
  EXPECT_NEAR(loss.gaussian_floor({0.25}), 0.173307, 5e-7);
  EXPECT_NEAR(loss.gaussian_floor({0.25, 0.25}), 0.173307, 5e-7);
}

// The expected loss does not depend on how times are drawn, and importance makes the likelihood weighting
// constant.
TEST(Loss, ImportanceSamplingKeepsTheLoss) {
  for (const ProcessType type : {ProcessType::vp, ProcessType::subvp, ProcessType::ve}) {
    const auto process = make_process({.type = type});
    for (const auto& [name, weighting] : enum_names(Weighting{})) {
      for (const auto& [output, prediction] : enum_names(Prediction{})) {
        if (prediction == Prediction::sample && weighting != Weighting::uniform)
          continue;  // unbounded weights
        double mean[2] = {0, 0};
        for (int k = 0; k < 2; ++k) {
          const DenoisingLoss loss(*process, prediction, weighting,
                                   k ? TimeSampling::importance : TimeSampling::uniform);
          const int n = 100000;
          for (int i = 0; i < n; ++i) {
            const double u = (i + 0.5) / n;
            double t;
            loss.times(&u, 1, &t);
            const double a = process->signal(t), s = process->noise(t);
            // A bounded error of the exact kind: that of Gaussian data.
            mean[k] += loss.weight(t, a, s) * a * a * s * s / (a * a + s * s) / n;
          }
        }
        EXPECT_NEAR(mean[1], mean[0], 1e-3 * mean[0])
            << name << " " << output << " " << static_cast<int>(type);
      }
    }
    const DenoisingLoss loss(*process, Prediction::epsilon, Weighting::likelihood, TimeSampling::importance);
    EXPECT_DOUBLE_EQ(loss.weight(0.01, process->signal(0.01), process->noise(0.01)), 1);
  }
}

}  // namespace
}  // namespace sde
