// Parameters that every path draws for itself.
#include <gtest/gtest.h>

#include <cmath>

#include "random/stream.h"
#include "sde/law.h"
#include "testing.h"

namespace sde {
namespace {

using testing::run;
using testing::scalar;

SdeDocument drawn(const char* drift, const char* diffusion, const char* initial,
                  std::vector<DrawnParameter> parameters) {
  SdeDocument d = scalar(drift, diffusion, initial, {{"a", 2.0}});
  d.drawn = std::move(parameters);
  return d;
}

EnsembleOptions hiding(std::uint64_t paths, std::size_t hidden) {
  EnsembleOptions options;
  options.paths = paths;
  options.hidden = hidden;
  return options;
}

// x' = -k x, x(0) = 1 is e^-k at 1, path by path the function of what (seed, parameter, id) gives.
TEST(Drawn, EachPathHasItsOwn) {
  const SdeDocument d = drawn("-k*x", "0", "1", {{"k", DrawnParameter::Law::uniform, "1", "1 + a"}});
  const SdeExpressions sde = parse_document(d);
  EXPECT_EQ(sde.noise_kind, NoiseKind::none);
  EXPECT_EQ(sde.drawn, 1u);
  std::size_t seen = 0;
  const Stream stream = make_stream(0, Purpose::parameter, 0);
  run(d, "rk4", make_grid(0, 1, {1}, 0.05), hiding(300, 1), [&](const PathBlock& block) {
    ASSERT_EQ(block.dimension, 1u);
    for (std::size_t p = 0; p < block.paths; ++p, ++seen) {
      const double k = 1 + 2 * uniform_pair(stream, block.first_id + p, 0)[0];
      EXPECT_NEAR(block.at(p, 0, 0), std::exp(-k), 2e-6);
    }
  });
  EXPECT_EQ(seen, 300u);
}

TEST(Drawn, LawsHaveTheirMoments) {
  const SdeDocument d = drawn("0", "0", "n + a",
                              {{"u", DrawnParameter::Law::uniform, "1", "3"},
                               {"n", DrawnParameter::Law::normal, "-1", "0.5"},
                               {"l", DrawnParameter::Law::lognormal, "0.5", "0.25"}});
  EnsembleOptions options = hiding(40000, 0);
  const EnsembleResult r = run(d, "rk4", make_grid(0, 1, {1}, 1), options);
  ASSERT_EQ(r.final.size(), 4u);
  const double m = std::exp(0.5 + 0.5 * 0.0625);
  const double means[] = {1, 2, -1, m};
  const double variances[] = {0.25, 1.0 / 3, 0.25, m * m * std::expm1(0.0625)};
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(r.final[i].mean, means[i], 4 * std::sqrt(variances[i] / 40000));
    EXPECT_NEAR(r.final[i].variance(), variances[i], 0.04 * variances[i]);
  }
}

// The noise of a path given its parameters decides on methods: dX = s dW is additive, and each has its own s.
TEST(Drawn, KindOfNoiseIsThatGivenThem) {
  const auto kind = [](const char* diffusion) {
    return parse_document(drawn("k - x", diffusion, "1", {{"k", DrawnParameter::Law::normal, "0", "1"}}))
        .noise_kind;
  };
  EXPECT_EQ(kind("k*k"), NoiseKind::additive);
  EXPECT_EQ(kind("k*x"), NoiseKind::diagonal);
}

// E and Var of Ornstein-Uhlenbeck with a level drawn: exact moments count it in, and the sampler does.
TEST(Drawn, ExactLawWhereTheSystemStaysLinear) {
  const SdeDocument d = drawn("a*(m - x)", "0.3", "0", {{"m", DrawnParameter::Law::normal, "1", "0.5"}});
  const EnsembleResult r = run(d, "exact", make_grid(0, 1, {1}), hiding(20000, 1));
  const double decay = std::exp(-2.0),
               variance = 0.25 * (1 - decay) * (1 - decay) + 0.09 * (1 - decay * decay) / 4;
  EXPECT_NEAR(r.final[0].mean, 1 - decay, 4 * std::sqrt(variance / 20000));
  EXPECT_NEAR(r.final[0].variance(), variance, 0.04 * variance);
  const LawRecognition law = recognise_law(
      parse_document(drawn("k*(a - x)", "0.3", "0", {{"k", DrawnParameter::Law::uniform, "1", "2"}})));
  EXPECT_FALSE(law.known());
  EXPECT_NE(law.reason.find("each path has its own k"), std::string::npos) << law.reason;
}

}  // namespace
}  // namespace sde
