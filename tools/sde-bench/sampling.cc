// The speed of sampling: a score network of random weights, as many samples and evaluations as other
// libraries are timed with.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>

#include "random/stream.h"
#include "score/network_model.h"
#include "score/sampler.h"
#include "suites.h"

namespace sde::bench {
namespace {

constexpr std::uint64_t kSamples = 10000, kEvaluations = 100;

std::shared_ptr<const NetworkModel> random_network(std::size_t width) {
  nn::NetworkOptions o;
  o.hidden = {width, width, width};
  o.time_embedding.type = nn::TimeEmbedding::sinusoidal;
  const nn::Network network(o, 2, 2);
  AlignedVector<float> theta(network.size());
  network.initialise(1, theta.data());
  // The last layer would be zero.
  const Stream stream = make_stream(1, Purpose::test);
  for (std::size_t i = 0; i < network.trained_size(); ++i) {
    if (theta[i] == 0) theta[i] = static_cast<float>(0.05 * normal_pair(stream, i, 0)[0]);
  }
  return std::make_shared<NetworkModel>(make_process({}), NetworkMeaning{}, network, std::move(theta),
                                        Standardisation());
}

}  // namespace

std::vector<std::string> sampling_cases() {
  return {"sample_em_128", "sample_heun_128"};
}

Run sampling_rate(const std::string& name, std::uint64_t repeats) {
  const auto model = random_network(128);
  SampleOptions o;
  o.samples = kSamples;
  const bool heun = name == "sample_heun_128";
  o.sampler = heun ? "heun" : "euler_maruyama";
  o.steps = heun ? kEvaluations / 2 : kEvaluations;
  double best = std::numeric_limits<double>::infinity();
  for (std::uint64_t k = 0; k <= repeats; ++k) {  // the first one warms up
    const auto start = std::chrono::steady_clock::now();
    sample(model, o, 0, {});
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (k) best = std::min(best, seconds);
  }
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
