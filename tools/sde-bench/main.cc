// sde-bench: measures orders of convergence and rates, and checks files.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/suggest.h"
#include "config/locate.h"
#include "io/file.h"
#include "io/hdf5.h"
#include "io/provenance.h"
#include "score/sampler.h"
#include "solve/method.h"
#include "suites.h"

namespace {

using namespace sde;

const std::vector<std::string> kSuites = {"convergence", "work-precision", "throughput", "statistics",
                                          "training",    "likelihood",     "fit",        "samplers",
                                          "compare",     "check"};

cli::ToolInfo describe() {
  cli::ToolInfo info;
  info.name = "sde-bench";
  info.summary = "measure orders of convergence and rates, and check files";
  info.description =
      "SUITE convergence measures the strong and weak order of methods on the models named (or on three "
      "standard problems), with confidence intervals, and exits 1 where a claim is refuted; the weak order "
      "also "
      "from the exact moments of one step, without sampling. SUITE work-precision sets the errors of "
      "methods against the time they take. SUITE throughput measures "
      "random "
      "numbers and whole simulations (cases normals, normals_f32, ou_em, gbm_milstein, heston_em, "
      "lorenz_em). SUITE statistics holds what surrounds a simulation to its targets: overhead, merging, "
      "multilevel, "
      "memory, writing. SUITE training measures the steps of score-train (train_64, unet_8, ...) and the "
      "matrix "
      "products and "
      "convolutions that they are made of, as shares of this machine's peak. SUITE likelihood measures "
      "log-likelihoods with the exact trace (loglik_64, ...). SUITE fit measures fits of 20000 transitions "
      "with "
      "standard errors and diagnostics (cir_exact, cir_euler, ...). SUITE samplers measures the error of "
      "samplers "
      "against what they cost, on analytic score documents or on Gaussian mixtures fitted to data, and says "
      "which to take; its cases sample_em_128 and sample_heun_128 measure rates, sample_threads and "
      "sample_memory what a second thread gains and what memory it takes. SUITE compare gives "
      "distances between two samples, data first, each with a bootstrap error. SUITE check "
      "says by its exit status alone whether files are whole and readable.";
  info.arguments = {
      {"SUITE",
       "convergence, work-precision, throughput, statistics, training, likelihood, fit, samplers, compare or "
       "check"},
      {"CASE",
       "models (convergence, work-precision), cases (throughput, statistics, training, likelihood, fit), "
       "data or "
       "score documents (samplers) or files (compare, check)",
       false, true}};
  info.examples = {
      {"sde-bench convergence", "the orders of euler-maruyama, milstein and heun on three standard problems"},
      {"sde-bench convergence --all", "the table of every method on nine standard problems"},
      {"sde-bench convergence @double-well --method milstein --plot order.png",
       "the order on a model of one's own"},
      {"sde-bench work-precision @cir --plot work.png", "which method is worth its time on a model"},
      {"sde-bench throughput ou_em --json", "path-steps a second on one thread"},
      {"sde-bench compare data.csv samples.h5", "how far samples are from data, by seven measures"},
      {"sde-bench samplers data.csv --budget 10 --plot samplers.png",
       "which sampler suits the data best with ten evaluations"},
      {"sde-bench check fit.h5 && echo whole", "is the file whole?"},
  };
  info.formats = {io::OutputForm::json, io::OutputForm::hdf5};
  info.schema = "bench";
  cli::Options& o = info.options;
  o.choice("method", "/methods", method_names(),
           "method to measure (convergence, work-precision); default: every one that fits")
      .repeatable();
  o.list("levels", "/levels", "numbers of steps, each dividing the largest (convergence, work-precision)")
      .value_name("N,N,...");
  o.integer("paths", "/paths", "number of paths")
      .letter('N')
      .value_name("N")
      .default_text("65536 for convergence, 4096 with --all, 8192 for work-precision");
  o.number("confidence", "/confidence", "level of the intervals (convergence)");
  o.flag("all", "/all", "every standard problem, method and calculus, quickly (convergence)");
  o.integer(
      "repeats", "/repeats",
      "runs of which the best counts (throughput, statistics, training, likelihood, fit, work-precision)");
  o.integer("rows", "/compare/rows", "rows of each sample, drawn at random; 0: all (compare)")
      .value_name("N")
      .default_text("10000");
  o.integer("pair-rows", "/compare/pair_rows", "rows where pairs of rows are compared (compare)")
      .value_name("N")
      .default_text("2000");
  o.integer("projections", "/compare/projections", "directions of the sliced Wasserstein distance (compare)")
      .value_name("N")
      .default_text("64");
  o.integer("neighbours", "/compare/neighbours", "neighbours that span the support (compare)")
      .value_name("K")
      .default_text("3");
  o.number("bandwidth", "/compare/bandwidth", "of the kernel of MMD; default: the median distance (compare)")
      .value_name("H");
  o.integer("bootstrap", "/compare/bootstrap", "replicates for the standard errors (compare)")
      .value_name("N")
      .default_text("100");
  o.flag("standardise", "/compare/standardise",
         "columns to mean 0 and deviation 1 in the first sample (compare)");
  std::vector<std::string> names;
  for (const SamplerTraits& t : sde::samplers()) names.emplace_back(t.name);
  o.choice("sampler", "/samplers", names, "sampler to assess (samplers); default: every one that fits")
      .repeatable();
  o.list("nfe", "/nfe", "evaluations of the score that samplers may take (samplers)").value_name("N,N,...");
  o.integer("budget", "/budget", "evaluations that the recommended sampler may take (samplers)")
      .value_name("N");
  o.integer("components", "/components", "Gaussians that are fitted to data (samplers)")
      .value_name("K")
      .default_text("the best of 1 to 32");
  return info;
}

std::string table_of(const std::vector<bench::Run>& runs, config::Summary& summary) {
  for (const bench::Run& run : runs) {
    config::Summary entry;
    entry.set("/case", run.case_name).set("/name", run.name).set("/value", run.value).set("/unit", run.unit);
    if (run.target)
      entry.set("/target", *run.target);
    else
      entry.set_null("/target");
    if (run.ok)
      entry.set("/ok", *run.ok);
    else
      entry.set_null("/ok");
    for (const auto& [key, value] : run.more) entry.set("/" + key, value);
    if (!run.calculus.empty()) entry.set("/calculus", run.calculus);
    if (!run.note.empty()) entry.set("/note", run.note);
    summary.append("/runs", entry);
  }
  return summary.text();
}

void write_hdf5(cli::Context& context, const std::vector<bench::Run>& runs, const std::string& json) {
  io::Writer writer(context.output().path, "bench", context.output().options());
  std::vector<std::string> cases, names, units;
  std::vector<double> values, targets;
  for (const bench::Run& run : runs) {
    cases.push_back(run.case_name);
    names.push_back(run.name);
    units.push_back(run.unit);
    values.push_back(run.value);
    targets.push_back(run.target.value_or(std::nan("")));
  }
  io::write_provenance(writer, context.provenance());
  writer.write_texts("/runs/case", cases);
  writer.write_texts("/runs/name", names);
  writer.write_texts("/runs/unit", units);
  writer.write("/runs/value", values, {values.size()}, {"run"});
  writer.write("/runs/target", targets, {targets.size()}, {"run"});
  writer.write_text("/runs/json", json);
  writer.finish();
}

int run(cli::Context& context) {
  const std::string suite = context.argument("SUITE");
  if (suite == "check") {
    bench::check(context);
    return 0;
  }
  bench::BenchOptions options;
  context.read(options);
  bench::Outcome outcome;
  if (suite == "convergence") {
    outcome = config::locate(context.config(), "", [&] { return bench::convergence(context, options); });
  } else if (suite == "work-precision") {
    outcome = config::locate(context.config(), "", [&] { return bench::work_precision(context, options); });
  } else if (suite == "throughput") {
    outcome = bench::throughput(context, options);
  } else if (suite == "statistics") {
    outcome = bench::statistics(context, options);
  } else if (suite == "training") {
    outcome = bench::training(context, options);
  } else if (suite == "likelihood") {
    outcome = bench::likelihood_suite(context, options);
  } else if (suite == "fit") {
    outcome = bench::fit_suite(context, options);
  } else if (suite == "compare") {
    outcome = bench::compare(context, options);
  } else if (suite == "samplers") {
    outcome = config::locate(context.config(), "", [&] { return bench::samplers(context, options); });
  } else {
    fail(Status::usage, "unknown suite \"{}\"{}", suite, suggestion(suite, kSuites));
  }
  if (context.dry_run()) {
    config::Plan plan;
    for (const bench::Run& r : outcome.runs) plan.more.emplace_back(r.case_name, r.name);
    return context.print_plan(plan);
  }
  config::Summary summary;
  summary.set("/kind", "bench").set("/suite", suite).set("/threads", context.threads());
  const std::string json = table_of(outcome.runs, summary);
  if (context.output().given() && context.output().form == io::OutputForm::hdf5)
    write_hdf5(context, outcome.runs, json);
  const bool refuted = std::any_of(outcome.runs.begin(), outcome.runs.end(),
                                   [](const bench::Run& r) { return r.ok && !*r.ok; });
  return context.finish(summary, outcome.text, refuted ? Status::negative : Status::success);
}

}  // namespace

int main(int argc, char** argv) {
  return sde::cli::run_tool(argc, argv, describe(), run);
}
