#include "report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/plot.h"
#include "config/locate.h"
#include "events.h"
#include "expr/expr.h"
#include "io/dataset.h"
#include "results.h"
#include "sde/feller.h"
#include "sde/law.h"
#include "solve/stability.h"

namespace sde {
namespace {

constexpr std::size_t kPathsShown = 12;

double mean_steps(const EnsembleResult& result) {
  return static_cast<double>(result.path_steps) /
         static_cast<double>(std::max<std::uint64_t>(1, result.paths));
}

}  // namespace

SdeExpressions parse_model(const config::FoundSde& found) {
  return config::locate(found.document, found.pointer, [&] { return parse_document(found.sde); });
}

std::string equation_text(const SdeDocument& document, const SdeExpressions& equation,
                          const std::string& calculus) {
  const SdeExpressions sde = converted(equation, calculus == "ito" ? Calculus::ito : Calculus::stratonovich);
  std::string text = fmt::format("{}, {} noise\n", to_string(sde.calculus), to_string(sde.noise_kind));
  for (std::size_t i = 0; i + sde.drawn < sde.dimension(); ++i) {
    text += fmt::format("d{} = ({}) dt", sde.states[i], expr::to_string(sde.drift[i]));
    for (std::size_t k = 0; k < sde.noises.size(); ++k)
      if (!sde.diffusion[i][k].is_zero())
        text += fmt::format(" + ({}) {}dW_{}", expr::to_string(sde.diffusion[i][k]),
                            sde.calculus == Calculus::ito ? "" : "o ", sde.noises[k]);
    text += '\n';
  }
  for (const DrawnParameter& p : document.drawn)
    text += fmt::format("{} ~ {}({}, {}), once a path\n", p.name, to_string(p.law), p.first, p.second);
  return text;
}

std::string document_text(const SdeDocument& document) {
  config::Summary summary;
  config::write_sde(document, summary.json());
  return summary.text();
}

InitialStates read_initial(cli::Context& context, const config::FoundSde& found,
                           const SdeDocument& document) {
  std::vector<std::vector<double>> rows;
  std::string file;
  for (const StateDocument& state : document.states) {
    if (state.initial.kind != InitialLaw::Kind::data) continue;
    if (!file.empty() && state.initial.data != file)
      found.document.error(
          found.pointer + "/initial/" + state.name,
          fmt::format("names {}, and another state {}; put both into one file", state.initial.data, file));
    file = state.initial.data;
  }
  if (!file.empty()) {
    io::DatasetOptions how;
    how.rows = io::DatasetOptions::Rows::samples;
    const std::string path = found.document.resolve(file);
    const io::Input input(path);
    const io::Dataset data = io::read_dataset(input, how);
    context.add_input(input);
    std::vector<std::string> wanted;
    for (const StateDocument& state : document.states)
      if (state.initial.kind == InitialLaw::Kind::data) wanted.push_back(state.name);
    const std::vector<std::size_t> columns = io::match_columns(data, wanted);
    for (std::size_t n = 0; n < data.n; ++n) {
      rows.emplace_back(document.states.size(), 0.0);
      std::size_t next = 0;
      for (std::size_t i = 0; i < document.states.size(); ++i) {
        if (document.states[i].initial.kind != InitialLaw::Kind::data) continue;
        rows.back()[i] = data.at(n, data.t - 1, columns[next++]);
        if (!std::isfinite(rows.back()[i]))
          fail(Status::bad_data, "{}: row {}: an initial value is missing or not finite", path, n + 1);
      }
    }
  }
  return config::locate(found.document, found.pointer, [&] {
    InitialStates initial(document, std::move(rows));
    const std::vector<double> mean = initial.mean();
    for (std::size_t i = 0; i < document.states.size(); ++i) {
      const Domain& domain = document.states[i].domain;
      const std::string place = "/initial/" + document.states[i].name;
      if (domain.min && mean[i] < *domain.min)
        fail(Status::usage, "{}: must not lie below the domain, which begins at {:g} (got {:g})", place,
             *domain.min, mean[i]);
      if (domain.max && mean[i] > *domain.max)
        fail(Status::usage, "{}: must not lie above the domain, which ends at {:g} (got {:g})", place,
             *domain.max, mean[i]);
    }
    return initial;
  });
}

double output_bytes(const Job& job, io::OutputForm form) {
  if (!job.store) return 0;
  const SimulateOutput& output = job.options.output;
  const auto D = static_cast<double>(job.shown());
  const auto saves = static_cast<double>(job.schedule.grid.save.size());
  double numbers = 0;  // of a state at a time
  if (output.wants("mean")) numbers += 2;
  if (output.wants("variance")) numbers += 1;
  if (output.wants("covariance")) numbers += 2 * D;
  if (output.wants("quantiles")) numbers += 3 * static_cast<double>(output.quantiles.size());
  if (output.wants("histogram")) numbers += 3 + 2 * static_cast<double>(output.histogram.bins);
  if (output.wants("autocorrelation")) numbers += 1 + static_cast<double>(output.lags);
  const auto paths = static_cast<double>(job.shard.rows);
  if (form == io::OutputForm::csv) {
    // 17 digits, a sign or a point and a comma; ids and times are shorter.
    if (!job.trajectories) return saves * D * numbers * 20;
    return paths * saves * (10 + 20 * D);
  }
  double bytes = 20e3 + numbers * saves * D * 8;
  if (job.trajectories) bytes += paths * (saves * D * (output.precision == "f32" ? 4 : 8) + 9);
  return bytes;
}

double spooled_bytes(const Job& job) {
  if (!job.trajectories) return 0;
  const auto row = static_cast<double>(job.schedule.grid.save.size() * job.shown());
  return static_cast<double>(job.shard.rows) * (8 * row + 9);
}

namespace {

bool takes_tree(const Job& job) {
  return job.ensemble.tree.span > 0 && job.solved.noise_kind != NoiseKind::none;
}

std::string tree_text(const TreeOptions& tree) {
  std::string text = fmt::format("tree over {:g}, the same in every run with this span", tree.span);
  if (tree.area_step > 0)
    text += fmt::format("; Levy areas drawn for pieces of {:g}, the same where this is", tree.area_step);
  return text;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> describe_plan(const Job& job) {
  const SdeExpressions& equation = job.equation;
  const Method& method = *job.choice.method;
  std::vector<std::pair<std::string, std::string>> rows = {
      {"method", fmt::format("{} ({})", method.name, job.choice.reason)},
      {"noise", equation.noises.empty()
                    ? std::string("none: an ODE")
                    : fmt::format("{}, {}", to_string(equation.noise_kind), to_string(equation.calculus))}};
  if (job.solved.calculus != equation.calculus)
    rows.emplace_back("converted", fmt::format("to {} for {}", to_string(job.solved.calculus), method.name));
  const LawRecognition law = recognise_law(job.observed());
  rows.emplace_back("law", law.known() ? law.describe(equation.states) : "not known: " + law.reason);
  for (const std::string& remark : feller_remarks(job)) rows.emplace_back("Feller", remark);
  if (job.transform) rows.emplace_back("transform", "Lamperti: the noise of the steps is additive");
  if (job.schedule.adaptive) rows.emplace_back("steps", "adaptive, chosen for every path");
  if (takes_tree(job)) rows.emplace_back("paths", tree_text(job.ensemble.tree));
  if (job.shard.count > 1)
    rows.emplace_back("shard",
                      fmt::format("{} of {}: {} paths of {}, from id {}", job.shard.index, job.shard.count,
                                  job.shard.rows, job.shard.total, job.shard.first));
  return rows;
}

std::optional<std::string> instability(const Job& job) {
  if (job.schedule.adaptive) return {};
  const double dt = job.schedule.grid.segments.front().h;
  const auto limit = stability_limit(job.stepped, *job.choice.method, dt, job.ensemble.tuning);
  if (!limit) return {};
  return stability_warning(*limit, job.choice.method->name, dt);
}

io::EnsembleBlock to_rows(const PathBlock& block, std::uint64_t first_path, io::EnsembleBlock out) {
  out.first = block.first_id - first_path;
  out.path_id.resize(block.paths);
  out.status.resize(block.paths);
  for (std::size_t p = 0; p < block.paths; ++p) {
    out.path_id[p] = block.first_id + p;
    out.status[p] = static_cast<std::uint8_t>(block.status[p]);
  }
  out.value.resize(block.paths * block.saves * block.dimension);
  block.turn(out.value.data());
  return out;
}

io::EnsembleBlock Report::spare() {
  return job_.trajectories ? writer_->spare() : io::EnsembleBlock{};
}

Report::Report(cli::Context& context, const Job& job)
    : context_(context),
      job_(job),
      options_(job.options),
      document_(job.document()),
      equation_(job.solved),
      schedule_(job.schedule),
      strict_(context.values().flag("strict")) {
  if (!context.plot().empty())
    shown_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(kPathsShown, job.shard.rows)));
}

Report::~Report() = default;

void Report::open() {
  io::EnsembleLayout layout;
  layout.paths = job_.trajectories ? job_.shard.rows : 0;
  layout.time = schedule_.grid.save;
  layout.columns = job_.shown_states();
  layout.trajectories = job_.trajectories;
  layout.element = options_.output.precision == "f32" ? io::Element::f32 : io::Element::f64;
  layout.deflate = static_cast<int>(options_.output.compression);
  writer_ = std::make_unique<io::EnsembleWriter>(context_.output().path, context_.output().form, layout,
                                                 context_.provenance(), context_.output().options());
  writer_->equation("noise", to_string(equation_.noise_kind));
  writer_->equation("calculus", to_string(equation_.calculus));
  writer_->equation("method", job_.choice.method->name);
  const LawRecognition law = recognise_law(job_.observed());
  writer_->equation("law", law.known() ? law.describe(equation_.states) : "not known");
}

bool Report::wants_paths() const {
  return job_.trajectories || !shown_.empty();
}

bool Report::wants(const PathBlock& block) const {
  return job_.trajectories || block.first_id - job_.shard.first < shown_.size();
}

void Report::add(io::EnsembleBlock block) {
  const std::size_t width = schedule_.grid.save.size() * job_.shown();
  // Each path shown belongs to one block, so that no two threads write the same one.
  for (std::size_t p = 0; p < block.status.size() && block.first + p < shown_.size(); ++p) {
    const auto from = block.value.begin() + static_cast<std::ptrdiff_t>(p * width);
    shown_[static_cast<std::size_t>(block.first) + p].assign(from, from + static_cast<std::ptrdiff_t>(width));
  }
  if (job_.trajectories) writer_->write(std::move(block));
}

void Report::keep_shard(const Tally& tally) {
  if (!writer_) return;
  NamedArrays arrays = tally.store();
  arrays.put("control_means", job_.ensemble.control_means);
  writer_->shard(job_.shard, std::move(arrays));
}

void Report::write_statistics(const EnsembleResult& result) {
  const SimulateOutput& output = options_.output;
  const auto column = [&](auto value) {
    std::vector<double> values;
    for (const Moments& m : result.moments) values.push_back(value(m));
    return values;
  };
  if (output.wants("mean")) {
    writer_->statistic("mean", column([](const Moments& m) { return m.mean; }));
    writer_->statistic("stderr", result.moments_error);
  }
  if (output.wants("variance"))
    writer_->statistic("variance", column([](const Moments& m) { return m.variance(); }));
  if (output.wants("covariance")) write_covariance(result);
  if (output.wants("quantiles")) {
    std::vector<double> values, errors, resolutions;
    for (const QuantileSketch& sketch : result.sketches)
      for (double level : output.quantiles) {
        values.push_back(sketch.quantile(level));
        errors.push_back(sketch.standard_error(level));
        resolutions.push_back(sketch.resolution(level));
      }
    writer_->statistic_axis("quantile_levels", output.quantiles);
    writer_->statistic("quantiles", std::move(values), {"time", "dim", "level"});
    writer_->statistic("quantiles_stderr", std::move(errors), {"time", "dim", "level"});
    writer_->statistic("quantiles_resolution", std::move(resolutions), {"time", "dim", "level"});
  }
  if (output.wants("histogram")) {
    std::vector<double> edges, counts, outside;
    for (const Histogram& h : result.histograms) {
      for (std::size_t i = 0; i <= h.bins(); ++i) edges.push_back(h.edge(i));
      for (std::size_t i = 0; i < h.bins(); ++i) counts.push_back(static_cast<double>(h.count(i)));
      outside.push_back(static_cast<double>(h.below()));
      outside.push_back(static_cast<double>(h.above()));
    }
    writer_->statistic("histogram", std::move(counts), {"time", "dim", "bin"});
    writer_->statistic("histogram_edges", std::move(edges), {"time", "dim", "edge"});
    writer_->statistic("histogram_outside", std::move(outside), {"time", "dim", "side"});
  }
  if (output.wants("autocorrelation")) {
    // Lag 0 is 1, and needs no pairs; beyond the last save time there are none.
    const std::size_t lags = result.lagged.size() / (schedule_.grid.save.size() * job_.shown());
    std::vector<double> values;
    for (std::size_t q = 0; q * lags < result.lagged.size(); ++q) {
      values.push_back(1);
      for (std::size_t k = 0; k < lags; ++k) values.push_back(result.lagged[q * lags + k].correlation());
    }
    writer_->statistic("autocorrelation", std::move(values), {"time", "dim", "lag"});
  }
  std::vector<double> value, error;
  for (std::size_t k = 0; k < options_.expect.size(); ++k) {
    value.push_back(result.expect[k].value);
    error.push_back(result.expect[k].standard_error);
  }
  if (!value.empty()) writer_->expectations(options_.expect, value, error);
  for (std::size_t k = 0; k < result.events.size(); ++k) {
    const EventTimes& e = result.events[k];
    io::EventRecord record{job_.ensemble.events[k].name, {}, {}, {}};
    record.values = {{"paths", e.time.count},
                     {"without", static_cast<double>(e.without)},
                     {"fraction", e.fraction()},
                     {"fraction_stderr", e.fraction_stderr()},
                     {"mean", e.time.count > 0 ? e.time.mean : std::nan("")},
                     {"stderr", e.time.count > 0 ? e.time.stderr_of_mean() : std::nan("")},
                     {"variance", e.time.count > 0 ? e.time.variance() : std::nan("")}};
    for (std::size_t i = 0; i <= e.histogram.bins(); ++i) record.edges.push_back(e.histogram.edge(i));
    for (std::size_t i = 0; i < e.histogram.bins(); ++i)
      record.counts.push_back(static_cast<double>(e.histogram.count(i)));
    writer_->event(record);
  }
}

// The full matrix at each time, from its upper triangle.
void Report::write_covariance(const EnsembleResult& result) {
  const std::size_t D = job_.shown(), pairs = D * (D + 1) / 2;
  std::vector<double> values, errors;
  for (std::size_t s = 0; s < schedule_.grid.save.size(); ++s)
    for (std::size_t i = 0; i < D; ++i)
      for (std::size_t j = 0; j < D; ++j) {
        const std::size_t low = std::min(i, j), high = std::max(i, j);
        const CoMoments& c = result.covariance[s * pairs + low * D - low * (low + 1) / 2 + high];
        values.push_back(c.covariance());
        errors.push_back(c.covariance_stderr());
      }
  writer_->statistic("covariance", std::move(values), {"time", "dim", "dim_2"});
  writer_->statistic("covariance_stderr", std::move(errors), {"time", "dim", "dim_2"});
}

void Report::draw(const EnsembleResult& result) const {
  cli::Figure figure;
  figure.title = document_.name;
  const std::size_t dimension = job_.shown();
  const std::vector<double>& time = schedule_.grid.save;
  for (std::size_t i = 0; i < dimension; ++i) {
    cli::Panel panel;
    panel.x_label = "t";
    panel.y_label = equation_.states[i];
    const auto quantile = [&](double level) {
      std::vector<double> values;
      for (std::size_t s = 0; s < time.size(); ++s)
        values.push_back(result.sketches[s * dimension + i].quantile(level));
      return values;
    };
    if (options_.paths > 1) {
      panel.band(time, quantile(0.05), quantile(0.95), "5-95 %").opacity = 0.25;
      panel.band(time, quantile(0.25), quantile(0.75), "25-75 %").opacity = 0.45;
    }
    for (const std::vector<double>& path : shown_) {
      std::vector<double> values;
      for (std::size_t s = 0; s < time.size(); ++s) values.push_back(path[s * dimension + i]);
      cli::Series& line = panel.line(time, std::move(values), "", 7);
      line.opacity = 0.35;
      line.width = options_.paths > 1 ? 0.5 : 1.5;
    }
    if (options_.paths > 1) panel.line(time, quantile(0.5), "median").width = 2;
    figure.panels.push_back(std::move(panel));
  }
  cli::draw(figure, context_.plot(), context_.output().force);
}

std::string Report::text(const EnsembleResult& result, double seconds) const {
  const std::string steps = schedule_.adaptive ? fmt::format("{:.4g} adaptive steps each", mean_steps(result))
                                               : fmt::format("{} steps", schedule_.grid.steps);
  std::string out =
      fmt::format("{}: {} paths, {} by {} ({}), {:.3g} s", document_.name.empty() ? "sde" : document_.name,
                  result.paths, steps, job_.choice.method->name,
                  equation_.noises.empty() ? std::string("no noise")
                                           : fmt::format("{} noise", to_string(equation_.noise_kind)),
                  seconds);
  if (seconds > 0)
    out += fmt::format(", {:.3g} M path-steps/s", static_cast<double>(result.path_steps) / seconds / 1e6);
  if (context_.sharded())
    out += fmt::format("; shard {} of {}, paths {} to {} of {}", job_.shard.index, job_.shard.count,
                       job_.shard.first, job_.shard.first + job_.shard.rows, job_.shard.total);
  if (schedule_.adaptive)
    out += fmt::format("\n{} steps were rejected, one in {:.3g}", result.rejected,
                       static_cast<double>(result.path_steps + result.rejected) /
                           static_cast<double>(std::max<std::uint64_t>(1, result.rejected)));
  if (takes_tree(job_)) out += "\npaths from a " + tree_text(job_.ensemble.tree);
  out += fmt::format("\nat t = {:g}\n", schedule_.grid.end());
  std::size_t width = 8;
  for (const std::string& name : job_.shown_states()) width = std::max(width, name.size());
  for (const std::string& expression : options_.expect) width = std::max(width, expression.size() + 3);
  out += fmt::format("  {:<{}}  {:>14}  {:>12}  {:>14}\n", "", width, "mean", "std. error", "std. deviation");
  for (std::size_t i = 0; i < job_.shown(); ++i) {
    const Moments& m = result.final[i];
    out += fmt::format("  {:<{}}  {:>14.8g}  {:>12.3g}  {:>14.8g}\n", equation_.states[i], width, m.mean,
                       result.final_error[i], std::sqrt(m.variance()));
  }
  for (std::size_t k = 0; k < options_.expect.size(); ++k) {
    const Expectation& e = result.expect[k];
    out += fmt::format("  {:<{}}  {:>14.8g}  {:>12.3g}  {:>14.8g}", "E[" + options_.expect[k] + "]", width,
                       e.value, e.standard_error, std::sqrt(e.moments.variance()));
    if (!options_.control.empty())
      out += fmt::format("  variance {:.3g} times less by controls", e.variance_reduction);
    out += '\n';
  }
  out += events_text(job_.ensemble.events, result.events);
  if (job_.known) out += law_text(job_, result, width);
  if (job_.choice.method->family != MethodFamily::exact)
    for (const FellerCondition& f : feller_conditions(job_.solved))
      if (!f.holds())
        out += fmt::format("{} reaches 0: Feller's condition fails, 2b = {:.6g} is below s^2 = {:.6g}\n",
                           job_.solved.states[f.state], f.twice_drift, f.variance_rate);
  if (result.non_finite > 0)
    out += fmt::format("{} paths are not finite and not in the statistics\n", result.non_finite);
  if (result.absorbed > 0) out += fmt::format("{} paths were absorbed\n", result.absorbed);
  return out;
}

int Report::finish(const EnsembleResult& result, double seconds) {
  if (result.unsolved.paths > 0)
    context_.warn(
        fmt::format("Newton's iteration for an implicit step did not converge on {} of {} paths, first on "
                    "path {} in the step "
                    "from t = {:g}; try a smaller dt",
                    result.unsolved.paths, result.paths, result.unsolved.path_id,
                    schedule_.grid.step_start(result.unsolved.step)));
  if (result.non_finite > result.unsolved.paths)
    context_.warn(
        fmt::format("{} of {} paths became non-finite; try a smaller dt, or a domain with a boundary",
                    result.non_finite - result.unsolved.paths, result.paths));
  if (result.forced > 0)
    context_.warn(fmt::format("{} steps of the smallest length, {:g}, were taken in spite of their error",
                              result.forced, schedule_.tolerance.min_step));
  if (writer_) {
    write_statistics(result);
    writer_->finish();
  }
  if (!context_.plot().empty()) draw(result);

  config::Summary summary;
  summary.set("/kind", "simulate").set("/name", document_.name).set("/paths", result.paths);
  if (schedule_.adaptive) {
    summary.set("/steps", mean_steps(result)).set("/rejected", result.rejected);
    summary.set("/rtol", schedule_.tolerance.rtol).set("/atol", schedule_.tolerance.atol);
  } else {
    summary.set("/steps", schedule_.grid.steps);
  }
  summary.set("/path_steps", result.path_steps);
  summary.set("/seconds", seconds)
      .set("/method", job_.choice.method->name)
      .set("/method_reason", job_.choice.reason);
  summary.set("/precision", options_.solver.precision);
  const LawRecognition law = recognise_law(job_.observed());
  if (law.known())
    summary.set("/law", law.describe(equation_.states));
  else
    summary.set_null("/law");
  if (options_.solver.transform != "none") summary.set("/transform", options_.solver.transform);
  if (options_.brownian.antithetic) summary.set("/increments", "antithetic");
  if (takes_tree(job_)) {
    const TreeOptions& tree = job_.ensemble.tree;
    summary.set("/tree/span", tree.span);
    if (tree.area_step > 0) summary.set("/tree/area_step", tree.area_step);
  }
  if (options_.brownian.points == "sobol")
    summary.set("/increments", "sobol").set("/randomisations", options_.brownian.randomisations);
  summary.set("/noise", to_string(equation_.noise_kind)).set("/calculus", to_string(equation_.calculus));
  summary.set("/seed", context_.seed())
      .set("/threads", context_.threads())
      .set("/time", schedule_.grid.end());
  if (context_.sharded()) {
    const io::Shard& shard = job_.shard;
    summary.set("/shard/index", shard.index).set("/shard/count", shard.count);
    summary.set("/shard/first", shard.first).set("/shard/total", shard.total);
  }
  summarise_results(job_, result, summary);
  Status status = Status::success;
  for (const std::string& sentence : undefined_expectations(job_, result)) {
    status = Status::negative;
    context_.warn(sentence);
  }
  if (options_.target.stderr_) {
    bool reached = true;
    for (std::size_t k = 0; k < options_.expect.size(); ++k) {
      const double error = result.expect[k].standard_error, target = *options_.target.stderr_;
      if (error <= target && result.paths > 1) continue;
      reached = false;
      if (result.paths == 1) {
        context_.warn(fmt::format("one path of {} has no standard error; allow more by --max-paths",
                                  options_.expect[k]));
        continue;
      }
      if (!std::isfinite(error)) continue;
      const double ratio = error / target;
      context_.warn(fmt::format(
          "the standard error of {} is {:.3g} after {} paths, above the target of {:g}; --max-paths {:.3g} "
          "would reach it",
          options_.expect[k], error, result.paths, target,
          1.1 * ratio * ratio * static_cast<double>(result.paths)));
    }
    summary.set("/target_reached", reached);
    if (!reached) status = Status::negative;
  }
  if (strict_ && result.non_finite > 0) status = Status::negative;
  return context_.finish(summary, text(result, seconds), status);
}

}  // namespace sde
