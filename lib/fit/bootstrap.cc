#include "fit/bootstrap.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <mutex>

#include "base/error.h"
#include "fit/replicas.h"

namespace sde {

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
// Steps between two rows where the law is not known: the weak error of the paths is this part of that of one
// step over the gap.
constexpr int kPieces = 20;

// Quantile of sorted values by linear interpolation (type 7 of Hyndman & Fan 1996).
double quantile(const std::vector<double>& sorted, double p) {
  const double place = p * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<std::size_t>(place);
  const std::size_t high = std::min(low + 1, sorted.size() - 1);
  return sorted[low] + (place - static_cast<double>(low)) * (sorted[high] - sorted[low]);
}

// How every replica is fitted: as the data were, from the estimates, without what is told of a fit beside
// them.
FitOptions refit_options(const FitResult& fitted, const FitOptions& options) {
  FitOptions result = options;
  result.density = fitted.density;
  result.estimate.clear();
  for (const Estimate& e : fitted.estimates) result.estimate.push_back(e.name);
  result.fix.clear();  // they stand in the document
  result.starts = 0;
  result.start_from = "document";
  result.predict = 0;
  result.describe = false;
  result.inference.report.clear();
  result.inference.tests.clear();
  result.inference.posterior.reset();
  return result;
}

// Draws and fits the replicas of a block: `draw` gives their values, `refit` the fit to those of one.
using Draw = std::function<std::vector<std::vector<double>>(std::uint64_t first_id)>;
using Refit = std::function<FitResult(const std::vector<double>& values, const Hooks& hooks)>;

BootstrapResult run(const FitResult& fitted, const ReplicaWalk& walk, const Draw& draw, const Refit& refit,
                    int replicas, double confidence, const Hooks& hooks) {
  constexpr std::size_t lanes = ReplicaWalk::kLanes;
  const std::size_t n = static_cast<std::size_t>(replicas), k = fitted.estimates.size();
  BootstrapResult result;
  result.method = walk.method();
  result.pieces = walk.pieces();
  result.replicas = n;
  result.value.assign(n * k, kNaN);
  result.se.assign(n * k, kNaN);
  std::vector<double> low(n * k, kNaN), high(n * k, kNaN);
  std::vector<std::string> failure(n);
  std::atomic<std::uint64_t> done{0};
  std::mutex reporting;

  Hooks quiet;
  quiet.stop = hooks.stop;
  tbb::parallel_for(std::size_t{0}, (n + lanes - 1) / lanes, [&](std::size_t block) {
    if (hooks.stopped()) return;
    const auto drawn = draw(block * lanes);
    tbb::parallel_for(std::size_t{0}, std::min(lanes, n - block * lanes), [&](std::size_t lane) {
      if (hooks.stopped()) return;
      const std::size_t id = block * lanes + lane;
      if (drawn[lane].empty()) {
        failure[id] = "the simulated series is not finite";
      } else {
        try {
          const FitResult one = refit(drawn[lane], quiet);
          if (!one.converged) {
            failure[id] = one.end;
          } else {
            for (std::size_t j = 0; j < k; ++j) {
              const Estimate& e = one.estimates[j];
              result.value[id * k + j] = e.value;
              result.se[id * k + j] = e.se;
              low[id * k + j] = e.low;
              high[id * k + j] = e.high;
            }
          }
        } catch (const Error& error) {
          failure[id] = error.what();
        }
      }
      const std::scoped_lock lock(reporting);
      hooks.report(++done, n);
    });
  });
  result.interrupted = hooks.stopped();
  if (result.interrupted) return result;

  // Reasons differ in their numbers: by what stands before the first digit.
  std::map<std::string, std::pair<std::string, std::size_t>> reasons;
  for (const std::string& why : failure) {
    if (why.empty()) continue;
    auto& [text, count] = reasons[why.substr(0, why.find_first_of("0123456789"))];
    if (count++ == 0) text = why;
    ++result.failed;
  }
  for (const auto& [key, reason] : reasons) result.failures.push_back(reason);
  result.used = n - result.failed;

  for (std::size_t j = 0; j < k; ++j) {
    BootstrapEstimate e;
    e.name = fitted.estimates[j].name;
    e.value = fitted.estimates[j].value;
    e.bias = e.bias_stderr = e.se = e.low = e.high = e.coverage = e.coverage_stderr = kNaN;
    std::vector<double> values;
    std::size_t intervals = 0, held = 0;
    for (std::size_t i = 0; i < n; ++i) {
      if (!failure[i].empty()) continue;
      const std::size_t place = i * k + j;
      values.push_back(result.value[place]);
      if (std::isnan(low[place])) continue;  // on a bound, or not determined
      ++intervals;
      held += low[place] <= e.value && e.value <= high[place] ? 1 : 0;
    }
    const double count = static_cast<double>(values.size());
    if (values.size() > 1) {
      double sum = 0, squares = 0;
      for (double x : values) sum += x - e.value;
      e.bias = sum / count;
      for (double x : values) squares += (x - e.value - e.bias) * (x - e.value - e.bias);
      e.se = std::sqrt(squares / (count - 1));
      e.bias_stderr = e.se / std::sqrt(count);
      std::sort(values.begin(), values.end());
      e.low = quantile(values, 0.5 - 0.5 * confidence);
      e.high = quantile(values, 0.5 + 0.5 * confidence);
    }
    if (intervals > 0) {
      const double m = static_cast<double>(intervals);
      e.coverage = static_cast<double>(held) / m;
      e.coverage_stderr = std::sqrt(e.coverage * (1 - e.coverage) / m);
    }
    result.estimates.push_back(e);
  }
  return result;
}

void check(int replicas) {
  if (replicas < 2) fail(Status::usage, "/bootstrap: must be >= 2, or 0 for none (got {})", replicas);
}

std::string series_name(std::size_t s, std::size_t count) {
  return count > 1 ? fmt::format("{}", s + 1) : "";
}

}  // namespace

BootstrapResult bootstrap(const FitResult& fitted, const Observations& data, const FitOptions& options,
                          int replicas, const Hooks& hooks) {
  check(replicas);
  const SdeExpressions ito = converted(parse_document(fitted.sde), Calculus::ito);
  const ReplicaWalk walk(ito, options.seed, std::max(kPieces, options.simulation.steps));
  const FitOptions refitted = refit_options(fitted, options);
  const std::size_t d = data.dimension();
  return run(
      fitted, walk, [&](std::uint64_t first_id) { return draw_replicas(walk, data, first_id); },
      [&](const std::vector<double>& values, const Hooks& quiet) {
        Observations replica(data.states());
        for (std::size_t s = 0; s < data.series(); ++s) {
          const std::size_t first = data.first_observation(s), count = data.first_observation(s + 1) - first;
          replica.add(series_name(s, data.series()), data.time().subspan(first, count),
                      std::span(values).subspan(first * d, count * d));
        }
        return fit(fitted.sde, replica, refitted, quiet);
      },
      replicas, options.confidence, hooks);
}

BootstrapResult bootstrap(const FitResult& fitted, const SeriesTable& data, const FitOptions& options,
                          int replicas, const Hooks& hooks) {
  check(replicas);
  ObservationModel observation = options.observation.value_or(ObservationModel{});
  const StateSpace model = make_state_space(fitted.sde, observation);
  const ReplicaWalk walk(model.sde, options.seed, std::max(kPieces, options.simulation.steps));
  FitOptions refitted = refit_options(fitted, options);
  // Its parameters stand in the fitted document, at their estimates.
  observation.parameters.clear();
  refitted.observation = observation;
  const std::size_t q = data.columns().size();
  return run(
      fitted, walk,
      [&](std::uint64_t first_id) { return draw_replicas(walk, model, data, options.seed, first_id); },
      [&](const std::vector<double>& values, const Hooks& quiet) {
        SeriesTable replica(data.columns());
        for (std::size_t s = 0; s < data.series(); ++s) {
          const std::size_t first = data.first_row(s), count = data.first_row(s + 1) - first;
          replica.add(series_name(s, data.series()), std::span(data.times()).subspan(first, count),
                      std::span(values).subspan(first * q, count * q));
        }
        return fit(fitted.sde, replica, refitted, quiet);
      },
      replicas, options.confidence, hooks);
}

}  // namespace sde
