// Statistics of ensembles against the paths themselves, and ensembles that are stopped, stored and extended.
#include "solve/tally.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <mutex>
#include <thread>

#include "base/error.h"
#include "solve/mean.h"
#include "testing.h"

namespace sde {
namespace {

using testing::scalar;
using testing::state;

// Two correlated states, one of them skew.
SdeDocument pair_of_states() {
  SdeDocument d;
  d.parameters = {{"k", 2.0}};
  d.noises = {"w1", "w2"};
  d.states = {state("x", "k*(1 - x)", {{"w1", "0.5"}, {"w2", "0.2"}}, "0"),
              state("y", "-0.5*y + x", {{"w1", "0.3*y"}}, "1")};
  return d;
}

struct Paths {
  std::vector<double> values;  // [path][save][state]
  std::size_t saves = 0, dimension = 0, paths = 0;

  std::vector<double> row(std::size_t save, std::size_t i) const {
    std::vector<double> out;
    for (std::size_t p = 0; p < paths; ++p) out.push_back(values[(p * saves + save) * dimension + i]);
    return out;
  }
};

Ensemble::Sink collect(Paths& into, const TimeGrid& grid, std::size_t dimension, std::uint64_t paths) {
  into.saves = grid.save.size();
  into.dimension = dimension;
  into.paths = paths;
  into.values.assign(paths * into.saves * dimension, std::nan(""));
  return [&into](const PathBlock& block) {
    for (std::size_t p = 0; p < block.paths; ++p)
      for (std::size_t s = 0; s < block.saves; ++s)
        for (std::size_t i = 0; i < block.dimension; ++i)
          into.values[((block.first_id + p) * into.saves + s) * into.dimension + i] = block.at(p, s, i);
  };
}

double covariance(const std::vector<double>& x, const std::vector<double>& y) {
  long double mx = 0, my = 0, sum = 0;
  const auto n = static_cast<long double>(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    mx += x[i] / n;
    my += y[i] / n;
  }
  for (std::size_t i = 0; i < x.size(); ++i) sum += (x[i] - mx) * (y[i] - my);
  return static_cast<double>(sum / (n - 1));
}

EnsembleOptions everything(std::uint64_t paths) {
  EnsembleOptions options;
  options.method = &find_method("euler-maruyama");
  options.paths = paths;
  options.seed = 3;
  options.statistics = {true, true, true, 20, {std::nullopt, std::array{0.0, 2.0}}, 3};
  options.expect = {expr::parse("max(y - 1, 0)", {"x", "y", "k", "t"}),
                    expr::parse("x*y", {"x", "y", "k", "t"})};
  options.controls = {expr::parse("y", {"x", "y", "k", "t"}), expr::parse("x", {"x", "y", "k", "t"})};
  options.control_means = {0.9, 0.85};
  return options;
}

TEST(Tally, AgreesWithThePaths) {
  const SdeDocument d = pair_of_states();
  const SdeExpressions e = parse_document(d);
  const InitialStates initial(d);
  const TimeGrid grid = make_grid(0, 1, {0.25, 0.5, 0.75, 1}, 0.01);
  Ensemble ensemble(e, initial, grid, everything(1000));
  Paths paths;
  ASSERT_TRUE(ensemble.run(collect(paths, grid, 2, 1000)));
  const EnsembleResult r = ensemble.result();
  for (std::size_t s = 0; s < 4; ++s) {
    std::size_t pair = 0;
    for (std::size_t i = 0; i < 2; ++i)
      for (std::size_t j = i; j < 2; ++j, ++pair)
        EXPECT_NEAR(r.covariance[s * 3 + pair].covariance(), covariance(paths.row(s, i), paths.row(s, j)),
                    1e-13);
    for (std::size_t i = 0; i < 2; ++i) {
      const std::vector<double> now = paths.row(s, i);
      for (std::size_t k = 1; k <= 3; ++k) {
        const double got = r.lagged[(s * 2 + i) * 3 + k - 1].correlation();
        if (s + k >= 4) {
          EXPECT_TRUE(std::isnan(got));
          continue;
        }
        const std::vector<double> later = paths.row(s + k, i);
        const double expected =
            covariance(now, later) / std::sqrt(covariance(now, now) * covariance(later, later));
        EXPECT_NEAR(got, expected, 1e-12);
      }
      const Histogram& h = r.histograms[s * 2 + i];
      std::uint64_t total = h.below() + h.above();
      for (std::size_t b = 0; b < h.bins(); ++b) {
        const auto in_bin = std::count_if(now.begin(), now.end(), [&](double v) {
          return v >= h.edge(b) && (v < h.edge(b + 1) || (b + 1 == h.bins() && v == h.edge(b + 1)));
        });
        EXPECT_EQ(h.count(b), static_cast<std::uint64_t>(in_bin)) << s << ' ' << i << ' ' << b;
        total += h.count(b);
      }
      EXPECT_EQ(total, 1000u);
      EXPECT_LT(h.below() + h.above(), 50u);
    }
    EXPECT_EQ(r.histograms[s * 2 + 1].high(), 2.0);
  }
}

void expect_same_results(const EnsembleResult& a, const EnsembleResult& b) {
  EXPECT_EQ(a.paths, b.paths);
  EXPECT_EQ(a.ok, b.ok);
  EXPECT_EQ(a.path_steps, b.path_steps);
  for (std::size_t q = 0; q < a.moments.size(); ++q) {
    EXPECT_EQ(a.moments[q].mean, b.moments[q].mean);
    EXPECT_EQ(a.moments[q].squares, b.moments[q].squares);
    EXPECT_EQ(a.sketches[q].quantile(0.05), b.sketches[q].quantile(0.05));
    EXPECT_EQ(a.histograms[q].counts(), b.histograms[q].counts());
  }
  for (std::size_t q = 0; q < a.covariance.size(); ++q) {
    EXPECT_EQ(a.covariance[q].xy, b.covariance[q].xy);
    EXPECT_EQ(a.covariance[q].covariance_stderr(), b.covariance[q].covariance_stderr());
  }
  for (std::size_t q = 0; q < a.lagged.size(); ++q) EXPECT_EQ(a.lagged[q].xy, b.lagged[q].xy);
  for (std::size_t k = 0; k < a.expect.size(); ++k) {
    EXPECT_EQ(a.expect[k].value, b.expect[k].value);
    EXPECT_EQ(a.expect[k].standard_error, b.expect[k].standard_error);
  }
}

TEST(Tally, OfPartsJoinsToTheBitsOfTheWhole) {
  const SdeDocument d = pair_of_states();
  const SdeExpressions e = parse_document(d);
  const InitialStates initial(d);
  const TimeGrid grid = make_grid(0, 1, {0.5, 1}, 0.01);
  EnsembleOptions options = everything(1000);
  Ensemble whole(e, initial, grid, options);
  ASSERT_TRUE(whole.run());
  const TallyLayout layout = tally_layout(grid, 2, options);
  Tally joined;
  // From the last to the first, each through arrays as a file would hold them.
  const std::uint64_t bounds[] = {0, 128, 640, 1000};
  for (int part = 2; part >= 0; --part) {
    options.first_path = bounds[part];
    options.paths = bounds[part + 1] - bounds[part];
    options.lanes = part == 1 ? 64 : 128;
    Ensemble ensemble(e, initial, grid, options);
    ASSERT_TRUE(ensemble.run());
    const Tally back = Tally::restore(layout, ensemble.tally().store());
    if (part == 2)
      joined = back;
    else
      joined.merge(back);
  }
  expect_same_results(whole.result(), summarise(joined, options.control_means));
}

TEST(Tally, RefusesWhatIsNotOfItsLayout) {
  const SdeDocument d = scalar("-x", "1", "0");
  const SdeExpressions e = parse_document(d);
  const InitialStates initial(d);
  const TimeGrid grid = make_grid(0, 1, {1}, 0.1);
  EnsembleOptions options;
  options.method = &find_method("euler-maruyama");
  options.paths = 64;
  Ensemble ensemble(e, initial, grid, options);
  ASSERT_TRUE(ensemble.run());
  NamedArrays arrays = ensemble.tally().store();
  TallyLayout layout = tally_layout(grid, 1, options);
  EXPECT_NO_THROW(Tally::restore(layout, arrays));
  layout.saves = layout.records = 2;
  EXPECT_THROW(Tally::restore(layout, arrays), Error);
  arrays.reals.clear();
  EXPECT_THROW(Tally::restore(tally_layout(grid, 1, options), arrays), Error);
}

// Stops after so many blocks or, within a block, after so many looks at the token.
TEST(Ensemble, StoppedAnywhereAndTakenUpHasTheSameBits) {
  const SdeDocument d = pair_of_states();
  const SdeExpressions e = parse_document(d);
  const InitialStates initial(d);
  const TimeGrid grid = make_grid(0, 1, {0.3, 0.6, 1}, 1e-3);  // blocks take several looks at the token
  EnsembleOptions options = everything(1000);
  options.lanes = 128;
  Paths expected;
  Ensemble whole(e, initial, grid, options);
  ASSERT_TRUE(whole.run(collect(expected, grid, 2, 1000)));

  for (const char* method : {"euler-maruyama", "milstein"}) {
    Paths paths;
    const Ensemble::Sink keep = collect(paths, grid, 2, 1000);
    NamedArrays kept;
    EnsembleOptions now = options;
    now.method = &find_method(method);
    Ensemble other(e, initial, grid, now);
    Paths all;
    ASSERT_TRUE(other.run(collect(all, grid, 2, 1000)));
    int rounds = 0;
    for (bool done = false; !done; ++rounds) {
      ASSERT_LT(rounds, 1000);
      Ensemble part(e, initial, grid, now);
      if (rounds > 0) part.restore(kept);
      StopToken pause;
      std::uint64_t finished = 0;
      std::mutex mutex;
      // A stop in the middle of whatever the other thread is at; every third time before anything runs.
      if (rounds % 3 == 2) pause.request();
      done = part.run(
          [&](const PathBlock& block) {
            keep(block);
            const std::scoped_lock lock(mutex);
            if (++finished == 2) pause.request();
          },
          {}, &pause);
      kept = part.store();
      if (done) expect_same_results(part.result(), other.result());
    }
    EXPECT_GT(rounds, 3);
    EXPECT_EQ(paths.values, all.values);
  }
}

// Blocks of which only statistics are wanted are counted on their way.
TEST(Ensemble, StoppedWithoutASinkAndTakenUpHasTheSameBits) {
  const SdeDocument d = pair_of_states();
  const SdeExpressions e = parse_document(d);
  const InitialStates initial(d);
  const TimeGrid grid = make_grid(0, 1, {0.3, 0.6, 1}, 1e-3);
  EnsembleOptions options = everything(1000);
  options.statistics.lags = 0;
  options.lanes = 128;
  Ensemble whole(e, initial, grid, options);
  ASSERT_TRUE(whole.run());
  NamedArrays kept;
  int rounds = 0;
  for (bool done = false; !done; ++rounds) {
    ASSERT_LT(rounds, 1000);
    Ensemble part(e, initial, grid, options);
    if (rounds > 0) part.restore(kept);
    StopToken pause;
    int reports = 0;
    Hooks hooks;
    hooks.progress = [&](std::uint64_t, std::uint64_t) {
      if (++reports == 1) pause.request();
    };
    done = part.run({}, hooks, &pause);
    kept = part.store();
    if (done) expect_same_results(part.result(), whole.result());
  }
  EXPECT_GT(rounds, 3);
}

TEST(Ensemble, TakesUpRecordsAndCounts) {
  // Paused within its one block: with a sink there are records, without there are counts.
  const SdeDocument d = pair_of_states();
  const SdeExpressions e = parse_document(d);
  const InitialStates initial(d);
  const TimeGrid grid = make_grid(0, 1, {0.25, 1}, 1e-6);
  EnsembleOptions options = everything(64);
  options.statistics = {true, true, false, 0, {}, 0};
  const Ensemble::Sink nobody = [](const PathBlock&) {};
  Ensemble whole(e, initial, grid, options);
  ASSERT_TRUE(whole.run());
  for (const bool sink : {false, true}) {
    Ensemble part(e, initial, grid, options);
    for (;;) {
      StopToken pause;
      std::thread clock([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        pause.request();
      });
      const bool done = part.run(sink ? nobody : Ensemble::Sink{}, {}, &pause);
      clock.join();
      ASSERT_FALSE(done);
      if (part.store().integer("pending_place")[4] > 0) break;
    }
    NamedArrays state = part.store();
    EXPECT_EQ(state.real("pending_saved").empty(), !sink);
    EXPECT_EQ(state.real("pending_counted").empty(), sink);
    Ensemble other(e, initial, grid, options);
    if (sink) {
      // As states were before there were counts: all that have statistics hold records.
      std::erase_if(state.reals, [](const auto& array) { return array.first == "pending_counted"; });
      for (auto& [name, values] : state.integers)
        if (name == "run") values[6] = 0;
    }
    other.restore(state);
    if (!sink) {
      EXPECT_THROW(other.run(nobody), Error);
    }
    ASSERT_TRUE(other.run());
    EXPECT_EQ(other.result().moments[1].mean, whole.result().moments[1].mean);
    EXPECT_EQ(other.result().covariance[1].xy, whole.result().covariance[1].xy);
    EXPECT_EQ(other.result().final[0].squares, whole.result().final[0].squares);
  }
}

TEST(Ensemble, GoesOnWithinABlock) {
  // One block of one path, paused as soon as its thread looks: progress is kept all the same.
  const SdeDocument d = scalar("-x", "1", "0");
  const SdeExpressions e = parse_document(d);
  const InitialStates initial(d);
  const TimeGrid grid = make_grid(0, 1, {0.5, 1}, 1e-6);
  EnsembleOptions options;
  options.method = &find_method("euler-maruyama");
  Ensemble whole(e, initial, grid, options);
  ASSERT_TRUE(whole.run());
  Ensemble part(e, initial, grid, options);
  for (int pauses = 0;; ++pauses) {
    StopToken pause;
    std::atomic<bool> over{false};
    std::thread clock([&] {
      for (int i = 0; i < 20 && !over; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      pause.request();
    });
    const bool done = part.run({}, {}, &pause);
    over = true;
    clock.join();
    if (done) {
      EXPECT_GT(pauses, 0);
      break;
    }
    const NamedArrays state = part.store();
    EXPECT_EQ(state.integer("pending_place").size(), 5u);
    part.restore(state);
  }
  EXPECT_EQ(part.result().final[0].mean, whole.result().final[0].mean);
}

TEST(Ensemble, ExtendedHasTheBitsOfALargerOne) {
  const SdeDocument d = pair_of_states();
  const SdeExpressions e = parse_document(d);
  const InitialStates initial(d);
  const TimeGrid grid = make_grid(0, 1, {0.5, 1}, 0.01);
  Ensemble whole(e, initial, grid, everything(1111));
  ASSERT_TRUE(whole.run());
  Ensemble grown(e, initial, grid, everything(128));
  ASSERT_TRUE(grown.run());
  grown.extend(512);
  ASSERT_TRUE(grown.run());
  grown.extend(1111 - 640);
  ASSERT_TRUE(grown.run());
  expect_same_results(whole.result(), grown.result());
}

TEST(Expectation, HasNoMeanWhereItIsNotFinite) {
  const SdeDocument d = scalar("0", "1", "0");
  EnsembleOptions options;
  options.paths = 1000;
  options.expect = {expr::parse("log(x)", {"x"}), expr::parse("x", {"x"})};
  const EnsembleResult r = testing::run(d, "euler-maruyama", make_grid(0, 1, {1}, 0.1), options);
  EXPECT_NEAR(static_cast<double>(r.expect[0].undefined), 500, 80);
  EXPECT_TRUE(std::isnan(r.expect[0].value));
  EXPECT_EQ(r.expect[1].undefined, 0u);
  EXPECT_TRUE(std::isfinite(r.expect[1].value));
}

TEST(Expectation, LeavesOutPathsThatExploded) {
  SdeDocument d = scalar("x^3", "0.1", "0");
  d.states[0].initial = {InitialLaw::Kind::uniform, "0", "3", ""};
  EnsembleOptions options;
  options.paths = 1000;
  options.expect = {expr::parse("if(x < 1e9, 1, 2)", {"x"})};
  const EnsembleResult r = testing::run(d, "euler-maruyama", make_grid(0, 1, {1}, 0.01), options);
  EXPECT_GT(r.non_finite, 100u);
  EXPECT_EQ(r.expect[0].moments.count, static_cast<double>(r.ok));
  EXPECT_EQ(r.expect[0].undefined, 0u);
}

TEST(ExactMean, OfAffineDrifts) {
  // OU in closed form; Heston's mean of s; a rotation.
  std::string reason;
  const auto ou = exact_mean(parse_document(scalar("2*(0.5 - x)", "0.3", "0")), {0.1}, 0.7, reason);
  ASSERT_TRUE(ou);
  EXPECT_NEAR((*ou)[0], 0.5 - 0.4 * std::exp(-1.4), 1e-14);
  SdeDocument d;
  d.parameters = {{"w", 30.0}};
  d.states = {state("a", "-w*b", {{"a", "1"}}, "1"), state("b", "w*a", {{"b", "a"}}, "0")};
  const auto turned = exact_mean(parse_document(d), {1, 0}, 2, reason);
  ASSERT_TRUE(turned);
  EXPECT_NEAR((*turned)[0], std::cos(60), 1e-11);
  EXPECT_NEAR((*turned)[1], std::sin(60), 1e-11);
  // Stratonovich 0.3 x has the Ito drift 0.045 x.
  SdeDocument s = scalar("0", "0.3*x", "1");
  s.calculus = "stratonovich";
  EXPECT_NEAR(exact_mean(parse_document(s), {1}, 1, reason).value()[0], std::exp(0.045), 1e-14);
  EXPECT_FALSE(exact_mean(parse_document(scalar("-x^3", "1", "0")), {0}, 1, reason));
  EXPECT_EQ(reason, "the drift of \"x\" is not affine");
  EXPECT_FALSE(exact_mean(parse_document(scalar("t", "1", "0")), {0}, 1, reason));
}

TEST(ExactMean, AsAControlLeavesLessVariance) {
  // A call on geometric Brownian motion: the correlation of payoff and price at the money is about 0.92.
  const SdeDocument d = scalar("0.05*x", "0.2*x", "1");
  EnsembleOptions options;
  options.paths = 20000;
  options.expect = {expr::parse("exp(-0.05)*max(x - 1, 0)", {"x"})};
  options.controls = {expr::parse("x", {"x"})};
  options.control_means = {std::exp(0.05)};
  const EnsembleResult r = testing::run(d, "exact", make_grid(0, 1, {1}), options);
  const Expectation& e = r.expect[0];
  EXPECT_NEAR(e.value, 0.104505835721856, 4 * e.standard_error);  // Black and Scholes
  EXPECT_NEAR(e.variance_reduction, 6.9, 0.7);
  EXPECT_NEAR(e.standard_error * std::sqrt(e.variance_reduction), e.moments.stderr_of_mean(), 1e-6);
}

}  // namespace
}  // namespace sde
