// Ensembles on virtual Brownian trees: the same path whatever the steps.
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

TEST(TreePath, IsTheSameForAnyStep) {
  EnsembleOptions options;
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
