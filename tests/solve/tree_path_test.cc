// Ensembles on virtual Brownian trees: the same path for any steps on trees of one span.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <mutex>

#include "brownian/tree.h"
#include "testing.h"

namespace sde {
namespace {

using testing::run;
using testing::scalar;

SdeDocument brownian_motion() {
  return scalar("0", "1", "0");
}

// Path -> the saved values.
std::map<std::uint64_t, std::vector<double>> paths_of(const SdeDocument& d, const char* method,
                                                      const TimeGrid& grid, EnsembleOptions options) {
  options.brownian = BrownianSource::tree;
  std::map<std::uint64_t, std::vector<double>> result;
  std::mutex mutex;
  run(d, method, grid, options, [&](const PathBlock& block) {
    const std::scoped_lock lock(mutex);
    for (std::size_t p = 0; p < block.paths; ++p)
      for (std::size_t s = 0; s < block.saves; ++s)
        for (std::size_t i = 0; i < block.dimension; ++i)
          result[block.first_id + p].push_back(block.at(p, s, i));
  });
  return result;
}

TEST(TreePath, IsTheSameForAnyStepOnTreesOfOneSpan) {
  EnsembleOptions options;
  options.tree.span = 2;
  options.paths = 100;
  options.seed = 3;
  const std::vector<double> save = {0.3, 0.5, 1.2, 2};
  const auto reference =
      paths_of(brownian_motion(), "euler-maruyama", make_grid(0, 2, save, 1.0 / 64), options);
  for (double dt : {1.0 / 128, 0.01, 0.003, 0.7}) {
    const auto other = paths_of(brownian_motion(), "euler-maruyama", make_grid(0, 2, save, dt), options);
    for (const auto& [id, values] : reference)
      for (std::size_t s = 0; s < save.size(); ++s)
        ASSERT_NEAR(values[s], other.at(id)[s], 1e-13) << dt << " path " << id;
  }
  // And it is the tree's.
  const BrownianTree tree(3, 1, 2);
  std::vector<std::uint64_t> ids(112), ticks(112, tree.ticks(0.5));
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = i;
  StateBlock<double> w(1, 112);
  tree.at(ids.data(), ticks.data(), w.view());
  for (const auto& [id, values] : reference) ASSERT_NEAR(values[1], w.row(0)[id], 1e-13);
}

// Without a span, for steps that are a power of two times one another, to the bits where nothing else is
// done.
TEST(TreePath, IsTheSameForHalvedSteps) {
  EnsembleOptions options;
  options.paths = 100;
  const std::vector<double> save = {0.25, 0.5, 1};
  const auto at = [&](double dt) {
    return paths_of(brownian_motion(), "euler-maruyama", make_grid(0, 1, save, dt), options);
  };
  const auto reference = at(0.01), halved = at(0.005), other = at(0.003);
  double apart = 0;
  for (const auto& [id, values] : reference)
    for (std::size_t s = 0; s < save.size(); ++s) {
      ASSERT_NEAR(values[s], halved.at(id)[s], 1e-13);
      apart = std::max(apart, std::abs(values[s] - other.at(id)[s]));
    }
  EXPECT_GT(apart, 0.1);
}

TEST(TreePath, SpanFollowsTheStep) {
  EXPECT_EQ(tree_span(make_grid(0, 1, {}, 0.001), {}, false), 1.024);
  EXPECT_EQ(tree_span(make_grid(0, 1, {}, 0.0005), {}, false), 1.024);
  EXPECT_EQ(tree_span(make_grid(0, 1, {}, 1.0 / 64), {}, false), 1);
  EXPECT_DOUBLE_EQ(tree_span(make_grid(0, 0.8, {}, 0.1), {}, false), 0.8);
  EXPECT_EQ(tree_span(make_grid(0, 3, {}, 0.1), {.span = 7}, false), 7);
  EXPECT_EQ(tree_span(make_grid(1, 4, {}), {}, true), 3);
  EXPECT_THROW(tree_span(make_grid(0, 3, {}, 0.1), {.span = 2}, false), Error);
  EXPECT_THROW(tree_span(make_grid(0, 3, {}, 0.1), {.area_step = -1}, false), Error);
}

// Milstein's method on general noise with areas of pieces as short as the finest steps: strong order 1
// against the finest, which holds only where coarse and fine steps have the same areas.
TEST(TreePath, LevyAreasAreSharedByStepsThatAgreeOnTheirPieces) {
  SdeDocument d;
  d.noises = {"a", "b"};
  d.states = {testing::state("x", "0", {{"a", "cos(y)"}, {"b", "sin(x)"}}, "1"),
              testing::state("y", "0", {{"a", "x/2"}, {"b", "1"}}, "0.7")};
  EnsembleOptions options;
  options.paths = 1024;
  options.tree.area_step = 1.0 / 512;
  const auto slope = [&] {
    const auto ends = [&](std::uint64_t steps) {
      return paths_of(d, "milstein", make_grid(0, 1, {1}, 1.0 / static_cast<double>(steps)), options);
    };
    const auto fine = ends(512);
    const auto rms = [&](std::uint64_t steps) {
      double sum = 0;
      for (const auto& [id, values] : ends(steps)) sum += std::pow(values[0] - fine.at(id)[0], 2);
      return std::sqrt(sum / static_cast<double>(options.paths));
    };
    return std::log2(rms(8) / rms(64)) / 3;
  };
  EXPECT_NEAR(slope(), 1, 0.15);
  options.tree.area_step = 0;  // each step draws its own
  EXPECT_NEAR(slope(), 0.5, 0.15);
}

// A method that uses the areas reaches, on one path, a limit that refining approaches at its order: for
// dX = sin(X) dt + dW the error of sra1 against 16 times as many steps falls 2^1.5 a halving.
TEST(TreePath, AreasBelongToThePath) {
  const SdeDocument d = scalar("sin(2*x)", "1", "0.3");
  EnsembleOptions options;
  options.paths = 512;
  const auto ends = [&](std::uint64_t steps) {
    return paths_of(d, "sra1", make_grid(0, 1, {1}, 1.0 / static_cast<double>(steps)), options);
  };
  const auto fine = ends(2048);
  const auto rms = [&](std::uint64_t steps) {
    double sum = 0;
    for (const auto& [id, values] : ends(steps)) sum += std::pow(values[0] - fine.at(id)[0], 2);
    return std::sqrt(sum / static_cast<double>(options.paths));
  };
  const double slope = std::log2(rms(16) / rms(128)) / 3;
  EXPECT_NEAR(slope, 1.5, 0.12);
}

TEST(TreePath, HasTheSameBitsForAnyBlockAndWhenReplayed) {
  SdeDocument d;
  d.noises = {"a", "b"};
  d.states = {testing::state("x", "-x + y/4", {{"a", "0.4*x"}, {"b", "0.3*sin(y)"}}, "1"),
              testing::state("y", "-y + x/4", {{"a", "0.4*y"}, {"b", "0.5*x"}}, "0.7")};
  EnsembleOptions options;
  options.paths = 300;
  options.seed = 11;
  const TimeGrid grid = make_grid(0, 1, {0.37, 1}, 0.013);
  for (const char* method : {"euler-maruyama", "milstein"}) {  // milstein takes Levy areas here
    options.first_path = 0;
    options.paths = 300;
    options.lanes = 64;
    const auto reference = paths_of(d, method, grid, options);
    options.lanes = 256;
    EXPECT_EQ(paths_of(d, method, grid, options), reference);
    options.first_path = 217;
    options.paths = 1;
    options.lanes = 64;
    const auto replay = paths_of(d, method, grid, options);
    ASSERT_EQ(replay.size(), 1u);
    EXPECT_EQ(replay.at(217), reference.at(217));
  }
}

// The law of an Ornstein-Uhlenbeck process by its exact recursion.
TEST(TreePath, GivesTheRightLaw) {
  EnsembleOptions options;
  options.paths = 40000;
  options.brownian = BrownianSource::tree;
  const auto result = run(scalar("-x", "1", "1"), "exact", make_grid(0, 2, {}, 0.25), options);
  const double variance = 0.5 * (1 - std::exp(-4.0));
  EXPECT_NEAR(result.final[0].mean, std::exp(-2.0), 4 * std::sqrt(variance / 40000));
  EXPECT_NEAR(result.final[0].variance(), variance, 4 * variance * std::sqrt(2.0 / 40000));
}

}  // namespace
}  // namespace sde
