// score-train: score networks from samples.
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <filesystem>

#include "checkpoint.h"
#include "cli/plot.h"
#include "cli/tool.h"
#include "config/locate.h"
#include "config/score_files.h"
#include "score/straightness.h"
#include "simd/target.h"

namespace {

using namespace sde;

cli::ToolInfo describe() {
  cli::ToolInfo info;
  info.name = "score-train";
  info.summary = "train a score network on samples";
  info.description =
      "Trains the network that CONFIG describes on the rows of DATA, to estimate scores, the velocity of a "
      "flow or "
      "a consistency function, and writes a model for "
      "sde-sample and sde-likelihood. The same seed gives the same weights, bit for bit, on any number of "
      "threads. A "
      "signal to end leaves a checkpoint beside the output, from which --resume continues as if nothing had "
      "happened.";
  info.arguments = {{"CONFIG", "training configuration, or -"},
                    {"DATA", "CSV or HDF5 file of samples, one a row, or -"}};
  info.examples = {
      {"score-train vp.json data.csv -o model.h5", "train; then sde-sample model.h5"},
      {"score-train vp.json data.csv -o model.h5 --steps 50000 --plot loss.png",
       "longer, with a picture of the loss"},
      {"sde-sample @two-moons -N 10000 -o - | score-train vp.json - -o model.h5",
       "learn a known distribution"},
      {"score-train vp.json data.csv -o model.h5 --checkpoint-every 600", "a checkpoint every ten minutes"},
  };
  info.schema = "train";
  info.takes_config = true;
  info.model_kinds = {config::DocumentKind::training};
  info.formats = {io::OutputForm::hdf5};
  info.output_required = true;
  info.resumes = true;
  cli::Options& o = info.options;
  o.integer("steps", "/steps", "steps of the optimiser").value_name("N").default_text("20000");
  o.integer("batch", "/batch", "samples a step").value_name("N").default_text("512, or all rows");
  o.number("lr", "/optimizer/lr", "learning rate at its highest").value_name("RATE").default_text("0.001");
  std::vector<std::string> precisions;
  for (const auto& [name, value] : enum_names(nn::Precision{})) precisions.emplace_back(name);
  o.choice("precision", "/precision", precisions, "of the factors of matrix products").default_text("f32");
  o.data_options();
  o.text("label-column", "/data/label_column", "column of a CSV file that holds class labels (see /classes)")
      .value_name("NAME");
  return info;
}

void draw(const Trainer& trainer, double floor, cli::Context& context) {
  const LossCurve& curve = trainer.state().curve;
  cli::Figure figure;
  cli::Panel panel;
  panel.title = "training";
  panel.x_label = "step";
  panel.y_label = "loss";
  panel.log_y = true;
  const std::vector<double> steps(curve.step.begin(), curve.step.end());
  panel.line(steps, curve.loss, "training", 0);
  if (trainer.validation_rows()) panel.line(steps, curve.validation, "validation (averaged)", 1);
  if (steps.size() > 1 && std::isfinite(floor)) {
    panel.line({steps.front(), steps.back()}, {floor, floor}, "least for a Gaussian", 7).dashed = true;
  }
  figure.panels.push_back(std::move(panel));
  cli::draw(figure, context.plot(), context.output().force);
}

config::Plan make_plan(const Trainer& trainer) {
  const TrainOptions& o = trainer.options();
  config::Plan plan;
  plan.steps = o.steps;
  plan.memory_bytes = trainer.memory_bytes();
  // weights, their average and two moments
  plan.output_bytes = 16.0 * static_cast<double>(trainer.network().weights()) + 20e3;
  plan.more = {
      {"rows",
       fmt::format("{} to train on, {} to validate", trainer.training_rows(), trainer.validation_rows())},
      {"network", fmt::format("{} weights, {:.3g} kflop a sample and step", trainer.network().weights(),
                              3 * trainer.network().flops() / 1e3)},
      {"samples", config::human_count(static_cast<double>(trainer.batch()) * static_cast<double>(o.steps))}};
  return plan;
}

int run(cli::Context& context) {
  config::TrainConfig options;
  config::read_options(context.config(), options);
  options.train = completed(std::move(options.train));
  context.keep(options);
  options.data.rows = io::DatasetOptions::Rows::samples;
  std::shared_ptr<const ScoreModel> teacher;
  if (!options.train.teacher.empty()) {
    const config::FoundScore found = config::find_score(context.config(), "/teacher", {});
    if (found.file) context.add_input(*found.file);
    teacher = found.model;
  }
  const io::Input input(context.argument("DATA"));
  context.add_input(input);
  const io::Dataset data = io::read_dataset(input, options.data);
  if (data.t > 1) {
    context.warn(fmt::format("{}: holds series of up to {} observations; the last of each is a sample",
                             data.source, data.t));
  }
  const std::vector<double> rows = config::sample_rows(data);
  std::unique_ptr<Trainer> trainer;
  try {
    trainer = config::locate(context.config(), "", [&] {
      return std::make_unique<Trainer>(options.train, rows, data.n, data.d, data.columns, data.labels,
                                       teacher);
    });
  } catch (const Error& error) {
    if (error.status() != Status::bad_data) throw;
    fail(Status::bad_data, "{}: {}", data.source, error.what());
  }
  if (!data.labels.empty() && !options.train.classes)
    context.note(fmt::format("{}: labels are not used; /classes says how many there are", data.source));
  if (options.train.precision != nn::Precision::f32 && !uses_tiles())
    context.warn("this machine has no matrix tiles (AMX), without which /precision f32 is faster");
  if (context.dry_run()) return context.print_plan(make_plan(*trainer));

  Checkpoint checkpoint(context, data.columns);
  if (context.resume()) checkpoint.load(*trainer);
  const std::uint64_t first = trainer->state().network.step;
  context.phase("training", "steps");
  const auto started = std::chrono::steady_clock::now();
  const Trainer::End end = trainer->run(
      context.hooks(), [&] { checkpoint.save(*trainer); }, context.checkpoint_every());
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  if (end == Trainer::End::stopped) {
    if (!checkpoint.possible()) context.check_stopped();
    checkpoint.save(*trainer);
    context.check_stopped(fmt::format("{} holds step {}; continue with --resume", checkpoint.path(),
                                      trainer->state().network.step));
  }

  if (end == Trainer::End::diverged && trainer->state().network.step == 0) {
    fail(Status::negative,
         "the loss diverged before there was a model to keep, and nothing is written; try a smaller "
         "/optimizer/lr, or clipping");
  }
  io::ModelFile file = config::to_model_file(*trainer, context.effective_config(), data.columns);
  file.provenance = context.provenance();
  io::write_model(context.output().path, file, context.output().options());
  checkpoint.remove();
  const double floor = trainer->loss_floor();
  if (!context.plot().empty()) draw(*trainer, floor, context);

  const TrainState& state = trainer->state();
  const double loss = state.curve.loss.empty() ? std::nan("") : state.curve.loss.back();
  const double validation = trainer->validation_loss();
  const auto samples = static_cast<double>((state.network.step - first) * trainer->batch());
  config::Summary summary;
  summary.set("/kind", "train").set("/steps", state.network.step);
  summary.set("/samples", state.network.step * trainer->batch()).set("/seconds", seconds);
  summary.set("/samples_per_second", samples / seconds).set("/loss", loss).set("/loss_floor", floor);
  summary.set("/excess", (std::isfinite(validation) ? validation : loss) - floor);
  const std::shared_ptr<const ScoreModel> model = trainer->model();
  const bool flow = options.train.prediction == Prediction::flow;
  const double bent = flow ? straightness(*model, options.train.seed) : std::nan("");
  if (flow) summary.set("/straightness", bent);
  summary.set("/validation_loss", validation).set("/rows", trainer->training_rows());
  summary.set("/batch", trainer->batch())
      .set("/validation_rows", trainer->validation_rows())
      .set("/weights", trainer->network().weights());
  summary.set("/stopped_early", end == Trainer::End::early);
  if (options.train.patience) summary.set("/best_step", state.best_step);
  summary.set("/diverged", end == Trainer::End::diverged)
      .set("/seed", options.train.seed)
      .set("/threads", context.threads());
  std::string text = fmt::format("{} steps of {} samples, {:.3g} s, {:.3g} k samples/s\n", state.network.step,
                                 trainer->batch(), seconds, samples / seconds / 1e3);
  if (!options.train.batch && trainer->batch() == trainer->training_rows())
    text += fmt::format("a batch is as large as the data, {} rows to train on\n", trainer->batch());
  text += fmt::format("loss {:.6g}", loss);
  if (std::isfinite(validation)) text += fmt::format(", validation {:.6g}", validation);
  if (std::isfinite(floor)) {
    text += fmt::format(" (a Gaussian of the data's covariance cannot go below {:.6g}: excess {:.3g})", floor,
                        (std::isfinite(validation) ? validation : loss) - floor);
  }
  text += '\n';
  if (flow) {
    text += fmt::format("straightness {:.4g} (0: one step of Euler's method is exact)\n", bent);
  }
  if (options.train.patience) {
    text +=
        fmt::format("{}; the averaged weights are those of step {}\n",
                    end == Trainer::End::early ? fmt::format("no better for {} steps", options.train.patience)
                                               : "not out of patience",
                    state.best_step);
  }
  if (end == Trainer::End::diverged) {
    context.warn(
        fmt::format("the loss diverged; the model is that of step {}, the last good one; try a smaller "
                    "/optimizer/lr, or clipping",
                    state.network.step));
  }
  return context.finish(summary, text, end == Trainer::End::diverged ? Status::negative : Status::success);
}

}  // namespace

int main(int argc, char** argv) {
  return sde::cli::run_tool(argc, argv, describe(), run);
}
