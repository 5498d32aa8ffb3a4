// The two-dimensional distributions that generative models are tried on.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "score/model.h"

namespace sde {

// Defined at scale 1; `entropy` in nats there, a scale c adds 2 ln c.
struct Toy {
  const char* name;
  const char* summary;
  double entropy;
};
const std::vector<Toy>& toys();

// Throws Error(Status::usage) for an unknown name or a scale that is not positive.
std::shared_ptr<const ScoreModel> make_toy(std::shared_ptr<const NoiseProcess> process,
                                           const std::string& name, double scale);

}  // namespace sde
