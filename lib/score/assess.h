// How well samplers do for what they cost, measured on a model that can draw from its own distribution.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "score/sampler.h"

namespace sde {

struct AssessOptions {
  std::vector<std::string> samplers;                         // empty: every one that fits
  std::vector<std::uint64_t> evaluations = {5, 10, 20, 50};  // at most so many of the score a sample
  std::uint64_t samples = 4096;
  std::uint64_t projections = 64;
  std::uint64_t seed = 0;
};

struct Assessment {
  std::string sampler;
  std::optional<GridType> grid;  // none for adaptive samplers
  std::uint64_t steps = 0;
  double nfe = 0;
  double error = 0;  // sliced Wasserstein-2 distance to draws, in units of the draws' deviation
};

struct AssessResult {
  double floor = 0;  // the distance between two sets of draws
  std::vector<Assessment> rows;
  bool interrupted = false;
};

// Every sampler on every grid that the largest number of evaluations allows; adaptive samplers at tolerances
// of 1e-1, 1e-2, ... Throws as Sampler does, and Error(Status::usage) for a model that does not draw.
AssessResult assess(std::shared_ptr<const ScoreModel> model, const AssessOptions& options,
                    const Hooks& hooks = {});

// Of those with at most `evaluations` the one of the least error; among those within a tenth of it, or of
// the floor, the cheapest. Null where there is none.
const Assessment* recommend(const AssessResult& result, double evaluations);

}  // namespace sde
