#include "score/likelihood.h"

#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include <cmath>
#include <limits>

#include "base/error.h"
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

}  // namespace
}  // namespace sde
