// Error against cost of samplers, on a model fitted to the user's data.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cli/plot.h"
#include "config/locate.h"
#include "config/score_files.h"
#include "score/assess.h"
#include "score/mixture_fit.h"
#include "suites.h"

namespace sde::bench {
namespace {

struct Subject {
  std::shared_ptr<const ScoreModel> model;
  std::string what;  // for people
};

bool is_document(const std::string& name) {
  return name.starts_with("@") || name.ends_with(".json");
}

// A score document as it is, or a Gaussian mixture fitted to standardised data.
Subject find_subject(cli::Context& context, const std::string& name, const BenchOptions& asked) {
  if (is_document(name)) {
    const config::ModelInput input = config::read_model(name);
    const config::FoundScore found = config::find_score(input.document, "", input);
    if (!found.model->draws())
      fail(Status::usage, "{}: samplers takes data or analytic score documents", name);
    return {found.model, found.name};
  }
  const io::Input input(name);
  context.add_input(input);
  io::DatasetOptions options;
  options.rows = io::DatasetOptions::Rows::samples;
  const io::Dataset data = io::read_dataset(input, options);
  std::vector<double> rows = config::sample_rows(data);
  for (std::size_t i = 0; i < data.d; ++i) {
    double mean = 0, square = 0;
    for (std::size_t n = 0; n < data.n; ++n) mean += rows[n * data.d + i] / static_cast<double>(data.n);
    for (std::size_t n = 0; n < data.n; ++n) square += std::pow(rows[n * data.d + i] - mean, 2);
    const double deviation = std::sqrt(square / static_cast<double>(data.n));
    if (!(deviation > 0)) fail(Status::bad_data, "{}: column {} is constant", data.source, data.columns[i]);
    for (std::size_t n = 0; n < data.n; ++n) rows[n * data.d + i] = (rows[n * data.d + i] - mean) / deviation;
  }
  context.phase("fitting a mixture", "");
  const MixtureFit fit = asked.components
                             ? fit_mixture(rows, data.d, *asked.components, context.seed(), context.hooks())
                             : choose_mixture(rows, data.d, 32, context.seed(), context.hooks());
  context.check_stopped();
  return {std::make_shared<MixtureModel>(make_process(asked.process), fit.components),
          fmt::format("{} Gaussians fitted to {} rows of {} columns", fit.components.size(), data.n, data.d)};
}

std::string grid_name(const Assessment& row) {
  if (!row.grid) return "adaptive";
  for (const auto& [name, value] : enum_names(GridType{})) {
    if (value == *row.grid) return name;
  }
  return "";
}

// For each sampler its best error within each number of evaluations.
void add_panel(cli::Figure& figure, const std::string& title, const AssessResult& result) {
  cli::Panel panel;
  panel.title = title;
  panel.x_label = "evaluations of the score";
  panel.y_label = "error (sliced Wasserstein, deviations)";
  panel.log_x = panel.log_y = true;
  std::map<std::string, std::map<double, double>> best;
  double low = INFINITY, high = 0;
  for (const Assessment& row : result.rows) {
    if (!std::isfinite(row.error) || row.error > 3) continue;
    const auto [at, fresh] = best[row.sampler].emplace(row.nfe, row.error);
    if (!fresh) at->second = std::min(at->second, row.error);
    low = std::min(low, row.nfe);
    high = std::max(high, row.nfe);
  }
  int colour = 0;
  for (const auto& [name, points] : best) {
    std::vector<double> x, y;
    for (const auto& [nfe, error] : points) {
      x.push_back(nfe);
      y.push_back(error);
    }
    cli::Series& line = panel.line(x, y, name, colour % 8);
    line.dashed = colour / 8 % 2 == 1;
    ++colour;
  }
  cli::Series& floor = panel.line({low, high}, {result.floor, result.floor}, "two sets of draws", 7);
  floor.dashed = true;
  figure.panels.push_back(std::move(panel));
}

// A rate as a share of what multiply-adds in registers reach; or a figure and whether its target is met.
std::string line_of(const Run& run) {
  if (run.unit == "sample-calls/s") {
    const auto share =
        std::find_if(run.more.begin(), run.more.end(), [](auto& m) { return m.first == "share"; });
    return fmt::format("{:<16} {:>8.2f} M {}  {:.0f} % of peak  {}\n", run.case_name, run.value / 1e6,
                       run.unit, 100 * share->second, run.name);
  }
  const char* verdict = run.ok ? *run.ok ? "ok" : "MISSED" : run.note.c_str();
  return fmt::format("{:<16} {:>8.2f} {:<16} {:<12} {}\n", run.case_name, run.value, run.unit, verdict,
                     run.name);
}

}  // namespace

Outcome samplers(cli::Context& context, const BenchOptions& asked) {
  const std::vector<std::string>& cases = context.arguments("CASE");
  if (cases.empty()) {
    fail(Status::usage,
         "samplers needs data, analytic score documents or cases ({}), e.g. sde-bench samplers @two-moons",
         fmt::join(sampling_cases(), ", "));
  }
  Outcome outcome;
  cli::Figure figure;
  figure.panel_width = 7;
  figure.panel_height = 5;
  for (const std::string& name : cases) {
    if (context.dry_run()) {
      outcome.runs.push_back({name, "samplers", 0, "deviations", {}, {}, {}, ""});
      continue;
    }
    const std::vector<std::string> rates = sampling_cases();
    if (std::find(rates.begin(), rates.end(), name) != rates.end()) {
      context.check_stopped();
      outcome.runs.push_back(sampling_case(name, asked, context.threads()));
      outcome.text += line_of(outcome.runs.back());
      continue;
    }
    const Subject subject = find_subject(context, name, asked);
    AssessOptions options;
    options.samplers = asked.samplers;
    options.evaluations = asked.nfe;
    options.samples = asked.paths.value_or(options.samples);
    options.seed = context.seed();
    context.phase("sampling " + name, "combinations");
    AssessResult result = assess(subject.model, options, context.hooks());
    if (result.interrupted) context.check_stopped();
    std::stable_sort(result.rows.begin(), result.rows.end(), [](const Assessment& a, const Assessment& b) {
      return a.nfe != b.nfe ? a.nfe < b.nfe : a.error < b.error;
    });
    outcome.text += fmt::format("{}: {}; two sets of {} draws differ by {:.4f}\n", name, subject.what,
                                options.samples, result.floor);
    outcome.text +=
        fmt::format("  {:>5}  {:<18} {:<10} {:>6}  {}\n", "nfe", "sampler", "grid", "steps", "error");
    // For people the three best at each cost; the rest is in the file.
    double cost = -1;
    int shown = 0;
    for (const Assessment& row : result.rows) {
      const std::string grid = grid_name(row);
      outcome.runs.push_back(
          {name,
           row.sampler + " " + grid,
           row.error,
           "deviations",
           {},
           {},
           {{"nfe", row.nfe}, {"steps", static_cast<double>(row.steps)}, {"floor", result.floor}},
           ""});
      shown = row.nfe == cost ? shown + 1 : 0;
      cost = row.nfe;
      if (shown >= 3 || !row.grid) continue;
      outcome.text += fmt::format("  {:>5g}  {:<18} {:<10} {:>6}  {:.4f}\n", row.nfe, row.sampler, grid,
                                  row.steps, row.error);
    }
    const Assessment* best = recommend(result, static_cast<double>(asked.budget));
    if (best) {
      std::string flags = "--sampler " + best->sampler;
      if (best->grid) flags += fmt::format(" --grid {} --steps {}", grid_name(*best), best->steps);
      outcome.text += fmt::format("within {} evaluations take {}: {:g} evaluations, error {:.4f}\n",
                                  asked.budget, flags, best->nfe, best->error);
      outcome.runs.push_back(
          {name,
           "recommended",
           best->error,
           "deviations",
           {},
           {},
           {{"nfe", best->nfe}, {"steps", static_cast<double>(best->steps)}, {"floor", result.floor}},
           flags});
    } else {
      outcome.text += fmt::format("no sampler takes as few as {} evaluations\n", asked.budget);
    }
    if (!context.plot().empty()) add_panel(figure, name, result);
  }
  if (!context.plot().empty() && !context.dry_run()) {
    cli::draw(figure, context.plot(), context.output().force);
  }
  return outcome;
}

}  // namespace sde::bench
