#include "networks.h"

#include <utility>

#include "base/aligned.h"
#include "nn/network.h"
#include "score/network_model.h"
#include "score/process.h"

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

}  // namespace sde::bench
