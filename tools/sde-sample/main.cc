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
      {"sde-sample model.h5 --sampler dpmpp_2m --steps 20 --grid karras --grid print",
       "the times of the steps, and the noise at each"},
      {"sde-sample model.h5 -N 1e6 --shard 3/10 -o part3.h5",
       "one of ten jobs; sde-sample --merge part*.h5 -o samples.h5 joins them"},
      {"sde-sample model.h5 --known x1=0.5 --sampler dpmpp_2m -o given.h5",
       "samples with a known first component"},
      {"sde-sample model.h5 --interpolate pairs.csv -o between.h5",
       "ways from datum to datum through the noise"},
      {"sde-sample model.h5 --sampler rk45 --rtol 1e-4 --format csv -o -",
       "adaptive steps; a table on standard output"},
  };
  cli::ChoiceTable table{"SAMPLERS", {}};
  std::vector<std::string> names;
  for (const SamplerTraits& s : samplers()) {
    names.emplace_back(s.name);
    std::string text = s.summary;
    if (*s.source) text += fmt::format(" ({})", s.source);
    if (s.default_steps) text += fmt::format("; {} steps where not said", s.default_steps);
    if (s.kind == SamplerKind::consistency || s.kind == SamplerKind::exact) {
      text += fmt::format("; {} evaluations of the score", s.nfe);
    } else {
      text += fmt::format(", {} evaluations of the score, order {:g}", s.nfe, s.order);
    }
    table.rows.emplace_back(s.name, text);
  }
  info.tables = {table};
  info.schema = "sample";
  info.model_key = "/model";
  info.model_kinds = {config::DocumentKind::score, config::DocumentKind::sde};
  info.shards = true;
  info.resumes = true;
  std::vector<std::string> grids, predictors, correctors, methods;
  for (const auto& [name, value] : enum_names(GridType{})) grids.emplace_back(name);
  for (const auto& [name, value] : enum_names(Predictor{})) predictors.emplace_back(name);
  for (const auto& [name, value] : enum_names(Corrector{})) correctors.emplace_back(name);
  grids.emplace_back("print");
  for (const auto& [name, value] : enum_names(ObservationMethod{})) methods.emplace_back(name);
  cli::Options& o = info.options;
  o.integer("samples", "/samples", "number of samples").letter('N').value_name("N").default_text("1000");
  o.choice("sampler", "/sampler", names, "how noise becomes samples")
      .default_text("exact for toy distributions, else euler_maruyama");
  o.integer("steps", "/steps", "steps of a sampler with a fixed grid").value_name("N");
  o.choice("grid", "", grids,
           "how the times of the steps are spaced (key /grid); print shows the times and ends, also after "
           "another --grid")
      .repeatable()
      .default_text("the sampler's");
  o.list("times", "/times", "the grid itself, falling, instead of --steps and --grid").value_name("T,T,...");
  o.number("rho", "/rho", "exponent of the karras and exponential grids").value_name("RHO");
  o.number("eps", "/eps", "time at which sampling ends").value_name("T");
  o.number("rtol", "/rtol", "rk45, tsit5: relative tolerance, for every sample")
      .value_name("TOL")
      .default_text("1e-5");
  o.number("atol", "/atol", "rk45, tsit5: absolute tolerance, for every sample")
      .value_name("TOL")
      .default_text("1e-5");
  o.number("eta", "/eta", "ddim, dpmpp_2m_sde: part of the noise that is added back, 0 to 1")
      .value_name("ETA")
      .default_text("0 for ddim, else 1");
  o.integer("order", "/order", "unipc: order of the predictor, 1 to 3").value_name("P").default_text("2");
  o.choice("predictor", "/predictor", predictors, "pc: how a step is made").default_text("reverse_diffusion");
  o.choice("corrector", "/corrector", correctors, "pc: what follows at each level").default_text("langevin");
  o.number("snr", "/snr", "pc: signal to noise ratio of the corrector").value_name("R").default_text("0.16");
  o.integer("corrector-steps", "/corrector_steps", "pc: corrector steps at each level")
      .value_name("N")
      .default_text("1");
  o.integer("label", "/label", "class of the samples, of a model with labels").value_name("K");
  o.number("guidance-scale", "/guidance_scale",
           "classifier-free guidance: 0 ignores the label, 1 takes the model as it is, more exaggerates")
      .value_name("W")
      .default_text("1");
  o.assignment("known", "/observation/known", "value of a component that is known, by its column's name");
  o.choice("observation-method", "/observation/method", methods, "how what is known guides the samples")
      .default_text("tweedie");
  o.file("start", "/start", "data to noise to --start-time and to sample from");
  o.number("start-time", "/start_time", "time at which sampling starts from given data").value_name("T");
  o.file("encode", "/encode", "data to carry to noise along the flow, by rk45 or tsit5");
  o.file("decode", "/decode", "noise to carry to data along the flow");
  o.file("interpolate", "/interpolate", "data, each two rows of which are joined through the noise");
  o.integer("points", "/points", "rows between each two that are interpolated, both counted")
      .value_name("N")
      .default_text("10");
  o.flag("trajectory", "/trajectory", "store the states at all times of the grid too");
  return info;
}

int run(cli::Context& context) {
  if (!context.merge().files.empty()) return merge_samples(context);
  const config::Json& json = context.config().json();
  const bool is_sde =
      json.contains("model") && config::document_kind(json["model"]) == config::DocumentKind::sde;
  return is_sde ? sample_sde(context) : sample_score(context);
}

}  // namespace

int main(int argc, char** argv) {
  return sde::cli::run_tool(argc, argv, describe(), run);
}
