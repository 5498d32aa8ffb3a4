// Multilevel Monte Carlo: the run, and what is said of it.
#include <fmt/format.h>

#include <chrono>
#include <cmath>

#include "config/locate.h"
#include "job.h"
#include "solve/multilevel.h"

namespace sde {
namespace {

MultilevelOptions options_of(const Job& job) {
  const SimulateTarget& target = job.options.target;
  MultilevelOptions options;
  options.method = job.choice.method;
  options.start = job.schedule.grid.start();
  options.end = job.schedule.grid.end();
  options.seed = job.ensemble.seed;
  options.areas = job.ensemble.areas;
  options.tuning = job.ensemble.tuning;
  // Those that were asked for come first.
  options.expect.assign(job.ensemble.expect.begin(),
                        job.ensemble.expect.begin() + static_cast<std::ptrdiff_t>(job.options.expect.size()));
  options.target = *target.stderr_;
  options.refinement = target.refinement;
  options.most_paths = target.max_paths;
  options.coarsest = target.coarsest.value_or(1);
  if (!job.fixed_steps) return options;
  // As coarse as the steps asked for allow.
  std::uint64_t steps = job.schedule.grid.steps;
  unsigned level = 0;
  while (steps % target.refinement == 0 && steps != target.coarsest) {
    steps /= target.refinement;
    ++level;
  }
  if (target.coarsest && steps != *target.coarsest)
    fail(Status::usage,
         "/target/coarsest: {} steps are not {} times a power of the refinement, {}; use another number of "
         "steps",
         job.schedule.grid.steps, *target.coarsest, target.refinement);
  options.coarsest = steps;
  options.finest = level;
  return options;
}

std::string table(const Job& job, const MultilevelResult& r, double seconds) {
  const std::vector<std::string>& names = job.options.expect;
  std::uint64_t paths = 0;
  for (const MultilevelLevel& l : r.levels) paths += l.paths;
  std::string out = fmt::format("{}: {} levels, {} paths by {}, {:.3g} path-steps, {:.3g} s\n",
                                job.document().name.empty() ? "sde" : job.document().name, r.levels.size(),
                                paths, job.choice.method->name, r.work, seconds);
  std::size_t width = 8;
  for (const std::string& name : names) width = std::max(width, name.size() + 3);
  out += fmt::format("  {:<{}}  {:>14}  {:>12}  {:>12}  {:>14}  {:>14}\n", "", width, "mean", "std. error",
                     "bias, about", "alpha", "beta");
  for (std::size_t k = 0; k < names.size(); ++k) {
    const MultilevelEstimate& e = r.expect[k];
    const auto rate = [](const Slope& s) {
      return s.value == 0 ? std::string("not seen")
                          : fmt::format("{:.2f} +- {:.2f}", s.value, s.standard_error);
    };
    out += fmt::format("  {:<{}}  {:>14.8g}  {:>12.3g}  {:>12.2g}  {:>14}  {:>14}\n", "E[" + names[k] + "]",
                       width, e.value, e.standard_error, e.bias, rate(e.alpha), rate(e.beta));
  }
  out += fmt::format("  {:<7}{:>8}{:>14}{:>14}{:>16}{:>16}\n", "level", "steps", "paths", "path-steps",
                     "mean of diff.", "variance");
  for (std::size_t l = 0; l < r.levels.size(); ++l) {
    const MultilevelLevel& level = r.levels[l];
    out += fmt::format("  {:<7}{:>8}{:>14}{:>14.4g}{:>16.6g}{:>16.4g}\n", l, level.steps, level.paths,
                       static_cast<double>(level.paths * level.cost), level.difference[0].mean,
                       level.difference[0].variance());
  }
  out += fmt::format("plain Monte Carlo with {} steps would take {:.3g} path-steps, {:.3g} times the work\n",
                     r.levels.back().steps, r.plain_work, r.plain_work / r.work);
  return out;
}

}  // namespace

int run_multilevel(cli::Context& context, const Job& job, const InitialStates& initial) {
  for (std::size_t i = 0; i < job.solved.dimension(); ++i)
    if (job.solved.domains[i].boundary == Boundary::absorb)
      context.warn(fmt::format(
          "levels see {} absorbed at the ends of their steps alone, where a plain run finds it between "
          "them too; with fixed steps the bias is larger than that of a plain run",
          job.solved.states[i]));
  context.phase("levels", "path-steps");
  const auto started = std::chrono::steady_clock::now();
  const MultilevelResult r = config::locate(context.config(), "", [&] {
    return run_multilevel(job.solved, initial, options_of(job), context.hooks());
  });
  if (r.interrupted) context.check_stopped();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();

  config::Summary summary;
  std::uint64_t paths = 0;
  for (const MultilevelLevel& l : r.levels) paths += l.paths;
  summary.set("/kind", "simulate").set("/name", job.document().name).set("/paths", paths);
  summary.set("/steps", r.levels.back().steps)
      .set("/path_steps", static_cast<std::uint64_t>(r.work))
      .set("/seconds", seconds);
  summary.set("/method", job.choice.method->name).set("/method_reason", job.choice.reason);
  summary.set("/seed", context.seed()).set("/threads", context.threads());
  summary.set("/time", job.schedule.grid.end());
  summary.set("/status/ok", paths - r.non_finite - r.absorbed)
      .set("/status/non_finite", r.non_finite)
      .set("/status/absorbed", r.absorbed);
  summary.set("/target_reached", r.reached);
  for (std::size_t k = 0; k < job.options.expect.size(); ++k) {
    const MultilevelEstimate& e = r.expect[k];
    const auto put = [&](const char* key, auto x) {
      summary.set(config::path({"expect", job.options.expect[k], key}), x);
    };
    put("value", e.value);
    put("stderr", e.standard_error);
    put("bias", e.bias);
    put("alpha", e.alpha.value == 0 ? std::nan("") : e.alpha.value);
    put("beta", e.beta.value == 0 ? std::nan("") : e.beta.value);
    put("undefined", e.undefined);
  }
  summary.set("/multilevel/gamma", r.gamma).set("/multilevel/work", r.work);
  summary.set("/multilevel/plain_work", r.plain_work).set("/multilevel/work_ratio", r.plain_work / r.work);
  for (const MultilevelLevel& l : r.levels) {
    config::Summary level;
    std::vector<double> mean, variance;
    for (const Moments& m : l.difference) {
      mean.push_back(m.mean);
      variance.push_back(m.variance());
    }
    level.set("/steps", l.steps).set("/paths", l.paths).set("/cost", l.cost).set("/seconds", l.seconds);
    level.set("/mean", mean).set("/variance", variance);
    summary.append("/multilevel/levels", level);
  }
  const double target = *job.options.target.stderr_;
  for (std::size_t k = 0; k < r.expect.size(); ++k) {
    const MultilevelEstimate& e = r.expect[k];
    const std::string& name = job.options.expect[k];
    if (e.undefined > 0)
      context.warn(
          fmt::format("the expectation of {} is not finite: on {} of {} paths it has no finite value", name,
                      e.undefined, paths));
    else if (e.standard_error > target)
      context.warn(
          fmt::format("the standard error of {} is {:.3g} after {} paths, above the target of {:g}; allow "
                      "more by --max-paths",
                      name, e.standard_error, paths, target));
    else if (!r.reached && e.bias > target)
      context.warn(fmt::format("the bias of {} is still about {:.2g} with {} steps, above the target of {:g}",
                               name, e.bias, r.levels.back().steps, target));
  }
  return context.finish(summary, table(job, r, seconds), r.reached ? Status::success : Status::negative);
}

}  // namespace sde
