#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

#include "config/locate.h"
#include "config/observations.h"
#include "config/sde_document.h"
#include "fit/fit.h"
#include "fit/scores.h"
#include "models.h"
#include "stats/moments.h"

namespace sde {

bool is_sde(const cli::Context& context) {
  const config::Json& json = context.config().json();
  return json.contains("model") && config::document_kind(json["model"]) == config::DocumentKind::sde;
}

int run_sde(cli::Context& context) {
  LikelihoodConfig options;
  context.read(options);
  for (const char* name : {"divergence", "probes", "rtol", "atol", "check"}) {
    if (context.values().has(name)) {
      fail(Status::usage, "--{}: is for score models, and the model is an SDE; leave it out", name);
    }
  }
  if (options.crps == 1) fail(Status::usage, "--crps: needs two draws at least (got 1)");
  const config::FoundSde found = config::find_sde(context.config(), "/model");
  const io::Input input(context.argument("DATA"));
  context.add_input(input);
  const io::Dataset data = io::read_dataset(input, options.data);
  std::vector<std::uint64_t> first;  // transition at which each series begins
  const Observations observations = config::make_observations(data, found.sde.state_names(), &first);
  if (observations.transitions() == 0) {
    fail(Status::bad_data, "{}: has no transition; a series needs two observations", data.source);
  }
  if (context.dry_run()) {
    config::Plan plan;
    plan.paths = data.n;
    plan.more = {{"transitions", std::to_string(observations.transitions())}};
    return context.print_plan(plan);
  }
  const auto started = std::chrono::steady_clock::now();
  std::string chosen;
  const std::vector<double> each = config::locate(found.document, found.pointer, [&] {
    return per_transition_loglik(found.sde, options.density, observations, &chosen);
  });
  LikelihoodReport report;
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  report.model = found.sde.name.empty() ? "sde" : found.sde.name;
  report.unit = "series";
  Moments moments;
  double total = 0;
  for (std::size_t n = 0; n < data.n; ++n) {
    double sum = 0;
    for (std::size_t k = first[n]; k < first[n + 1]; ++k) sum += each[k];
    report.value.push_back(sum);
    if (std::isfinite(sum)) {
      moments = merged(moments, {1, sum, 0});
      total += sum;
    } else {
      ++report.result.non_finite;
    }
  }
  report.transition = each;
  report.first_transition = first;
  report.standard_error.assign(data.n, 0.0);
  report.nfe.assign(data.n, 0.0);
  report.result.n = data.n;
  report.result.mean = moments.mean;
  report.result.standard_error = data.n > 1 ? moments.stderr_of_mean() : std::nan("");
  if (report.result.non_finite) {
    context.warn(
        fmt::format("{} of {} series have a likelihood that is not finite: a transition is impossible under "
                    "the model",
                    report.result.non_finite, data.n));
  }
  config::Summary summary;
  summary.set("/density", chosen).set("/transitions", observations.transitions()).set("/loglik", total);
  summary.set("/mean_per_transition", total / static_cast<double>(observations.transitions()));
  report.note = fmt::format("{} density, log score {:.6f} a transition\n", chosen,
                            total / static_cast<double>(observations.transitions()));
  summary.set("/scores/log", total / static_cast<double>(observations.transitions()));
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
  return finish(context, report, summary);
}

}  // namespace sde
