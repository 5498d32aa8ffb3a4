#include <fmt/format.h>

#include <chrono>
#include <cmath>

#include "config/archive.h"
#include "config/locate.h"
#include "config/score_files.h"
#include "sample.h"
#include "score/sampler.h"

namespace sde {

namespace {

// --grid print: the times of the steps and the noise at each.
int print_grid(cli::Context& context, const Sampler& sampler, const NoiseProcess& process) {
  const std::vector<double>& grid = sampler.grid();
  if (!sampler.traits().default_steps) {
    fail(Status::usage, "--grid print: {} has no grid", sampler.traits().name);
  }
  std::vector<double> sigma, lambda;
  std::string text = fmt::format("{:>6}  {:<22} {:<14} {:<14} {:<14} {}\n", "step", "t", "a", "s",
                                 "sigma = s/a", "lambda = ln(a/s)");
  for (std::size_t i = 0; i < grid.size(); ++i) {
    const bool data = grid[i] <= 0;
    const double a = data ? 1 : process.signal(grid[i]), s = data ? 0 : process.noise(grid[i]);
    sigma.push_back(s / a);
    lambda.push_back(data ? INFINITY : process.half_log_snr(grid[i]));
    text += fmt::format("{:>6}  {:<22.17g} {:<14.8g} {:<14.8g} {:<14.8g} {:.8g}\n", i, grid[i], a, s,
                        sigma.back(), lambda.back());
  }
  config::Summary summary;
  summary.set("/kind", "grid").set("/sampler", sampler.traits().name).set("/steps", grid.size() - 1);
  summary.set("/grid", grid).set("/sigma", sigma).set("/lambda", lambda);
  return context.finish(summary, text);
}

}  // namespace

int sample_score(cli::Context& context) {
  SampleOptions options;
  config::read_options(context.config(), options);
  bool print = false;
  for (const std::string& name : context.values().list("grid")) {
    print = print || name == "print";
    for (const auto& [known, value] : enum_names(GridType{})) {
      if (name == known) options.grid = value;
    }
  }
  context.keep(options);
  const config::FoundScore found = config::find_score(context.config(), "/model", context.model());
  if (found.file && found.file->path() != context.model().argument) context.add_input(*found.file);
  const std::size_t D = found.columns.size();
  const auto sampler = config::locate(context.config(), "", [&] { return Sampler(found.model, options); });
  const SamplerTraits& traits = sampler.traits();
  const std::size_t T = sampler.grid().size();
  const std::optional<std::uint64_t> evaluations = sampler.evaluations();
  options = sampler.options();
  context.keep(options);
  const io::Shard shard = samples_of(context, options.samples);
  if (print) return print_grid(context, sampler, found.model->process());
  if (context.dry_run()) {
    config::Plan plan;
    plan.paths = shard.rows;
    plan.steps = options.steps.value_or(0);
    plan.memory_bytes = sampling_memory(*found.model, static_cast<unsigned>(context.threads()));
    plan.output_bytes =
        stores(context) ? output_bytes(shard.rows, D * (1 + (options.trajectory ? T : 0))) : 0;
    plan.more = {{"sampler", fmt::format("{} ({})", traits.name, traits.summary)}};
    if (evaluations)
      plan.more.emplace_back("evaluations", fmt::format("{} of the score a sample", *evaluations));
    return context.print_plan(plan);
  }

  SampleSink sink(context, found.columns, shard, options.trajectory ? sampler.grid() : std::vector<double>());
  sink.set_image(found.image);
  context.phase("sampling", "samples");
  const auto started = std::chrono::steady_clock::now();
  const auto add = [&](const SampleBlock& block) {
    const std::size_t values = block.samples * block.dimension;
    sink.add(block.first_id, std::span(block.values, values),
             std::span(block.trajectory, block.trajectory ? values * T : 0));
  };
  SampleOptions part = options;
  part.samples = shard.rows;
  SampleResult result;
  result.grid = sampler.grid();
  result.moments.resize(D);
  if (shard.rows > 0) result = sample(found.model, part, shard.first, add, context.hooks());
  if (result.interrupted) context.check_stopped();
  SampleSummary summary{found.name, traits.name,    result.samples, result.non_finite,     result.evaluations,
                        0,          result.moments, result.grid,    found.model->entropy()};
  summary.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  if (result.non_finite) {
    context.warn(fmt::format("{} of {} samples are not finite; try more steps, or another sampler",
                             result.non_finite, result.samples));
  }
  return sink.finish(summary);
}

}  // namespace sde
