#include "score/observed.h"

#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <cmath>

#include "base/error.h"
#include "score/guidance.h"
#include "score/mixture.h"
#include "score/sampler.h"

namespace sde {
namespace {

using Matrix = std::vector<std::vector<double>>;

std::shared_ptr<const MixtureModel> gaussian(const std::vector<double>& mean, const Matrix& covariance) {
  ScoreDocument d;
  d.score.mean = mean;
  d.score.covariance = covariance;
  return make_mixture(d);
}

const std::vector<double> kMean = {0.5, -1, 0.2};
const Matrix kCovariance = {{1, 0.5, 0.2}, {0.5, 0.7, -0.1}, {0.2, -0.1, 0.4}};

// The Gaussian given A x + noise = y.
std::shared_ptr<const MixtureModel> posterior(const std::vector<double>& mean, const Matrix& covariance,
                                              const Matrix& rows, const std::vector<double>& y,
                                              double noise) {
  const auto D = static_cast<Eigen::Index>(mean.size()), m = static_cast<Eigen::Index>(y.size());
  Eigen::MatrixXd C(D, D), A(m, D);
  Eigen::VectorXd mu(D), v(m);
  for (Eigen::Index i = 0; i < D; ++i) {
    mu(i) = mean[static_cast<std::size_t>(i)];
    for (Eigen::Index j = 0; j < D; ++j)
      C(i, j) = covariance[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)];
  }
  for (Eigen::Index k = 0; k < m; ++k) {
    v(k) = y[static_cast<std::size_t>(k)];
    for (Eigen::Index j = 0; j < D; ++j)
      A(k, j) = rows[static_cast<std::size_t>(k)][static_cast<std::size_t>(j)];
  }
  const Eigen::MatrixXd S = A * C * A.transpose() + noise * noise * Eigen::MatrixXd::Identity(m, m);
  const Eigen::MatrixXd gain = C * A.transpose() * S.inverse();
  const Eigen::VectorXd mean_after = mu + gain * (v - A * mu);
  Eigen::MatrixXd after = C - gain * A * C;
  after = 0.5 * (after + after.transpose().eval());
  std::vector<double> out(static_cast<std::size_t>(D));
  Matrix matrix(out.size(), out);
  for (Eigen::Index i = 0; i < D; ++i) {
    out[static_cast<std::size_t>(i)] = mean_after(i);
    for (Eigen::Index j = 0; j < D; ++j)
      matrix[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)] = after(i, j);
  }
  return gaussian(out, matrix);
}

ObservationOptions linear(ObservationMethod method, double noise) {
  ObservationOptions o;
  o.method = method;
  o.matrix = Matrix{{1, 2, -1}, {0, 1, 1}};
  o.value = std::vector<double>{1.5, -0.3};
  o.noise = noise;
  return o;
}

// The largest difference between the scores, relative to the exact one.
double difference(const ScoreModel& model, const ScoreModel& exact, std::initializer_list<double> times) {
  StateBlock<double> x(3, 16), a(3, 16), b(3, 16);
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t l = 0; l < 16; ++l)
      x.row(i)[l] = std::sin(1.0 + 3.1 * static_cast<double>(i) + 0.9 * static_cast<double>(l));
  }
  SdeWorkspace w;
  double worst = 0, size = 0;
  for (const double t : times) {
    model.score({t, nullptr}, x, a, w);
    exact.score({t, nullptr}, x, b, w);
    for (std::size_t i = 0; i < 3; ++i) {
      for (std::size_t l = 0; l < 16; ++l) {
        worst = std::fmax(worst, std::fabs(a.row(i)[l] - b.row(i)[l]));
        size = std::fmax(size, std::fabs(b.row(i)[l]));
      }
    }
  }
  return worst / size;
}

const std::vector<std::string> kColumns = {"x", "y", "z"};

TEST(Observed, TweedieMomentsAreExactForGaussians) {
  const auto model = gaussian(kMean, kCovariance);
  for (const double noise : {0.0, 0.3}) {
    const ObservationOptions o = linear(ObservationMethod::tweedie, noise);
    const auto exact = posterior(kMean, kCovariance, *o.matrix, *o.value, noise);
    const auto observed = observe(model, make_observation(*model, o, kColumns));
    EXPECT_LT(difference(*observed, *exact, {0.01, 0.1, 0.5, 1.0}), 1e-8) << noise;
    EXPECT_EQ(observed->cost(), 2u);
  }
}

// Known components are an observation by rows of the identity.
TEST(Observed, InpaintingIsTheConditionalGaussian) {
  const auto model = gaussian(kMean, kCovariance);
  ObservationOptions o;
  o.known = {{"z", 0.7}, {"x", -0.4}};
  const auto exact = posterior(kMean, kCovariance, {{1, 0, 0}, {0, 0, 1}}, {-0.4, 0.7}, 0);
  const auto observed = observe(model, make_observation(*model, o, kColumns));
  EXPECT_LT(difference(*observed, *exact, {0.05, 0.3, 1.0}), 1e-7);
}

TEST(Observed, PigdmIsExactForRoundGaussians) {
  const Matrix round = {{2, 0, 0}, {0, 2, 0}, {0, 0, 2}};
  const auto model = gaussian(kMean, round);
  ObservationOptions o = linear(ObservationMethod::pigdm, 0.2);
  o.variance = 2;
  const auto exact = posterior(kMean, round, *o.matrix, *o.value, 0.2);
  EXPECT_LT(difference(*observe(model, make_observation(*model, o, kColumns)), *exact, {0.01, 0.2, 1.0}),
            1e-10);
  // Of another covariance it is an approximation.
  const auto other = gaussian(kMean, kCovariance);
  const auto exact_other = posterior(kMean, kCovariance, *o.matrix, *o.value, 0.2);
  EXPECT_GT(difference(*observe(other, make_observation(*other, o, kColumns)), *exact_other, {0.2}), 0.01);
}

// Without a covariance for x_0 the error falls as that of the observation grows.
TEST(Observed, DpsIsExactInTheLimitOfMuchNoise) {
  const auto model = gaussian(kMean, kCovariance);
  double before = 10;
  for (const double noise : {1.0, 10.0, 100.0}) {
    const ObservationOptions o = linear(ObservationMethod::dps, noise);
    const auto exact = posterior(kMean, kCovariance, *o.matrix, *o.value, noise);
    const double error =
        difference(*observe(model, make_observation(*model, o, kColumns)), *exact, {0.2, 0.6});
    EXPECT_LT(error, 0.2 * before) << noise;
    before = error;
  }
  EXPECT_LT(before, 1e-5);
}

// The sampler's mean and covariance of x given y = 1, for unit variances of correlation 0.8: an affine map of
// its normals. Lane 0 draws zeros, lane k + 1 only number k.
std::pair<double, double> law_of_x(ObservationMethod method, std::uint64_t resamples, std::uint64_t steps) {
  const auto model = gaussian({0, 0}, {{1, 0.8}, {0.8, 1}});
  SampleOptions o;
  o.sampler = "ancestral";
  o.steps = steps;
  o.grid = GridType::logsnr;
  o.denoise = false;
  ObservationOptions known;
  known.method = method;
  known.known = {{"y", 1}};
  if (method == ObservationMethod::repaint) known.resamples = resamples;
  const Observation observation = make_observation(*model, known, {"x", "y"});
  const Sampler sampler(model, o, observation);
  const std::size_t draws = sampler.draws();
  // Normals have two components.
  StateBlock<double> x(2, 1 + 2 * draws + 2);
  const std::size_t L = x.lanes();
  x.row(0)[1 + 2 * draws] = x.row(1)[2 + 2 * draws] = 1;  // the prior's draws
  AlignedVector<double> evaluations(L, 0.0);
  SamplerWorkspace w;
  const auto unit = [&](std::uint64_t number, double* z) {
    std::fill_n(z, 2 * L, 0.0);
    z[1 + 2 * number] = 1;
    z[L + 2 + 2 * number] = 1;
  };
  EXPECT_TRUE(sampler.run(x, unit, evaluations.data(), w, {}));
  const double mean = x.row(0)[0];
  double variance = 0;
  for (std::size_t l = 1; l < L && l <= 2 * draws + 2; ++l) {
    variance += std::pow(x.row(0)[l] - mean, 2);
    EXPECT_EQ(x.row(1)[l], 1);  // what is known stays as it is, without noise
  }
  return {mean, variance};
}

TEST(Observed, ResamplingBringsReplacementToTheConditional) {
  const double mean = 0.8, variance = 0.36;
  const auto plain = law_of_x(ObservationMethod::replacement, 1, 60);
  const auto few = law_of_x(ObservationMethod::repaint, 5, 60);
  const auto many = law_of_x(ObservationMethod::repaint, 20, 60);
  EXPECT_LT(std::fabs(few.first - mean), 0.5 * std::fabs(plain.first - mean));
  EXPECT_LT(std::fabs(many.first - mean), 0.02);
  EXPECT_LT(std::fabs(many.second - variance), 0.03);
  EXPECT_LT(std::fabs(many.second - variance), std::fabs(plain.second - variance));
}

// The mean alone, which is the path without normals.
double mean_of_x(std::uint64_t resamples, std::uint64_t steps) {
  const auto model = gaussian({0, 0}, {{1, 0.8}, {0.8, 1}});
  SampleOptions o;
  o.sampler = "ancestral";
  o.steps = steps;
  o.eps = 0;
  ObservationOptions known;
  known.method = ObservationMethod::repaint;
  known.known = {{"y", 1}};
  known.resamples = resamples;
  const Sampler sampler(model, o, make_observation(*model, known, {"x", "y"}));
  StateBlock<double> x(2, 1);
  const std::size_t L = x.lanes();
  AlignedVector<double> evaluations(L, 0.0);
  SamplerWorkspace w;
  const auto none = [&](std::uint64_t, double* z) { std::fill_n(z, 2 * L, 0.0); };
  EXPECT_TRUE(sampler.run(x, none, evaluations.data(), w, {}));
  EXPECT_EQ(evaluations[0], static_cast<double>(steps * resamples));
  return x.row(0)[0];
}

// Known components are noised anew each time, so that neither more steps nor more repetitions alone lead to
// the conditional mean 0.8, but both together do. For a linear score the mean is a recursion of two numbers,
// which numpy carried out: (x + b score) / sqrt(1 - b), then sqrt(1 - b) x between repetitions.
TEST(Observed, RepaintTendsToTheConditionalAsStepsAndResamplesGrow) {
  EXPECT_NEAR(mean_of_x(10, 50), 0.75890837711986, 1e-12);
  EXPECT_NEAR(mean_of_x(10, 1000), 0.7683598992639807, 1e-12);  // steps alone
  EXPECT_NEAR(mean_of_x(1000, 50), 0.7952302748181064, 1e-12);  // repetitions alone
  EXPECT_NEAR(mean_of_x(100, 100), 0.7953685890800389, 1e-12);
  EXPECT_NEAR(mean_of_x(1000, 250), 0.7993853244809432, 1e-12);
  EXPECT_NEAR(mean_of_x(4000, 500), 0.8, 3e-4);
}

// Through the whole service, with Tweedie moments: four standard errors of the mean.
TEST(Observed, SamplesFollowTheConditional) {
  const auto model = gaussian({0, 0}, {{1, 0.8}, {0.8, 1}});
  ObservationOptions known;
  known.known = {{"y", 1}};
  const Observation observation = make_observation(*model, known, {"x", "y"});
  SampleOptions o;
  o.sampler = "dpmpp_2m";
  o.steps = 60;
  o.samples = 4096;
  const SampleResult result = sample(observe(model, observation), o, 0, {});
  EXPECT_NEAR(result.moments[0].mean, 0.8, 4 * 0.6 / 64 + 2e-3);
  EXPECT_NEAR(std::sqrt(result.moments[0].variance()), 0.6, 4 * 0.6 / 90 + 2e-3);
  EXPECT_NEAR(result.moments[1].mean, 1, 1e-3);
  EXPECT_LT(std::sqrt(result.moments[1].variance()), 0.02);
  EXPECT_EQ(result.nfe(), 60);
}

TEST(Observed, RefusesWhatDoesNotFit) {
  const auto model = gaussian(kMean, kCovariance);
  const auto refused = [&](auto change) {
    ObservationOptions o = linear(ObservationMethod::tweedie, 0.1);
    change(o);
    EXPECT_THROW(make_observation(*model, o, kColumns), Error);
  };
  refused([](auto& o) { o.matrix.reset(); });
  refused([](auto& o) { o.known = {{"x", 1}}; });
  refused([](auto& o) { o.value = std::vector<double>{1}; });
  refused([](auto& o) { (*o.matrix)[1] = {2, 4, -2}; });
  refused([](auto& o) { (*o.matrix)[1] = {2, 4}; });
  refused([](auto& o) { o.noise = -1; });
  refused([](auto& o) { o.method = ObservationMethod::repaint; });
  refused([](auto& o) {
    o.method = ObservationMethod::dps;
    o.noise = 0;
  });
  refused([](auto& o) {
    o = {};
    o.known = {{"q", 1}};
  });
  ObservationOptions known;
  known.method = ObservationMethod::replacement;
  known.known = {{"x", 1}};
  SampleOptions o;
  o.sampler = "dpmpp_2m";
  EXPECT_THROW(Sampler(model, o, make_observation(*model, known, kColumns)), Error);
  o.sampler = "rk45";
  EXPECT_THROW(Sampler(model, o, make_observation(*model, known, kColumns)), Error);
}

std::shared_ptr<const MixtureModel> two_classes() {
  ScoreDocument d;
  d.score.type = "gaussian_mixture";
  d.score.weights = {0.3, 0.7};
  d.score.means = {{-2, 0, 0}, {2, 1, 0}};
  d.score.covariances = {kCovariance, kCovariance};
  return make_mixture(d);
}

// Scale 0 is the mixture, 1 the component, and others lie on the line through both.
TEST(Guidance, CombinesTheScoresWithAndWithoutLabel) {
  const auto model = two_classes();
  const auto component = gaussian({2, 1, 0}, kCovariance);
  EXPECT_LT(difference(*guide(model, 1, {}), *component, {0.1, 0.5}), 1e-12);
  EXPECT_LT(difference(*guide(model, 1, 1.0), *component, {0.1, 0.5}), 1e-12);
  EXPECT_LT(difference(*guide(model, 1, 0.0), *model, {0.1, 0.5}), 1e-12);
  EXPECT_EQ(guide(model, 1, 1.0)->cost(), 1u);
  const auto guided = guide(model, 1, 3.0);
  EXPECT_EQ(guided->cost(), 2u);
  StateBlock<double> x(3, 16), a(3, 16), b(3, 16), c(3, 16), v(3, 16), p(3, 16), q(3, 16), r(3, 16);
  AlignedVector<double> da(16), db(16), dc(16);
  for (std::size_t l = 0; l < 16; ++l) {
    x.row(0)[l] = 0.3 * static_cast<double>(l) - 2;
    v.row(1)[l] = 1;
  }
  SdeWorkspace w;
  guided->score_and_divergence({0.3, nullptr}, x, a, da.data(), w);
  model->score_and_divergence({0.3, nullptr}, x, b, db.data(), w);
  component->score_and_divergence({0.3, nullptr}, x, c, dc.data(), w);
  for (std::size_t l = 0; l < 16; ++l) {
    EXPECT_NEAR(a.row(0)[l], -2 * b.row(0)[l] + 3 * c.row(0)[l], 1e-10);
    EXPECT_NEAR(da[l], -2 * db[l] + 3 * dc[l], 1e-10);
  }
  guided->score_and_product({0.3, nullptr}, x, v, a, p, w);
  model->score_and_product({0.3, nullptr}, x, v, b, q, w);
  component->score_and_product({0.3, nullptr}, x, v, c, r, w);
  for (std::size_t l = 0; l < 16; ++l) EXPECT_NEAR(p.row(2)[l], -2 * q.row(2)[l] + 3 * r.row(2)[l], 1e-10);

  SampleOptions o;
  o.sampler = "heun";
  o.steps = 20;
  o.samples = 16;
  EXPECT_EQ(sample(guided, o, 0, {}).nfe(), 80);
  EXPECT_THROW(guide(component, 0, {}), Error);
  EXPECT_THROW(guide(model, 2, {}), Error);
  EXPECT_THROW(guide(model, 0, std::nan("")), Error);
}

// To noise and back, and along great circles.
TEST(Encode, DecodingReturns) {
  const auto model = two_classes();
  std::vector<double> rows;
  for (int k = 0; k < 20; ++k)
    rows.insert(rows.end(), {2 * std::sin(k * 1.0), std::cos(k * 0.6), 0.3 * std::sin(2.0 * k)});
  std::uint64_t evaluations = 0;
  SampleOptions o;
  o.rtol = o.atol = 1e-7;
  const std::vector<double> noise = encode(model, o, rows, evaluations);
  EXPECT_GT(evaluations, 20u * 50);
  SampleStart start{SampleStart::From::noise, noise};
  o.sampler = "rk45";
  o.samples = 20;
  sample(
      model, o, 0,
      [&](const SampleBlock& b) {
        for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_NEAR(b.values[i], rows[i], 1e-4);
      },
      {}, &start);
  const std::vector<double> path = interpolate({3, 0, 0, 6}, 2, 3);
  ASSERT_EQ(path.size(), 6u);
  EXPECT_NEAR(path[2], 3, 1e-12);  // sqrt(18) at 45 degrees
  EXPECT_NEAR(path[3], 3, 1e-12);
  EXPECT_EQ(path[4], 0);
  EXPECT_EQ(path[5], 6);
  EXPECT_THROW(interpolate({3, 0, 0}, 1, 3), Error);
}

// Samples from noised data keep what is coarser than the noise: from early times they stay near their datum.
TEST(Encode, PartialNoisingStartsFromTheData) {
  const auto model = two_classes();
  SampleStart start{SampleStart::From::data, {-2, 0, 0, 2, 1, 0}};
  SampleOptions o;
  o.sampler = "dpmpp_2m";
  o.start_time = 0.2;
  o.samples = 64;
  const auto kept = [&] {
    int n = 0;
    sample(
        model, o, 0,
        [&](const SampleBlock& b) {
          for (std::size_t l = 0; l < b.samples; ++l) n += (b.values[3 * l] > 0) == (l % 2 == 1);
        },
        {}, &start);
    return n;
  };
  EXPECT_EQ(kept(), 64);
  o.start_time = 1;
  EXPECT_LT(kept(), 50);
}

}  // namespace
}  // namespace sde
