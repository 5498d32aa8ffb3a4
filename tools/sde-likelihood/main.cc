// sde-likelihood: log-likelihoods of data under score models and SDEs.
#include <fmt/format.h>

#include "cli/tool.h"
#include "fit/density.h"
#include "models.h"

namespace {

using namespace sde;

cli::ToolInfo describe() {
  cli::ToolInfo info;
  info.name = "sde-likelihood";
  info.summary = "log-likelihood of data under a score model or an SDE";
  info.description =
      "Under a score model (trained, or an analytic score document), the log-density of every row of DATA by "
      "its "
      "probability flow, with an error budget. Under an SDE (a document or a fit), the log-likelihood of "
      "every time series "
      "of DATA, the sum over its transitions. Values are in nats.";
  info.arguments = {{"MODEL", "trained model, score document, SDE, fit, configuration, @NAME or -"},
                    {"DATA", "CSV or HDF5 file, or -"}};
  info.examples = {
      {"sde-likelihood model.h5 heldout.csv", "mean log-likelihood of data that were not trained on"},
      {"sde-likelihood model.h5 data.csv -o loglik.csv", "one value a row, for instance to find outliers"},
      {"sde-likelihood model.h5 data.h5 --divergence hutchinson --probes 16",
       "random probes, for many dimensions"},
      {"sde-likelihood model.h5 data.h5 --method elbo --trajectories 16",
       "the variational bound, term by term, and its importance-weighted form"},
      {"sde-likelihood model.h5 data.h5 --shard 3/10 -o part3.h5",
       "one of ten jobs; sde-likelihood --merge part*.h5 -o loglik.h5 joins them"},
      {"sde-likelihood fit.json rates.csv --dt 0.0833", "a fitted SDE on a time series"},
      {"sde-likelihood fit.json later.csv --crps 200",
       "out-of-sample scores: log density and ranked probability"},
  };
  info.schema = "likelihood";
  info.model_key = "/model";
  info.model_kinds = {config::DocumentKind::score, config::DocumentKind::sde};
  info.shards = true;
  info.resumes = true;
  cli::Options& o = info.options;
  std::vector<std::string> methods, variances;
  for (const auto& [name, value] : enum_names(LikelihoodMethod{})) methods.emplace_back(name);
  for (const auto& [name, value] : enum_names(StepVariance{})) variances.emplace_back(name);
  o.choice("method", "/method", methods,
           "score models: along the probability flow, or a lower bound by the chain of ancestral sampling")
      .default_text("flow");
  o.integer("steps", "/bound/steps", "elbo: steps of the chain")
      .value_name("N")
      .default_text("the levels of the process, else 1000");
  o.integer("trajectories", "/bound/trajectories", "elbo: noised trajectories of each datum")
      .value_name("N")
      .default_text("4");
  o.choice("step-variance", "/bound/variance", variances, "elbo: the variance of a step of the chain")
      .default_text("forward");
  o.choice("divergence", "/divergence", {"exact", "hutchinson", "hutch++"},
           "score models: the trace of the flow's Jacobian")
      .default_text("exact");
  o.integer("probes", "/probes", "hutchinson and hutch++: probes a datum").value_name("N").default_text("8");
  o.number("rtol", "/rtol", "relative tolerance of the flow, for every datum")
      .value_name("TOL")
      .default_text("1e-5");
  o.number("atol", "/atol", "absolute tolerance of the flow, for every datum")
      .value_name("TOL")
      .default_text("1e-5");
  o.integer("check", "/check", "data solved again for the error budget; 0 leaves it out")
      .value_name("N")
      .default_text("64");
  o.flag("bits-per-dim", "/bits_per_dim",
         "quantised data (pixels): bits per dimension, with uniform noise in the gaps");
  o.number("quantisation", "/quantisation", "step of quantised data; default: the least difference")
      .value_name("STEP");
  o.integer("draws", "/dequantisation_draws", "noisy copies of each quantised datum")
      .value_name("N")
      .default_text("1");
  o.choice("density", "/density", density_names(), "SDEs: the transition density").default_text("auto");
  o.integer("crps", "/crps",
            "SDEs: draws for the ranked probability score of every next observation; 0: none")
      .value_name("N")
      .default_text("0");
  o.data_options();
  return info;
}

int run(cli::Context& context) {
  if (!context.merge().files.empty()) return merge_likelihoods(context);
  return is_sde(context) ? run_sde(context) : run_score(context);
}

}  // namespace

int main(int argc, char** argv) {
  return sde::cli::run_tool(argc, argv, describe(), run);
}
