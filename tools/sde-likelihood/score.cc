#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>

#include "cli/plot.h"
#include "cli/run_checkpoint.h"
#include "config/locate.h"
#include "config/score_files.h"
#include "io/likelihood.h"
#include "models.h"
#include "score/dequantise.h"
#include "stats/leaf_tree.h"
#include "stats/moments.h"

namespace sde {
namespace {

Lattice lattice_of(const LikelihoodConfig& options, const io::Dataset& data,
                   const std::vector<double>& rows) {
  if (options.quantisation && !(*options.quantisation > 0)) {
    fail(Status::usage, "/quantisation: must be > 0 (got {})", *options.quantisation);
  }
  if (options.dequantisation_draws < 1 || options.dequantisation_draws > 100000) {
    fail(Status::usage, "/dequantisation_draws: must be 1 to 100000 (got {})", options.dequantisation_draws);
  }
  const std::optional<Lattice> lattice = find_lattice(rows, options.quantisation);
  if (!lattice) {
    fail(Status::bad_data,
         "{}: is continuous: its values are not whole steps {}apart, and bits per dimension are of quantised "
         "data; leave --bits-per-dim out",
         data.source, options.quantisation ? fmt::format("of {} ", *options.quantisation) : std::string());
  }
  return *lattice;
}

// Draws of a datum become one value, their mean; the log of the mean density is the tighter bound.
void summarise_bits(const LikelihoodConfig& options, const Lattice& lattice, std::size_t D,
                    LikelihoodReport& report, config::Summary& summary) {
  const std::size_t draws = options.dequantisation_draws, n = report.value.size() / draws;
  std::vector<double> value(n), error(n), nfe(n);
  std::vector<double> tighter(n);
  Moments moments, of_tighter;
  for (std::size_t k = 0; k < n; ++k) {
    const double* of = report.value.data() + k * draws;
    const double most = *std::max_element(of, of + draws);
    double squares = 0, sum = 0;
    for (std::size_t j = 0; j < draws; ++j) {
      value[k] += of[j] / static_cast<double>(draws);
      sum += std::exp(of[j] - most) / static_cast<double>(draws);
      squares += std::pow(report.standard_error[k * draws + j] / static_cast<double>(draws), 2);
      nfe[k] += report.nfe[k * draws + j];
    }
    error[k] = std::sqrt(squares);
    tighter[k] = most + std::log(sum);
    if (std::isfinite(value[k])) moments = merged(moments, {1, value[k], 0});
    if (std::isfinite(tighter[k])) of_tighter = merged(of_tighter, {1, tighter[k], 0});
  }
  report.value = value;
  report.standard_error = error;
  report.nfe = nfe;
  report.result.n = n;
  report.result.mean = moments.mean;
  report.result.standard_error = moments.stderr_of_mean();
  report.bits_per_dim = bits_per_dimension(moments.mean, D, lattice.step);
  const double unit = static_cast<double>(D) * std::numbers::ln2;
  summary.set("/bits_per_dim_stderr", moments.stderr_of_mean() / unit);
  summary.set("/dequantisation/noise", "uniform on [x, x + step)");
  summary.set("/dequantisation/step", lattice.step).set("/dequantisation/levels", lattice.levels);
  summary.set("/dequantisation/draws", draws);
  summary.set("/dequantisation/jacobian_bits", 0.0 - std::log2(lattice.step));
  report.note += fmt::format(
      "{:.4f} +- {:.4f} bits per dimension: {:.4f} of the density and {:.4f} of the step {:.6g} ({} "
      "levels, uniform noise, {} draw{})\n",
      *report.bits_per_dim, moments.stderr_of_mean() / unit, -moments.mean / unit,
      0.0 - std::log2(lattice.step), lattice.step, lattice.levels, draws, draws == 1 ? "" : "s");
  if (draws > 1) {
    const double bound = bits_per_dimension(of_tighter.mean, D, lattice.step);
    summary.set("/dequantisation/bits_per_dim_importance", bound);
    report.note += fmt::format("{:.4f} by the log of the mean density over draws, a tighter bound\n", bound);
  }
  if (!report.bound) return;
  Moments weighted;
  for (const double v : report.bound->importance) {
    if (std::isfinite(v)) weighted = merged(weighted, {1, v, 0});
  }
  const double bound = bits_per_dimension(weighted.mean, D, lattice.step);
  summary.set("/bound/bits_per_dim_importance_weighted", bound);
  report.note += fmt::format("{:.4f} bits per dimension by the importance weights\n", bound);
}

}  // namespace

int run_score(cli::Context& context) {
  LikelihoodConfig options;
  context.read(options);
  for (const char* name : {"density", "crps"}) {
    if (context.values().has(name))
      fail(Status::usage, "--{}: is for SDEs, and the model is a score model; leave it out", name);
  }
  check_method(context, options);
  if (context.values().has("probes") && options.flow.divergence == Divergence::exact) {
    fail(Status::usage, "--probes: is for --divergence hutchinson and hutch++; the exact trace needs none");
  }
  if (options.bits_per_dim && context.sharded()) {
    fail(Status::usage, "--bits-per-dim: is of all the data; leave out --shard");
  }
  if (!options.bits_per_dim) {
    for (const char* name : {"quantisation", "draws"}) {
      if (context.values().has(name))
        fail(Status::usage, "--{}: is for quantised data; give --bits-per-dim too", name);
    }
  }
  options.data.rows = io::DatasetOptions::Rows::samples;
  const config::FoundScore found = config::find_score(context.config(), "/model", context.model());
  if (found.file && found.file->path() != context.model().argument) context.add_input(*found.file);
  if (options.bits_per_dim && !options.quantisation && found.quantisation > 0)
    options.quantisation = found.quantisation;
  const io::Input input(context.argument("DATA"));
  context.add_input(input);
  io::Dataset data = io::read_dataset(input, options.data);
  const std::size_t D = found.model->dimension();
  if (data.d != D) {
    fail(Status::bad_data, "{}: has {} columns ({}) and the model has {} ({})", data.source, data.d,
         fmt::join(data.columns, ", "), D, fmt::join(found.columns, ", "));
  }
  if (data.t > 1) {
    context.warn(fmt::format("{}: holds series of up to {} observations; the last of each is a datum",
                             data.source, data.t));
  }
  std::vector<double> rows = config::sample_rows(data);
  if (found.file) {  // a trained model knows its columns by name
    const std::vector<std::size_t> order = io::match_columns(data, found.columns);
    const std::vector<double> as_read = rows;
    for (std::size_t n = 0; n < data.n; ++n) {
      for (std::size_t i = 0; i < D; ++i) rows[n * D + i] = as_read[n * D + order[i]];
    }
  }
  Lattice lattice;
  std::size_t count = data.n;
  if (options.bits_per_dim) {
    lattice = lattice_of(options, data, rows);
    count *= options.dequantisation_draws;
    rows = dequantised(rows, D, lattice.step, options.dequantisation_draws, options.flow.seed);
  }
  const io::Shard shard = part_of(context, count, kLeafPaths);
  const bool store = context.output().given() && context.output().form != io::OutputForm::json;
  if (context.dry_run()) {
    config::Plan plan;
    plan.paths = shard.rows;
    plan.memory_bytes = 8.0 * static_cast<double>(count * D) +
                        context.threads() * (found.model->workspace_bytes(kLikelihoodBlock) +
                                             8.0 * 20 * static_cast<double>(kLikelihoodBlock * (D + 1)));
    plan.output_bytes = store ? 24.0 * static_cast<double>(shard.rows) + 20e3 : 0;
    plan.more = {
        {"model", fmt::format("{}, {} dimensions", found.name, D)},
        {"steps", options.method == LikelihoodMethod::elbo
                      ? fmt::format("{}, {} trajectories a datum", bound_steps(*found.model, options.bound),
                                    options.bound.trajectories)
                      : "adaptive, chosen for every datum"}};
    return context.print_plan(plan);
  }

  LikelihoodReport report;
  report.model = found.name;
  report.unit = "data";
  const bool bounded = options.method == LikelihoodMethod::elbo;
  report.choice = bounded                                             ? "elbo"
                  : options.flow.divergence == Divergence::exact      ? "exact"
                  : options.flow.divergence == Divergence::hutchinson ? "hutchinson"
                                                                      : "hutch++";
  report.shard = shard;
  // A datum's value, its error and the evaluations it took are one row.
  cli::RowKeeper keeper(context, {"data", shard, 3}, [&](std::uint64_t, const std::vector<double>& values) {
    for (std::size_t i = 0; i < values.size(); i += 3) {
      report.value.push_back(values[i]);
      report.standard_error.push_back(values[i + 1]);
      report.nfe.push_back(values[i + 2]);
    }
  });
  const auto sink = [&](const LikelihoodBlock& block) {
    std::vector<double> values;
    for (std::size_t i = 0; i < block.value.size(); ++i)
      values.insert(values.end(), {block.value[i], block.standard_error[i], block.nfe[i]});
    keeper.add(block.first, std::move(values));
  };
  const std::uint64_t before = keeper.done();
  context.phase(bounded ? "walking the chain" : "integrating the flow", "data");
  const auto started = std::chrono::steady_clock::now();
  config::Summary summary;
  try {
    report.result = config::locate(context.config(), "", [&]() -> LikelihoodResult {
      if (bounded) {
        find_bound(context, options, found.model, rows, count, report, summary);
        return report.result;
      }
      return likelihood(found.model, rows, count, options.flow, sink, context.hooks(),
                        LikelihoodPart{shard.first + before, shard.rows - before});
    });
  } catch (const Error& error) {
    if (error.status() != Status::bad_data) throw;
    fail(Status::bad_data, "{}: {}", data.source, error.what());
  }
  keeper.finish(report.result.interrupted);
  if (before > 0) sum_up_data(report);
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  if (report.result.non_finite) {
    context.warn(
        fmt::format("{} of {} values are not finite and not in the mean; the flow could not be solved there",
                    report.result.non_finite, shard.rows));
  }
  if (!bounded) summary.set("/divergence", report.choice);
  summary.set("/method", bounded ? "elbo" : "flow");
  if (options.bits_per_dim) summarise_bits(options, lattice, D, report, summary);
  const int status = finish(context, report, summary);
  keeper.remove();
  return status;
}

io::Shard part_of(const cli::Context& context, std::uint64_t n, std::uint64_t grain) {
  if (context.sharded() && context.output().given() && context.output().form != io::OutputForm::hdf5) {
    fail(Status::usage, "{}: a shard is HDF5, for --merge; CSV and JSON are made of the whole",
         context.output().path);
  }
  if (context.sharded() && !context.plot().empty()) {
    fail(Status::usage, "--plot: draws the whole; give it to --merge, not to a shard");
  }
  return io::shard_of(n, context.shard().index, context.shard().count, grain);
}

int finish(cli::Context& context, const LikelihoodReport& report, config::Summary& summary) {
  const LikelihoodResult& r = report.result;
  if (context.output().given() && context.output().form != io::OutputForm::json) {
    io::LikelihoodWriter writer(context.output().path, context.output().form, report.value.size(),
                                context.provenance(), context.output().options());
    writer.write(0, report.value, report.standard_error, report.nfe);
    if (!report.first_transition.empty()) writer.transitions(report.transition, report.first_transition);
    if (report.bound) {
      std::vector<double> value, error;
      for (const BoundTerm& term : report.bound->terms)
        value.push_back(term.value), error.push_back(term.error);
      writer.bound(report.bound->importance, report.bound->times, value, error);
    }
    if (context.sharded())
      writer.shard(report.shard,
                   {report.model, report.unit, report.choice, r.budget.ode, r.budget.cutoff, r.budget.prior});
    writer.attribute("mean", r.mean);
    writer.attribute("stderr", r.standard_error);
    writer.finish();
  }
  if (!context.plot().empty()) {
    std::vector<double> finite;
    std::copy_if(report.value.begin(), report.value.end(), std::back_inserter(finite),
                 [](double v) { return std::isfinite(v); });
    cli::Figure figure;
    cli::Panel panel;
    panel.title = fmt::format("{} {} under {}", finite.size(), report.unit, report.model);
    panel.x_label = "log-likelihood (nats)";
    panel.y_label = "density";
    panel.histogram(finite);
    figure.panels.push_back(std::move(panel));
    cli::draw(figure, context.plot(), context.output().force);
  }
  config::Summary all;
  all.set("/kind", "likelihood").set("/n", r.n).set("/mean", r.mean).set("/stderr", r.standard_error);
  if (report.bits_per_dim)
    all.set("/bits_per_dim", *report.bits_per_dim);
  else
    all.set_null("/bits_per_dim");  // of quantised data alone
  all.set("/error_budget/ode", r.budget.ode).set("/error_budget/probe", r.budget.probe);
  all.set("/error_budget/cutoff", r.budget.cutoff).set("/error_budget/prior", r.budget.prior);
  all.set("/nfe_mean", r.nfe).set("/seconds", report.seconds).set("/non_finite", r.non_finite);
  all.set("/threads", context.threads());
  if (context.sharded()) {
    all.set("/shard/index", report.shard.index).set("/shard/count", report.shard.count);
    all.set("/shard/first", report.shard.first).set("/shard/total", report.shard.total);
  }
  all.json().update(summary.json());
  std::string text = fmt::format("{}: {} {}, mean log-likelihood {:.6f} +- {:.6f} nats, {:.3g} s\n",
                                 report.model, r.n, report.unit, r.mean, r.standard_error, report.seconds);
  if (report.bound) {
    text += fmt::format("error of a value by its trajectories: {:.2g}; {:.0f} evaluations of the score\n",
                        r.budget.probe, r.nfe);
  } else if (r.nfe > 0) {
    const auto term = [](double x) {
      return std::isnan(x) ? std::string("not estimated") : fmt::format("{:.2g}", x);
    };
    text += fmt::format(
        "error of a value: ode {}, probes {}, cut-off {}, prior {}; {:.0f} evaluations of the score\n",
        term(r.budget.ode), term(r.budget.probe), term(r.budget.cutoff), term(r.budget.prior), r.nfe);
  }
  return context.finish(all, text + report.note);
}

}  // namespace sde
