// Laws of whole samples: what has no closed form is held to draws of the data.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "score/analytic.h"
#include "score/mixture.h"
#include "score/sampler.h"
#include "stats/discrepancy.h"
#include "stats/transport.h"

namespace sde {
namespace {

std::shared_ptr<const ScoreModel> mixture() {
  ScoreDocument d;
  d.score.type = "gaussian_mixture";
  d.score.weights = {1, 3};
  d.score.means = {{-0.8, 0}, {0.8, 0.5}};
  d.score.covariances = {{{0.25, 0}, {0, 0.25}}, {{0.3, 0.1}, {0.1, 0.2}}};
  return make_mixture(d);
}

constexpr std::size_t kDraws = 2048;

struct Drawn {
  PointSet end;
  std::vector<PointSet> at;  // times of the trajectory asked for
  double variation = 0;      // mean over samples of the sum of squared moves, both components
};

// Samples with their states after the steps `stops` of the grid.
Drawn draw(const std::shared_ptr<const ScoreModel>& model, SampleOptions o, std::uint64_t seed,
           const std::vector<std::size_t>& stops = {}) {
  o.samples = kDraws;
  o.seed = seed;
  o.trajectory = !stops.empty();
  const std::size_t T = o.steps.value_or(0) + 1;
  Drawn out;
  std::vector<std::vector<double>> at(stops.size());
  std::vector<double> end;
  sample(model, o, 0, [&](const SampleBlock& b) {
    end.insert(end.end(), b.values, b.values + 2 * b.samples);
    for (std::size_t l = 0; b.trajectory && l < b.samples; ++l) {
      const double* path = b.trajectory + l * T * 2;
      for (std::size_t k = 0; k < stops.size(); ++k) {
        at[k].insert(at[k].end(), path + 2 * stops[k], path + 2 * stops[k] + 2);
      }
      for (std::size_t i = 0; i + 3 < 2 * T; ++i) {
        out.variation += std::pow(path[i + 2] - path[i], 2) / static_cast<double>(kDraws);
      }
    }
  });
  out.end = draw_rows(end, kDraws, 2, 0, 0, 0);
  for (const auto& rows : at) out.at.push_back(draw_rows(rows, kDraws, 2, 0, 0, 0));
  return out;
}

SampleOptions with(const char* sampler, std::uint64_t steps) {
  SampleOptions o;
  o.sampler = sampler;
  o.steps = steps;
  return o;
}

double distance(const PointSet& a, const PointSet& b) {
  return sliced_wasserstein(a, b, 32, {0, 0}).value;
}

struct Spread {
  double mean, deviation;
};
Spread spread_of(const std::vector<double>& values) {
  Spread s{0, 0};
  for (const double v : values) s.mean += v / static_cast<double>(values.size());
  for (const double v : values)
    s.deviation += std::pow(v - s.mean, 2) / static_cast<double>(values.size() - 1);
  s.deviation = std::sqrt(s.deviation);
  return s;
}

// At the end, and on the way: as far from each other as two sets of draws of one of them.
TEST(Marginals, FlowAndReverseSdeHaveTheSame) {
  const auto model = mixture();
  const SampleOptions flow = with("heun", 60), noisy = with("euler_maruyama", 600);
  const std::vector<std::size_t> flow_stops = {15, 30, 48}, noisy_stops = {150, 300, 480};
  const Drawn of_flow = draw(model, flow, 100, flow_stops), of_noisy = draw(model, noisy, 200, noisy_stops);
  std::vector<Drawn> again;
  for (std::uint64_t seed = 0; seed < 8; ++seed) again.push_back(draw(model, flow, seed, flow_stops));
  const auto check = [&](const char* what, const std::function<const PointSet&(const Drawn&)>& pick) {
    std::vector<double> chance;
    for (std::size_t i = 0; i + 1 < again.size(); ++i) {
      for (std::size_t j = i + 1; j < again.size(); ++j)
        chance.push_back(distance(pick(again[i]), pick(again[j])));
    }
    const Spread s = spread_of(chance);
    EXPECT_LT(distance(pick(of_flow), pick(of_noisy)), s.mean + 3.5 * s.deviation) << what;
    EXPECT_GT(distance(pick(of_flow), pick(of_noisy)), s.mean - 3.5 * s.deviation) << what;
    return s;
  };
  for (std::size_t k = 0; k < 3; ++k) {
    check("on the way", [k](const Drawn& d) -> const PointSet& { return d.at[k]; });
  }
  const Spread end = check("at the end", [](const Drawn& d) -> const PointSet& { return d.end; });
  // The distance would tell: too few steps lead elsewhere.
  EXPECT_GT(distance(of_flow.end, draw(model, with("euler_maruyama", 6), 200).end),
            end.mean + 6 * end.deviation);
  // Their paths are not the same: those of the SDE vary by the integral of g^2, 10.05 in each component.
  EXPECT_NEAR(of_noisy.variation, 2 * 10.05, 1.0);
  EXPECT_LT(of_flow.variation, 1.0);
}

// At equal numbers of predictor steps, by the kernel distance from draws of the data, which is unbiased.
TEST(Marginals, CorrectorBeatsThePredictorAlone) {
  ScoreDocument d;
  d.process = {.type = ProcessType::ve, .sigma_max = 10};
  d.score.type = "toy";
  d.score.name = "eight-gaussians";
  const auto model = make_analytic(d);
  SampleOptions exact;
  exact.sampler = "exact";
  const Drawn data = draw(model, exact, 7);
  const auto error = [&](const SampleOptions& o) {
    return squared_mmd(data.end, draw(model, o, 1).end, 0.5, {30, 1});
  };
  for (const std::uint64_t steps : {6, 10}) {
    SampleOptions o = with("pc", steps);
    o.corrector = Corrector::none;
    const Estimate alone = error(o);
    o.corrector = Corrector::langevin;
    EXPECT_LT(error(o).value, alone.value) << steps;  // the same normals
    o.corrector_steps = 6;
    const Estimate corrected = error(o);
    EXPECT_LT(corrected.value + 1.5 * corrected.error, alone.value - 1.5 * alone.error) << steps;
  }
}

}  // namespace
}  // namespace sde
