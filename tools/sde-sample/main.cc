// sde-sample: new samples from score models.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/tool.h"
#include "sample.h"
#include "score/sampler.h"

namespace {

using namespace sde;

cli::ToolInfo describe() {
  cli::ToolInfo info;
  info.name = "sde-sample";
  info.summary = "draw new samples from a score model or an SDE";
  info.description =
      "Draws samples by running the noise process of MODEL backwards, from noise to data. MODEL is what "
      "score-train wrote, "
      "an analytic score document, a sampling configuration or @NAME of the installed library. A sample "
      "depends on the "
      "seed and its number alone, bit for bit: not on how many are drawn, nor on threads. Of an SDE or a "
      "fit, the samples are "
      "states at its end time, as sde-simulate would end.";
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
  info.model_kinds = {config::DocumentKind::score, config::DocumentKind::sde};
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

int run(cli::Context& context) {
  const config::Json& json = context.config().json();
  const bool is_sde =
      json.contains("model") && config::document_kind(json["model"]) == config::DocumentKind::sde;
  return is_sde ? sample_sde(context) : sample_score(context);
}

}  // namespace

int main(int argc, char** argv) {
  return sde::cli::run_tool(argc, argv, describe(), run);
}
