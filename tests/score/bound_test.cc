#include "score/bound.h"

#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include <cmath>
#include <numbers>

#include "base/error.h"
#include "score/mixture.h"
#include "score/sampler_rule.h"

namespace sde {
namespace {

constexpr double kVariance = 0.25;

std::shared_ptr<const MixtureModel> gaussian(const ProcessOptions& process) {
  ScoreDocument d;
  d.process = process;
  d.score.mean.emplace(1, 0.0);
  d.score.covariance.emplace(1, std::vector{kVariance});
  return make_mixture(d);
}

const ProcessOptions kLadder = {.type = ProcessType::ddpm, .levels = 40};

// E[x_0 | x] = factor x of N(0, kVariance).
double shrink(const NoiseLevel& at) {
  return at.a * kVariance / (at.a * at.a * kVariance + at.s * at.s);
}

struct Exact {
  double from_state, from_data, variance, forward;
};
Exact step_of(const NoiseProcess& process, std::size_t i, std::size_t n) {
  const NoiseLevel to = level_at(process, static_cast<double>(i) / static_cast<double>(n)),
                   from = level_at(process, static_cast<double>(i + 1) / static_cast<double>(n));
  const double scale = from.a / to.a, added = from.s * from.s - scale * scale * to.s * to.s;
  return {scale * to.s * to.s / (from.s * from.s), to.a * added / (from.s * from.s),
          added * to.s * to.s / (from.s * from.s), added};
}

std::vector<double> rows() {
  std::vector<double> x;
  for (int i = 0; i < 200; ++i) x.push_back(0.9 * std::sin(1.7 * i));
  return x;
}

// Given x_0 the noised state is Gaussian and the model's E[x_0 | x_t] linear in it, so that every term is a
// second moment.
TEST(Bound, TermsOfAGaussianAreClosedForms) {
  const auto model = gaussian(kLadder);
  const std::vector<double> x = rows();
  for (const StepVariance variance : {StepVariance::posterior, StepVariance::forward}) {
    BoundOptions o{.trajectories = 64, .variance = variance};
    const BoundResult b = variational_bound(model, x, x.size(), o, 5);
    ASSERT_EQ(b.terms.size(), 41u);
    double total = 0;
    int within = 0;
    for (std::size_t i = 0; i < 40; ++i) {
      const NoiseLevel from = level_at(model->process(), static_cast<double>(i + 1) / 40);
      const Exact s = step_of(model->process(), i, 40);
      const double k = shrink(from);
      double expected = 0;
      for (const double x0 : x) {
        const double miss = std::pow((1 - k * from.a) * x0, 2) + std::pow(k * from.s, 2);
        const double assumed = i && variance == StepVariance::posterior ? s.variance : s.forward;
        expected += (i ? 0.5 * (s.variance / assumed - 1 + std::log(assumed / s.variance))
                       : 0.5 * std::log(2 * std::numbers::pi * assumed)) +
                    s.from_data * s.from_data * miss / (2 * assumed);
      }
      expected /= static_cast<double>(x.size());
      EXPECT_NEAR(b.terms[i].value, expected, 4.5 * b.terms[i].error) << i;
      within += std::fabs(b.terms[i].value - expected) < b.terms[i].error;
      total += b.terms[i].value;
    }
    EXPECT_GT(within, 16);  // 68 % of 40 on average, and neighbours go together
    EXPECT_LT(within, 40);
    const NoiseLevel top = level_at(model->process(), 1);
    double end = 0;
    for (const double x0 : x) {
      end += 0.5 * (top.s * top.s + top.a * top.a * x0 * x0 - 1 - std::log(top.s * top.s)) / 200;
    }
    EXPECT_NEAR(b.terms[40].value, end, 1e-14);
    EXPECT_EQ(b.terms[40].error, 0);
    double mean = 0;
    for (const double v : b.value) mean += v / 200;
    EXPECT_NEAR(mean, -(total + end), 1e-10);
  }
}

// The chain of a linear score is Gaussian, so that its density is known: the bound lies below it, importance
// weights lead to it.
TEST(Bound, ImportanceWeightsLeadToTheDensityOfTheChain) {
  const auto model = gaussian(kLadder);
  const std::vector<double> x = {-0.8, 0.1, 0.5};
  for (const StepVariance choice : {StepVariance::posterior, StepVariance::forward}) {
    double variance = 1;
    for (std::size_t i = 40; i-- > 0;) {
      const Exact s = step_of(model->process(), i, 40);
      const double k = shrink(level_at(model->process(), static_cast<double>(i + 1) / 40));
      const double assumed = i && choice == StepVariance::posterior ? s.variance : s.forward;
      variance = variance * std::pow(s.from_state + s.from_data * k, 2) + assumed;
    }
    const BoundResult few = variational_bound(model, x, 3, {.trajectories = 200, .variance = choice}, 1);
    const BoundResult many = variational_bound(model, x, 3, {.trajectories = 20000, .variance = choice}, 1);
    double gap = 0, error = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      const double exact = -0.5 * (x[i] * x[i] / variance + std::log(2 * std::numbers::pi * variance));
      EXPECT_NEAR(many.importance[i], exact, 0.02);
      EXPECT_NEAR(many.standard_error[i], 0.1 * few.standard_error[i], 0.03 * few.standard_error[i]);
      gap += exact - many.value[i];
      error += std::pow(many.standard_error[i], 2);
    }
    EXPECT_GT(gap, 4 * std::sqrt(error));
  }
}

TEST(Bound, LiesBelowTheDensityAndRisesWithTheSteps) {
  const std::vector<double> x = rows();
  double mean = 0;
  for (const double v : x)
    mean -= 0.5 * (v * v / kVariance + std::log(2 * std::numbers::pi * kVariance)) / 200;
  for (const ProcessTraits& traits : processes()) {
    ProcessOptions process{.type = traits.type};
    if (traits.type == ProcessType::custom) process.beta = "0.1 + 19.9*t";
    if (traits.type == ProcessType::ncsn) process.sigma_min = 0.05;
    const auto model = gaussian(process);
    if (!(model->process().signal(1) > 0) || model->flow_only()) {
      EXPECT_THROW(variational_bound(model, x, 200, {}, 0), Error) << traits.name;
      continue;
    }
    double last = 0;
    for (const std::uint64_t steps : {50, 1000}) {
      BoundOptions o{.trajectories = 6};
      if (model->process().levels() && steps == 50) continue;
      if (!model->process().levels()) o.steps = steps;
      const BoundResult b = variational_bound(model, x, 200, o, 3);
      double gap = 0, variance = 0;
      for (std::size_t i = 0; i < 200; ++i) {
        gap += (mean - b.value[i]) / 200;
        variance += std::pow(b.standard_error[i] / 200, 2);
      }
      const double error = std::sqrt(variance);
      EXPECT_GT(gap, -4 * error) << traits.name;
      EXPECT_LT(error, 0.15) << traits.name;
      EXPECT_LT(gap, (steps == 1000 ? 0.06 : 20) + 4 * error) << traits.name;
      if (steps == 1000 && last > 0) {
        EXPECT_LT(gap, last) << traits.name;
      }
      last = gap;
    }
  }
}

TEST(Bound, SameBitsForAnyThreads) {
  const auto model = gaussian({});
  std::vector<double> x;
  for (int i = 0; i < 300; ++i) x.push_back(std::cos(i));
  const auto with = [&](std::size_t threads) {
    const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, threads);
    return variational_bound(model, x, x.size(), {.steps = 15, .trajectories = 2}, 4);
  };
  const BoundResult one = with(1), three = with(3);
  EXPECT_EQ(one.value, three.value);
  EXPECT_EQ(one.importance, three.importance);
  for (std::size_t i = 0; i <= 15; ++i) EXPECT_EQ(one.terms[i].value, three.terms[i].value);
}

TEST(Bound, RefusesOtherStepsThanTheLevels) {
  EXPECT_THROW(variational_bound(gaussian(kLadder), {0.1}, 1, {.steps = 39}, 0), Error);
  EXPECT_NO_THROW(variational_bound(gaussian(kLadder), {0.1}, 1, {.steps = 40}, 0));
  EXPECT_THROW(variational_bound(gaussian({}), {0.1}, 1, {.steps = 0}, 0), Error);
  EXPECT_THROW(variational_bound(gaussian({}), {0.1}, 1, {.trajectories = 0}, 0), Error);
  EXPECT_THROW(variational_bound(gaussian({}), {NAN}, 1, {}, 0), Error);
}

}  // namespace
}  // namespace sde
