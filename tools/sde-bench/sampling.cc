// The speed of sampling: a score network of random weights, as many samples and evaluations as other
// libraries are timed with.
#include <fmt/format.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "memory.h"
#include "networks.h"
#include "score/analytic.h"
#include "score/mixture.h"
#include "score/network_model.h"
#include "score/sampler.h"
#include "suites.h"
#include "timing.h"

namespace sde::bench {
namespace {

constexpr std::uint64_t kSamples = 10000, kEvaluations = 100;

}  // namespace

std::vector<std::string> sampling_cases() {
  return {"sample_em_128", "sample_heun_128", "sample_threads", "sample_memory"};
}

namespace {

SampleOptions options_of(bool heun) {
  SampleOptions o;
  o.samples = kSamples;
  o.sampler = heun ? "heun" : "euler_maruyama";
  o.steps = heun ? kEvaluations / 2 : kEvaluations;
  return o;
}

Run rate(const std::string& name, std::uint64_t repeats) {
  const auto model = untrained(128);
  const SampleOptions o = options_of(name == "sample_heun_128");
  const double best = best_seconds(repeats, [&] { sample(model, o, 0, {}); });
  Run run;
  run.name = fmt::format("{} samples in the plane, {} evaluations of an MLP of 3 x 128 each", kSamples,
                         kEvaluations);
  run.value = static_cast<double>(kSamples * kEvaluations) / best;
  run.unit = "sample-calls/s";
  const double most = peak(repeats), flops = run.value * operations_of(128);
  run.more = {{"seconds", best},
              {"gflops", flops / 1e9},
              {"peak", most / 1e9},
              {"share", flops / most / tbb::this_task_arena::max_concurrency()}};
  return run;
}

Run threads(std::uint64_t repeats, int allowed) {
  const auto model = untrained(128);
  const SampleOptions o = options_of(false);
  Run run;
  run.name = "time of sample_em_128 on one thread by that on two";
  run.unit = "times";
  run.target = 1.8;
  const auto gain = gain_of_two_threads(repeats, allowed, [&] { sample(model, o, 0, {}); });
  run.value = gain.value_or(std::nan(""));
  if (gain) run.ok = *gain >= *run.target;
  if (!gain) run.note = "needs two threads";
  return run;
}

Run memory(std::uint64_t samples) {
  ScoreDocument d;
  d.score.type = "toy";
  d.score.name = "two-moons";
  SampleOptions o;
  o.samples = samples;
  o.sampler = "dpmpp_2m";
  o.steps = 2;
  Run run;
  run.name =
      fmt::format("largest memory while {:.3g} samples in the plane stream by", static_cast<double>(samples));
  run.unit = "MB";
  run.target = 400;
  const auto model = make_analytic(d);
  reset_peak_memory();
  double seen = 0;
  const double seconds =
      seconds_of([&] { sample(model, o, 0, [&](const SampleBlock& b) { seen += b.values[0]; }); });
  if (!std::isfinite(seen)) fail(Status::bug, "a sample of the benchmark is not finite");
  run.value = peak_memory() / 1e6;
  run.ok = run.value <= *run.target;
  run.more = {{"seconds", seconds}, {"samples", static_cast<double>(samples)}};
  return run;
}

}  // namespace

Run sampling_case(const std::string& name, const BenchOptions& asked, int allowed) {
  Run run = name == "sample_threads"  ? threads(asked.repeats, allowed)
            : name == "sample_memory" ? memory(asked.paths.value_or(10'000'000))
                                      : rate(name, asked.repeats);
  run.case_name = name;
  return run;
}

}  // namespace sde::bench
