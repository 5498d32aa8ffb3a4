// Step control for SDEs: the law of what rejected steps leave, errors that follow the tolerance, paths that
// do not depend on each other.
#include "solve/adaptive_sde.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>

#include "base/error.h"
#include "random/stream.h"
#include "testing.h"

namespace sde {
namespace {

using testing::run;
using testing::scalar;
using testing::state;

// dX = dW with an error estimate that grows with the increment seen: rejects the large ones.
class PickyStepper final : public Stepper {
 public:
  std::size_t dimension() const override { return 1; }
  std::size_t noises() const override { return 1; }
  bool has_error_estimate() const override { return true; }
  std::size_t evaluations() const override { return 1; }
  void step(const StepInput& in, Block next, Block* error, StepWorkspace&) const override {
    for (std::size_t i = 0; i < next.lanes; ++i) {
      next.row(0)[i] = in.x.row(0)[i] + in.dW[i];
      if (error) error->row(0)[i] = 4 * in.dW[i] * in.dW[i];
    }
  }
};

// What must not be done: an increment drawn anew for every attempt.
class NaiveSource final : public PathSource {
 public:
  explicit NaiveSource(std::size_t lanes) : tick_(lanes), w_(lanes), asked_(lanes), value_(lanes) {}
  std::size_t noises() const override { return 1; }
  double time(std::uint64_t ticks) const override { return static_cast<double>(ticks) * 0x1p-62; }
  void at(const std::uint64_t* ids, const std::uint64_t* ticks, Block w, Block) override {
    ++call_;
    for (std::size_t i = 0; i < w.lanes; ++i) {
      // A later time than the last asked for means that that step was taken, the same that the lane waits.
      if (ticks[i] > asked_[i]) {
        tick_[i] = asked_[i];
        w_[i] = value_[i];
      }
      if (ticks[i] != asked_[i]) {
        const double z = normal_pair(stream_, ids[i], call_)[0];
        value_[i] = w_[i] + std::sqrt(time(ticks[i] - tick_[i])) * z;
        asked_[i] = ticks[i];
      }
      w.row(0)[i] = value_[i];
    }
  }

 private:
  Stream stream_ = make_stream(5, Purpose::test);
  std::uint64_t call_ = 0;
  std::vector<std::uint64_t> tick_;
  std::vector<double> w_;
  std::vector<std::uint64_t> asked_;
  std::vector<double> value_;
};

struct Law {
  double variance = 0, kurtosis = 0, covariance = 0;  // in units of their own values, 0 for a covariance
  double rejected = 0;                                // of all attempts
};

// Standardised moments of the increments over equal parts of the time, of 16384 paths.
Law law_of_increments(std::size_t parts,
                      const std::function<std::unique_ptr<PathSource>(std::size_t)>& make) {
  constexpr std::size_t kLanes = 256, kBlocks = 64;
  const PickyStepper stepper;
  AdaptiveOptions options;
  options.rtol = 0;
  options.atol = 0.1;
  Law law;
  double count = 0, rejected = 0, accepted = 0;
  for (std::size_t b = 0; b < kBlocks; ++b) {
    const std::unique_ptr<PathSource> source = make(kLanes);
    AdaptiveSdeIntegrator integrator(stepper, options, *source, false, 1.0, 0, nullptr, kLanes);
    StateBlock<double> x(1, kLanes);
    StepWorkspace workspace;
    integrator.start(b * kLanes, BrownianTree::kTicks, x);
    std::vector<std::vector<double>> w = {std::vector<double>(kLanes)};
    for (std::size_t part = 1; part <= parts; ++part) {
      integrator.advance(BrownianTree::kTicks / parts * part, x, workspace);
      w.emplace_back(x.row(0), x.row(0) + kLanes);
    }
    for (std::size_t i = 0; i < kLanes; ++i) {
      rejected += static_cast<double>(integrator.report()[i].rejected);
      accepted += static_cast<double>(integrator.report()[i].accepted);
      for (std::size_t part = 1; part <= parts; ++part) {
        const double z = (w[part][i] - w[part - 1][i]) * std::sqrt(static_cast<double>(parts));
        law.variance += z * z;
        law.kurtosis += z * z * z * z;
        ++count;
        if (part > 1)
          law.covariance += z * (w[part - 1][i] - w[part - 2][i]) * std::sqrt(static_cast<double>(parts));
      }
    }
  }
  law.variance /= count;
  law.kurtosis /= count;
  law.covariance /= count;
  law.rejected = rejected / (rejected + accepted);
  return law;
}

// 131072 increments: standard errors sqrt(2/n), sqrt(96/n), sqrt(1/n).
TEST(AdaptiveSde, RejectionKeepsTheLawOfTheIncrements) {
  const BrownianTree tree(9, 1, 1.0);
  const Law law = law_of_increments(8, [&](std::size_t) { return std::make_unique<TreeSource>(tree); });
  const double n = 131072;
  EXPECT_NEAR(law.variance, 1, 4 * std::sqrt(2 / n));
  EXPECT_NEAR(law.kurtosis, 3, 4 * std::sqrt(96 / n));
  EXPECT_NEAR(law.covariance, 0, 4 * std::sqrt(1 / n));
  EXPECT_GT(law.rejected, 0.1);  // else nothing was tested
}

TEST(AdaptiveSde, RejectionWithIncrementsDrawnAnewDoesNot) {
  const Law law =
      law_of_increments(1, [](std::size_t lanes) { return std::make_unique<NaiveSource>(lanes); });
  EXPECT_GT(law.rejected, 0.1);
  EXPECT_LT(law.variance, 1 - 10 * std::sqrt(2 / 16384.0));
}

double root_mean_square_error(const SdeDocument& d, const char* method, double tolerance,
                              const std::function<double(double w)>& exact, double* steps = nullptr) {
  EnsembleOptions options;
  options.adaptive = true;
  options.tolerance.rtol = options.tolerance.atol = tolerance;
  options.paths = 256;
  options.seed = 4;
  const BrownianTree tree(options.seed, 1, 1.0);
  std::vector<std::uint64_t> ids(256), ticks(256, BrownianTree::kTicks);
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = i;
  StateBlock<double> w(1, 256);
  tree.at(ids.data(), ticks.data(), w.view());
  double sum = 0;
  std::mutex mutex;
  const EnsembleResult result = run(d, method, make_grid(0, 1, {1}), options, [&](const PathBlock& block) {
    const std::scoped_lock lock(mutex);
    for (std::size_t p = 0; p < block.paths; ++p)
      sum += std::pow(block.at(p, 0, 0) - exact(w.row(0)[block.first_id + p]), 2);
  });
  EXPECT_EQ(result.ok, 256u);
  if (steps) *steps = static_cast<double>(result.path_steps) / 256;
  return std::sqrt(sum / 256);
}

TEST(AdaptiveSde, ErrorFollowsTheToleranceAgainstTheExactSolution) {
  SdeDocument ito = scalar("1.01*x", "0.87*x", "0.5"), stratonovich = ito;
  stratonovich.calculus = "stratonovich";
  const auto exact_ito = [](double w) { return 0.5 * std::exp(1.01 - 0.5 * 0.87 * 0.87 + 0.87 * w); };
  const auto exact_stratonovich = [](double w) { return 0.5 * std::exp(1.01 + 0.87 * w); };
  for (const char* method : {"sri1w1", "sosri", "milstein", "heun", "slowrk", "general-shark"}) {
    const bool is_ito = find_method(method).ito;
    const SdeDocument& d = is_ito ? ito : stratonovich;
    const std::function<double(double)> exact = exact_ito, other = exact_stratonovich;
    double coarse_steps = 0, fine_steps = 0;
    const double coarse = root_mean_square_error(d, method, 1e-2, is_ito ? exact : other, &coarse_steps);
    const double fine = root_mean_square_error(d, method, 1e-4, is_ito ? exact : other, &fine_steps);
    EXPECT_LT(fine, coarse / 8) << method;
    EXPECT_LT(fine, 300 * 1e-4) << method;
    EXPECT_GT(fine_steps, 3 * coarse_steps) << method;
  }
}

// Stiff at some states and not at others; several dimensions; against a much smaller tolerance.
TEST(AdaptiveSde, SeveralStatesAndStiffOnes) {
  SdeDocument d;
  d.states = {state("x", "y", {{"x", "0.1"}}, "2"),
              state("y", "10*(1 - x^2)*y - x", {{"y", "0.1 + 0.1*t"}}, "0")};
  for (const char* method : {"sosra", "sra1", "euler-maruyama"}) {
    const auto ends = [&](double tolerance, const char* by, EnsembleResult& result) {
      std::map<std::uint64_t, double> values;
      EnsembleOptions options;
      options.adaptive = true;
      options.tolerance.rtol = options.tolerance.atol = tolerance;
      options.paths = 192;
      result = run(d, by, make_grid(0, 2, {2}), options, [&](const PathBlock& block) {
        for (std::size_t p = 0; p < block.paths; ++p) values[block.first_id + p] = block.at(p, 0, 0);
      });
      return values;
    };
    EnsembleResult loose, tight, reference;
    const auto exact = ends(1e-5, "sra3", reference);
    const auto error = [&](const std::map<std::uint64_t, double>& values) {
      double sum = 0;
      for (const auto& [id, x] : values) sum += std::pow(x - exact.at(id), 2);
      return std::sqrt(sum / static_cast<double>(values.size()));
    };
    const double coarse = error(ends(1e-2, method, loose)), fine = error(ends(1e-3, method, tight));
    EXPECT_EQ(loose.ok, 192u) << method;
    EXPECT_LT(fine, coarse / 3) << method << ' ' << coarse << ' ' << fine;
    EXPECT_LT(fine, 1e-2) << method;
    // The relaxation forces many more steps than a smooth path would take.
    EXPECT_GT(loose.path_steps, 192 * 20u) << method;
  }
}

TEST(AdaptiveSde, HasTheSameBitsForAnyBlockAndWhenReplayed) {
  const SdeDocument d = scalar("x - x^3", "0.5", "0.1");
  const auto paths = [&](EnsembleOptions options, const std::vector<double>& save) {
    options.adaptive = true;
    options.tolerance.rtol = options.tolerance.atol = 1e-3;
    std::map<std::uint64_t, std::vector<double>> values;
    std::mutex mutex;
    run(d, "sosra", make_grid(0, 2, save), options, [&](const PathBlock& block) {
      const std::scoped_lock lock(mutex);
      for (std::size_t p = 0; p < block.paths; ++p)
        for (std::size_t s = 0; s < block.saves; ++s) values[block.first_id + p].push_back(block.at(p, s, 0));
    });
    return values;
  };
  EnsembleOptions options;
  options.paths = 300;
  options.lanes = 64;
  const auto reference = paths(options, {0.3, 2});
  options.lanes = 256;
  EXPECT_EQ(paths(options, {0.3, 2}), reference);
  // Save times do not change where a path goes.
  for (const auto& [id, values] : paths(options, {0.1, 0.2, 0.3, 0.4, 2}))
    ASSERT_EQ(values.back(), reference.at(id).back());
  options.lanes = 64;
  options.paths = 1;
  options.first_path = 217;
  EXPECT_EQ(paths(options, {0.3, 2}).at(217), reference.at(217));
}

// A block does not tie its lanes' error together.
TEST(AdaptiveSde, APathDoesNotFeelAStiffNeighbour) {
  SdeDocument e;
  e.states = {state("x", "-k*x", {{"x", "0.3"}}, "1"), state("k", "0", {}, "0")};
  e.states[1].initial.kind = InitialLaw::Kind::data;
  const auto first = [&](double other) {
    EnsembleOptions options;
    options.adaptive = true;
    options.paths = 2;
    options.tolerance.rtol = options.tolerance.atol = 1e-3;
    options.method = &find_method("sosra");
    double value = 0;
    simulate(parse_document(e), InitialStates(e, {{0, 1}, {0, other}}), make_grid(0, 1, {1}), options,
             [&](const PathBlock& block) { value = block.at(0, 0, 0); });
    return value;
  };
  EXPECT_EQ(first(1), first(300));
}

TEST(AdaptiveSde, ValuesAtSaveTimesAreAsGoodAsTheSteps) {
  // Against the exact solution between the steps: X_t = x0 exp((a - b^2/2) t + b W_t).
  EnsembleOptions options;
  options.adaptive = true;
  options.tolerance.rtol = options.tolerance.atol = 1e-4;
  options.paths = 128;
  const BrownianTree tree(options.seed, 1, 1.0);
  const std::vector<double> save = {0.111, 0.333, 0.777};
  double worst = 0;
  run(scalar("0.5*x", "0.5*x", "1"), "sri1w1", make_grid(0, 1, save), options, [&](const PathBlock& block) {
    for (std::size_t s = 0; s < save.size(); ++s) {
      std::vector<std::uint64_t> ids(128), ticks(128, tree.ticks(save[s], kTreeGranularity));
      for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = i;
      StateBlock<double> w(1, 128);
      tree.at(ids.data(), ticks.data(), w.view());
      for (std::size_t p = 0; p < block.paths; ++p) {
        const double exact = std::exp((0.5 - 0.125) * save[s] + 0.5 * w.row(0)[block.first_id + p]);
        worst = std::max(worst, std::abs(block.at(p, s, 0) - exact));
      }
    }
  });
  EXPECT_GT(worst, 0);
  EXPECT_LT(worst, 5e-3);
}

TEST(AdaptiveSde, TheSmallestStepIsTakenAndCounted) {
  EnsembleOptions options;
  options.adaptive = true;
  options.tolerance.rtol = options.tolerance.atol = 1e-9;
  options.tolerance.min_step = 1.0 / 64;
  options.paths = 10;
  const EnsembleResult result = run(scalar("-x^3", "0.5*x", "1"), "sri1w1", make_grid(0, 1, {1}), options);
  EXPECT_EQ(result.ok, 10u);
  EXPECT_GT(result.forced, 500u);
  EXPECT_LT(result.path_steps, 1000u);
}

TEST(AdaptiveSde, IsRefusedWhereItIsNotValid) {
  using enum NoiseKind;
  const auto why = [](const char* method, NoiseKind kind) {
    return adaptive_refusal(find_method(method), Calculus::ito, kind);
  };
  for (NoiseKind kind : {additive, scalar, diagonal, commutative}) EXPECT_EQ(why("milstein", kind), "");
  EXPECT_EQ(why("euler-maruyama", additive), "");
  EXPECT_EQ(why("sra1", additive), "");
  EXPECT_EQ(why("dopri5", none), "");
  EXPECT_NE(why("euler-maruyama", diagonal).find("strong order 0.5"), std::string::npos);
  EXPECT_NE(why("euler-maruyama", diagonal).find("sosri"), std::string::npos);
  EXPECT_NE(why("milstein", general).find("Levy areas"), std::string::npos);
  EXPECT_NE(why("implicit-euler", additive).find("step length"), std::string::npos);
  EXPECT_NE(why("reversible-heun", additive).find("register"), std::string::npos);
  EXPECT_NE(why("rk4", none).find("no error estimate"), std::string::npos);
  EnsembleOptions options;
  options.adaptive = true;
  EXPECT_THROW(run(testing::scalar("-x", "x", "1"), "euler-maruyama", make_grid(0, 1, {1}), options), Error);
}

}  // namespace
}  // namespace sde
