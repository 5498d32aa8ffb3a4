#include <fmt/format.h>

#include <chrono>

#include "config/locate.h"
#include "config/score_files.h"
#include "sample.h"
#include "score/sampler.h"

namespace sde {

int sample_score(cli::Context& context) {
  SampleOptions options;
  context.read(options);
  const config::FoundScore found = config::find_score(context.config(), "/model", context.model());
  if (found.file && found.file->path() != context.model().argument) context.add_input(*found.file);
  const std::size_t D = found.columns.size();
  const auto sampler = config::locate(context.config(), "", [&] { return Sampler(found.model, options); });
  const SamplerTraits& traits = sampler.traits();
  for (const char* name : {"rtol", "atol"}) {
    if (context.values().has(name) && traits.default_steps) {
      fail(Status::usage, "--{}: is for rk45, and the sampler is {}; leave it out", name, traits.name);
    }
  }
  options.eps = sampler.grid().back();
  if (traits.default_steps) options.steps = sampler.grid().size() - 1;
  context.keep(options);
  if (context.dry_run()) {
    config::Plan plan;
    plan.paths = options.samples;
    plan.steps = options.steps.value_or(0);
    plan.memory_bytes = sampling_memory(*found.model, static_cast<unsigned>(context.threads()));
    plan.output_bytes = stores(context) ? output_bytes(options.samples, D) : 0;
    plan.more = {{"sampler", fmt::format("{} ({})", traits.name, traits.summary)}};
    if (traits.default_steps) {
      plan.more.emplace_back("evaluations",
                             fmt::format("{} of the score a sample", *options.steps * traits.evaluations));
    }
    return context.print_plan(plan);
  }

  SampleSink sink(context, found.columns, options.samples);
  context.phase("sampling", "samples");
  const auto started = std::chrono::steady_clock::now();
  const auto add = [&](const SampleBlock& block) {
    sink.add(block.first_id, std::span(block.values, block.samples * block.dimension));
  };
  const SampleResult result = sample(found.model, options, 0, add, context.hooks());
  if (result.interrupted) context.check_stopped();
  SampleSummary summary{found.name, traits.name, result.samples, result.non_finite,
                        result.nfe, 0,           result.moments, result.grid};
  summary.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  if (result.non_finite) {
    context.warn(fmt::format("{} of {} samples are not finite; try more steps, or another sampler",
                             result.non_finite, result.samples));
  }
  return sink.finish(summary);
}

}  // namespace sde
