#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <limits>

#include "base/aligned.h"
#include "base/error.h"
#include "base/suggest.h"
#include "random/stream.h"
#include "simd/target.h"
#include "solve/ensemble.h"
#include "suites.h"

namespace sde::bench {
namespace {

struct Case {
  const char* name;
  const char* method;
  std::uint64_t paths;
  SdeDocument (*document)();
  Precision precision = Precision::f64;
};

StateDocument state(const char* name, const char* drift,
                    std::vector<std::pair<std::string, std::string>> diffusion, const char* initial) {
  StateDocument s;
  s.name = name;
  s.drift = drift;
  s.diffusion = std::move(diffusion);
  s.initial.first = initial;
  return s;
}

// Parameters are written as numbers, as in the hand-written programs that these are compared with.
SdeDocument ou() {
  SdeDocument d;
  d.states = {state("x", "2*(0.5 - x)", {{"x", "0.3"}}, "0")};
  return d;
}

SdeDocument gbm() {
  SdeDocument d;
  d.states = {state("x", "0.05*x", {{"x", "0.2*x"}}, "1")};
  return d;
}

SdeDocument heston() {
  SdeDocument d;
  d.parameters = {{"mu", 0.05}, {"kappa", 2.0}, {"theta", 0.04}, {"xi", 0.3}, {"rho", -0.7}};
  d.noises = {"w1", "w2"};
  d.states = {state("s", "mu*s", {{"w1", "sqrt(v)*s"}}, "100"),
              state("v", "kappa*(theta - v)",
                    {{"w1", "rho*xi*sqrt(v)"}, {"w2", "sqrt(1 - rho^2)*xi*sqrt(v)"}}, "0.04")};
  d.states[1].domain = {0.0, {}, Boundary::full_truncation};
  return d;
}

SdeDocument lorenz() {
  SdeDocument d;
  d.states = {state("x", "10*(y - x)", {{"x", "0.15*x"}}, "1"),
              state("y", "x*(28 - z) - y", {{"y", "0.15*y"}}, "1"),
              state("z", "x*y - 8/3*z", {{"z", "0.15*z"}}, "1")};
  return d;
}

const Case kCases[] = {
    {"ou_em", "euler-maruyama", 65536, ou},
    {"gbm_milstein", "milstein", 65536, gbm},
    {"heston_em", "euler-maruyama", 65536, heston},
    {"lorenz_em", "euler-maruyama", 8192, lorenz},
    {"ou_em_f32", "euler-maruyama", 65536, ou, Precision::f32},
    {"gbm_milstein_f32", "milstein", 65536, gbm, Precision::f32},
    {"heston_em_f32", "euler-maruyama", 65536, heston, Precision::f32},
    {"lorenz_em_f32", "euler-maruyama", 8192, lorenz, Precision::f32},
};
constexpr std::uint64_t kSteps = 1000;
constexpr double kDt = 1e-3;

double best_seconds(std::int64_t repeats, const std::function<void()>& run) {
  run();
  double best = std::numeric_limits<double>::infinity();
  for (std::int64_t i = 0; i < repeats; ++i) {
    const auto start = std::chrono::steady_clock::now();
    run();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

Run normals(std::int64_t repeats) {
  constexpr std::size_t kLanes = 256, kCount = 1 << 20, kPairs = kCount / kLanes / 2;
  AlignedVector<double> out(kCount);
  const Stream stream = make_stream(1, Purpose::test);
  std::uint64_t batch = 0;
  const double seconds = best_seconds(
      repeats * 20, [&] { fill_normal_steps(&stream, 1, 0, kLanes, kPairs * batch++, kPairs, out.data()); });
  return {"normals",
          "standard normals, f64, into memory",
          static_cast<double>(kCount) / seconds,
          "1/s",
          {},
          {},
          {},
          ""};
}

Run normals_f32(std::int64_t repeats) {
  constexpr std::size_t kLanes = 1 << 18;
  AlignedVector<float> out(4 * kLanes);
  const std::array<float*, 4> rows = {out.data(), out.data() + kLanes, out.data() + 2 * kLanes,
                                      out.data() + 3 * kLanes};
  const Stream stream = make_stream(1, Purpose::test);
  std::uint64_t batch = 0;
  const double seconds = best_seconds(repeats * 20, [&] { fill_normals(stream, 0, kLanes, batch++, rows); });
  return {"normals_f32", "standard normals, f32, into memory", 4.0 * kLanes / seconds, "1/s", {}, {}, {}, ""};
}

Run simulation(const Case& c, std::int64_t repeats, std::uint64_t paths) {
  const SdeDocument document = c.document();
  const SdeExpressions equation = parse_document(document);
  const InitialStates initial(document);
  const TimeGrid grid = make_grid(0, kDt * static_cast<double>(kSteps), {}, kDt);
  EnsembleOptions options;
  options.method = &find_method(c.method);
  options.paths = paths;
  options.precision = c.precision;
  options.statistics.moments = false;
  EnsembleResult result;
  const double seconds = best_seconds(repeats, [&] {
    ++options.seed;
    result = simulate(equation, initial, grid, options);
  });
  Run run;
  run.case_name = c.name;
  run.name = fmt::format("{} paths x {} steps, {}, {}", paths, kSteps, c.method,
                         c.precision == Precision::f32 ? "f32" : "f64");
  run.value = static_cast<double>(paths * kSteps) / seconds;
  run.unit = "path-steps/s";
  run.more = {{"seconds", seconds},
              {"mean", result.final[0].mean},
              {"variance", result.final[0].variance()},
              {"stderr", result.final[0].stderr_of_mean()}};
  return run;
}

}  // namespace

Outcome throughput(cli::Context& context, const BenchOptions& asked) {
  std::vector<std::string> known = {"normals", "normals_f32"};
  for (const Case& c : kCases) known.emplace_back(c.name);
  std::vector<std::string> wanted = context.arguments("CASE");
  for (const std::string& name : wanted)
    if (std::find(known.begin(), known.end(), name) == known.end())
      fail(Status::usage, "unknown case \"{}\"{}", name, suggestion(name, known));
  if (wanted.empty()) wanted = known;
  const auto repeats = static_cast<std::int64_t>(asked.repeats);

  Outcome outcome;
  outcome.text = fmt::format("{} thread{}, {} instructions\n", context.threads(),
                             context.threads() == 1 ? "" : "s", current_target());
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
        if (name == c.name) outcome.runs.push_back(simulation(c, repeats, asked.paths.value_or(c.paths)));
    }
    const Run& run = outcome.runs.back();
    outcome.text +=
        fmt::format("{:<14} {:>8.1f} M {:<13} {}\n", run.case_name, run.value / 1e6, run.unit, run.name);
  }
  return outcome;
}

}  // namespace sde::bench
