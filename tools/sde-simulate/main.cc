// sde-simulate: paths of an SDE or ODE.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "cli/tool.h"
#include "config/locate.h"
#include "config/sde_document.h"
#include "events.h"
#include "expect.h"
#include "job.h"
#include "lamperti.h"
#include "options.h"
#include "report.h"
#include "results.h"
#include "solve/adaptive_sde.h"
#include "solve/convergence.h"
#include "solve/ensemble.h"
#include "sweep.h"

namespace {

using namespace sde;

// What each method claims, for the manual page.
cli::ChoiceTable method_table() {
  cli::ChoiceTable table{
      "METHODS", {{"auto", "chooses by calculus, noise and what is known about the law, and says why"}}};
  for (const Method& m : methods()) {
    std::string claim;
    if (m.weak_order > 0) {
      const double first = m.strong_general > 0       ? m.strong_general
                           : m.strong_commutative > 0 ? m.strong_commutative
                                                      : m.strong_additive;
      claim = fmt::format("; strong order {}", first);
      if (m.strong_commutative > first)
        claim += fmt::format(" ({} where noise commutes)", m.strong_commutative);
      if (m.strong_additive > std::max(first, m.strong_commutative))
        claim += fmt::format(" ({} where it is additive)", m.strong_additive);
      claim += fmt::format(", weak order {}", m.weak_order);
      if (m.weak_commutative > m.weak_order)
        claim += fmt::format(" ({} where noise commutes)", m.weak_commutative);
      if (m.weak_additive > std::max(m.weak_order, m.weak_commutative))
        claim += fmt::format(" ({} where it is additive)", m.weak_additive);
    } else if (m.most_general == NoiseKind::none) {
      claim = fmt::format("; order {}", m.ode_order);
    }
    table.rows.emplace_back(m.name, fmt::format("{}{}; {}", m.summary, claim, m.source));
  }
  return table;
}

cli::ToolInfo describe() {
  cli::ToolInfo info;
  info.name = "sde-simulate";
  info.summary = "simulate paths of a stochastic or ordinary differential equation";
  info.description =
      "Simulates MODEL, an SDE document, a simulation configuration, a fitted model or @NAME of the "
      "installed library, "
      "and reports mean and variance at the end with their Monte Carlo error. With -o, stores the paths and "
      "their "
      "statistics at the save times. The same seed gives the same paths, bit for bit, on any number of "
      "threads.";
  info.arguments = {{"MODEL", "SDE document, simulation configuration, fit, @NAME or -"}};
  info.examples = {
      {"sde-simulate @ou -N 10000", "mean and variance of an Ornstein-Uhlenbeck process at its end"},
      {"sde-simulate @heston --dt 0.001 --expect 'max(s-100,0)' -o heston.h5",
       "paths, and a price with its error"},
      {"sde-simulate @gbm -N 100000 --expect 'max(s-100,0)' --control auto",
       "the same error from fewer paths, by the exact mean of s"},
      {"sde-simulate @gbm --expect 'exp(-mu*t)*max(s-100,0)' --target-stderr 0.02 --mlmc",
       "a price to an error, by multilevel Monte Carlo"},
      {"sde-simulate @ou -N 1e6 --shard 3/10 -o part3.h5 --checkpoint-every 600",
       "one of ten batch jobs; after a signal or a crash the same with --resume"},
      {"sde-simulate @double-well --event over=x --set time.end=20", "when paths first pass the barrier"},
      {"sde-simulate @ou --sweep theta=0.5:3:11 --sweep sigma=0.1,0.2,0.3 -o grid.csv --plot grid.png",
       "means over a grid of parameters, and a map of them"},
      {"sde-simulate --merge part*.h5 -o ou.h5", "all of them, to the bits of one run"},
      {"sde-simulate @double-well -N 500 --plot wells.png", "a fan of paths with quantile bands"},
      {"sde-simulate @ou -N 1 --save 500 --format csv -o - | sde-fit @ou -", "simulate, then estimate"},
  };
  info.tables = {method_table()};
  info.schema = "simulate";
  info.model_key = "/sde";
  info.model_kinds = {config::DocumentKind::sde};
  info.shards = true;
  info.resumes = true;

  cli::Options& o = info.options;
  std::vector<std::string> names = {"auto"};
  for (const std::string& name : method_names()) names.push_back(name);
  o.choice("method", "/solver/method", names, "how a step is taken").default_text("auto");
  o.number("dt", "/solver/dt", "length of a step; of the first one where steps adapt").value_name("H");
  o.integer("steps", "/solver/steps", "number of steps from start to end, in place of --dt").value_name("N");
  o.number("rtol", "/solver/adaptive/rtol", "relative tolerance of adaptive steps")
      .value_name("TOL")
      .default_text("1e-6, of an SDE 1e-3");
  o.number("atol", "/solver/adaptive/atol", "absolute tolerance of adaptive steps")
      .value_name("TOL")
      .default_text("1e-9, of an SDE as rtol");
  o.choice("precision", "/solver/precision", {"f64", "f32"}, "arithmetic of the steps and their normals")
      .default_text("f64");
  o.number("theta", "/solver/theta", "how implicit the methods theta and implicit-milstein are, 0 to 1")
      .value_name("X")
      .default_text("0.5 for theta, 1 for implicit-milstein");
  o.number("radius", "/solver/radius",
           "radius beyond which truncated-euler holds the coefficients, at steps of length 1")
      .value_name("R")
      .default_text("4");
  o.integer("paths", "/paths", "number of paths").letter('N').value_name("N").default_text("1000");
  o.number("start", "/time/start", "time at which the initial values hold").value_name("T");
  o.number("end", "/time/end", "time at which paths end").value_name("T");
  o.value("save", "/time/save",
          "times to keep: a count of equispaced ones, a list [0,1,2] or {\"every\": 0.1}")
      .value_name("TIMES")
      .default_text("about a hundred of the steps");
  o.list("stats", "/output/statistics",
         "statistics at the save times: mean, variance, covariance, quantiles, histogram, autocorrelation")
      .value_name("LIST");
  o.flag("keep-parameters", "/output/parameters",
         "show parameters that paths draw among the states of the output");
  o.text("expect", "/expect", "expression of the final state whose mean is reported with its standard error")
      .value_name("EXPR")
      .repeatable();
  o.text(
       "control", "/control",
       "control variate of the expectations: an expression and its known mean, or auto for the states where "
       "the drift is affine")
      .value_name("EXPR=MEAN")
      .repeatable();
  o.choice(
       "brownian", "/brownian/type", {"grid", "tree"},
       "how Brownian paths are addressed: by the number of the step, or by time, the same path for any steps")
      .default_text("grid");
  o.number("tree-span", "/brownian/span",
           "time that a tree spans; trees of the same span have the same paths for any steps")
      .value_name("TIME")
      .default_text("dt times a power of two");
  o.number("area-step", "/brownian/area_step",
           "longest pieces of a tree for which Levy areas are drawn and joined to those of steps")
      .value_name("TIME")
      .default_text("dt");
  o.choice("levy-area", "/brownian/levy_area", {"foster", "davie", "wiktorsson", "mrongowius"},
           "how Levy areas are drawn where a method needs them")
      .default_text("foster");
  o.flag("antithetic", "/brownian/antithetic",
         "paths in pairs of opposite increments; standard errors are those of pairs");
  o.choice("points", "/brownian/points", {"random", "sobol"},
           "increments from pseudo-random numbers, or from randomised Sobol points along a Brownian bridge")
      .default_text("random");
  o.integer("randomisations", "/brownian/randomisations",
            "independent scrambles of Sobol points, of which paths are a power of two times as many")
      .value_name("N")
      .default_text("32");
  o.number("target-stderr", "/target/stderr",
           "add paths until the expectations have no larger standard error; --paths is the first batch")
      .value_name("ERROR");
  o.integer("max-paths", "/target/max_paths", "no more paths than this for --target-stderr")
      .value_name("N")
      .default_text("1e9");
  o.flag("mlmc", "/target/multilevel",
         "reach the target by multilevel Monte Carlo; without --dt or --steps to a bias no larger than it");
  o.assignment("event", "/events",
               "first time at which an expression is 0, or an event as in /events of the configuration")
      .value_name("NAME=EXPR");
  o.assignment("sweep", "/sweep",
               "run at every point of a grid of parameters, or of numbers such as solver.dt: FROM:TO:COUNT, "
               "FROM:TO:COUNT:log or values with commas")
      .value_name("NAME=VALUES");
  o.integer("path-id", "", "replay the path of this id alone, with the bits it has among all")
      .value_name("ID");
  o.flag("strict", "", "end with status 1 where a path is not finite");
  o.choice("print-sde", "", {"ito", "stratonovich", "lamperti"},
           "print the equation in this calculus, or the SDE document of its Lamperti transform, and end");
  o.choice("transform", "/solver/transform", {"none", "lamperti"},
           "simulate in coordinates in which the noise is additive, and map back")
      .default_text("none");
  o.assignment("param", "/sde/parameters", "value of a parameter, in place of the document's")
      .value_name("NAME=VALUE")
      .existing();
  return info;
}

void check_target(const cli::Context& context, const Job& job) {
  const SimulateOptions& options = job.options;
  const auto& has = [&](const char* name) { return context.values().has(name); };
  if (!options.target.stderr_) {
    if (options.target.multilevel)
      fail(Status::usage, "--mlmc: needs the error to reach; add --target-stderr ERROR");
    if (has("max-paths")) fail(Status::usage, "--max-paths: is for --target-stderr; add it, or use --paths");
    return;
  }
  if (options.expect.empty())
    fail(Status::usage, "--target-stderr: is the error of an expectation; add --expect EXPR");
  if ((context.sharded() && options.sweep.empty()) || has("path-id"))
    fail(Status::usage, "--target-stderr: decides on the number of paths from all of them; leave out --{}",
         context.sharded() ? "shard" : "path-id");
  if (options.brownian.points != "random")
    fail(Status::usage, "--points: Sobol points are as many as were asked for; leave out --target-stderr");
  if (!options.target.multilevel) return;
  if (options.brownian.antithetic || options.solver.transform != "none")
    fail(Status::usage, "--{}: has no place beside --mlmc",
         options.brownian.antithetic ? "antithetic" : "transform");
  const cli::Output& output = context.output();
  if (output.given() && output.form != io::OutputForm::json)
    fail(Status::usage, "{}: multilevel Monte Carlo has expectations alone; use -o FILE.json", output.path);
  for (const char* name : {"plot", "control", "resume", "checkpoint-every", "rtol", "atol"})
    if (has(name)) fail(Status::usage, "--{}: has no place beside --mlmc", name);
  if (job.schedule.adaptive && job.fixed_steps)
    fail(Status::usage, "/solver/adaptive: multilevel Monte Carlo takes fixed steps");
  if (options.solver.precision != "f64")
    fail(Status::usage, "/solver/precision: multilevel Monte Carlo steps in f64");
}

// Everything but expectations. Shards are merged without where their paths start.
Job prepare(cli::Context& context, config::FoundSde found, SdeExpressions equation,
            const PathFunctionals& functionals, const std::optional<InitialStates>& initial,
            const SolverNumbers& numbers = {}, bool keep = true) {
  Job job;
  job.functionals = functionals;
  job.found = std::move(found);
  job.equation = std::move(equation);
  SimulateOptions& options = job.options;
  job.choice = choose_method(job.equation);
  config::read_options(context.config(), options);
  for (const auto& [key, value] : numbers) set_solver_number(options.solver, key, value);
  if (options.solver.method != "auto") {
    job.choice = {&find_method(options.solver.method), "asked for"};
  } else if (options.solver.adaptive && options.solver.transform != "lamperti") {
    job.choice = config::locate(context.config(), "", [&] { return choose_adaptive_method(job.equation); });
  }
  std::optional<Lamperti> transformed;
  if (options.solver.transform == "lamperti") {
    if (options.solver.method == "auto")
      job.choice = {&find_method("sra1"), "the noise is additive after the Lamperti transform"};
    if (initial)
      transformed = config::locate(job.found.document, job.found.pointer,
                                   [&] { return lamperti_at(job.equation, *initial); });
    if (transformed) job.transform = state_transform(job.equation, *transformed);
    job.solved = converted(job.equation, Calculus::ito);
  } else {
    job.solved =
        config::locate(context.config(), "", [&] { return suited(job.equation, *job.choice.method); });
  }
  job.stepped = config::locate(context.config(), "", [&] {
    return transformed ? suited(transformed->sde, *job.choice.method) : job.solved;
  });
  // Levels have one save time, the end, so that nothing but the steps asked for divides the time.
  if (options.target.multilevel) options.time.save = std::uint64_t{1};
  job.fixed_steps = options.solver.dt || options.solver.steps;
  job.schedule = config::locate(context.config(), "", [&] {
    return make_schedule(options, job.document(), job.stepped, *job.choice.method);
  });
  if (options.target.multilevel && options.brownian.type == "tree")
    context.config().error("/brownian/type", "levels take their increments from a grid (got tree)");
  options.solver.method = job.choice.method->name;
  if (keep) context.keep(options);

  check_target(context, job);
  const io::OutputForm form = context.output().form;
  const bool draw = !context.plot().empty();
  job.store = context.output().given() && form != io::OutputForm::json;
  job.trajectories = job.store && options.output.trajectories && !options.target.stderr_;
  TimeGrid& grid = job.schedule.grid;
  // Save times do not change where adaptive steps go: those that nobody looks at are left out.
  if (job.schedule.adaptive && !job.store && !draw && !context.sharded() && context.merge().files.empty())
    grid = make_grid(grid.start(), grid.end(), {grid.end()});
  EnsembleOptions& ensemble = job.ensemble;
  ensemble.hidden = (options.output.parameters ? 0 : job.solved.drawn) + functionals.size();
  ensemble.method = job.choice.method;
  ensemble.adaptive = job.schedule.adaptive;
  ensemble.tuning.theta = options.solver.theta;
  if (options.solver.radius) {
    if (options.solver.method != "truncated-euler")
      fail(Status::usage, "/solver/radius: is for the method truncated-euler (got {})",
           options.solver.method);
    ensemble.tuning.radius = *options.solver.radius;
  }
  config::locate(context.config(), "", [&] { check_options(*job.choice.method, ensemble.tuning); });
  ensemble.tolerance = job.schedule.tolerance;
  if (options.solver.precision == "f32") ensemble.precision = Precision::f32;
  ensemble.seed = context.seed();
  ensemble.brownian = options.brownian.type == "tree" ? BrownianSource::tree : BrownianSource::grid;
  ensemble.areas = area_law(options.brownian.levy_area);
  ensemble.coupling = config::locate(context.config(), "", [&] { return coupling_of(options); });
  ensemble.tree = config::locate(context.config(), "", [&] {
    const bool areas =
        make_stepper(job.stepped, *ensemble.method, ensemble.adaptive, ensemble.precision, ensemble.tuning)
            ->needs()
            .levy_area;
    return tree_of(options, job.schedule, areas);
  });
  const bool whole = context.merge().files.empty();
  config::locate(context.config(), "", [&] {
    choose_statistics(options, job.shown_states(), job.schedule.grid, job.store || !whole, draw && whole,
                      ensemble.statistics);
    parse_events(options, job.equation, job.schedule.grid, ensemble);
  });

  // A first batch of whole groups, so that others can follow.
  if (options.target.stderr_)
    options.paths =
        std::min(options.target.max_paths, (options.paths + kLeafPaths - 1) / kLeafPaths * kLeafPaths);
  job.shard = io::shard_of(options.paths, context.shard().index, context.shard().count, kLeafPaths);
  if (context.values().has("path-id")) {
    const std::int64_t id = context.values().integer("path-id", 0);
    if (id < 0) fail(Status::usage, "--path-id: must be >= 0 (got {})", id);
    if (context.sharded()) fail(Status::usage, "--path-id: replays one path, which has no --shard");
    options.paths = 1;
    job.shard = {0, 1, static_cast<std::uint64_t>(id), 1, 1};
  }
  if (context.sharded() && context.output().given() && form != io::OutputForm::hdf5)
    fail(Status::usage, "{}: a shard is HDF5, for --merge; CSV and JSON are made of the whole",
         context.output().path);
  if (context.sharded() && draw)
    fail(Status::usage, "--plot: draws the whole ensemble; give it to --merge, not to a shard");
  ensemble.first_path = job.shard.first;
  ensemble.paths = job.shard.rows;
  return job;
}

// What follows from the law, the expectations and their number. `job` stays where it is from here on.
void complete(cli::Context& context, Job& job, const std::optional<InitialStates>& initial) {
  if (job.transform) job.ensemble.transform = &*job.transform;
  const TimeGrid& grid = job.schedule.grid;
  config::locate(context.config(), "", [&] {
    job.known = law_at_end(job);
    if (initial)
      parse_expectations(job.options, job.solved, job.functionals, *initial, grid.start(), grid.end(),
                         job.ensemble);
  });
  if (job.known) add_squares(job);
  job.ensemble.lanes = choose_lanes(grid, job.equation.dimension(), job.ensemble, job.trajectories,
                                    static_cast<unsigned>(context.threads()));
}

int run(cli::Context& context) {
  if (const config::ShardSet& set = context.merge(); !set.files.empty() && set.kind != "ensemble")
    fail(Status::bad_data, "{}: holds {}, not an ensemble", set.files.front().path, set.kind);
  config::FoundSde found = config::find_sde(context.config(), "/sde");
  for (const InputDocument& input : found.sde.inputs) context.add_input(io::Input(input.data));
  SdeExpressions equation = parse_model(found);
  if (context.values().has("print-sde")) {
    const std::string form = context.values().text("print-sde");
    if (form == "lamperti")
      context.write_stdout(config::locate(found.document, found.pointer, [&] {
        return document_text(lamperti_document(found.sde, equation));
      }));
    else
      context.write_stdout(equation_text(found.sde, equation, form));
    return 0;
  }
  SimulateOptions given;
  config::read_options(context.config(), given);
  const PathFunctionals functionals =
      config::locate(context.config(), "", [&] { return PathFunctionals(given); });
  if (functionals.size() > 0 && given.solver.transform != "none")
    context.config().error("/solver/transform",
                           "functionals of the path are not carried over; leave out one of the two");
  const TimeDocument span = found.sde.time.value_or(TimeDocument{});
  const auto extend = [&](config::FoundSde& document, SdeExpressions& of) {
    config::locate(context.config(), "", [&] {
      functionals.extend(document.sde, of, given.time.start.value_or(span.start),
                         given.time.end.value_or(span.end));
    });
  };
  if (!given.sweep.empty()) {
    const SweepGrid grid = config::locate(context.config(), "", [&] { return sweep_grid(given, found.sde); });
    const auto make_job = [&](SweptModel model, bool first, Job& job) {
      job = prepare(context, std::move(model.found), std::move(model.equation), functionals, model.initial,
                    model.numbers, first);
      // Shards have points, each with all of its paths, and nothing is kept but what the end comes to.
      job.shard = {0, 1, 0, job.options.paths, job.options.paths};
      job.ensemble.paths = job.options.paths;
      job.ensemble.first_path = 0;
      job.store = job.trajectories = false;
      job.ensemble.statistics = {};
      job.ensemble.statistics.moments = false;
      complete(context, job, model.initial);
    };
    return run_sweep(context, found, grid, extend, make_job);
  }
  extend(found, equation);
  const bool whole = context.merge().files.empty();
  std::optional<InitialStates> initial;
  if (whole) initial = read_initial(context, found, found.sde);
  Job job = prepare(context, std::move(found), std::move(equation), functionals, initial);
  complete(context, job, initial);
  const TimeGrid& grid = job.schedule.grid;
  const auto threads = static_cast<unsigned>(context.threads());
  if (whole) {
    if (const auto warning = instability(job)) context.warn(*warning);
  }
  if (grid.shortened && whole)
    context.warn("dt does not divide the time between save times; the last step before each is shorter");
  const double bytes = output_bytes(job, context.output().form);
  if (context.dry_run()) {
    // What the run would refuse, so does its plan.
    if (whole && !job.options.target.multilevel) Ensemble(job.stepped, *initial, grid, job.ensemble);
    config::Plan plan;
    plan.paths = job.shard.rows;
    plan.steps = job.schedule.adaptive ? 0 : grid.steps;
    plan.memory_bytes = estimate_memory(grid, job.equation, job.ensemble, job.trajectories, threads);
    plan.output_bytes = bytes;
    plan.more = describe_plan(job);
    return context.print_plan(plan);
  }
  // What compression saves is not known before.
  context.check_room(job.options.output.compression > 0 ? bytes / 2 : bytes, spooled_bytes(job));
  if (job.options.target.multilevel) return run_multilevel(context, job, *initial);
  return whole ? run_ensemble(context, job, *initial) : merge_shards(context, job);
}

}  // namespace

int main(int argc, char** argv) {
  return sde::cli::run_tool(argc, argv, describe(), run);
}
