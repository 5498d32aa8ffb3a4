// The speed of sampling: a score network of random weights, as many samples and evaluations as other
// libraries are timed with.
#include <fmt/format.h>

#include <algorithm>

#include "networks.h"
#include "random/stream.h"
#include "score/network_model.h"
#include "score/sampler.h"
#include "suites.h"
#include "timing.h"

namespace sde::bench {
namespace {

constexpr std::uint64_t kSamples = 10000, kEvaluations = 100;

}  // namespace

std::vector<std::string> sampling_cases() {
  return {"sample_em_128", "sample_heun_128"};
}

Run sampling_rate(const std::string& name, std::uint64_t repeats) {
  const auto model = untrained(128);
  SampleOptions o;
  o.samples = kSamples;
  const bool heun = name == "sample_heun_128";
  o.sampler = heun ? "heun" : "euler_maruyama";
  o.steps = heun ? kEvaluations / 2 : kEvaluations;
  const double best = best_seconds(repeats, [&] { sample(model, o, 0, {}); });
  Run run;
  run.case_name = name;
  run.name = fmt::format("{} samples in the plane, {} evaluations of an MLP of 3 x 128 each", kSamples,
                         kEvaluations);
  run.value = static_cast<double>(kSamples * kEvaluations) / best;
  run.unit = "sample-calls/s";
  run.more = {{"seconds", best}};
  return run;
}

}  // namespace sde::bench
