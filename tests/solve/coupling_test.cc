// Antithetic and quasi-random increments: unbiased, with standard errors that hold, and smaller ones.
#include <gtest/gtest.h>

#include <boost/math/distributions/normal.hpp>
#include <cmath>

#include "base/error.h"
#include "expr/expr.h"
#include "sde/lamperti.h"
#include "testing.h"

namespace sde {
namespace {

using testing::run;
using testing::scalar;

SdeDocument gbm() {
  return scalar("mu*x", "sigma*x", "100", {{"mu", 0.05}, {"sigma", 0.2}});
}

EnsembleOptions options_for(std::uint64_t paths, CouplingOptions coupling, std::uint64_t seed = 1) {
  EnsembleOptions options;
  options.paths = paths;
  options.seed = seed;
  options.coupling = coupling;
  options.expect = {expr::parse("max(x - 100, 0)", {"x"})};
  return options;
}

// Undiscounted Black-Scholes.
double call() {
  const boost::math::normal n;
  const double d1 = (0.05 + 0.02) / 0.2, d2 = d1 - 0.2;
  return 100 * std::exp(0.05) * boost::math::cdf(n, d1) - 100 * boost::math::cdf(n, d2);
}

const CouplingOptions kAntithetic{true, 0};

CouplingOptions sobol(std::uint64_t points) {
  return {false, points};
}

TEST(Coupling, AntitheticPathsMirrorOneAnother) {
  SdeDocument d = scalar("0", "1", "0");
  d.states[0].initial = {InitialLaw::Kind::uniform, "1", "3", ""};
  run(d, "euler-maruyama", make_grid(0, 1, {0.3, 1}, 0.125), options_for(192, kAntithetic),
      [](const PathBlock& block) {
        for (std::size_t p = 0; p < block.paths; p += 2)
          for (std::size_t s = 0; s < 2; ++s)
            EXPECT_NEAR(block.at(p, s, 0) - 2, -(block.at(p + 1, s, 0) - 2), 1e-14);
      });
}

// The first of each pair is the path that it is without antithetic ones, bit for bit, and so are its areas.
TEST(Coupling, AntitheticPathsKeepTheFirst) {
  SdeDocument d;
  d.noises = {"u", "w"};
  d.states = {testing::state("x", "0", {{"u", "cos(y)"}, {"w", "x"}}, "1"),
              testing::state("y", "-y", {{"u", "x"}, {"w", "0.5"}}, "1")};
  std::vector<double> plain(128), coupled(128);
  for (auto* values : {&plain, &coupled})
    run(
        d, "milstein", make_grid(0, 1, {1}, 0.0625),
        [&] {
          EnsembleOptions options = options_for(64, {values == &coupled, 0});
          options.expect.clear();
          return options;
        }(),
        [&](const PathBlock& block) {
          for (std::size_t p = 0; p < 64; ++p)
            for (std::size_t i = 0; i < 2; ++i) (*values)[2 * p + i] = block.at(p, 0, i);
        });
  for (std::size_t p = 0; p < 64; p += 2)
    for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(plain[2 * p + i], coupled[2 * p + i]);
}

// What is odd in the increments averages to nothing, and the standard error knows.
TEST(Coupling, AntitheticMeansOfLinearProcessesAreExact) {
  const auto result = run(scalar("-x", "0.5", "1"), "euler-maruyama", make_grid(0, 1, {}, 0.25),
                          options_for(128, kAntithetic));
  EXPECT_NEAR(result.final[0].mean, std::pow(0.75, 4), 1e-14);
  EXPECT_LT(result.final_error[0], 1e-14);
}

struct Spread {
  double mean_z = 0, square_z = 0, mean_error = 0;
};

// Over many seeds: standardised errors of an estimate with a known value.
Spread spread(std::uint64_t paths, CouplingOptions coupling, int seeds) {
  Spread s;
  const TimeGrid grid = make_grid(0, 1, {}, 0.25);
  for (int seed = 0; seed < seeds; ++seed) {
    const auto r = run(gbm(), "exact", grid, options_for(paths, coupling, static_cast<std::uint64_t>(seed)));
    const double z = (r.expect[0].value - call()) / r.expect[0].standard_error;
    s.mean_z += z / seeds;
    s.square_z += z * z / seeds;
    s.mean_error += r.expect[0].standard_error / seeds;
  }
  return s;
}

TEST(Coupling, StandardErrorsHold) {
  const Spread plain = spread(2048, {}, 300), antithetic = spread(2048, kAntithetic, 300),
               quasi = spread(2048, sobol(64), 300);
  for (const Spread& s : {plain, antithetic, quasi}) {
    EXPECT_LT(std::abs(s.mean_z), 4 / std::sqrt(300));
    // A quotient by an estimate from 32 randomisations has variance 31/29.
    EXPECT_NEAR(s.square_z, 1, 4 * std::sqrt(2.3 / 300) + 0.07);
  }
  // A pair of calls at the money has about three tenths of the variance of two independent ones.
  EXPECT_LT(antithetic.mean_error, 0.8 * plain.mean_error);
  EXPECT_LT(quasi.mean_error, 0.25 * plain.mean_error);
}

// Errors of a smooth mean fall much faster than N^{-1/2}.
TEST(Coupling, SobolErrorsFallFasterThanTheRoot) {
  const TimeGrid grid = make_grid(0, 1, {}, 1.0 / 16);
  std::vector<double> errors;
  for (const std::uint64_t points : {64, 4096}) {
    double sum = 0;
    for (std::uint64_t seed = 0; seed < 4; ++seed)
      sum += std::pow(
          run(gbm(), "milstein", grid, options_for(16 * points, sobol(points), seed)).final_error[0], 2);
    errors.push_back(std::sqrt(sum / 4));
  }
  EXPECT_LT(std::log2(errors[1] / errors[0]) / 6, -0.8);
}

TEST(Coupling, ResultsDoNotDependOnBlocks) {
  for (const CouplingOptions& coupling : {kAntithetic, sobol(128)}) {
    std::vector<EnsembleResult> results;
    for (const std::size_t lanes : {64u, 128u, 512u}) {
      EnsembleOptions options = options_for(1024, coupling);
      options.lanes = lanes;
      results.push_back(run(gbm(), "milstein", make_grid(0, 1, {0.4, 1}, 0.125), options));
    }
    for (const EnsembleResult& r : results) {
      EXPECT_EQ(r.final[0].mean, results[0].final[0].mean);
      EXPECT_EQ(r.final_error[0], results[0].final_error[0]);
      EXPECT_EQ(r.moments_error[0], results[0].moments_error[0]);
      EXPECT_EQ(r.expect[0].standard_error, results[0].expect[0].standard_error);
    }
  }
}

TEST(Coupling, ReplaysOnePath) {
  for (const CouplingOptions& coupling : {kAntithetic, sobol(128)}) {
    const TimeGrid grid = make_grid(0, 1, {1}, 0.125);
    double among = 0, alone = 0;
    run(gbm(), "milstein", grid, options_for(1024, coupling), [&](const PathBlock& block) {
      if (block.first_id <= 333 && 333 < block.first_id + block.paths)
        among = block.at(333 - block.first_id, 0, 0);
    });
    EnsembleOptions one = options_for(1, coupling);
    one.first_path = 333;
    run(gbm(), "milstein", grid, one, [&](const PathBlock& block) { alone = block.at(0, 0, 0); });
    EXPECT_EQ(among, alone);
  }
}

// Stopped anywhere and taken up again, or counted in parts, the standard errors are the same bits.
TEST(Coupling, StandardErrorsSurviveStoringAndMerging) {
  const SdeDocument d = gbm();
  const SdeExpressions sde = parse_document(d);
  const InitialStates initial(d);
  const TimeGrid grid = make_grid(0, 1, {0.5, 1}, 0.125);
  for (const CouplingOptions& coupling : {kAntithetic, sobol(128)}) {
    EnsembleOptions options = options_for(1024, coupling);
    options.method = &find_method("milstein");
    options.lanes = 128;
    Ensemble whole(sde, initial, grid, options);
    whole.run();
    const Tally stored = Tally::restore(whole.tally().layout(), whole.tally().store());
    EXPECT_EQ(stored.final_errors(), whole.tally().final_errors());
    EXPECT_EQ(stored.expectation_errors(), whole.tally().expectation_errors());
    options.paths = 512;
    Ensemble first(sde, initial, grid, options);
    options.first_path = 512;
    Ensemble second(sde, initial, grid, options);
    first.run();
    second.run();
    Tally joined = first.tally();
    joined.merge(second.tally());
    EXPECT_EQ(joined.final_errors(), whole.tally().final_errors());
    EXPECT_EQ(joined.moment_errors(), whole.tally().moment_errors());
    EXPECT_EQ(joined.expectation_errors(), whole.tally().expectation_errors());
  }
}

// The path in transformed coordinates, mapped back, is that of the exact solution on the same increments.
TEST(Transform, GeometricMotionBecomesExact) {
  const SdeDocument d = gbm();
  const SdeExpressions sde = parse_document(d);
  const Lamperti l = lamperti(sde, {100});
  const StateTransform transform{sde.states, l.forward, l.inverse};
  EnsembleOptions options = options_for(256, {});
  options.method = &find_method("euler-maruyama");
  options.transform = &transform;
  const InitialStates initial(d);
  const TimeGrid grid = make_grid(0, 1, {0, 0.3, 1}, 0.125);
  const auto end = [&](const SdeExpressions& equation) {
    std::vector<double> ends(256);
    const EnsembleResult r = simulate(equation, initial, grid, options, [&](const PathBlock& block) {
      for (std::size_t p = 0; p < block.paths; ++p) {
        EXPECT_NEAR(block.at(p, 0, 0), 100, 1e-11);
        ends[block.first_id + p] = block.at(p, 2, 0);
      }
    });
    EXPECT_NEAR(r.expect[0].value, call(), 4 * r.expect[0].standard_error);
    return ends;
  };
  const std::vector<double> mapped = end(l.sde);
  options.transform = nullptr;
  options.method = &find_method("exact");
  const std::vector<double> exact = end(sde);
  for (std::size_t p = 0; p < 256; ++p) EXPECT_NEAR(mapped[p], exact[p], 1e-10 * exact[p]);
}

// Strong solutions that are known: the error of an additive-noise method in the other coordinates is small.
TEST(Transform, FollowsKnownSolutions) {
  // The wave and the cubic problem, and W itself.
  SdeDocument d;
  d.noises = {"w"};
  d.states = {testing::state("x", "-0.01*sin(x)*cos(x)^3", {{"w", "0.1*cos(x)^2"}}, "1")};
  SdeDocument c;
  c.noises = {"w"};
  c.states = {testing::state("x", "-x*(1 - x^2)/4", {{"w", "(1 - x^2)/2"}}, "0.5")};
  SdeDocument w;
  w.noises = {"w"};
  w.states = {testing::state("x", "0", {{"w", "1"}}, "0")};
  const TimeGrid grid = make_grid(0, 1, {1}, 1.0 / 256);
  const auto ends = [&](const SdeDocument& document, bool transformed) {
    const SdeExpressions sde = parse_document(document);
    EnsembleOptions options;
    options.paths = 128;
    options.method = &find_method("sra1");
    std::vector<double> values(128);
    const InitialStates initial(document);
    const Lamperti l = lamperti(sde, initial.mean());
    const StateTransform transform{sde.states, l.forward, l.inverse};
    if (transformed) options.transform = &transform;
    simulate(transformed ? l.sde : sde, initial, grid, options, [&](const PathBlock& block) {
      for (std::size_t p = 0; p < block.paths; ++p) values[block.first_id + p] = block.at(p, 0, 0);
    });
    return values;
  };
  const std::vector<double> W = ends(w, false), wave = ends(d, true), cubic = ends(c, true);
  for (std::size_t p = 0; p < 128; ++p) {
    EXPECT_NEAR(wave[p], std::atan(0.1 * W[p] + std::tan(1.0)), 1e-6);
    EXPECT_NEAR(cubic[p], (1.5 * std::exp(W[p]) - 0.5) / (1.5 * std::exp(W[p]) + 0.5), 1e-4);
  }
}

std::string refusal_of(const SdeDocument& d, const char* method, double dt, CouplingOptions coupling) {
  try {
    run(d, method, make_grid(0, 1, {1}, dt), [&] {
      EnsembleOptions options = options_for(128, coupling);
      options.expect.clear();
      return options;
    }());
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), Status::usage);
    return error.what();
  }
  return "";
}

TEST(Coupling, RefusesWhatMakesNoSense) {
  const auto has = [](const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
  };
  EXPECT_TRUE(has(refusal_of(gbm(), "milstein", 0.1, {true, 64}), "either antithetic or sobol"));
  EXPECT_TRUE(has(refusal_of(scalar("-x", "0", "1"), "rk4", 0.1, kAntithetic), "no increments"));
  EXPECT_TRUE(has(refusal_of(gbm(), "milstein", 1e-4, sobol(64)), "3667 dimensions"));
  const SdeDocument cir = scalar("1 - x", "0.5*sqrt(x)", "1");
  EXPECT_TRUE(has(refusal_of(cir, "exact", 0.5, kAntithetic), "draws numbers of its own"));
}

}  // namespace
}  // namespace sde
