#include "score/likelihood.h"

#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include <cmath>
#include <limits>
#include <numbers>

#include "base/error.h"
#include "score/dequantise.h"
#include "score/mixture.h"

namespace sde {
namespace {

ScoreDocument two_modes(ProcessType type = ProcessType::vp) {
  ScoreDocument d;
  d.process.type = type;
  d.score.type = "gaussian_mixture";
  d.score.weights = {1, 3};
  d.score.means = {{-2, 0}, {2, 0.5}};
  d.score.covariances = {{{0.25, 0}, {0, 0.25}}, {{0.3, 0.1}, {0.1, 0.2}}};
  return d;
}

std::vector<double> points(std::size_t n) {
  std::vector<double> x;
  for (std::size_t i = 0; i < n; ++i) {
    x.push_back(3 * std::sin(1.3 * static_cast<double>(i)));
    x.push_back(1.2 * std::cos(2.1 * static_cast<double>(i)));
  }
  return x;
}

std::vector<double> exact(const MixtureModel& model, const std::vector<double>& x, double t = 0) {
  StateBlock<double> block(2, x.size() / 2);
  for (std::size_t k = 0; k < x.size(); ++k) block.row(k % 2)[k / 2] = x[k];
  AlignedVector<double> out(block.lanes());
  SdeWorkspace w;
  model.log_density(t, block, out.data(), w);
  return {out.begin(), out.begin() + static_cast<std::ptrdiff_t>(x.size() / 2)};
}

struct Collected {
  std::vector<double> value, error;
  LikelihoodResult result;
};

Collected run(const std::shared_ptr<const ScoreModel>& model, const std::vector<double>& x,
              const LikelihoodOptions& o = {}) {
  Collected c;
  c.result = likelihood(model, x, x.size() / 2, o, [&](const LikelihoodBlock& b) {
    EXPECT_EQ(b.first, c.value.size());
    c.value.insert(c.value.end(), b.value.begin(), b.value.end());
    c.error.insert(c.error.end(), b.standard_error.begin(), b.standard_error.end());
  });
  return c;
}

TEST(Likelihood, ExactTraceMeetsTheExactDensity) {
  for (const ProcessType type : {ProcessType::vp, ProcessType::subvp}) {
    const auto model = make_mixture(two_modes(type));
    const auto x = points(200);
    const auto truth = exact(*model, x);
    const Collected c = run(model, x);
    for (std::size_t i = 0; i < truth.size(); ++i) ASSERT_NEAR(c.value[i], truth[i], 1e-3) << i;
    EXPECT_EQ(c.result.budget.probe, 0);
    EXPECT_LT(c.result.budget.ode, 1e-3);
    EXPECT_LT(c.result.budget.cutoff, 1e-4);
    EXPECT_EQ(c.result.budget.prior, 0);
    EXPECT_GT(c.result.nfe, 50);
  }
}

// Under ve the flow starts at the smallest noise, not at none: the density is that of the data with sigma_min
// added.
TEST(Likelihood, VarianceExplodingMeetsTheNoisedDensity) {
  const auto model = make_mixture(two_modes(ProcessType::ve));
  const auto x = points(64);
  const auto truth = exact(*model, x, 1e-5);
  const Collected c = run(model, x);
  for (std::size_t i = 0; i < truth.size(); ++i) ASSERT_NEAR(c.value[i], truth[i], 1e-3) << i;
}

// A model that does not know its density: the prior stands for p_1, at the cost that the budget names.
class Forgetful final : public ScoreModel {
 public:
  explicit Forgetful(std::shared_ptr<const ScoreModel> m)
      : ScoreModel(make_process({})), model_(std::move(m)) {
    standardisation_ = {{1, -2}, {2, 0.5}};
  }
  std::size_t dimension() const override { return model_->dimension(); }
  void score(BlockTime t, ConstBlock x, Block s, SdeWorkspace& w) const override {
    model_->score(t, x, s, w);
  }
  void score_and_divergence(BlockTime t, ConstBlock x, Block s, double* d, SdeWorkspace& w) const override {
    model_->score_and_divergence(t, x, s, d, w);
  }
  void score_and_product(BlockTime t, ConstBlock x, ConstBlock v, Block s, Block p,
                         SdeWorkspace& w) const override {
    model_->score_and_product(t, x, v, s, p, w);
  }
  double workspace_bytes(std::size_t lanes) const override { return model_->workspace_bytes(lanes); }

 private:
  std::shared_ptr<const ScoreModel> model_;
};

TEST(Likelihood, StandardisedModelWithThePriorAtItsEnd) {
  ScoreDocument d = two_modes();
  d.score.weights = {1, 1};
  d.score.means = {{-1, 0}, {1, 0}};  // centred, as standardised data are
  const auto inner = make_mixture(d);
  const auto z = points(100);
  auto x = z;
  for (std::size_t i = 0; i < 100; ++i) {
    x[2 * i] = 1 + 2 * z[2 * i];
    x[2 * i + 1] = -2 + 0.5 * z[2 * i + 1];
  }
  const auto truth = exact(*inner, z);
  const Collected c = run(std::make_shared<Forgetful>(inner), x);
  // |d data / d z| = 1, so that only the mismatch of the prior is left.
  for (std::size_t i = 0; i < truth.size(); ++i) ASSERT_NEAR(c.value[i], truth[i], 1e-3) << i;
  EXPECT_GT(c.result.budget.prior, 0);
  EXPECT_LT(c.result.budget.prior, 1e-4);
}

TEST(Likelihood, TheBudgetBoundsLooseTolerances) {
  const auto model = make_mixture(two_modes());
  const auto x = points(64);
  const auto truth = exact(*model, x);
  LikelihoodOptions o;
  o.rtol = o.atol = 1e-2;
  const Collected c = run(model, x, o);
  double error = 0;
  for (std::size_t i = 0; i < truth.size(); ++i) error += std::fabs(c.value[i] - truth[i]) / 64;
  EXPECT_GT(error, 1e-4);  // or else nothing is tested
  EXPECT_GT(c.result.budget.ode, 0.3 * error);
  EXPECT_LT(c.result.budget.ode, 3 * error);
}

// Unbiased, with the error that it states: z-scores of 200 data have mean 0 and variance near 1.
TEST(Likelihood, HutchinsonIsUnbiasedWithItsStandardError) {
  const auto model = make_mixture(two_modes());
  const auto x = points(200);
  const auto truth = exact(*model, x);
  for (const ProbeType type : {ProbeType::rademacher, ProbeType::gaussian}) {
    LikelihoodOptions o;
    o.divergence = Divergence::hutchinson;
    o.probes = 32;
    o.probe_type = type;
    o.seed = 2;
    o.check = 0;
    const Collected c = run(model, x, o);
    double mean = 0, squares = 0;
    for (std::size_t i = 0; i < truth.size(); ++i) {
      const double z = (c.value[i] - truth[i]) / std::hypot(c.error[i], 1e-3);
      mean += z / 200;
      squares += z * z / 200;
    }
    EXPECT_LT(std::fabs(mean), 4 / std::sqrt(200.0)) << static_cast<int>(type);
    EXPECT_GT(squares, 0.4);
    EXPECT_LT(squares, 1.6);
    EXPECT_GT(c.result.budget.probe, 0);
    EXPECT_TRUE(std::isnan(c.result.budget.ode));
  }
}

TEST(Likelihood, SameBitsForAnyThreadsAndNeighbours) {
  const auto model = make_mixture(two_modes());
  const auto x = points(300);
  const tbb::global_control one(tbb::global_control::max_allowed_parallelism, 1);
  const auto all = run(model, x).value;
  {
    const tbb::global_control two(tbb::global_control::max_allowed_parallelism, 2);
    EXPECT_EQ(run(model, x).value, all);
  }
  const std::vector<double> few(x.begin(), x.begin() + 10);
  const auto first = run(model, few).value;
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(first[i], all[i]);
}

TEST(Likelihood, RefusesBadData) {
  const auto model = make_mixture(two_modes());
  std::vector<double> x = points(5);
  EXPECT_THROW(likelihood(model, x, 10, {}), Error);
  x[3] = std::numeric_limits<double>::quiet_NaN();
  try {
    likelihood(model, x, 5, {});
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.status(), Status::bad_data);
    EXPECT_NE(std::string(e.what()).find("row 2, column 2"), std::string::npos) << e.what();
  }
  LikelihoodOptions o;
  o.rtol = 0;
  EXPECT_THROW(likelihood(model, points(5), 5, o), Error);
  o = {};
  o.divergence = Divergence::hutchinson;
  o.probes = 1;
  EXPECT_THROW(likelihood(model, points(5), 5, o), Error);
}

// One Gaussian, correlated: its score is linear, so the integral of the Jacobian is one matrix M for all
// data.
ScoreDocument correlated(const ProcessOptions& process, std::vector<double> mean = {0.5, 0}) {
  ScoreDocument d;
  d.process = process;
  d.score.mean = std::move(mean);
  d.score.covariance = {{1.5, 0.6}, {0.6, 0.5}};
  return d;
}

TEST(Likelihood, GaussiansAreExactUnderEveryProcess) {
  for (const ProcessTraits& row : processes()) {
    if (row.type == ProcessType::custom) continue;
    ProcessOptions process;
    process.type = row.type;
    const auto model = make_mixture(correlated(process));
    const auto x = points(16);
    LikelihoodOptions o;
    o.rtol = o.atol = row.type == ProcessType::ddpm ? 1e-8 : 1e-9;
    // The rate of ddpm has kinks between its levels, and that of vp_cosine one where it is held back.
    const double bound = row.type == ProcessType::ddpm        ? 5e-3
                         : row.type == ProcessType::vp_cosine ? 1e-5
                                                              : 1e-6;
    const Collected c = run(model, x, o);
    // Of the noised data where the flow starts: exact. Of the data: within what the budget says.
    const auto noised = exact(*model, x, model->process().likelihood_cutoff());
    const auto truth = exact(*make_mixture(correlated({})), x);  // ve and ncsn have noise at 0 too
    double error = 0;
    for (std::size_t i = 0; i < truth.size(); ++i) {
      ASSERT_NEAR(c.value[i], noised[i], bound) << row.name << ' ' << i;
      error += std::fabs(c.value[i] - truth[i]) / static_cast<double>(truth.size());
    }
    EXPECT_LT(error, 1.5 * (c.result.budget.cutoff + c.result.budget.ode)) << row.name;
    EXPECT_GT(10 * error + 1e-8, c.result.budget.cutoff) << row.name;
  }
}

// Estimates are v' M v: with Rademacher probes in two dimensions tr M +- 2 M_12, of variance 2 sum_{i != j}
// M_ij^2; with Gaussian ones of variance 2 |M|_F^2. M has the covariance's eigenvectors, and eigenvalue k is
// ln of what the flow scales that mode by, sqrt((a_1^2 L + s_1^2) / (a_0^2 L + s_0^2)).
TEST(Likelihood, HutchinsonHasTheClosedFormVariance) {
  const auto model = make_mixture(correlated({}));
  const NoiseProcess& p = model->process();
  const double middle = 1.0, half = std::hypot(0.5, 0.6);  // eigenvalues 1 +- half
  const auto grown = [&](double L) {
    const double eps = p.likelihood_cutoff();
    const auto variance = [&](double t) { return std::pow(p.signal(t), 2) * L + std::pow(p.noise(t), 2); };
    return 0.5 * std::log(variance(1) / variance(eps));
  };
  const double up = grown(middle + half), down = grown(middle - half);
  const double diagonal = 0.5 * (up + down), turn = 0.5 * (up - down);
  const double m12 = turn * 0.6 / half, m11 = diagonal + turn * 0.5 / half,
               m22 = diagonal - turn * 0.5 / half;
  const auto x = points(3000);
  const auto truth = exact(*model, x);
  for (const ProbeType type : {ProbeType::rademacher, ProbeType::gaussian}) {
    LikelihoodOptions o;
    o.divergence = Divergence::hutchinson;
    o.probes = 2;
    o.probe_type = type;
    o.check = 0;
    const Collected c = run(model, x, o);
    double mean = 0, variance = 0, stated = 0;
    for (std::size_t i = 0; i < truth.size(); ++i) {
      const double e = c.value[i] - truth[i];
      mean += e / 3000;
      variance += e * e / 3000;
      stated += c.error[i] * c.error[i] / 3000;
      if (type == ProbeType::rademacher) {  // 2, 0 or -2 times M_12
        ASSERT_NEAR(std::remainder(e, 2 * m12), 0, 1e-3) << i;
      }
    }
    const double exact_variance = type == ProbeType::rademacher
                                      ? 2 * m12 * m12
                                      : m11 * m11 + m22 * m22 + 2 * m12 * m12;  // of a mean of two
    EXPECT_LT(std::fabs(mean), 4 * std::sqrt(exact_variance / 3000));
    EXPECT_NEAR(variance / exact_variance, 1, type == ProbeType::rademacher ? 0.08 : 0.25);
    EXPECT_NEAR(stated / exact_variance, 1, type == ProbeType::rademacher ? 0.08 : 0.25);
  }
}

TEST(Likelihood, HutchPlusPlusIsExactOnItsBasisAndUnbiasedBeyond) {
  const auto model = make_mixture(two_modes());
  const auto x = points(60);
  const auto truth = exact(*model, x);
  LikelihoodOptions o;
  o.divergence = Divergence::hutch_plus_plus;
  o.probes = 2;  // of the dimension: nothing is left to chance
  const Collected c = run(model, x, o);
  for (std::size_t i = 0; i < truth.size(); ++i) ASSERT_NEAR(c.value[i], truth[i], 2e-3) << i;
  EXPECT_LT(c.result.budget.probe, 1e-6);

  // Twelve dimensions, in one of which, far from the axes, the data are narrow: most of the trace is there.
  ScoreDocument d;
  d.score.mean = std::vector<double>(12, 0.0);
  d.score.covariance.emplace();
  double length = 0;
  std::vector<double> u(12);
  for (std::size_t i = 0; i < 12; ++i) {
    u[i] = std::cos(1.0 + static_cast<double>(i));
    length += u[i] * u[i];
  }
  for (std::size_t i = 0; i < 12; ++i) {
    d.score.covariance->emplace_back(12, 0.0);
    for (std::size_t j = 0; j < 12; ++j)
      (*d.score.covariance)[i][j] = (i == j ? 1 : 0) - 0.999 * u[i] * u[j] / length;
  }
  const auto wide = make_mixture(d);
  std::vector<double> y;
  for (std::size_t k = 0; k < 40 * 12; ++k) y.push_back(std::sin(1.7 * static_cast<double>(k)));
  const auto values = [&](Divergence divergence, std::uint64_t probes, double* error) {
    LikelihoodOptions q;
    q.divergence = divergence;
    q.probes = probes;
    q.check = 0;
    std::vector<double> v;
    const LikelihoodResult r = likelihood(
        wide, y, 40, q, [&](const LikelihoodBlock& b) { v.insert(v.end(), b.value.begin(), b.value.end()); });
    if (error) *error = r.budget.probe;
    return v;
  };
  double plain = 0, better = 0, bias = 0, squares = 0;
  const auto full = values(Divergence::exact, 2, nullptr), rough = values(Divergence::hutchinson, 12, &plain),
             fine = values(Divergence::hutch_plus_plus, 4, &better);
  for (std::size_t k = 0; k < 40; ++k) {
    bias += (fine[k] - full[k]) / 40;
    squares += std::pow(fine[k] - full[k], 2) / 40;
  }
  EXPECT_LT(std::fabs(bias), 4 * std::sqrt(squares / 40));
  EXPECT_GT(better, 0.4 * std::sqrt(squares));  // the error that it states
  EXPECT_LT(better, 2.5 * std::sqrt(squares));
  EXPECT_LT(better, 0.5 * plain);  // at as many products
}

TEST(Likelihood, RefusesDataOutOfRange) {
  const auto model = make_mixture(two_modes());
  auto x = points(5);
  x[6] = 1e30;
  try {
    likelihood(model, x, 5, {});
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.status(), Status::bad_data);
    EXPECT_NE(std::string(e.what()).find("row 4, column 1"), std::string::npos) << e.what();
  }
}

TEST(Dequantise, FindsTheLattice) {
  const auto whole = find_lattice({3, 0, 16, 7, 5, 4});
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->origin, 0);
  EXPECT_EQ(whole->step, 1);
  EXPECT_EQ(whole->levels, 17u);
  std::vector<double> pixels;
  for (int k = 0; k < 256; k += 5) pixels.push_back(static_cast<float>(k / 255.0));
  pixels.push_back(static_cast<float>(4 / 255.0));
  const auto image = find_lattice(pixels);
  ASSERT_TRUE(image);
  EXPECT_NEAR(image->step, 1 / 255.0, 1e-9);
  EXPECT_EQ(image->levels, 256u);
  EXPECT_FALSE(find_lattice({0, 1, 1.4142}));
  EXPECT_FALSE(find_lattice({0.1234, 5.4321, -3.3, 2.71828, 1e-3}));
  EXPECT_FALSE(find_lattice({2, 2, 2}));
  EXPECT_TRUE(find_lattice({2, 2, 2}, 1.0));
  EXPECT_FALSE(find_lattice({0, 1, 2}, 0.75));
}

// A Gaussian's mass of unit cells: the bound from one draw is above the entropy, and the log of the mean over
// many draws comes down to it.
TEST(Dequantise, BoundsTheMassOfCells) {
  const auto phi = [](double z) { return 0.5 * std::erfc(-z / std::numbers::sqrt2); };
  const std::vector<double> data{-2, 0, 1, 1, 3, 0};  // three rows of two
  const std::uint64_t draws = 4000;
  const double s = 1.5;
  const auto noisy = dequantised(data, 2, 1, draws, 7);
  ASSERT_EQ(noisy.size(), 6 * draws);
  EXPECT_EQ(dequantised(data, 2, 1, draws, 7), noisy);
  double exact_nats = 0, one = 0, many = 0;
  for (std::size_t k = 0; k < 3; ++k) {
    for (std::size_t i = 0; i < 2; ++i) {
      const double x = data[2 * k + i];
      exact_nats += std::log(phi((x + 1) / s) - phi(x / s)) / 3;
    }
    double mean = 0;
    for (std::uint64_t j = 0; j < draws; ++j) {
      double log_density = 0;
      for (std::size_t i = 0; i < 2; ++i) {
        const double y = noisy[(k * draws + j) * 2 + i];
        ASSERT_GE(y, data[2 * k + i]);
        ASSERT_LT(y, data[2 * k + i] + 1);
        log_density += -0.5 * y * y / (s * s) - 0.5 * std::log(2 * std::numbers::pi) - std::log(s);
      }
      one += log_density / static_cast<double>(3 * draws);
      mean += std::exp(log_density) / static_cast<double>(draws);
    }
    many += std::log(mean) / 3;
  }
  const double truth = -exact_nats / (2 * std::numbers::ln2);
  EXPECT_GT(bits_per_dimension(one, 2, 1), truth + 0.02);
  EXPECT_NEAR(bits_per_dimension(many, 2, 1), truth, 0.01);
  // In units of half, densities double and the cells' masses stay.
  EXPECT_NEAR(bits_per_dimension(one + 2 * std::numbers::ln2, 2, 0.5), bits_per_dimension(one, 2, 1), 1e-12);
}

}  // namespace
}  // namespace sde
