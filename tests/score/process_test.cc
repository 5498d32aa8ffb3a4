#include "score/process.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "base/aligned.h"
#include "base/error.h"
#include "score/loss.h"
#include "score/prediction.h"

namespace sde {
namespace {

struct Case {
  const char* name;
  ProcessOptions options;
};

ProcessOptions custom(const char* signal, const char* noise) {
  return {.type = ProcessType::custom, .signal = signal, .noise = noise};
}

std::vector<Case> cases() {
  return {
      {"vp", {.type = ProcessType::vp}},
      {"vp_cosine", {.type = ProcessType::vp_cosine}},
      {"subvp", {.type = ProcessType::subvp}},
      {"ve", {.type = ProcessType::ve}},
      {"edm", {.type = ProcessType::edm}},
      {"ddpm", {.type = ProcessType::ddpm}},
      {"ncsn", {.type = ProcessType::ncsn}},
      {"ot", {.type = ProcessType::flow}},
      {"lipman", {.type = ProcessType::flow, .path = FlowPath::lipman, .path_sigma_min = 0.01}},
      {"trigonometric", {.type = ProcessType::flow, .path = FlowPath::trigonometric}},
      {"flow_vp", {.type = ProcessType::flow, .path = FlowPath::vp}},
      {"interpolant", {.type = ProcessType::interpolant}},
      {"interpolant_trigonometric",
       {.type = ProcessType::interpolant,
        .interpolant_path = InterpolantPath::trigonometric,
        .gamma = "sin(pi*t)^2"}},
      {"bridge", {.type = ProcessType::bridge, .sigma = 0.5}},
      {"custom_scales", custom("exp(-2*t)", "sqrt(1 - exp(-4*t))")},
      {"custom_beta", {.type = ProcessType::custom, .beta = "0.2 + 12*t^2"}},
      {"custom_linear", {.type = ProcessType::custom, .drift = "-1 - t", .diffusion = "sqrt(3*t + 0.1)"}},
  };
}

class Processes : public testing::TestWithParam<Case> {
 protected:
  std::shared_ptr<const NoiseProcess> process_ = make_process(GetParam().options);
};

// a' = f a and (s^2)' = 2 f s^2 + g^2: the moments of dx = f x dt + g dW.
TEST_P(Processes, MomentsSolveTheirEquations) {
  // Ladders: in the middle of a step.
  for (const double t : {0.0105, 0.2005, 0.5005, 0.9005}) {
    const double h = 1e-6;
    const auto derivative = [&](auto f) { return (f(t + h) - f(t - h)) / (2 * h); };
    const double f = process_->drift_factor(t), s = process_->noise(t), s2 = s * s;
    const double da = derivative([&](double u) { return process_->signal(u); });
    const double ds2 = derivative([&](double u) { return std::pow(process_->noise(u), 2); });
    EXPECT_NEAR(da, f * process_->signal(t), 1e-7 * (1 + std::fabs(da))) << t;
    EXPECT_NEAR(da, process_->signal_rate(t), 1e-7 * (1 + std::fabs(da))) << t;
    EXPECT_NEAR(ds2, 2 * f * s2 + process_->diffusion_squared(t), 1e-7 * (1 + std::fabs(ds2))) << t;
    EXPECT_NEAR(ds2, 2 * s * process_->noise_rate(t), 1e-7 * (1 + std::fabs(ds2))) << t;
    EXPECT_GE(process_->reverse_diffusion_squared(t), 0);
    const double dc = derivative([&](double u) { return std::pow(process_->latent_noise(u), 2); });
    EXPECT_NEAR(dc, process_->latent_variance_rate(t), 1e-7);
  }
}

TEST_P(Processes, HalfLogSnrAndItsInverse) {
  for (const double t : {1e-5, 1e-3, 0.1, 0.5, 0.998, 0.9999, 1.0}) {
    const double lambda = process_->half_log_snr(t);
    EXPECT_NEAR(lambda, std::log(process_->signal(t) / process_->noise(t)),
                1e-10 * std::fabs(lambda) + 1e-12);
    // Where lambda hardly falls, its last digit is many of t.
    const double slope = process_->diffusion_squared(t) / std::pow(process_->noise(t), 2) / 2;
    EXPECT_NEAR(process_->time_at(lambda), t, 1e-10 * t + 1e-14 + 1e-14 * std::fabs(lambda) / slope);
  }
}

TEST_P(Processes, ImportanceIsTheIntegralOfItsDensity) {
  const double t0 = 1e-3, t1 = 0.8;
  const int n = 100000;  // midpoints in ln t
  double sum = 0;
  for (int i = 0; i < n; ++i) {
    const double t = t0 * std::pow(t1 / t0, (i + 0.5) / n);
    sum += process_->diffusion_squared(t) / std::pow(process_->noise(t), 2) * t * std::log(t1 / t0) / n;
  }
  const double whole = process_->importance(t0, t1);
  EXPECT_NEAR(sum, whole, (process_->levels() ? 1e-5 : 1e-7) * whole);
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

INSTANTIATE_TEST_SUITE_P(All, Processes, testing::ValuesIn(cases()),
                         [](const auto& c) { return std::string(c.param.name); });

void expect_equal(const NoiseProcess& a, const NoiseProcess& b, double tolerance) {
  for (const double t : {1e-5, 1e-3, 0.01, 0.3, 0.77, 0.999, 1.0}) {
    EXPECT_NEAR(a.signal(t), b.signal(t), tolerance * b.signal(t)) << t;
    EXPECT_NEAR(a.noise(t), b.noise(t), tolerance * b.noise(t)) << t;
    EXPECT_NEAR(a.drift_factor(t), b.drift_factor(t), tolerance * std::fabs(b.drift_factor(t))) << t;
    EXPECT_NEAR(a.diffusion_squared(t), b.diffusion_squared(t), tolerance * b.diffusion_squared(t)) << t;
    const double lambda = b.half_log_snr(t);
    EXPECT_NEAR(a.half_log_snr(t), lambda, tolerance * (1 + std::fabs(lambda))) << t;
    EXPECT_NEAR(a.time_at(lambda), t, 50 * tolerance * t) << t;
  }
}

// Expressions are integrated to rounding: vp in each of the three forms is vp.
TEST(Process, CustomFormsAgreeWithClosedForms) {
  const auto vp = make_process({});
  expect_equal(*make_process({.type = ProcessType::custom, .beta = "0.1 + 19.9*t"}), *vp, 1e-14);
  expect_equal(
      *make_process(
          {.type = ProcessType::custom, .drift = "-(0.1 + 19.9*t)/2", .diffusion = "sqrt(0.1 + 19.9*t)"}),
      *vp, 2e-14);
  expect_equal(*make_process(custom("exp(-(0.1*t + 9.95*t^2)/2)", "sqrt(-expm1(-(0.1*t + 9.95*t^2)))")), *vp,
               2e-14);
  const auto subvp = make_process({.type = ProcessType::subvp});
  expect_equal(*make_process({.type = ProcessType::custom,
                              .drift = "-(0.1 + 19.9*t)/2",
                              .diffusion = "sqrt(-(0.1 + 19.9*t)*expm1(-2*(0.1*t + 9.95*t^2)))"}),
               *subvp, 2e-14);
  const auto edm = make_process({.type = ProcessType::edm});
  expect_equal(*make_process(custom("1", "80*t")), *edm, 1e-14);
  expect_equal(*make_process(custom("1 - t", "t")), *make_process({.type = ProcessType::flow}), 1e-10);
  // A jump is integrated exactly too: B(1) = 2 / 3 + 8 (1 - 1 / 3).
  const auto jump = make_process({.type = ProcessType::custom, .beta = "if(t < 1/3, 2, 8)"});
  EXPECT_NEAR(jump->signal(1), std::exp(-0.5 * (2.0 / 3 + 16.0 / 3)), 1e-15);
}

TEST(Process, InterpolantsWithoutNoiseAreFlows) {
  for (const auto& [path, flow] : {std::pair{InterpolantPath::ot, FlowPath::ot},
                                   std::pair{InterpolantPath::trigonometric, FlowPath::trigonometric}}) {
    const auto interpolant =
        make_process({.type = ProcessType::interpolant, .interpolant_path = path, .gamma = "0"});
    expect_equal(*interpolant, *make_process({.type = ProcessType::flow, .path = flow}), 1e-12);
  }
  expect_equal(*make_process({.type = ProcessType::bridge, .sigma = 0}),
               *make_process({.type = ProcessType::flow}), 1e-12);
  expect_equal(*make_process({.type = ProcessType::interpolant, .gamma = "0.7*sqrt(t*(1-t))"}),
               *make_process({.type = ProcessType::bridge, .sigma = 0.7}), 1e-9);
}

// The velocity given both ends, x_1 - x_0 + (1 - 2t) / (2t (1 - t)) (x - mean), is a' x_0 + b' x_1 + gamma'
// z.
TEST(Process, BridgeHasTheVelocityOfTheLiterature) {
  const auto bridge = make_process({.type = ProcessType::bridge, .sigma = 0.8});
  const double x0 = 0.4, x1 = -1.1, z = 0.6;
  for (const double t : {0.1, 0.5, 0.8}) {
    const double c = bridge->latent_noise(t), dc = bridge->latent_variance_rate(t) / (2 * c);
    EXPECT_NEAR(c, 0.8 * std::sqrt(t * (1 - t)), 1e-4);
    const double want = x1 - x0 + (1 - 2 * t) / (2 * t * (1 - t)) * c * z;
    EXPECT_NEAR(bridge->signal_rate(t) * x0 + x1 + dc * z, want, 1e-4);
  }
}

TEST(Process, LaddersAreTheirRecursions) {
  const auto ddpm = make_process({.type = ProcessType::ddpm});
  ASSERT_EQ(ddpm->levels(), 1000u);
  double product = 1;
  for (int i = 1; i <= 1000; ++i) {
    product *= 1 - (0.1 + 19.9 * (i - 1) / 999.0) / 1000;
    const double t = i / 1000.0;
    ASSERT_NEAR(ddpm->signal(t), std::sqrt(product), 1e-13 * std::sqrt(product));
    ASSERT_NEAR(ddpm->noise(t), std::sqrt(1 - product), 1e-12);
  }
  EXPECT_NEAR(ddpm->signal(1), std::sqrt(4.0358e-5), 1e-6);  // sqrt(abar) of Ho et al.
  // A fine ladder is the continuous process.
  const auto fine = make_process({.type = ProcessType::ddpm, .levels = 100'000});
  const auto vp = make_process({});
  for (const double t : {0.1, 0.5, 1.0})
    EXPECT_NEAR(fine->signal(t), vp->signal(t), 2e-4 * vp->signal(t) * 6);
  const auto ncsn = make_process({.type = ProcessType::ncsn, .levels = 10});
  for (int i = 1; i <= 10; ++i) {
    EXPECT_NEAR(ncsn->noise(i / 10.0), 0.01 * std::pow(5000, (i - 1) / 9.0), 1e-12 * std::pow(5000, i / 9.0));
  }
  EXPECT_EQ(ncsn->sampling_cutoff(), 0.1);
}

// Cubics between few levels whose steps grow quickly must still rise, with a rate that is continuous.
TEST(Process, LaddersOfFewLevelsRiseSmoothly) {
  for (const std::size_t levels : {2, 3, 10, 30}) {
    const auto ddpm = make_process({.type = ProcessType::ddpm, .beta_max = 1.5, .levels = levels});
    double last = INFINITY, rate = 0;
    for (int i = 1; i <= 3000; ++i) {
      const double t = i / 3000.0, lambda = ddpm->half_log_snr(t);
      ASSERT_LT(lambda, last) << levels << " " << t;
      ASSERT_NEAR(ddpm->time_at(lambda), t, 1e-10);
      const double next = ddpm->diffusion_squared(t);
      ASSERT_GT(next, 0);
      if (i > 1) {
        ASSERT_NEAR(next, rate, 0.02) << levels << " " << t;
      }
      rate = next;
      last = lambda;
    }
  }
}

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
  const auto cosine = make_process({.type = ProcessType::vp_cosine});
  const auto phase = [](double t) { return std::cos((t + 0.008) / 1.008 * std::acos(-1) / 2); };
  for (const double t : {0.01, 0.5, 0.99}) {
    EXPECT_NEAR(cosine->signal(t), phase(t) / phase(0), 1e-14);
  }
  EXPECT_DOUBLE_EQ(cosine->diffusion_squared(1), 999);
  // sigma of edm and time of vp: sigma = sqrt(e^B - 1), t = (sqrt(bmin^2 + 2 (bmax - bmin) ln(1 + sigma^2)) -
  // bmin) / (bmax - bmin).
  for (const double sigma : {0.01, 0.7, 30.0}) {
    const double t = (std::sqrt(0.01 + 2 * 19.9 * std::log1p(sigma * sigma)) - 0.1) / 19.9;
    EXPECT_NEAR(vp->time_at(-std::log(sigma)), t, 1e-13);
    EXPECT_NEAR(vp->noise(t) / vp->signal(t), sigma, 1e-12 * sigma);
  }
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
  EXPECT_THROW(make_process({.type = ProcessType::edm, .edm_sigma_min = 0}), Error);
  EXPECT_THROW(make_process({.type = ProcessType::vp_cosine, .offset = -1}), Error);
  EXPECT_THROW(make_process({.type = ProcessType::ddpm, .levels = 1}), Error);
  EXPECT_THROW(make_process({.type = ProcessType::ddpm, .levels = 10}), Error);  // beta > 1
  EXPECT_THROW(make_process({.type = ProcessType::flow, .path = FlowPath::lipman, .path_sigma_min = 1}),
               Error);
  EXPECT_THROW(make_process({.type = ProcessType::bridge, .sigma = -1}), Error);
  EXPECT_THROW(make_process({.type = ProcessType::interpolant, .gamma = "t"}), Error);
  EXPECT_THROW(make_process({.type = ProcessType::custom}), Error);
  EXPECT_THROW(make_process({.type = ProcessType::custom, .signal = "1"}), Error);
  EXPECT_THROW(make_process({.type = ProcessType::custom, .beta = "1", .drift = "1", .diffusion = "1"}),
               Error);
  EXPECT_THROW(make_process({.type = ProcessType::custom, .beta = "1 - 2*t"}), Error);
  EXPECT_THROW(make_process({.type = ProcessType::custom, .beta = "1/(1-t)^2"}), Error);
  EXPECT_THROW(make_process({.type = ProcessType::custom, .beta = "x"}), Error);
  EXPECT_THROW(make_process(custom("2 - t", "t")), Error);
  EXPECT_THROW(make_process(custom("1", "2 - t")), Error);
  EXPECT_THROW(make_process(custom("1", "-t")), Error);
}

TEST(Prediction, AllGiveTheSameScore) {
  const double x0 = 0.7, eps = -1.3;
  for (const Case& c : cases()) {
    const auto process = make_process(c.options);
    for (const double t : {0.01, 0.3, 0.9, 1.0}) {
      const Scales at = scales_at(*process, t);
      const double x = at.a * x0 + at.s * eps, score = -eps / at.s;
      for (const auto& [name, prediction] : enum_names(Prediction{})) {
        for (const double sigma_data : {0.5, 1.0}) {
          const Conversion v = conversion(prediction, at, sigma_data);
          const double output = v.target_data * x0 + v.target_noise * eps;
          // Rounding of the two terms that add up to the score, and of a' and s' beside one another.
          const double scale = std::fabs(v.from_state * x) + std::fabs(v.from_output * output);
          const double turn = std::fabs(at.ds * at.a) + std::fabs(at.da * at.s);
          const double lost = prediction == Prediction::flow ? turn / (at.a * at.ds - at.s * at.da) : 1;
          EXPECT_NEAR(v.from_state * x + v.from_output * output, score,
                      4e-15 * lost * scale + 1e-14 * std::fabs(score))
              << c.name << " " << name << " t " << t;
        }
      }
    }
  }
}

// Input and target of the edm prediction have unit variance for data of that standard deviation.
TEST(Prediction, EdmHasUnitVariance) {
  for (const double sigma_data : {0.5, 3.0}) {
    for (const double a : {0.1, 1.0}) {
      for (const double s : {0.01, 0.8, 60.0}) {
        const Conversion c = conversion(Prediction::edm, {a, s, 0, 0}, sigma_data);
        const double data = sigma_data * sigma_data;
        EXPECT_NEAR(c.input * c.input * (a * a * data + s * s), 1, 1e-14);
        EXPECT_NEAR(c.target_data * c.target_data * data + c.target_noise * c.target_noise, 1, 1e-14);
      }
    }
  }
}

// Velocities of flows: x_1 - x_0 on the straight path.
TEST(Prediction, FlowIsTheVelocity) {
  const auto ot = make_process({.type = ProcessType::flow});
  const Conversion c = conversion(Prediction::flow, scales_at(*ot, 0.3));
  EXPECT_NEAR(c.target_data, -1, 2e-5);
  EXPECT_NEAR(c.target_noise, 1, 2e-5);
}

TEST(Prediction, RefusesWhatDoesNotGoTogether) {
  const auto flow = make_process({.type = ProcessType::flow}), vp = make_process({}),
             ddpm = make_process({.type = ProcessType::ddpm});
  for (const auto& [name, prediction] : enum_names(Prediction{})) {
    const bool of_noise = prediction == Prediction::epsilon || prediction == Prediction::score ||
                          prediction == Prediction::energy;
    EXPECT_NO_THROW(check_prediction(prediction, *vp, "vp"));
    if (of_noise) {
      EXPECT_THROW(check_prediction(prediction, *flow, "flow"), Error) << name;
    } else {
      EXPECT_NO_THROW(check_prediction(prediction, *flow, "flow"));
    }
  }
  EXPECT_THROW(check_prediction(Prediction::flow, *ddpm, "ddpm"), Error);
}

TEST(Loss, FloorOfAGaussian) {
  const auto vp = make_process({});
  const DenoisingLoss loss(*vp, Prediction::epsilon, Weighting::sigma2, TimeSampling::uniform);
  EXPECT_NEAR(loss.gaussian_floor({0.25}), 0.173307, 5e-7);
  EXPECT_NEAR(loss.gaussian_floor({0.25, 0.25}), 0.173307, 5e-7);
  // Flow matching of N(0, 1) with N(m, 1): int dt / (t^2 + (1 - t)^2) = pi / 2.
  const auto flow = make_process({.type = ProcessType::flow});
  const DenoisingLoss matching(*flow, Prediction::flow, Weighting::uniform, TimeSampling::uniform);
  EXPECT_NEAR(matching.gaussian_floor({1.0}), std::acos(-1) / 2, 5e-5);
  // A ladder's is a mean over its levels.
  const auto ddpm = make_process({.type = ProcessType::ddpm, .levels = 200});
  const DenoisingLoss levels(*ddpm, Prediction::epsilon, Weighting::sigma2, TimeSampling::uniform);
  double want = 0;
  for (int i = 1; i <= 200; ++i) {
    const double a2 = std::pow(ddpm->signal(i / 200.0), 2);
    want += a2 * 0.25 / (a2 * 0.25 + 1 - a2) / 200;
  }
  EXPECT_NEAR(levels.gaussian_floor({0.25}), want, 1e-12);
  // However times are drawn, where the weight is divided by their density.
  for (const auto& process : {vp, flow, ddpm}) {
    const auto floor = [&](TimeSampling sampling) {
      const DenoisingLoss drawn(*process, Prediction::sample, Weighting::sigma2, sampling);
      return drawn.gaussian_floor({0.25, 0.75});
    };
    const double uniform = floor(TimeSampling::uniform);
    EXPECT_NEAR(floor(TimeSampling::least_variance), uniform, 1e-3 * uniform);
  }
}

// Targets of noise and of preconditioned networks have size one; that of x_0 is as large as the data, that of
// a velocity as fast as the process.
TEST(Loss, ScaleOfTheTarget) {
  const auto vp = make_process({}), flow = make_process({.type = ProcessType::flow}),
             edm = make_process({.type = ProcessType::edm}), ddpm = make_process({.type = ProcessType::ddpm});
  const auto scale = [](const NoiseProcess& process, Prediction prediction, double sigma_data = 1,
                        TimeSampling sampling = TimeSampling::uniform) {
    return DenoisingLoss(process, prediction, Weighting::sigma2, sampling, {}, sigma_data).target_scale();
  };
  for (const auto& process : {vp, edm, ddpm}) {
    EXPECT_EQ(static_cast<float>(scale(*process, Prediction::epsilon, 3)), 1);
    EXPECT_EQ(static_cast<float>(scale(*process, Prediction::score, 3)), 1);
    EXPECT_EQ(static_cast<float>(scale(*process, Prediction::energy, 3)), 1);
    EXPECT_EQ(static_cast<float>(scale(*process, Prediction::edm, 3)), 1);
    EXPECT_NEAR(scale(*process, Prediction::sample, 3), 3, 1e-9);
  }
  EXPECT_NEAR(scale(*vp, Prediction::v_prediction), 1, 1e-9);
  EXPECT_NEAR(scale(*edm, Prediction::flow), 80, 1e-9);
  EXPECT_NEAR(scale(*edm, Prediction::flow, 1, TimeSampling::least_variance), 80, 1e-9);
  EXPECT_NEAR(scale(*flow, Prediction::flow, 2), std::sqrt(5.0), 1e-4);
}

// The expected loss does not depend on whether times are drawn uniformly, for the least variance, or by
// importance, which makes the likelihood weighting constant.
TEST(Loss, ImportanceSamplingKeepsTheLoss) {
  for (const Case& c : cases()) {
    const auto process = make_process(c.options);
    for (const auto& [name, weighting] : enum_names(Weighting{})) {
      for (const auto& [output, prediction] : enum_names(Prediction{})) {
        // Others differ by a factor that cancels.
        const bool bounded = weighting == Weighting::sigma2 && prediction == Prediction::sample;
        if (weighting != Weighting::uniform && prediction != Prediction::epsilon && !bounded) continue;
        if (prediction == Prediction::flow && process->levels()) continue;
        double mean[3] = {0, 0, 0};
        for (int k = 0; k < 3; ++k) {
          const TimeSampling laws[] = {TimeSampling::uniform, TimeSampling::importance,
                                       TimeSampling::least_variance};
          const DenoisingLoss loss(*process, prediction, weighting, laws[k]);
          const int n = 10000;
          for (int i = 0; i < n; ++i) {
            const double u = (i + 0.5) / n;
            double t;
            loss.times(&u, 1, &t);
            const double a = process->signal(t), s = process->noise(t);
            const DenoisingLoss::At at = loss.at(t, a, s);
            // An error of epsilon that is bounded in every weighting.
            const double error = a * a * s * s / std::pow(a * a + s * s, 2);
            mean[k] += at.weight / std::pow(s * at.conversion.from_output, 2) * error / n;
          }
        }
        for (int k = 1; k < 3; ++k) {
          EXPECT_NEAR(mean[k], mean[0], 0.02 * mean[0]) << c.name << " " << name << " " << output << k;
        }
      }
    }
    const DenoisingLoss loss(*process, Prediction::epsilon, Weighting::likelihood, TimeSampling::importance);
    EXPECT_DOUBLE_EQ(loss.at(0.5, process->signal(0.5), process->noise(0.5)).weight, 1);
  }
}

// The second moment of weight times deviation is least where that product is the same at all times.
TEST(Loss, TimesOfLeastVariance) {
  const double sd = 0.5;
  for (const ProcessType type : {ProcessType::vp, ProcessType::ve, ProcessType::flow}) {
    const auto process = make_process({.type = type});
    const DenoisingLoss loss(*process, Prediction::sample, Weighting::sigma2, TimeSampling::least_variance,
                             {}, sd);
    double first = 0, last = 0;
    for (int i = 0; i < 1000; ++i) {
      const double u = (i + 0.5) / 1000;
      double t;
      loss.times(&u, 1, &t);
      EXPECT_GT(t, last);
      last = t;
      const double a = process->signal(t), sigma = process->noise(t) / a;
      const double noise = loss.at(t, a, a * sigma).weight * sigma * sd / std::hypot(sigma, sd);
      if (!i) first = noise;
      EXPECT_NEAR(noise, first, 0.02 * first) << t;
    }
  }
}

TEST(Loss, WeightsAreThoseOfTheirPapers) {
  const auto edm = make_process({.type = ProcessType::edm});
  const double sd = 0.5;
  const DenoisingLoss preconditioned(*edm, Prediction::edm, Weighting::edm, TimeSampling::lognormal, {}, sd);
  const DenoisingLoss sample(*edm, Prediction::sample, Weighting::edm, TimeSampling::lognormal, {}, sd);
  const DenoisingLoss snr(*edm, Prediction::sample, Weighting::min_snr, TimeSampling::uniform);
  const DenoisingLoss simple(*edm, Prediction::sample, Weighting::sigma2, TimeSampling::uniform);
  for (const double sigma : {0.003, 0.4, 30.0}) {
    EXPECT_NEAR(simple.at(sigma / 80, 1, sigma).weight, std::fmin(1 / (sigma * sigma), 500), 1e-8);
    EXPECT_NEAR(preconditioned.at(sigma / 80, 1, sigma).weight, 1, 1e-13);
    EXPECT_NEAR(sample.at(sigma / 80, 1, sigma).weight * std::pow(sigma * sd, 2) / (sigma * sigma + sd * sd),
                1, 1e-13);
    EXPECT_NEAR(snr.at(sigma / 80, 1, sigma).weight, std::fmin(1 / (sigma * sigma), 5), 1e-12);
  }
  // ln sigma is normal with these moments, but for the ends of the process.
  double mean = 0, square = 0;
  const int n = 100000;
  for (int i = 0; i < n; ++i) {
    const double u = (i + 0.5) / n;
    double t;
    preconditioned.times(&u, 1, &t);
    const double x = std::log(edm->noise(t));
    mean += x / n;
    square += x * x / n;
  }
  EXPECT_NEAR(mean, -1.2, 1e-3);
  EXPECT_NEAR(square - mean * mean, 1.44, 5e-3);
  EXPECT_THROW(DenoisingLoss(*edm, Prediction::edm, Weighting::edm, TimeSampling::lognormal, {.mean = 50}),
               Error);
  EXPECT_THROW(
      DenoisingLoss(*edm, Prediction::edm, Weighting::edm, TimeSampling::lognormal, {.deviation = 0}), Error);
}

}  // namespace
}  // namespace sde
