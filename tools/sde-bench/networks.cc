#include "networks.h"

#include <tbb/task_arena.h>

#include <algorithm>
#include <utility>

#include "base/aligned.h"
#include "nn/network.h"
#include "score/network_model.h"
#include "score/process.h"
#include "simd/peak.h"
#include "timing.h"

namespace sde::bench {

std::shared_ptr<const ScoreModel> untrained(std::size_t width) {
  nn::NetworkOptions o;
  o.hidden = {width, width, width};
  o.activation = nn::Activation::silu;
  o.time_embedding.type = nn::TimeEmbedding::sinusoidal;
  o.time_embedding.size = 32;
  nn::Network network(o, 2, 2);
  AlignedVector<float> theta(network.size());
  network.initialise(1, theta.data());
  for (const nn::Parameter& p : network.parameters()) {
    if (!p.trained || p.deviation > 0) continue;
    for (std::size_t i = 0; i < p.rows; ++i) {
      for (std::size_t j = 0; j < p.columns; ++j)
        theta[p.offset + i * p.stride + j] = 0.01f * static_cast<float>((i + j) % 7) - 0.03f;
    }
  }
  return std::make_shared<NetworkModel>(make_process({}), NetworkMeaning{}, std::move(network),
                                        std::move(theta), Standardisation{});
}

// What depends on the time alone is computed once for a block.
double operations_of(std::size_t width) {
  const auto w = static_cast<double>(width);
  return 2 * (2 * w + 2 * w * w + 2 * w);
}

double peak(std::uint64_t repeats) {
  double best = 0;
  for (std::uint64_t k = 0; k < 10 * repeats; ++k) {
    double operations = 0;
    const double seconds = seconds_of([&] { operations = simd::spin_multiply_adds(std::uint64_t{1} << 26); });
    best = std::max(best, operations / seconds);
  }
  return best;
}

std::optional<double> gain_of_two_threads(std::uint64_t repeats, int allowed,
                                          const std::function<void()>& run) {
  if (allowed < 2) return {};
  tbb::task_arena one(1), two(2);
  return best_seconds(repeats, [&] { one.execute(run); }) / best_seconds(repeats, [&] { two.execute(run); });
}

}  // namespace sde::bench
