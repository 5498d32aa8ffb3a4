#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/run_checkpoint.h"
#include "config/locate.h"
#include "config/observations.h"
#include "config/sde_document.h"
#include "fit/fit.h"
#include "fit/scores.h"
#include "models.h"
#include "stats/moments.h"

namespace sde {
namespace {

// Transitions between two looks at signals and checkpoints.
constexpr std::uint64_t kTransitions = 4096;

}  // namespace

bool is_sde(const cli::Context& context) {
  const config::Json& json = context.config().json();
  return json.contains("model") && config::document_kind(json["model"]) == config::DocumentKind::sde;
}

double sum_up_series(cli::Context& context, LikelihoodReport& report) {
  Moments moments;
  double total = 0;
  for (const double value : report.value) {
    if (std::isfinite(value)) {
      moments = merged(moments, {1, value, 0});
      total += value;
    } else {
      ++report.result.non_finite;
    }
  }
  report.result.n = report.value.size();
  report.result.mean = moments.mean;
  report.result.standard_error = report.value.size() > 1 ? moments.stderr_of_mean() : std::nan("");
  if (report.result.non_finite) {
    context.warn(
        fmt::format("{} of {} series have a likelihood that is not finite: a transition is impossible under "
                    "the model",
                    report.result.non_finite, report.value.size()));
  }
  return total;
}

void describe_series(LikelihoodReport& report, double total, config::Summary& summary) {
  summary.set("/density", report.choice).set("/transitions", report.transition.size());
  summary.set("/loglik", total);
  const double mean = total / static_cast<double>(report.transition.size());
  summary.set("/mean_per_transition", mean).set("/scores/log", mean);
  report.note = fmt::format("{} density, log score {:.6f} a transition\n", report.choice, mean);
}

int run_sde(cli::Context& context) {
  LikelihoodConfig options;
  context.read(options);
  for (const char* name :
       {"divergence", "probes", "rtol", "atol", "check", "bits-per-dim", "quantisation", "draws"}) {
    if (context.values().has(name)) {
      fail(Status::usage, "--{}: is for score models, and the model is an SDE; leave it out", name);
    }
  }
  if (options.crps > 0 && context.sharded())
    fail(Status::usage, "--crps: is a score of all data; leave out --shard");
  if (options.crps == 1) fail(Status::usage, "--crps: needs two draws at least (got 1)");
  const config::FoundSde found = config::find_sde(context.config(), "/model");
  const io::Input input(context.argument("DATA"));
  context.add_input(input);
  const io::Dataset data = io::read_dataset(input, options.data);
  const io::Shard shard = part_of(context, data.n, 1);
  std::vector<std::uint64_t> first;  // transition at which each series begins
  const Observations observations = config::make_observations(data, found.sde.state_names(), &first);
  if (observations.transitions() == 0) {
    fail(Status::bad_data, "{}: has no transition; a series needs two observations", data.source);
  }
  if (context.dry_run()) {
    config::Plan plan;
    plan.paths = shard.rows;
    plan.more = {{"transitions", std::to_string(observations.transitions())}};
    return context.print_plan(plan);
  }
  LikelihoodReport report;
  report.shard = shard;
  const auto started = std::chrono::steady_clock::now();
  const auto begin = static_cast<std::size_t>(shard.first),
             end = begin + static_cast<std::size_t>(shard.rows);
  // Of the shard's series, some transitions at a time.
  const io::Shard part{shard.index, shard.count, first[begin], first[end] - first[begin],
                       observations.transitions()};
  cli::RowKeeper keeper(context, {"transitions", part, 1},
                        [&](std::uint64_t, const std::vector<double>& rows) {
                          report.transition.insert(report.transition.end(), rows.begin(), rows.end());
                        });
  context.phase("evaluating transitions", "transitions");
  config::locate(found.document, found.pointer, [&] {
    const TransitionTerms terms(found.sde, options.density, observations);
    report.choice = terms.density();
    while (keeper.done() < part.rows && !context.hooks().stopped()) {
      const std::uint64_t from = part.first + keeper.done(),
                          to = std::min(part.first + part.rows, from + kTransitions);
      keeper.add(from, terms(from, to));
      context.hooks().report(keeper.done(), part.rows);
    }
  });
  keeper.finish(keeper.done() < part.rows);
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  report.model = found.sde.name.empty() ? "sde" : found.sde.name;
  report.unit = "series";
  for (std::size_t n = begin; n <= end; ++n) report.first_transition.push_back(first[n] - first[begin]);
  for (std::size_t n = begin; n < end; ++n) {
    double sum = 0;
    for (std::size_t k = first[n]; k < first[n + 1]; ++k) sum += report.transition[k - first[begin]];
    report.value.push_back(sum);
  }
  report.standard_error.assign(shard.rows, 0.0);
  report.nfe.assign(shard.rows, 0.0);
  const double total = sum_up_series(context, report);
  config::Summary summary;
  describe_series(report, total, summary);
  if (options.crps > 0) {
    const std::vector<double> scores = config::locate(found.document, found.pointer, [&] {
      return crps(found.sde, observations, options.crps, options.crps_steps, context.seed());
    });
    const std::size_t d = observations.dimension(), transitions = observations.transitions();
    for (std::size_t c = 0; c < d; ++c) {
      double sum = 0;
      for (std::size_t i = 0; i < transitions; ++i) sum += scores[i * d + c];
      summary.set(config::path({"scores", "crps", observations.states()[c]}),
                  sum / static_cast<double>(transitions));
      report.note += fmt::format("{}: continuous ranked probability score {:.6g} a transition\n",
                                 observations.states()[c], sum / static_cast<double>(transitions));
    }
  }
  const int status = finish(context, report, summary);
  keeper.remove();
  return status;
}

}  // namespace sde
