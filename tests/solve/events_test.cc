// Times of first passage against their laws: inverse Gaussian for Brownian motion, the integrals of scale
// function and speed measure for others.
#include "solve/events.h"

#include <gtest/gtest.h>

#include <fmt/format.h>
#include <algorithm>
#include <boost/math/distributions/inverse_gaussian.hpp>
#include <boost/math/quadrature/gauss_kronrod.hpp>
#include <cmath>
#include <functional>
#include <random>

#include "testing.h"

namespace sde {
namespace {

using testing::run;
using testing::scalar;

Event event(const char* of, double level, bool stop = true, bool bridge = true) {
  Event e;
  e.name = "passage";
  e.of = expr::parse(of, {"x", "y", "t"});
  e.level = level;
  e.stop = stop;
  e.bridge = bridge;
  return e;
}

EnsembleOptions watching(Event e, std::uint64_t paths, double end) {
  EnsembleOptions options;
  options.paths = paths;
  options.events = {std::move(e)};
  options.event_bins = {{0, end, 50}};
  return options;
}

// E T of dX = f dt + s dW, s constant, from x up to b: (2/s^2) int_x^b int_-inf^y exp((V(y) - V(z)) 2/s^2) dz
// dy, f = -V' (Gardiner 2009, section 5.5.2).
double mean_passage(const std::function<double(double)>& V, double s, double x, double b, double low) {
  using boost::math::quadrature::gauss_kronrod;
  const double c = 2 / (s * s);
  const auto outer = [&](double y) {
    return gauss_kronrod<double, 31>::integrate([&](double z) { return std::exp(c * (V(y) - V(z))); }, low, y,
                                                10, 1e-10);
  };
  return c * gauss_kronrod<double, 31>::integrate(outer, x, b, 10, 1e-9);
}

TEST(BridgePassage, HasTheLawOfTheBridge) {
  // P(first passage of the bridge from a to -b in time h before s) has the density of the inverse Gaussian y
  // = tau / (h - tau); its distribution function is compared with that of the draws.
  std::mt19937_64 engine(1);
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform;
  for (const auto& [d0, d1] : {std::pair{0.3, -0.5}, {1.0, 0.2}, {0.02, 0.7}}) {
    const double v = 0.49, h = 0.8;
    const boost::math::inverse_gaussian law(std::abs(d0 / d1), d0 * d0 / (v * h));
    std::vector<double> u;
    for (int i = 0; i < 20000; ++i) {
      const double tau = bridge_passage(d0, d1, v, h, normal(engine), uniform(engine));
      ASSERT_GE(tau, 0);
      ASSERT_LE(tau, h);
      u.push_back(tau < h ? cdf(law, tau / (h - tau)) : 1);
    }
    std::sort(u.begin(), u.end());
    double ks = 0;
    for (std::size_t i = 0; i < u.size(); ++i)
      ks = std::max(ks, std::abs(u[i] - (static_cast<double>(i) + 0.5) / static_cast<double>(u.size())));
    EXPECT_LT(ks, 1.95 / std::sqrt(20000.0)) << d0 << " " << d1;  // p = 0.001
  }
  EXPECT_GT(bridge_passage(0.3, 0, 1, 1, 0.5, 0.5), 0);
}

TEST(Event, PassagesOfBrownianMotionAreExactAtAnyStep) {
  // From 0 to 1 with drift 1, sigma 0.7: inverse Gaussian of mean 1 and shape 1 / 0.49.
  const boost::math::inverse_gaussian law(1, 1 / 0.49);
  for (const double h : {0.5, 0.05}) {
    const auto result = run(scalar("1", "0.7", "0"), "euler-maruyama", make_grid(0, 8, {8}, h),
                            watching(event("x", 1), 20000, 8));
    const EventTimes& t = result.events[0];
    EXPECT_LT(static_cast<double>(t.without), 4);  // P(T > 8) = 7e-6
    EXPECT_NEAR(t.time.mean, 1, 4 * t.time.stderr_of_mean()) << h;
    EXPECT_NEAR(t.time.variance(), 0.49, 0.05) << h;
    double below = 0, ks = 0;
    for (std::size_t i = 0; i < t.histogram.bins(); ++i) {
      below += static_cast<double>(t.histogram.count(i));
      ks = std::max(ks, std::abs(below / 20000 - cdf(law, t.histogram.edge(i + 1))));
    }
    EXPECT_LT(ks, 1.95 / std::sqrt(20000.0)) << h;
    EXPECT_NEAR(result.final[0].mean, 1, 4e-4);  // stopped there, but for the paths without
  }
}

TEST(Event, WithoutTheBridgePassagesAreLate) {
  const TimeGrid grid = make_grid(0, 8, {8}, 0.05);
  const auto result =
      run(scalar("1", "0.7", "0"), "euler-maruyama", grid, watching(event("x", 1, true, false), 20000, 8));
  // The level seen by such a watch is farther by .5826 sigma sqrt(h) (Broadie, Glasserman & Kou 1997); the
  // straight line then puts the crossing before the end of its step, on average somewhere within it.
  const double late = 0.5826 * 0.7 * std::sqrt(0.05);
  EXPECT_GT(result.events[0].time.mean, 1 + late - 0.05);
  EXPECT_LT(result.events[0].time.mean, 1 + late + 0.01);
}

TEST(Event, MeanPassagesAgreeWithTheScaleFunction) {
  struct Case {
    const char* drift;
    std::function<double(double)> potential;
    double sigma, from, level, low;
  };
  const Case cases[] = {
      {"-2*x", [](double x) { return x * x; }, 0.8, 0, 0.6, -6},
      {"x - x^3", [](double x) { return x * x * x * x / 4 - x * x / 2; }, 0.8, -1, 0, -5},
  };
  for (const Case& c : cases) {
    const double exact = mean_passage(c.potential, c.sigma, c.from, c.level, c.low);
    EnsembleOptions options = watching(event("x", c.level), 3000, 120);
    const auto result =
        run(scalar(c.drift, fmt::format("{}", c.sigma).c_str(), fmt::format("{}", c.from).c_str()), "sra1",
            make_grid(0, 120, {120}, 0.02), options);
    EXPECT_EQ(result.events[0].without, 0u);
    EXPECT_NEAR(result.events[0].time.mean, exact, 4 * result.events[0].time.stderr_of_mean()) << c.drift;
  }
}

TEST(Event, DirectionsAndStraightLines) {
  // A circle: x = cos t, y = sin t.
  SdeDocument d;
  d.states = {testing::state("x", "-y", {}, "1"), testing::state("y", "x", {}, "0")};
  const auto first = [&](const char* of, double level, Event::Direction direction) {
    Event e = event(of, level, false);
    e.direction = direction;
    return run(d, "rk4", make_grid(0, 7, {7}, 0.01), watching(e, 64, 7)).events[0];
  };
  using enum Event::Direction;
  EXPECT_NEAR(first("y", 0.5, up).time.mean, M_PI / 6, 1e-5);
  EXPECT_NEAR(first("y", 0.5, down).time.mean, 5 * M_PI / 6, 1e-5);
  EXPECT_NEAR(first("y", -0.5, either).time.mean, 7 * M_PI / 6, 1e-5);
  EXPECT_NEAR(first("x*y", 0, down).time.mean, M_PI / 2, 1e-4);
  EXPECT_NEAR(first("t", 3.25, either).time.mean, 3.25, 1e-12);
  EXPECT_EQ(first("y", 2, up).without, 64u);
  EXPECT_EQ(first("x", 1, either).time.mean, 0);  // where it starts
}

TEST(Event, AbsorbedPathsMeetTheExactProbability) {
  // Brownian motion from 1/2, absorbed at 0 by time 1 with probability 2 Phi(-1/2), at any step.
  SdeDocument d = scalar("0", "1", "0.5");
  d.states[0].domain = {0.0, {}, Boundary::absorb};
  const double p = std::erfc(0.5 / std::sqrt(2.0));
  for (const double h : {0.5, 0.02}) {
    const auto result =
        run(d, "euler-maruyama", make_grid(0, 1, {1}, h), watching(event("x", 0, false), 20000, 1));
    EXPECT_NEAR(static_cast<double>(result.absorbed) / 20000, p, 4 * std::sqrt(p * (1 - p) / 20000)) << h;
    EXPECT_EQ(result.events[0].time.count, static_cast<double>(result.absorbed));  // the same paths
    EXPECT_NEAR(result.final[0].mean, 0.5, 4 * result.final[0].stderr_of_mean());  // a martingale
  }
}

TEST(Event, HasTheSameBitsForAnyBlockSizeAndStop) {
  const SdeDocument d = scalar("x - x^3", "0.8", "-1");
  const SdeExpressions sde = parse_document(d);
  const InitialStates initial(d);
  const TimeGrid grid = make_grid(0, 10, {5, 10}, 0.01);
  EnsembleOptions options = watching(event("x", 0), 600, 10);
  options.method = &find_method("euler-maruyama");
  options.lanes = 512;
  const EnsembleResult whole = simulate(sde, initial, grid, options);
  options.lanes = kLeafPaths;
  const EnsembleResult small = simulate(sde, initial, grid, options);
  StopToken pause;
  pause.request();
  Ensemble stopped(sde, initial, grid, options);
  EXPECT_FALSE(stopped.run({}, {}, &pause));
  Ensemble second(sde, initial, grid, options);
  second.restore(stopped.store());
  EXPECT_TRUE(second.run());
  const EnsembleResult resumed = second.result();
  for (const EnsembleResult* other : {&small, &resumed}) {
    EXPECT_EQ(whole.events[0].time.mean, other->events[0].time.mean);
    EXPECT_EQ(whole.events[0].time.squares, other->events[0].time.squares);
    EXPECT_EQ(whole.events[0].histogram.counts(), other->events[0].histogram.counts());
    EXPECT_EQ(whole.final[0].mean, other->final[0].mean);
  }
}

}  // namespace
}  // namespace sde
