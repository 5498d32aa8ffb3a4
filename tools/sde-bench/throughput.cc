#include <fmt/format.h>

#include <cmath>

#include "base/aligned.h"
#include "brownian/tree_steps.h"
#include "by_hand.h"
#include "cases.h"
#include "equations.h"
#include "expr/program.h"
#include "random/stream.h"
#include "solve/ensemble.h"
#include "solve/stepper.h"
#include "suites.h"
#include "timing.h"

namespace sde::bench {
namespace {

struct Case {
  const char* name;
  const char* method;
  std::uint64_t paths;
  SdeDocument (*document)();
  Precision precision = Precision::f64;
  std::optional<HandWritten> by_hand = {};
  BrownianSource brownian = BrownianSource::grid;
  std::uint64_t steps = 1000;
};

SdeDocument lorenz() {
  SdeDocument d;
  d.states = {state("x", "10*(y - x)", {{"x", "0.15*x"}}, "1"),
              state("y", "x*(28 - z) - y", {{"y", "0.15*y"}}, "1"),
              state("z", "x*y - 8/3*z", {{"z", "0.15*z"}}, "1")};
  return d;
}

const Case kCases[] = {
    {"ou_em", "euler-maruyama", 65536, ou, Precision::f64, HandWritten::ou_em},
    {"gbm_milstein", "milstein", 65536, gbm, Precision::f64, HandWritten::gbm_milstein},
    {"heston_em", "euler-maruyama", 65536, heston, Precision::f64, HandWritten::heston_em},
    {"lorenz_em", "euler-maruyama", 8192, lorenz, Precision::f64, HandWritten::lorenz_em},
    {"ou_sra1", "sra1", 65536, ou},
    {"gbm_sri1w1", "sri1w1", 65536, gbm},
    {"ou_em_f32", "euler-maruyama", 65536, ou, Precision::f32},
    {"gbm_milstein_f32", "milstein", 65536, gbm, Precision::f32},
    {"heston_em_f32", "euler-maruyama", 65536, heston, Precision::f32},
    {"lorenz_em_f32", "euler-maruyama", 8192, lorenz, Precision::f32},
    {"ou_em_tree", "euler-maruyama", 65536, ou, Precision::f64, {}, BrownianSource::tree, 1024},
    {"ou_em_tree_1000", "euler-maruyama", 65536, ou, Precision::f64, {}, BrownianSource::tree},
};
constexpr double kDt = 1e-3;

// 2.5 times what Intel's MKL makes by Philox and the inverse distribution function on one core.
constexpr double kNormalsTarget = 2.5 * 795e6;

Run normals(std::uint64_t repeats) {
  constexpr std::size_t kLanes = 256, kCount = 1 << 20, kPairs = kCount / kLanes / 2;
  AlignedVector<double> out(kCount);
  const Stream stream = make_stream(1, Purpose::test);
  std::uint64_t batch = 0;
  const double seconds = best_seconds(
      repeats * 20, [&] { fill_normal_steps(&stream, 1, 0, kLanes, kPairs * batch++, kPairs, out.data()); });
  const double bits_seconds = best_seconds(repeats * 20, [&] {
    for (std::size_t p = 0; p < kPairs; ++p)
      fill_uniforms(stream, 0, kLanes, p, out.data() + 2 * p * kLanes, out.data() + (2 * p + 1) * kLanes);
  });
  Run run;
  run.case_name = "normals";
  run.name = "standard normals, f64, into memory";
  run.value = static_cast<double>(kCount) / seconds;
  run.unit = "1/s";
  run.target = kNormalsTarget;
  run.ok = run.value >= kNormalsTarget;
  const double uniforms = static_cast<double>(kCount) / bits_seconds;
  run.more = {{"uniforms", uniforms}, {"share_of_bits", run.value / uniforms}};
  run.note = fmt::format(
      "Philox alone makes {:.0f} M uniforms/s: {:.0f} % of the time; the rest is Box-Muller's log, root, "
      "sine "
      "and cosine. {}the target, {:.0f} M, is 2.5 times MKL's Philox on a Sapphire Rapids core",
      uniforms / 1e6, 100 * run.value / uniforms, *run.ok ? "" : "MISSED: ", kNormalsTarget / 1e6);
  return run;
}

Run normals_f32(std::uint64_t repeats) {
  constexpr std::size_t kLanes = 1 << 18;
  AlignedVector<float> out(4 * kLanes);
  const std::array<float*, 4> rows = {out.data(), out.data() + kLanes, out.data() + 2 * kLanes,
                                      out.data() + 3 * kLanes};
  const Stream stream = make_stream(1, Purpose::test);
  std::uint64_t batch = 0;
  const double seconds = best_seconds(repeats * 20, [&] { fill_normals(stream, 0, kLanes, batch++, rows); });
  return {"normals_f32", "standard normals, f32, into memory", 4.0 * kLanes / seconds, "1/s", {}, {}, {}, ""};
}

// What a core can do at most of what a step is made of, from the first-level cache.
struct Limits {
  double normals, normals_f32;        // a second
  double operations, operations_f32;  // of compiled programs, a lane and second
};

// A chain of multiply-adds on 512 lanes, the best that programs can hope for.
template <class T>
double operation_rate(std::uint64_t repeats) {
  constexpr std::size_t kLanes = 512, kRuns = 64;
  constexpr int kDegree = 64;
  const expr::Expr x = expr::Expr::symbol("x"), a = expr::Expr::symbol("a");
  expr::Expr y = x;
  for (int i = 0; i < kDegree; ++i) y = y * x + a;
  const expr::Program program({y}, {"x"}, {"a"});
  StateBlock<T> in(1, kLanes), out(1, kLanes);
  std::fill_n(in.row(0), kLanes, static_cast<T>(0.5));
  const std::vector<double> uniforms = {0.25};
  const T* inputs[] = {in.row(0)};
  T* outputs[] = {out.row(0)};
  expr::Workspace workspace;
  const double seconds = best_seconds(repeats * 20, [&] {
    for (std::size_t r = 0; r < kRuns; ++r) program.run(inputs, uniforms, outputs, kLanes, workspace);
  });
  return static_cast<double>(program.lane_operations() * kLanes * kRuns) / seconds;
}

Limits measure_limits(std::uint64_t repeats) {
  constexpr std::size_t kLanes = 512, kRuns = 64;
  Limits limits;
  const Stream stream = make_stream(1, Purpose::test);
  AlignedVector<double> numbers(4 * kLanes);
  AlignedVector<float> floats(4 * kLanes);
  std::uint64_t at = 0;
  limits.normals = 4.0 * kLanes * kRuns / best_seconds(repeats * 20, [&] {
                     for (std::size_t r = 0; r < kRuns; ++r, at += 2)
                       fill_normal_steps(&stream, 1, 0, kLanes, at, 2, numbers.data());
                   });
  const std::array<float*, 4> rows = {floats.data(), floats.data() + kLanes, floats.data() + 2 * kLanes,
                                      floats.data() + 3 * kLanes};
  limits.normals_f32 = 4.0 * kLanes * kRuns / best_seconds(repeats * 20, [&] {
                         for (std::size_t r = 0; r < kRuns; ++r) fill_normals(stream, 0, kLanes, at++, rows);
                       });
  limits.operations = operation_rate<double>(repeats);
  limits.operations_f32 = operation_rate<float>(repeats);
  return limits;
}

constexpr double kOperationsANode = 12;  // of halving an interval

// Nodes of a tree that a step evaluates.
double nodes_a_step(const TimeGrid& grid) {
  const BrownianTree tree(1, 1, tree_span(grid, {}, false));
  const double h = grid.segments.front().h;
  TreeSteps steps(tree, 1, {}, AreaLaw::foster, h, kLaneQuantum);
  steps.start(0);
  const auto tick = [&](std::uint64_t i) { return tree.ticks(static_cast<double>(i) * h, kTreeGranularity); };
  for (std::uint64_t i = 0; i < grid.steps; ++i) steps.serve(tick(i), tick(i + 1));
  return static_cast<double>(steps.nodes()) / static_cast<double>(grid.steps);
}

Run simulation(const Case& c, std::uint64_t repeats, std::uint64_t paths, bool one_thread,
               const Limits& limits) {
  const SdeDocument document = c.document();
  const SdeExpressions equation = parse_document(document);
  const InitialStates initial(document);
  const TimeGrid grid = make_grid(0, kDt * static_cast<double>(c.steps), {}, kDt);
  EnsembleOptions options;
  options.method = &find_method(c.method);
  options.paths = paths;
  options.precision = c.precision;
  options.brownian = c.brownian;
  options.statistics.moments = false;
  EnsembleResult result;
  const double seconds = best_seconds(repeats, [&] {
    ++options.seed;
    result = simulate(equation, initial, grid, options);
  });
  Run run;
  run.case_name = c.name;
  run.name = fmt::format("{} paths x {} steps, {}, {}{}", paths, c.steps, c.method,
                         c.precision == Precision::f32 ? "f32" : "f64",
                         c.brownian == BrownianSource::tree ? ", virtual tree" : "");
  run.value = static_cast<double>(paths * c.steps) / seconds;
  run.unit = "path-steps/s";
  run.more = {{"seconds", seconds},
              {"mean", result.final[0].mean},
              {"variance", result.final[0].variance()},
              {"stderr", result.final[0].stderr_of_mean()}};
  if (!one_thread) return run;

  // Shares of the time that the step's normals and operations would take by themselves: their sum is the
  // limit, and what is left is the cost of going from one to the other.
  const auto stepper = make_stepper(equation, *options.method, false, options.precision);
  const bool f32 = c.precision == Precision::f32;
  double normals = static_cast<double>(equation.noises.size()) * (stepper->needs().space_time ? 2 : 1);
  auto operations = static_cast<double>(stepper->operations());
  if (c.brownian == BrownianSource::tree) {
    const double nodes = nodes_a_step(grid) * static_cast<double>(equation.noises.size());
    normals = 2 * nodes;
    operations += kOperationsANode * nodes;
  }
  const double for_normals = normals / (f32 ? limits.normals_f32 : limits.normals);
  const double for_operations = operations / (f32 ? limits.operations_f32 : limits.operations);
  run.more.insert(run.more.end(), {{"normals_per_step", normals},
                                   {"operations_per_step", operations},
                                   {"share_of_normals", for_normals * run.value},
                                   {"share_of_operations", for_operations * run.value},
                                   {"limit", 1 / (for_normals + for_operations)}});
  run.note = fmt::format("normals {:.0f} %, operations {:.0f} % of the time; limit {:.0f} M",
                         100 * for_normals * run.value, 100 * for_operations * run.value,
                         1e-6 / (for_normals + for_operations));
  if (c.by_hand) {
    const double by_hand = best_seconds(repeats, [&] {
      ++options.seed;
      run_by_hand(*c.by_hand, paths, c.steps, kDt, options.seed);
    });
    run.more.emplace_back("by_hand", static_cast<double>(paths * c.steps) / by_hand);
    run.note += fmt::format("; by hand {:.0f} M", static_cast<double>(paths * c.steps) / by_hand / 1e6);
  }
  return run;
}

}  // namespace

Outcome throughput(cli::Context& context, const BenchOptions& asked) {
  std::vector<std::string> known = {"normals", "normals_f32"};
  for (const Case& c : kCases) known.emplace_back(c.name);
  const std::vector<std::string> wanted = wanted_cases(context, known);
  const std::uint64_t repeats = asked.repeats;

  std::optional<Limits> limits;
  Outcome outcome;
  outcome.text = machine_line(context);
  for (const std::string& name : wanted) {
    if (context.dry_run()) {
      outcome.runs.push_back({name, "throughput", 0, "1/s", {}, {}, {}, ""});
      continue;
    }
    context.check_stopped();
    if (name == "normals") {
      outcome.runs.push_back(normals(repeats));
    } else if (name == "normals_f32") {
      outcome.runs.push_back(normals_f32(repeats));
    } else {
      for (const Case& c : kCases)
        if (name == c.name) {
          if (!limits) limits = measure_limits(repeats);
          outcome.runs.push_back(
              simulation(c, repeats, asked.paths.value_or(c.paths), context.threads() == 1, *limits));
        }
    }
    const Run& run = outcome.runs.back();
    outcome.text +=
        fmt::format("{:<17} {:>8.1f} M {:<13} {}\n", run.case_name, run.value / 1e6, run.unit, run.name);
    if (!run.note.empty()) outcome.text += fmt::format("{:>19}{}\n", "", run.note);
  }
  return outcome;
}

}  // namespace sde::bench
