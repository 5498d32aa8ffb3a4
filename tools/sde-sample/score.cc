#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/run_checkpoint.h"
#include "config/archive.h"
#include "config/locate.h"
#include "config/score_files.h"
#include "io/dataset.h"
#include "sample.h"
#include "score/guidance.h"
#include "score/likelihood.h"
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

// Data or noise that sampling starts from, [n][D] in the order of the model's columns.
std::vector<double> read_rows(cli::Context& context, const config::FoundScore& found, const std::string& file,
                              const char* key) {
  const io::Input input(context.config().resolve(file, key));
  context.add_input(input);
  io::DatasetOptions options;
  options.rows = io::DatasetOptions::Rows::samples;
  const io::Dataset data = io::read_dataset(input, options);
  const std::size_t D = found.columns.size();
  if (data.d != D) {
    fail(Status::bad_data, "{}: has {} columns ({}) and the model has {} ({})", data.source, data.d,
         fmt::join(data.columns, ", "), D, fmt::join(found.columns, ", "));
  }
  const std::vector<double> as_read = config::sample_rows(data);
  const std::vector<std::size_t> order = io::match_columns(data, found.columns);
  std::vector<double> rows = as_read;
  for (std::size_t n = 0; n < data.n; ++n) {
    for (std::size_t i = 0; i < D; ++i) rows[n * D + i] = as_read[n * D + order[i]];
  }
  try {
    check_data(*found.model, rows, data.n);
  } catch (const Error& error) {
    fail(error.status(), "{}: {}", data.source, error.what());
  }
  return rows;
}

// What sampling starts from, and how many samples that makes. Data may also come as `encoded` noise, for
// `evaluations` of the score.
struct Origin {
  std::optional<SampleStart> start;
  bool encoded = false;  // the noise itself is the result
  std::uint64_t evaluations = 0;
};

const char* only_one(const SampleOptions& o) {
  const std::pair<const char*, bool> given[] = {{"start", o.start.has_value()},
                                                {"encode", o.encode.has_value()},
                                                {"decode", o.decode.has_value()},
                                                {"interpolate", o.interpolate.has_value()}};
  const char* key = nullptr;
  for (const auto& [name, there] : given) {
    if (!there) continue;
    if (key) fail(Status::usage, "--{}: cannot be combined with --{}", name, key);
    key = name;
  }
  if (o.start_time && !o.start && !o.decode) fail(Status::usage, "--start-time: needs data, by --start FILE");
  if (o.points && !o.interpolate) fail(Status::usage, "--points: is for --interpolate; leave it out");
  return key;
}

Origin find_origin(cli::Context& context, const config::FoundScore& found, SampleOptions& options) {
  Origin origin;
  const char* key = only_one(options);
  if (!key) return origin;
  const bool counted = context.config().json().contains("samples");
  if (counted && !options.start) fail(Status::usage, "--samples: --{} says how many; leave it out", key);
  const std::string file = options.start    ? *options.start
                           : options.encode ? *options.encode
                           : options.decode ? *options.decode
                                            : *options.interpolate;
  SampleStart start;
  start.rows = read_rows(context, found, file, (std::string("/") + key).c_str());
  const std::size_t D = found.columns.size();
  if (!options.start) {
    // Ways back and forth are those of the flow.
    if (!options.sampler) options.sampler = "rk45";
    start.from = SampleStart::From::noise;
  }
  if (options.encode || options.interpolate) {
    if (context.dry_run()) {
      if (options.interpolate) interpolate(start.rows, D, options.points.value_or(10));
    } else {
      context.phase("following the flow to noise", "data");
      start.rows = config::locate(context.config(), "", [&] {
        return encode(found.model, options, start.rows, origin.evaluations, context.hooks());
      });
      if (start.rows.empty()) context.check_stopped();
      if (options.interpolate) start.rows = interpolate(start.rows, D, options.points.value_or(10));
    }
    origin.encoded = options.encode.has_value();
  }
  if (!options.start || !counted) options.samples = start.rows.size() / D;
  if (options.interpolate && context.dry_run())
    options.samples = options.samples / 2 * options.points.value_or(10);
  origin.start = std::move(start);
  return origin;
}

// --encode: the noise that the flow leads to is the result.
int finish_encoded(cli::Context& context, const config::FoundScore& found, const SampleOptions& options,
                   const Origin& origin, double seconds) {
  SampleSink sink(context, found.columns, whole_run(options.samples));
  const std::vector<double>& rows = origin.start->rows;
  sink.add(0, rows);
  const std::size_t n = rows.size() / found.columns.size();
  SampleTally tally(found.columns.size());
  tally.add(0, n, rows.data());
  SampleSummary summary;
  summary.model = found.name;
  summary.sampler = *options.sampler;
  summary.what = "data carried to noise";
  summary.n = n;
  summary.non_finite = tally.non_finite();
  summary.evaluations = origin.evaluations;
  summary.seconds = seconds;
  summary.moments = tally.moments();
  summary.grid = {options.eps.value_or(found.model->process().sampling_cutoff()), kHorizon};
  return sink.finish(summary);
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
  config::FoundScore found = config::find_score(context.config(), "/model", context.model());
  if (found.file && found.file->path() != context.model().argument) context.add_input(*found.file);
  const std::size_t D = found.columns.size();
  std::optional<Observation> observation;
  config::locate(context.config(), "", [&] {
    if (options.guidance_scale && !options.label) {
      fail(Status::usage, "/guidance_scale: needs a label to guide to; give --label");
    }
    if (options.label) found.model = guide(found.model, *options.label, options.guidance_scale);
    if (!options.observation) return;
    observation = make_observation(*found.model, *options.observation, found.columns);
    if (!observation->by_steps()) found.model = observe(found.model, *observation);
  });
  if (options.observation && (options.encode || options.interpolate || options.decode)) {
    fail(Status::usage, "--known: the flow to noise and back takes no observation");
  }
  if (options.encode && (context.resume() || context.checkpoint_every() > 0)) {
    fail(Status::usage, "--{}: --encode carries all data at once and keeps no checkpoint; leave it out",
         context.resume() ? "resume" : "checkpoint-every");
  }
  const auto started = std::chrono::steady_clock::now();
  const auto seconds = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  };
  const Origin origin = find_origin(context, found, options);
  if (origin.encoded && !context.dry_run()) return finish_encoded(context, found, options, origin, seconds());
  const auto sampler = config::locate(context.config(), "", [&] {
    return Sampler(found.model, options, observation && observation->by_steps() ? observation : std::nullopt);
  });
  if (options.decode || options.interpolate) {
    if (sampler.draws()) {
      fail(Status::usage, "--sampler: {} draws noise, and the way from noise to data is the flow's; use rk45",
           sampler.traits().name);
    }
  }
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
    plan.steps = options.steps.value_or(options.times ? options.times->size() - 1 : 0);
    plan.memory_bytes = sampling_memory(*found.model, static_cast<unsigned>(context.threads()));
    plan.output_bytes =
        stores(context) ? output_bytes(shard.rows, D * (1 + (options.trajectory ? T : 0))) : 0;
    plan.more = {{"sampler", fmt::format("{} ({})", traits.name, traits.summary)}};
    if (evaluations) {
      plan.more.emplace_back("evaluations", fmt::format("{} of the score a sample", *evaluations));
    }
    return context.print_plan(plan);
  }

  SampleSink sink(context, found.columns, shard, options.trajectory ? sampler.grid() : std::vector<double>());
  sink.set_image(found.image);
  // A sample and its trajectory are one row.
  const std::size_t row = D * (1 + (options.trajectory ? T : 0));
  SampleTally tally(D);
  const auto hand_on = [&](std::uint64_t first, const std::vector<double>& rows) {
    const std::size_t n = rows.size() / row;
    std::vector<double> values(n * D), trajectory(n * (row - D));
    for (std::size_t k = 0; k < n; ++k) {
      std::copy_n(rows.data() + k * row, D, values.data() + k * D);
      std::copy_n(rows.data() + k * row + D, row - D, trajectory.data() + k * (row - D));
    }
    tally.add(first, n, values.data());
    sink.add(first, values, trajectory);
  };
  cli::RowKeeper keeper(context, {"samples", shard, row}, hand_on);
  if (!keeper.keeps()) sink.open();
  const auto add = [&](const SampleBlock& block) {
    if (!keeper.keeps()) {
      const std::size_t values = block.samples * block.dimension;
      sink.add(block.first_id, std::span(block.values, values),
               std::span(block.trajectory, block.trajectory ? values * T : 0));
      return;
    }
    std::vector<double> rows(block.samples * row);
    for (std::size_t k = 0; k < block.samples; ++k) {
      std::copy_n(block.values + k * D, D, rows.data() + k * row);
      if (block.trajectory) std::copy_n(block.trajectory + k * (row - D), row - D, rows.data() + k * row + D);
    }
    keeper.add(block.first_id, std::move(rows), block.evaluations);
  };
  SampleOptions part = options;
  part.samples = shard.rows - keeper.done();
  SampleResult result;
  result.grid = sampler.grid();
  result.moments.resize(D);
  if (part.samples > 0) {
    context.phase("sampling", "samples");
    result = config::locate(context.config(), "", [&] {
      return sample(found.model, part, shard.first + keeper.done(), add, context.hooks(),
                    origin.start ? &*origin.start : nullptr, observation);
    });
  }
  keeper.finish(result.interrupted);
  if (keeper.keeps()) {
    result.samples = tally.samples();
    result.non_finite = tally.non_finite();
    result.moments = tally.moments();
    result.evaluations = keeper.count();
  }
  SampleSummary summary;
  summary.model = found.name;
  summary.sampler = traits.name;
  summary.n = result.samples;
  summary.non_finite = result.non_finite;
  summary.evaluations = result.evaluations + origin.evaluations;
  summary.seconds = seconds();
  summary.moments = result.moments;
  summary.grid = result.grid;
  summary.entropy = found.model->entropy();
  if (result.non_finite) {
    context.warn(fmt::format("{} of {} samples are not finite; try more steps, or another sampler",
                             result.non_finite, result.samples));
  }
  const int status = sink.finish(summary);
  keeper.remove();
  return status;
}

}  // namespace sde
