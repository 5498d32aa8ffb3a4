// sde-sample: new samples from score models.
#include <fmt/format.h>

#include <chrono>
#include <cmath>

#include "cli/plot.h"
#include "cli/tool.h"
#include "config/locate.h"
#include "config/score_files.h"
#include "io/samples.h"
#include "score/sampler.h"

namespace {

using namespace sde;

constexpr std::size_t kSamplesShown = 5000;

cli::ToolInfo describe() {
  cli::ToolInfo info;
  info.name = "sde-sample";
  info.summary = "draw new samples from a score model";
  info.description =
      "Draws samples by running the noise process of MODEL backwards, from noise to data. MODEL is what "
      "score-train wrote, "
      "an analytic score document, a sampling configuration or @NAME of the installed library. A sample "
      "depends on the "
      "seed and its number alone, bit for bit: not on how many are drawn, nor on threads.";
  info.arguments = {{"MODEL", "trained model, score document, sampling configuration, @NAME or -"}};
  info.examples = {
      {"sde-sample model.h5 -N 10000 -o samples.h5", "ten thousand samples of a trained model"},
      {"sde-sample @two-moons --sampler heun --steps 30 --plot moons.png",
       "the probability flow of a known score"},
      {"sde-sample model.h5 --sampler rk45 --rtol 1e-4 --format csv -o -",
       "adaptive steps; a table on standard output"},
  };
  cli::ChoiceTable table{"SAMPLERS", {}};
  std::vector<std::string> names;
  for (const SamplerTraits& s : samplers()) {
    names.emplace_back(s.name);
    std::string steps = s.default_steps
                            ? fmt::format("; {} steps where not said, {} evaluation{} of the score each",
                                          s.default_steps, s.evaluations, s.evaluations == 1 ? "" : "s")
                            : std::string();
    table.rows.emplace_back(s.name, s.summary + steps);
  }
  info.tables = {table};
  info.schema = "sample";
  info.model_key = "/model";
  info.model_kinds = {config::DocumentKind::score};
  std::vector<std::string> grids;
  for (const auto& [name, value] : enum_names(GridType{})) grids.emplace_back(name);
  cli::Options& o = info.options;
  o.integer("samples", "/samples", "number of samples").letter('N').value_name("N").default_text("1000");
  o.choice("sampler", "/sampler", names, "how noise becomes samples").default_text("euler_maruyama");
  o.integer("steps", "/steps", "steps of a sampler with a fixed grid").value_name("N");
  o.choice("grid", "/grid", grids, "how the times of the steps are spaced").default_text("uniform");
  o.number("eps", "/eps", "time at which sampling ends").value_name("T");
  o.number("rtol", "/rtol", "rk45: relative tolerance, for every sample")
      .value_name("TOL")
      .default_text("1e-5");
  o.number("atol", "/atol", "rk45: absolute tolerance, for every sample")
      .value_name("TOL")
      .default_text("1e-5");
  o.number("eta", "/eta", "ddim: part of the noise that is added back, 0 to 1")
      .value_name("ETA")
      .default_text("0");
  return info;
}

// One histogram a column; two columns are drawn against each other.
void draw(cli::Context& context, const config::FoundScore& found, const std::vector<double>& shown) {
  const std::size_t D = found.columns.size(), n = shown.size() / D;
  const auto column = [&](std::size_t i) {
    std::vector<double> values;
    for (std::size_t k = 0; k < n; ++k) values.push_back(shown[k * D + i]);
    return values;
  };
  cli::Figure figure;
  figure.title = fmt::format("{} samples of {}", n, found.name);
  if (D == 2) {
    cli::Panel panel;
    panel.x_label = found.columns[0];
    panel.y_label = found.columns[1];
    cli::Series& points = panel.points(column(0), column(1));
    points.opacity = 0.5;
    points.width = n > 1000 ? 0.3 : 0.6;
    figure.panels.push_back(std::move(panel));
  } else {
    for (std::size_t i = 0; i < std::min<std::size_t>(D, 16); ++i) {
      cli::Panel panel;
      panel.x_label = found.columns[i];
      panel.y_label = "density";
      panel.histogram(column(i));
      figure.panels.push_back(std::move(panel));
    }
  }
  cli::draw(figure, context.plot(), context.output().force);
}

int run(cli::Context& context) {
  SampleOptions options;
  context.read(options);
  const config::FoundScore found = config::find_score(context.config(), "/model", context.model());
  if (found.file && found.file->path() != context.model().argument) context.add_input(*found.file);
  const std::size_t D = found.columns.size();
  const auto sampler = config::locate(context.config(), "", [&] { return Sampler(found.model, options); });
  const SamplerTraits& traits = sampler.traits();
  options.eps = sampler.grid().back();
  if (traits.default_steps) options.steps = sampler.grid().size() - 1;
  context.keep(options);
  const bool store = context.output().given() && context.output().form != io::OutputForm::json;
  if (context.dry_run()) {
    config::Plan plan;
    plan.paths = options.samples;
    plan.steps = options.steps.value_or(0);
    plan.memory_bytes =
        8.0 * static_cast<double>(kSampleBlock * D * 16 * static_cast<std::size_t>(2 * context.threads()));
    plan.output_bytes =
        store ? static_cast<double>(options.samples) * 8.0 * static_cast<double>(D + 1) + 20e3 : 0;
    plan.more = {{"sampler", fmt::format("{} ({})", traits.name, traits.summary)}};
    if (traits.default_steps) {
      plan.more.emplace_back("evaluations",
                             fmt::format("{} of the score a sample", *options.steps * traits.evaluations));
    }
    return context.print_plan(plan);
  }

  std::unique_ptr<io::SamplesWriter> writer;
  if (store) {
    io::SamplesLayout layout;
    layout.n = options.samples;
    layout.columns = found.columns;
    writer = std::make_unique<io::SamplesWriter>(context.output().path, context.output().form, layout,
                                                 context.provenance(), context.output().options());
  }
  std::vector<double> shown;
  const auto sink = [&](const SampleBlock& block) {
    const std::size_t size = block.samples * block.dimension;
    if (writer) writer->write(block.first_id, std::span(block.values, size));
    if (!context.plot().empty() && shown.size() < kSamplesShown * D) {
      shown.insert(shown.end(), block.values,
                   block.values + std::min(size, kSamplesShown * D - shown.size()));
    }
  };
  context.phase("sampling", "samples");
  const auto started = std::chrono::steady_clock::now();
  const SampleResult result = sample(found.model, options, 0, sink, context.hooks());
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  if (result.interrupted) context.check_stopped();
  if (writer) {
    writer->nfe(result.nfe);
    writer->finish();
  }
  if (result.non_finite) {
    context.warn(fmt::format("{} of {} samples are not finite; try more steps, or another sampler",
                             result.non_finite, result.samples));
  }
  if (!context.plot().empty()) draw(context, found, shown);

  config::Summary summary;
  std::vector<double> mean, deviation;
  for (const Moments& m : result.moments) {
    mean.push_back(m.mean);
    deviation.push_back(std::sqrt(m.variance()));
  }
  summary.set("/kind", "sample").set("/n", result.samples).set("/nfe", result.nfe).set("/seconds", seconds);
  summary.set("/sampler", traits.name).set("/mean", mean).set("/std", deviation).set("/grid", result.grid);
  summary.set("/columns", found.columns).set("/non_finite", result.non_finite).set("/seed", options.seed);
  summary.set("/threads", context.threads());
  std::string text = fmt::format("{}: {} samples by {}, {:g} evaluations of the score each, {:.3g} s\n",
                                 found.name, result.samples, traits.name, result.nfe, seconds);
  text += fmt::format("  {:<12}  {:>14}  {:>14}\n", "", "mean", "std. deviation");
  for (std::size_t i = 0; i < D; ++i) {
    text += fmt::format("  {:<12}  {:>14.8g}  {:>14.8g}\n", found.columns[i], mean[i], deviation[i]);
  }
  return context.finish(summary, text);
}

}  // namespace

int main(int argc, char** argv) {
  return sde::cli::run_tool(argc, argv, describe(), run);
}
