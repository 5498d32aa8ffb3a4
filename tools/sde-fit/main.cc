// sde-fit: parameters of an SDE from time series, by maximum likelihood.
#include <fmt/format.h>

#include <chrono>

#include "candidates.h"
#include "cli/plot.h"
#include "cli/tool.h"
#include "config/locate.h"
#include "config/observations.h"
#include "config/sde_document.h"
#include "fit/density.h"
#include "fit/diagnostics.h"
#include "fit/estimable.h"
#include "fit/estimators.h"
#include "fit/fit.h"
#include "options.h"
#include "report.h"
#include "sde/expressions.h"

namespace {

using namespace sde;

cli::ChoiceTable density_table() {
  cli::ChoiceTable table{"DENSITIES",
                         {{"auto",
                           "exact where the transition law is known, else shoji-ozaki, else euler; with an "
                           "observation kalman where the model is linear, else ekf; says which and why"}}};
  for (const DensityTraits& d : densities())
    table.rows.emplace_back(d.name, fmt::format("{}; for {}", d.description, d.conditions));
  for (const FilterTraits& f : filters())
    table.rows.emplace_back(f.name,
                            fmt::format("with an observation: {}; for {}", f.description, f.conditions));
  return table;
}

cli::ChoiceTable estimator_table() {
  cli::ChoiceTable table{"ESTIMATORS", {}};
  for (const EstimatorTraits& row : estimators()) table.rows.emplace_back(row.name, row.description);
  return table;
}

std::vector<std::string> names_of_densities() {
  std::vector<std::string> names = density_names();
  for (const FilterTraits& f : filters()) names.emplace_back(f.name);
  return names;
}

cli::ToolInfo describe() {
  cli::ToolInfo info;
  info.name = "sde-fit";
  info.summary = "parameters of a stochastic differential equation from time series";
  info.description =
      "Estimates the parameters of the SDE in MODEL by maximum likelihood from the series in DATA (CSV or "
      "HDF5, one or "
      "several trajectories, equal or unequal steps, missing values), with exact gradient and Hessian, "
      "standard errors, "
      "intervals and tests of the residuals. Every parameter is estimated, starting at its value in the "
      "document, unless "
      "the configuration says otherwise. The result is a MODEL for sde-simulate and sde-likelihood.";
  info.arguments = {{"MODEL", "SDE document, fit configuration, fit, @NAME or -"},
                    {"DATA", "CSV or HDF5 file, or -"}};
  info.examples = {
      {"sde-fit @vasicek rates.csv", "estimates, standard errors and diagnostics"},
      {"sde-fit @cir rates.csv --density euler --fix theta=0.05 -o fit.json",
       "the Euler density, one parameter held"},
      {"sde-fit @cir rates.csv --estimator gmm", "moments of the law instead of its likelihood"},
      {"sde-fit @cir rates.csv --compare euler,kessler,exact", "what the choice of the density does"},
      {"sde-fit @ckls rates.csv --models @cir,@vasicek",
       "which model describes the data, by information criteria"},
      {"sde-fit priors.json rates.csv --sample-posterior 1000 -o draws.csv",
       "posterior mode, and draws from the posterior law"},
      {"sde-fit @cir rates.csv --bootstrap 200", "bias and intervals from data sets drawn from the fit"},
      {"sde-fit @cir rates.csv --intervals profile --report '2*kappa*theta/sigma^2' --test kappa=0.5",
       "profile intervals, a function of the parameters, a likelihood-ratio test"},
      {"sde-fit @cir rates.csv --plot fit.png", "data with one-step predictions, residuals"},
      {"sde-fit @ou noisy.csv --set 'observation={\"noise\": {\"x\": \"eta\"}, \"parameters\": {\"eta\": "
       "0.1}}'",
       "states observed with noise, by the Kalman filter"},
      {"sde-simulate @ou -N 100 -o - | sde-fit @ou - --json", "estimate from simulated paths"},
  };
  info.tables = {density_table(), estimator_table()};
  info.schema = "fit";
  info.model_key = "/sde";
  info.model_kinds = {config::DocumentKind::sde};
  info.formats = {io::OutputForm::json, io::OutputForm::hdf5, io::OutputForm::csv};

  cli::Options& o = info.options;
  o.choice("density", "/density", names_of_densities(),
           "transition density of the likelihood, or the filter of an observation")
      .default_text("auto");
  o.choice("estimator", "/estimator", estimator_names(), "how parameters are estimated")
      .default_text("likelihood");
  o.choice("start-from", "/start_from", {"document", "quick"},
           "where the search starts: values of the document, or regression and quadratic variation")
      .default_text("document");
  o.list("compare", "/compare", "densities to fit by as well, for a table").value_name("LIST");
  o.list("models", "/models", "other models to fit to the same data, for a table").value_name("LIST");
  o.choice("intervals", "/intervals", {"wald", "profile"},
           "intervals from standard errors, or from the profile likelihood")
      .default_text("wald");
  o.text("report", "/report", "report an expression of the parameters, with its standard error")
      .value_name("EXPRESSION")
      .repeatable();
  o.text("test", "/tests", "test a hypothesis, such as kappa=0.5, by the likelihood ratio")
      .value_name("EQUATION")
      .repeatable();
  o.text("constraint", "/constraints",
         "keep to a relation between parameters, such as 2*kappa*theta >= sigma^2")
      .value_name("RELATION")
      .repeatable();
  o.integer("sample-posterior", "/posterior/draws",
            "draw this many times a chain from the posterior law of the parameters")
      .value_name("N");
  o.integer("bootstrap", "/bootstrap", "data sets to draw from the fit and fit again")
      .value_name("N")
      .default_text("0");
  o.list("estimate", "/estimate", "parameters to estimate; the others keep their values").value_name("LIST");
  o.assignment("fix", "/fix", "hold a parameter at a value").value_name("NAME=VALUE");
  o.assignment("param", "/sde/parameters", "starting value of a parameter, in place of the document's")
      .value_name("NAME=VALUE")
      .existing();
  o.integer("starts", "/starts",
            "starting points of the optimiser; 0: one, and more where it does not converge")
      .value_name("N")
      .default_text("0");
  o.choice("optimizer", "/optimizer", optimizer_names(), "how the likelihood is maximised")
      .default_text("auto");
  o.number("confidence", "/confidence", "level of the intervals").value_name("P").default_text("0.95");
  o.integer("predict", "/predict",
            "with an observation: predict the data this many rows ahead, from every row")
      .value_name("ROWS")
      .default_text("0");
  o.data_options();
  return info;
}

// Errors of the library begin with the pointer of an SDE document or of a configuration.
template <class F>
auto in_place(const config::Document& configuration, const config::FoundSde& found, F&& f) {
  try {
    return f();
  } catch (const Error& error) {
    const std::string sentence = error.what();
    for (const char* part :
         {"/parameters", "/diffusion", "/drift", "/noise", "/state", "/calculus", "/initial"})
      if (sentence.starts_with(part))
        return config::locate(found.document, found.pointer, [&]() -> decltype(f()) { throw error; });
    return config::locate(configuration, "", [&]() -> decltype(f()) { throw error; });
  }
}

// Whether something is made of single transitions: a picture, the HDF5 form.
bool keeps_terms(const cli::Context& context) {
  const cli::Output& output = context.output();
  return !context.plot().empty() || (output.given() && output.form == io::OutputForm::hdf5);
}

// The data, without the file's bytes.
io::Dataset read_data(cli::Context& context, const io::DatasetOptions& options) {
  const std::string& file = context.argument("DATA");
  if (file == "-" && context.model().argument == "-")
    fail(Status::usage, "standard input cannot be both MODEL and DATA; name a file for one of them");
  const io::Input input(file);
  context.add_input(input);
  return io::read_dataset(input, options);
}

// Values that were taken over and are not needed again.
void drop_values(io::Dataset& dataset) {
  dataset.x = {};
  dataset.time = {};
}

std::size_t rows_of(const Observations& data) {
  return data.observations();
}
std::size_t rows_of(const SeriesTable& data) {
  return data.rows();
}

// The fit itself, from either kind of data.
template <class Data>
int estimate(cli::Context& context, const config::FoundSde& found, const FitConfig& options,
             const std::vector<Candidate>& candidates, const io::Dataset& dataset, const Data& data) {
  const auto blame_data = [&](auto&& f) {
    try {
      return f();
    } catch (const Error& error) {
      if (error.status() == Status::bad_data) fail(Status::bad_data, "{}: {}", dataset.source, error.what());
      throw;
    }
  };

  if (context.dry_run()) {
    const FitPlan fit_plan = in_place(context.config(), found, [&] {
      return blame_data([&] { return plan_fit(found.sde, data, options.fit); });
    });
    const double width = static_cast<double>(dataset.d), rows = static_cast<double>(rows_of(data));
    config::Plan plan;
    // Times and values as read and as fitted; then a residual, or everything that is told of a row.
    plan.memory_bytes =
        8 * rows * (1 + width + std::max(1 + width, keeps_terms(context) ? 1 + 4 * width : width));
    plan.output_bytes = context.output().given() && context.output().form == io::OutputForm::hdf5
                            ? 20e3 + static_cast<double>(fit_plan.transitions) * (4 * width + 1) * 8
                            : 0;
    std::string names;
    for (const std::string& name : fit_plan.estimate) names += (names.empty() ? "" : ", ") + name;
    plan.more = {
        {"density", fit_plan.density_reason.empty()
                        ? fit_plan.density
                        : fmt::format("{} ({})", fit_plan.density, fit_plan.density_reason)},
        {"estimate", names},
        {"transitions", fmt::format("{} in {} series", fit_plan.transitions, data.series())},
        {"operations", fmt::format("{} a transition, for value, gradient and Hessian", fit_plan.operations)}};
    return context.print_plan(plan);
  }

  context.phase("fitting", "starts");
  const auto started = std::chrono::steady_clock::now();
  const FitResult result = in_place(context.config(), found, [&] {
    return blame_data([&] { return fit(found.sde, data, options.fit, context.hooks()); });
  });
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  if (result.interrupted) context.check_stopped();

  std::vector<Compared> compared;
  for (const std::string& name : options.compare) {
    FitOptions other = options.fit;
    other.density = name;
    other.inference.posterior.reset();
    Compared one;
    one.density = name;
    const auto begun = std::chrono::steady_clock::now();
    try {
      Hooks quiet;
      quiet.stop = context.hooks().stop;
      one.result = fit(found.sde, data, other, quiet);
      one.density = one.result.density;
    } catch (const Error& error) {
      // A density that does not apply to this SDE is part of the answer.
      one.refused = error.what();
    }
    one.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
    compared.push_back(std::move(one));
  }

  std::vector<CandidateFit> models;
  if (!candidates.empty())
    models =
        compare_candidates(context, context.argument("MODEL"), options, result, seconds, candidates, dataset);
  BootstrapResult replicas;
  if (options.bootstrap > 0) {
    context.phase("bootstrap", "refits");
    replicas = bootstrap(result, data, options.fit, options.bootstrap, context.hooks());
    if (replicas.interrupted) context.check_stopped();
  }

  // From a maximum alone; a failed fit has been told of.
  Posterior posterior;
  double sampling = 0;
  if (options.fit.inference.posterior && result.converged) {
    context.phase("sampling", "draws");
    const auto begun = std::chrono::steady_clock::now();
    posterior = in_place(context.config(), found,
                         [&] { return sample_posterior(result, data, options.fit, context.hooks()); });
    if (posterior.interrupted) context.check_stopped();
    sampling = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  }

  config::Summary summary = fit_summary(result, options, seconds);
  add_inference(result, summary);
  add_comparison(compared, summary);
  if (!models.empty()) add_candidates(models, summary);
  if (options.bootstrap > 0) add_bootstrap(replicas, options.fit.confidence, summary);
  if (posterior.draws > 0) add_posterior(posterior, options.fit.confidence, sampling, summary);
  const cli::Output& output = context.output();
  if (output.given() && output.form == io::OutputForm::hdf5)
    write_fit(output.path, result, replicas, posterior, summary, context.provenance(), output.options());
  if (output.given() && output.form == io::OutputForm::csv) {
    if (!models.empty())
      write_candidates(output.path, models, output.options());
    else if (posterior.draws > 0)
      write_draws(output.path, posterior, output.options());
    else
      write_estimates(output.path, result, output.options());
  }
  if (!context.plot().empty()) {
    cli::Figure figure = fit_figure(result);
    add_panels(result, posterior, normal_quantile(0.5 + 0.5 * options.fit.confidence), figure);
    cli::draw(figure, context.plot(), output.force);
  }
  const std::string text =
      fit_text(result, options, seconds) + inference_text(result) +
      (posterior.draws > 0 ? posterior_text(posterior, options.fit.confidence, sampling) : "") +
      (compared.empty() ? "" : comparison_text(compared)) + (models.empty() ? "" : candidates_text(models)) +
      (options.bootstrap > 0 ? bootstrap_text(replicas, options.fit.confidence) : "");
  return context.finish(summary, text,
                        result.converged && all_converged(models) ? Status::success : Status::negative);
}

int run(cli::Context& context) {
  FitConfig options;
  config::FoundSde found = config::find_sde(context.config(), "/sde");
  context.read(options);
  for (const InputDocument& one : found.sde.inputs) context.add_input(io::Input(one.data));
  const SdeExpressions equation = config::locate(found.document, found.pointer, [&] {
    found.sde = estimable(found.sde, {}, options.fit.fix);
    return parse_document(found.sde);
  });

  const std::vector<Candidate> candidates = read_candidates(context, options);

  io::Dataset dataset = read_data(context, options.data);
  options.fit.keep_terms = keeps_terms(context);
  if (!wants_filter(options.fit)) {
    if (options.fit.predict > 0)
      fail(Status::usage,
           "--predict: needs an observation or a filter; without noise the data are the states");
    const Observations data = config::make_observations(dataset, equation.states);
    if (candidates.empty()) drop_values(dataset);
    return estimate(context, found, options, candidates, dataset, data);
  }
  const SeriesTable data = config::make_series(dataset, observed_columns(options.fit, equation.states));
  if (candidates.empty()) drop_values(dataset);
  return estimate(context, found, options, candidates, dataset, data);
}

}  // namespace

int main(int argc, char** argv) {
  return cli::run_tool(argc, argv, describe(), run);
}
