// What an ensemble is going to count and take, and what its counts come to.
#include <algorithm>
#include <cmath>
#include <limits>

#include "solve/ensemble.h"

namespace sde {

TallyLayout tally_layout(const TimeGrid& grid, std::size_t dimension, const EnsembleOptions& options) {
  TallyLayout layout;
  layout.saves = grid.save.size();
  layout.dimension = dimension;
  // The end is always recorded, for the final moments, whether it is a save time or not.
  layout.records = layout.saves + (layout.saves == 0 || grid.save.back() < grid.end() ? 1 : 0);
  layout.expectations = options.expect.size() + options.events.size();
  layout.events = options.event_bins;
  layout.controls = options.controls.size();
  layout.pairs = options.coupling.antithetic;
  layout.group_leaves = options.coupling.quasi_points / kLeafPaths;
  layout.statistics = options.statistics;
  return layout;
}

double EventTimes::fraction_stderr() const {
  const double p = fraction();
  return std::sqrt(p * (1 - p) / (time.count + static_cast<double>(without)));
}

// Of no values nothing is known.
static void forget_empty(std::vector<Moments>& moments, std::vector<double>& errors) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  for (std::size_t i = 0; i < moments.size(); ++i)
    if (moments[i].count == 0) moments[i].mean = moments[i].squares = errors[i] = kNone;
}

EnsembleResult summarise(const Tally& tally, const std::vector<double>& control_means) {
  EnsembleResult result;
  result.paths = tally.paths;
  result.path_steps = tally.path_steps;
  result.rejected = tally.rejected;
  result.forced = tally.forced;
  result.ok = tally.ok;
  result.non_finite = tally.non_finite;
  result.absorbed = tally.absorbed;
  result.unsolved = tally.unsolved;
  result.final = tally.final_moments();
  result.final_error = tally.final_errors();
  forget_empty(result.final, result.final_error);
  const std::vector<Moments> plain = tally.expectations();
  const std::vector<double> plain_error = tally.expectation_errors();
  const std::size_t events = tally.layout().events.size(), expectations = plain.size() - events;
  for (std::size_t k = 0; k < events; ++k)
    result.events.push_back(
        {plain[expectations + k], tally.undefined[expectations + k], tally.event_times()[k]});
  for (std::size_t k = 0; k < expectations; ++k) {
    Expectation e;
    e.moments = plain[k];
    e.undefined = tally.undefined[k];
    for (std::size_t j = 0; j < control_means.size(); ++j)
      e.undefined += tally.undefined[tally.layout().expectations + j];
    e.value = e.moments.mean;
    e.plain_error = e.standard_error = plain_error[k];
    if (!control_means.empty()) {
      const std::vector<CoMoments> pairs = tally.controls(k);
      const ControlledMean controlled = controlled_mean(pairs, control_means);
      e.value = controlled.value;
      e.standard_error = controlled.standard_error;
      e.variance_reduction = controlled.variance_reduction;
    }
    if (e.undefined > 0 || e.moments.count == 0)
      e.value = e.standard_error = std::numeric_limits<double>::quiet_NaN();
    result.expect.push_back(e);
  }
  result.moments = tally.moments();
  result.moments_error = tally.moment_errors();
  forget_empty(result.moments, result.moments_error);
  result.sketches = tally.sketches();
  result.covariance = tally.covariance();
  result.lagged = tally.lagged();
  result.histograms = tally.histograms();
  return result;
}

std::size_t choose_lanes(const TimeGrid& grid, std::size_t dimension, const EnsembleOptions& options,
                         bool trajectories, unsigned threads) {
  // Half a thousand paths amortise the dispatch of a program's operations and still fit the first-level
  // cache; fewer where there would not be a block for every thread, or where their trajectories would fill
  // more than 64 MiB. Twice as many share the way of the counters of quantiles into the cache.
  std::size_t lanes = options.statistics.quantiles ? 1024 : 512;
  const double budget = 64.0 * (1 << 20);
  const bool kept = trajectories || options.statistics.lags > 0 || options.adaptive;
  while (lanes > kLeafPaths &&
         (options.paths < static_cast<std::uint64_t>(lanes) * threads ||
          (kept && static_cast<double>(grid.save.size() * dimension * lanes) * 8 > budget)))
    lanes /= 2;
  return lanes;
}

void PathBlock::turn(double* rows) const {
  // Squares of a cache line either way: each line is read once, and eight rows are written side by side.
  constexpr std::size_t kSquare = 8;
  const std::size_t width = saves * dimension;
  for (std::size_t p0 = 0; p0 < paths; p0 += kSquare) {
    const std::size_t count = std::min(kSquare, paths - p0);
    double* const to = rows + p0 * width;
    for (std::size_t r = 0; r < width; ++r) {
      const double* const from = values + r * stride + p0;
      if (count == kSquare)
        for (std::size_t p = 0; p < kSquare; ++p) to[p * width + r] = from[p];
      else
        for (std::size_t p = 0; p < count; ++p) to[p * width + r] = from[p];
    }
  }
}

double estimate_memory(const TimeGrid& grid, const SdeExpressions& sde, const EnsembleOptions& options,
                       bool trajectories, unsigned threads) {
  const std::size_t lanes =
      options.lanes ? options.lanes : choose_lanes(grid, sde.dimension(), options, trajectories, threads);
  const StatisticsOptions& s = options.statistics;
  const double D = static_cast<double>(sde.dimension());
  const double quantities = static_cast<double>(grid.save.size()) * D;
  double per_thread = 64.0 * static_cast<double>(lanes) * 8;  // states, increments, program
  if (trajectories)
    per_thread += 3 * quantities * static_cast<double>(lanes) * 8;  // here, in the queue, at the writer
  else if (s.lags > 0 || options.adaptive)
    per_thread += quantities * static_cast<double>(lanes) * 8;
  if (options.coupling.quasi_points > 0)
    per_thread += 3 * static_cast<double>(grid.steps * sde.noises.size() * lanes) * 8;
  const double leaves = 25;  // the node of a block, and those in the tree
  if (s.moments) per_thread += leaves * quantities * sizeof(Moments);
  if (s.covariance) per_thread += leaves * quantities * (D + 1) / 2 * sizeof(CoMoments);
  per_thread += leaves * quantities * static_cast<double>(s.lags) * sizeof(CoMoments);
  if (s.quantiles) per_thread += quantities * 24e3;
  per_thread += quantities * static_cast<double>(s.bins) * 8;
  return 20e6 + per_thread * threads;
}

}  // namespace sde
